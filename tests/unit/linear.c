/*
 * The judge of tests/stress: histories of one key that are right, and such as
 * a broken database would leave.
 */
#include "test.h"

#include "../stress/model.c"

#include "../stress/linear.c"

#define OPERATIONS_MAX 5

/* Calls with their beginning and end; the time that they are told is 1000. */
struct history_case {
	const char *name;
	enum verdict want;
	struct call calls[OPERATIONS_MAX];
};

#define SPAN(from, to) .invoked = (from), .returned = (to)
#define AT(time)       .now_from = (time), .now_to = (time)
#define RECORD_OF(...) .state = { __VA_ARGS__ }
#define ANSWER(r, p, w, c) \
	.kind = CHECK, .outcome = DONE, .reason = (r), .pass = (p), \
	.wait = (w), .count = (c)
#define IS_NEW         ANSWER(NEW, false, DELAY, 0)
#define IS_EARLY       ANSWER(EARLY, false, DELAY, 0)
#define IS_PASS(count) ANSWER(PASSES, true, 0, count)
#define IS_SEEN(...)   .kind = RECORD, .outcome = DONE, RECORD_OF(__VA_ARGS__)
#define IS_SET(...)    .kind = SET, .outcome = DONE, RECORD_OF(__VA_ARGS__)
#define IS_DELETED     .kind = DELETE, .outcome = DONE
#define IS_NOT_THERE   .kind = DELETE, .outcome = NOT_THERE
#define IS_PURGE       .kind = PURGE, .outcome = DONE
#define OLD            1000 - DELAY, 1000 - DELAY, 0, 0, THERE
#define LATER          (1000 + DELAY)

static const struct history_case histories[] = {
	{ "new, early, passed", LINEAR,
	    { { SPAN(1, 2), AT(1000), IS_NEW },
		{ SPAN(3, 4), AT(1000), IS_EARLY },
		{ SPAN(5, 6), AT(LATER), IS_PASS(1) } } },
	{ "let in at once", CONTRADICTION,
	    { { SPAN(1, 2), AT(1000), IS_NEW },
		{ SPAN(3, 4), AT(1000), IS_PASS(1) } } },
	{ "let in as a stranger", CONTRADICTION,
	    { { SPAN(1, 2), AT(1000), IS_PASS(1) } } },
	{ "new twice", CONTRADICTION,
	    { { SPAN(1, 3), AT(1000), IS_NEW },
		{ SPAN(2, 4), AT(1000), IS_NEW } } },
	{ "new again once expired", LINEAR,
	    { { SPAN(1, 2), AT(1000), IS_NEW },
		{ SPAN(3, 4), AT(1000 + GREY), IS_NEW } } },
	{ "two at once, both counted", LINEAR,
	    { { SPAN(1, 2), AT(1000), IS_SET(OLD) },
		{ SPAN(3, 6), AT(1000), IS_PASS(2) },
		{ SPAN(4, 5), AT(1000), IS_PASS(1) } } },
	{ "two at once, one lost", CONTRADICTION,
	    { { SPAN(1, 2), AT(1000), IS_SET(OLD) },
		{ SPAN(3, 6), AT(1000), IS_PASS(1) },
		{ SPAN(4, 5), AT(1000), IS_PASS(1) } } },
	{ "counted in the wrong order", CONTRADICTION,
	    { { SPAN(1, 2), AT(1000), IS_SET(OLD) },
		{ SPAN(3, 4), AT(1000), IS_PASS(2) },
		{ SPAN(5, 6), AT(1000), IS_PASS(1) } } },
	{ "a reader at the same time sees the old", LINEAR,
	    { { SPAN(1, 2), AT(1000), IS_SET(OLD) },
		{ SPAN(3, 6), AT(1000), IS_PASS(1) },
		{ SPAN(4, 5), AT(1000), IS_SEEN(OLD) } } },
	{ "or the new", LINEAR,
	    { { SPAN(1, 2), AT(1000), IS_SET(OLD) },
		{ SPAN(3, 6), AT(1000), IS_PASS(1) },
		{ SPAN(4, 5), AT(1000),
		    IS_SEEN(1000 - DELAY, 1000, 1, 0, THERE) } } },
	{ "a later reader sees the old", CONTRADICTION,
	    { { SPAN(1, 2), AT(1000), IS_SET(OLD) },
		{ SPAN(3, 4), AT(1000), IS_PASS(1) },
		{ SPAN(5, 6), AT(1000), IS_SEEN(OLD) } } },
	{ "two readers see the new, then the old", CONTRADICTION,
	    { { SPAN(1, 2), AT(1000), IS_SET(OLD) },
		{ SPAN(3, 9), AT(1000), IS_PASS(1) },
		{ SPAN(4, 5), AT(1000),
		    IS_SEEN(1000 - DELAY, 1000, 1, 0, THERE) },
		{ SPAN(6, 7), AT(1000), IS_SEEN(OLD) } } },
	{ "killed, and counted", LINEAR,
	    { { SPAN(1, 2), AT(1000), IS_SET(OLD) },
		{ SPAN(3, 4), AT(1000), .kind = CHECK, .outcome = KILLED },
		{ SPAN(5, 6), AT(1000), IS_PASS(2) } } },
	{ "killed, and not counted", LINEAR,
	    { { SPAN(1, 2), AT(1000), IS_SET(OLD) },
		{ SPAN(3, 4), AT(1000), .kind = CHECK, .outcome = KILLED },
		{ SPAN(5, 6), AT(1000), IS_PASS(1) } } },
	{ "killed, and counted twice", CONTRADICTION,
	    { { SPAN(1, 2), AT(1000), IS_SET(OLD) },
		{ SPAN(3, 4), AT(1000), .kind = CHECK, .outcome = KILLED },
		{ SPAN(5, 6), AT(1000), IS_PASS(3) } } },
	{ "killed, and done only after its end", CONTRADICTION,
	    { { SPAN(1, 2), AT(1000), .kind = SET, .outcome = KILLED,
		  RECORD_OF(OLD) },
		{ SPAN(3, 4), AT(1000), IS_NOT_THERE },
		{ SPAN(5, 6), AT(1000), IS_SEEN(OLD) } } },
	{ "killed, and forgotten again", CONTRADICTION,
	    { { SPAN(1, 4), AT(1000), .kind = SET, .outcome = KILLED,
		  RECORD_OF(OLD) },
		{ SPAN(2, 3), AT(1000), IS_SEEN(OLD) },
		{ SPAN(5, 6), AT(1000), IS_NOT_THERE } } },
	{ "deleted at the same time", LINEAR,
	    { { SPAN(1, 4), AT(1000), IS_NEW },
		{ SPAN(2, 3), AT(1000), IS_DELETED },
		{ SPAN(5, 6), AT(1000), IS_NEW } } },
	{ "deleted what is not there", CONTRADICTION,
	    { { SPAN(1, 2), AT(1000), IS_DELETED } } },
	{ "deleted twice", CONTRADICTION,
	    { { SPAN(1, 2), AT(1000), IS_NEW },
		{ SPAN(3, 5), AT(1000), IS_DELETED },
		{ SPAN(4, 6), AT(1000), IS_DELETED } } },
	{ "missed what is there", CONTRADICTION,
	    { { SPAN(1, 2), AT(1000), IS_NEW },
		{ SPAN(3, 4), AT(1000), IS_NOT_THERE } } },
	{ "purged what has expired", LINEAR,
	    { { SPAN(1, 2), AT(1000), IS_NEW },
		{ SPAN(3, 4), AT(1000 + GREY), IS_PURGE },
		{ SPAN(5, 6), AT(1000), IS_NOT_THERE } } },
	{ "purged what is alive", CONTRADICTION,
	    { { SPAN(1, 2), AT(1000), IS_NEW },
		{ SPAN(3, 4), AT(999 + GREY), IS_PURGE },
		{ SPAN(5, 6), AT(1000), IS_NOT_THERE } } },
	{ "purged too late: it is alive again", CONTRADICTION,
	    { { SPAN(1, 2), AT(1000), IS_NEW },
		{ SPAN(3, 6), AT(999 + GREY), IS_PASS(1) },
		{ SPAN(4, 5), AT(1000 + GREY), IS_PURGE },
		{ SPAN(7, 8), AT(1000), IS_NOT_THERE } } },
	{ "purged, but left there", CONTRADICTION,
	    { { SPAN(1, 2), AT(1000), IS_NEW },
		{ SPAN(3, 4), AT(1000 + GREY), IS_PURGE },
		{ SPAN(5, 6), AT(1000), IS_DELETED } } },
	{ "a purge killed before it came to it", LINEAR,
	    { { SPAN(1, 2), AT(1000), IS_NEW },
		{ SPAN(3, 4), AT(1000 + GREY), .kind = PURGE,
		    .outcome = KILLED },
		{ SPAN(5, 6), AT(1000), IS_DELETED } } },
	{ "set, and lost", CONTRADICTION,
	    { { SPAN(1, 2), AT(1000), IS_SET(OLD) },
		{ SPAN(3, 4), AT(1000), IS_SET(900, 1000, 7, 0, THERE) },
		{ SPAN(5, 6), AT(1000), IS_PASS(1) } } },
	{ "set twice at once: either", LINEAR,
	    { { SPAN(1, 4), AT(1000), IS_SET(OLD) },
		{ SPAN(2, 3), AT(1000), IS_SET(900, 1000, 7, 0, THERE) },
		{ SPAN(5, 6), AT(1000), IS_PASS(1) } } },
};

static enum verdict
judge(const struct history_case *history)
{
	struct operation operations[OPERATIONS_MAX] = { 0 };
	const struct operation *culprit;
	size_t n = 0;

	for (; n < OPERATIONS_MAX && history->calls[n].returned != 0; n++) {
		const struct call *call = &history->calls[n];
		operations[n] = (struct operation){ .call = call,
			.optional = call->outcome == KILLED,
			.from = call->invoked,
			.to = call->returned };
	}
	return linear_judge(0, operations, n, &culprit);
}

static void
histories_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(histories) / sizeof(histories[0]); i++)
		if (judge(&histories[i]) != histories[i].want)
			fail_msg("%s: taken for %s", histories[i].name,
			    histories[i].want == LINEAR ? "wrong" : "right");
}

/* A host that passed as the suffix of an item lets the next one in. */
static void
suffixes_are_judged(void **state)
{
	const struct call passed = { SPAN(1, 2), AT(1000), IS_PASS(1) };
	const struct call in = { SPAN(3, 4), AT(1000),
		ANSWER(WHITELISTED, true, 0, 2) };
	const struct call out = { SPAN(5, 6), AT(1000), IS_NEW };
	const struct operation operations[] = {
		{ &passed, true, false, 1, 2 },
		{ &in, true, false, 3, 4 },
		{ &out, true, false, 5, 6 },
	};
	const struct operation *culprit;

	(void)state;
	assert_int_equal(linear_judge(0, operations, 2, &culprit), LINEAR);
	assert_int_equal(linear_judge(0, operations, 3, &culprit),
	    CONTRADICTION);
	assert_ptr_equal(culprit, &operations[2]);
	assert_int_equal(linear_judge(0, operations + 1, 1, &culprit),
	    CONTRADICTION);
}

/* All at once, in any order: too many to judge is said, not passed over. */
static void
many_at_once(void **state)
{
	static struct call calls[SLOTS + 1];
	static struct operation operations[SLOTS + 1];
	const struct operation *culprit;

	(void)state;
	for (size_t i = 0; i <= SLOTS; i++) {
		calls[i] = (struct call){ AT(1000), IS_SEEN(0) };
		operations[i] =
		    (struct operation){ &calls[i], false, false, 1, 2 };
	}
	assert_int_equal(linear_judge(0, operations, SLOTS, &culprit), LINEAR);
	assert_int_equal(linear_judge(0, operations, SLOTS + 1, &culprit),
	    TOO_MANY);
}

static void
records_are_read_back(void **state)
{
	struct state s, again;
	char flags[256], text[320];

	(void)state;
	s = (struct state){ 1000, 1001, 3, 1002,
		THERE | AUTO | KEEP | TRAP | 7 * NOTE };
	model_flags_text(&s, flags, sizeof(flags));
	assert_string_equal(flags, "auto keep trap expires=1002 note=0000000");
	(void)snprintf(text, sizeof(text), "1000 1001 3 %s", flags);
	assert_true(model_parse(text, &again));
	assert_memory_equal(&s, &again, sizeof(s));
	assert_true(model_parse("1000 1000 0", &again));
	assert_int_equal(again.flags, THERE);
	assert_false(model_parse("1000 1000", &again));
	assert_false(model_parse("1000 1000 0 other", &again));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
						histories_are_judged),
		cmocka_unit_test(suffixes_are_judged),
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(records_are_read_back) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
