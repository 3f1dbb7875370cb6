/*
 * The decision, row by row, through a real database: what stands in it, what
 * is asked, the answer, and what stands in it then.  Time is an argument.
 */
#include "test.h"

#include "policy.h"

#define NOW 1000000
#define DAY 86400

/* Records are written relative to nothing: NOW is a round number. */
static const struct row {
	const char *name;
	const char *item_before;   /* value of item "i"; NULL: none */
	const char *suffix_before; /* value of item "s" */
	const char *key;           /* cut, unless suffix is given */
	const char *suffix;
	const char *options;
	int64_t delay;
	bool pass;
	enum grey_reason reason;
	int64_t wait;
	const char *item_after;
	const char *suffix_after;
} rows[] = {
#define SEED "grey=0 passed=0"
	/* Exim::Grey's own behaviour, lifetimes switched off. */
	{ "seed: unknown: wait", NULL, NULL, "i", NULL, SEED, 600, false,
	    GREY_NEW, 600, "1000000 1000000 0", NULL },
	{ "seed: too early: nothing changes", "999401 999401 0", NULL, "i",
	    NULL, SEED, 600, false, GREY_EARLY, 1, "999401 999401 0", NULL },
	{ "seed: the delay is over", "999400 999400 0", NULL, "i", NULL, SEED,
	    600, true, GREY_PASSED, 0, "999400 1000000 1", NULL },
	{ "seed: long over", "5 5 0", NULL, "i", NULL, SEED, 600, true,
	    GREY_PASSED, 0, "5 1000000 1", NULL },
	{ "seed: passes again", "5 7 41", NULL, "i", NULL, SEED, 600, true,
	    GREY_PASSED, 0, "5 1000000 42", NULL },
	{ "seed: a passed one within a longer delay", "999999 999999 3", NULL,
	    "i", NULL, SEED, 600, false, GREY_EARLY, 599, "999999 999999 3",
	    NULL },
	{ "seed: a pass whitelists the suffix", "5 5 0", NULL, "i/s", NULL,
	    SEED, 600, true, GREY_PASSED, 0, "5 1000000 1",
	    "1000000 1000000 1 auto" },
	{ "seed: an early try does not", "999999 999999 0", NULL, "i/s", NULL,
	    SEED, 600, false, GREY_EARLY, 599, "999999 999999 0", NULL },
	{ "seed: a whitelisted suffix passes at once", NULL, "5 6 1 auto",
	    "i/s", NULL, SEED, 600, true, GREY_WHITELISTED, 0, NULL,
	    "5 1000000 2 auto" },
	{ "seed: a passed item under the suffix whitelists too", NULL, "5 6 3",
	    "i/s", NULL, SEED, 600, true, GREY_WHITELISTED, 0, NULL,
	    "5 1000000 4" },
	{ "seed: a key that ends in the slash", NULL, NULL, "i/", NULL, SEED,
	    600, false, GREY_NEW, 600, NULL, NULL },
	{ "seed: delay 0 puts off the first try only", NULL, NULL, "i", NULL,
	    SEED, 0, false, GREY_NEW, 1, "1000000 1000000 0", NULL },
	{ "seed: delay 0, second try", "1000000 1000000 0", NULL, "i", NULL,
	    SEED, 0, true, GREY_PASSED, 0, "1000000 1000000 1", NULL },

	/* Deviations that stay with lifetimes switched off. */
	{ "deviation: a grey record under the suffix whitelists nobody", NULL,
	    "5 5 0", "i/s", NULL, SEED, 600, false, GREY_NEW, 600,
	    "1000000 1000000 0", "5 5 0" },
	{ "deviation: a pass keeps the flags", "5 5 0 note=x y", NULL, "i",
	    NULL, SEED, 600, true, GREY_PASSED, 0, "5 1000000 1 note=x y",
	    NULL },
	{ "deviation: all flags of a suffix stay", NULL, "5 6 1 auto note=x",
	    "i/s", NULL, SEED, 600, true, GREY_WHITELISTED, 0, NULL,
	    "5 1000000 2 auto note=x" },
	{ "deviation: a clock set back starts afresh", "2000000 2000000 0",
	    NULL, "i", NULL, SEED, 600, false, GREY_EARLY, 600,
	    "1000000 2000000 0", NULL },
	{ "deviation: a clock set back, delay 0", "2000000 2000000 4", NULL,
	    "i", NULL, SEED, 0, true, GREY_PASSED, 0, "1000000 1000000 5",
	    NULL },
	{ "deviation: the count saturates", "5 5 9223372036854775807", NULL,
	    "i", NULL, SEED, 600, true, GREY_PASSED, 0,
	    "5 1000000 9223372036854775807", NULL },
	{ "deviation: what does not parse is unknown", "hello", NULL, "i", NULL,
	    SEED, 600, false, GREY_NEW, 600, "1000000 1000000 0", NULL },
	{ "deviation: a suffix that does not parse", "5 5 0", "x y z auto",
	    "i/s", NULL, SEED, 600, true, GREY_PASSED, 0, "5 1000000 1",
	    "1000000 1000000 1 auto" },

	/* The safe form: nothing is cut. */
	{ "five arguments: the suffix is given", "5 5 0", NULL, "i", "s", SEED,
	    600, true, GREY_PASSED, 0, "5 1000000 1",
	    "1000000 1000000 1 auto" },
	{ "five arguments: a slash in the key cuts nothing", NULL, "5 6 1 auto",
	    "i/s", "", SEED, 600, false, GREY_NEW, 600, NULL, "5 6 1 auto" },
	{ "five arguments: empty suffix: none", "5 5 0", NULL, "i", "", SEED,
	    600, true, GREY_PASSED, 0, "5 1000000 1", NULL },

	/* Lifetimes, each boundary from both sides. */
	{ "grey: a second before its end", "913601 913601 0", NULL, "i", NULL,
	    "grey=24h", 600, true, GREY_PASSED, 0, "913601 1000000 1", NULL },
	{ "grey: at its end", "913600 913600 0", NULL, "i", NULL, "grey=24h",
	    600, false, GREY_NEW, 600, "1000000 1000000 0", NULL },
	{ "passed: a second before its end", "5 999901 1", NULL, "i", NULL,
	    "passed=100", 50, true, GREY_PASSED, 0, "5 1000000 2", NULL },
	{ "passed: at its end", "5 999900 1", NULL, "i", NULL, "passed=100", 50,
	    false, GREY_NEW, 50, "1000000 1000000 0", NULL },
	{ "passed counts from used, not created", "5 999999 1", NULL, "i", NULL,
	    "passed=100", 50, true, GREY_PASSED, 0, "5 1000000 2", NULL },
	{ "grey does not end what passed", "5 999999 1", NULL, "i", NULL,
	    "grey=100 passed=0", 50, true, GREY_PASSED, 0, "5 1000000 2",
	    NULL },
	{ "passed does not end what waits", "999000 999000 0", NULL, "i", NULL,
	    "passed=100", 600, true, GREY_PASSED, 0, "999000 1000000 1", NULL },
	{ "an expired item loses its flags", "5 6 1 note=x", NULL, "i", NULL,
	    "passed=100", 50, false, GREY_NEW, 50, "1000000 1000000 0", NULL },
	{ "an expired suffix whitelists nobody", NULL, "5 6 1 auto", "i/s",
	    NULL, "passed=100", 50, false, GREY_NEW, 50, "1000000 1000000 0",
	    "5 6 1 auto" },
	{ "an expired suffix starts afresh", "999900 999900 0", "5 6 9 auto",
	    "i/s", NULL, "passed=100", 50, true, GREY_PASSED, 0,
	    "999900 1000000 1", "1000000 1000000 1 auto" },
	{ "expires=: a second before", "5 6 1 expires=1000001", NULL, "i", NULL,
	    "passed=100", 50, true, GREY_PASSED, 0,
	    "5 1000000 2 expires=1000001", NULL },
	{ "expires=: at its time", "999900 1000000 1 expires=1000000", NULL,
	    "i", NULL, "passed=100", 50, false, GREY_NEW, 50,
	    "1000000 1000000 0", NULL },
	{ "expires= that is no time counts for nothing", "5 999999 1 expires=x",
	    NULL, "i", NULL, "passed=100", 50, true, GREY_PASSED, 0,
	    "5 1000000 2 expires=x", NULL },
	{ "a lifetime beyond all time", "5 6 1", NULL, "i", NULL,
	    "passed=9223372036854775807", 50, true, GREY_PASSED, 0,
	    "5 1000000 2", NULL },

	/* By the administrator. */
	{ "keep passes at once", "1000000 1000000 0 keep", NULL, "i", NULL, "",
	    600, true, GREY_KEPT, 0, "1000000 1000000 1 keep", NULL },
	{ "keep never expires", "5 6 1 keep", NULL, "i", NULL, "passed=100", 50,
	    true, GREY_KEPT, 0, "5 1000000 2 keep", NULL },
	{ "keep until expires=", "5 6 1 keep expires=1000001", NULL, "i", NULL,
	    "passed=100", 50, true, GREY_KEPT, 0,
	    "5 1000000 2 keep expires=1000001", NULL },
	{ "keep after expires=", "5 6 1 keep expires=999999", NULL, "i", NULL,
	    "passed=100", 50, false, GREY_NEW, 50, "1000000 1000000 0", NULL },
	{ "a kept suffix passes", NULL, "5 6 1 keep", "i/s", NULL, "passed=100",
	    50, true, GREY_WHITELISTED, 0, NULL, "5 1000000 2 keep" },
	{ "auto never replaces keep", "999900 999900 0", "5 6 0 keep", "i/s",
	    NULL, "", 50, true, GREY_PASSED, 0, "999900 1000000 1",
	    "5 6 0 keep" },
	{ "but a keep that is over", "999900 999900 0", "5 6 0 keep expires=9",
	    "i/s", NULL, "", 50, true, GREY_PASSED, 0, "999900 1000000 1",
	    "1000000 1000000 1 auto" },

	/* Trapped: whatever the item's record says, which nobody changes. */
	{ "a trapped suffix defers what is new", NULL,
	    "999999 999999 0 trap expires=1000005", "i/s", NULL, "", 50, false,
	    GREY_TRAPPED, 5, NULL, "999999 999999 0 trap expires=1000005" },
	{ "a trapped suffix defers what would pass", "999900 999900 0",
	    "999999 999999 0 trap expires=1000005", "i/s", NULL, "", 50, false,
	    GREY_TRAPPED, 5, "999900 999900 0",
	    "999999 999999 0 trap expires=1000005" },
	{ "and what has passed", "5 999999 9",
	    "999999 999999 0 trap expires=1000005", "i", "s", "", 50, false,
	    GREY_TRAPPED, 5, "5 999999 9",
	    "999999 999999 0 trap expires=1000005" },
	{ "and what is kept", "5 999999 9 keep",
	    "999999 999999 0 trap expires=1000005", "i", "s", "", 50, false,
	    GREY_TRAPPED, 5, "5 999999 9 keep",
	    "999999 999999 0 trap expires=1000005" },
	{ "and is no whitelisting", NULL,
	    "5 999999 7 auto trap expires=1000005", "i", "s", "", 50, false,
	    GREY_TRAPPED, 5, NULL, "5 999999 7 auto trap expires=1000005" },
	{ "a trap in its last second", "5 999999 9",
	    "9 9 0 trap expires=1000001 note=x", "i", "s", "", 50, false,
	    GREY_TRAPPED, 1, "5 999999 9",
	    "9 9 0 trap expires=1000001 note=x" },
	{ "a trap at its end", "5 999999 9", "9 9 0 trap expires=1000000", "i",
	    "s", "", 50, true, GREY_PASSED, 0, "5 1000000 10",
	    "1000000 1000000 1 auto" },
	{ "a trap outlives grey=", NULL, "9 9 0 trap expires=1000001", "i", "s",
	    "grey=100", 50, false, GREY_TRAPPED, 1, NULL,
	    "9 9 0 trap expires=1000001" },
	{ "a trap ends before passed=", NULL, "5 999999 9 trap expires=1000000",
	    "i", "s", "passed=100", 50, false, GREY_NEW, 50,
	    "1000000 1000000 0", "5 999999 9 trap expires=1000000" },
	{ "without an end of its own: grey=", NULL, "999999 999999 0 trap", "i",
	    "s", "grey=100", 50, false, GREY_TRAPPED, 99, NULL,
	    "999999 999999 0 trap" },
	{ "or passed=", NULL, "5 999990 1 trap", "i", "s", "passed=100", 50,
	    false, GREY_TRAPPED, 90, NULL, "5 999990 1 trap" },
	{ "keep beats trap", NULL, "5 6 1 keep trap", "i", "s", "", 50, true,
	    GREY_WHITELISTED, 0, NULL, "5 1000000 2 keep trap" },
	{ "a trap of the item itself is none", "5 999999 9 trap", NULL, "i",
	    "s", "", 50, true, GREY_PASSED, 0, "5 1000000 10 trap",
	    "1000000 1000000 1 auto" },
	{ "but a trap that is over", "999900 999900 0", "5 5 1 trap expires=9",
	    "i/s", NULL, "", 50, true, GREY_PASSED, 0, "999900 1000000 1",
	    "1000000 1000000 1 auto" },
	{ "the item is its own suffix", "5 5 0", NULL, "i", "i", SEED, 600,
	    true, GREY_PASSED, 0, "1000000 1000000 1 auto", NULL },
};

static void
put(struct test_db *test, const char *item, const char *text)
{
	struct greydb *db = test_open(test);
	struct grey_error err;

	/* As another program may write it: with a NUL, without padding. */
	if (greydb_store(db, test_key(item), test_key(text), &err) != GREY_OK)
		fail_msg("%s", err.text);
	test_close(db);
}

static void
expect(struct test_db *test, const char *row, const char *when,
    const char *item, const char *want)
{
	const struct greydb_settings settings = { .timeout = 1 };
	const struct grey_bytes key = test_key(item);
	struct greydb_value value = { 0 };
	struct grey_error err = { .text = "" };

	(void)greydb_peek(&test->session, &test->path, &settings, &key, 1,
	    &value, &err);
	if (want == NULL && value.data != NULL)
		fail_msg("%s: %s: item %s: got '%s', want none", row, when,
		    item, value.data);
	if (want != NULL &&
	    (value.data == NULL || strcmp(value.data, want) != 0))
		fail_msg("%s: %s: item %s: got '%s' %s, want '%s'", row, when,
		    item, value.data == NULL ? "nothing" : value.data, err.text,
		    want);
	greydb_value_free(&value);
}

static struct greylist_request
request_of(const struct row *row)
{
	struct greylist_request request = { .policy = grey_policy_default(),
		.now = NOW };
	struct grey_error err;

	if (grey_policy_options(grey_bytes_of(row->options), &request.policy,
		&err) != GREY_OK)
		fail_msg("%s: %s", row->name, err.text);
	request.policy.delay = row->delay;
	if (row->suffix == NULL)
		request.key = grey_key_split(grey_bytes_of(row->key));
	else {
		request.key.item = grey_bytes_of(row->key);
		request.key.suffix = grey_bytes_of(row->suffix);
	}
	return request;
}

static void
ask(struct test_db *test, const struct row *row, bool dry_run)
{
	struct greylist_request request = request_of(row);
	struct greylist_answer got;
	struct grey_error err;

	request.dry_run = dry_run;
	if (greylist_check(&test->session, &test->path, &request, &got, &err) !=
	    GREY_OK)
		fail_msg("%s: %s", row->name, err.text);
	if (got.pass != row->pass || got.reason != row->reason ||
	    got.wait != row->wait)
		fail_msg("%s: got %s, %s, wait %lld; want %s, %s, wait %lld",
		    row->name, got.pass ? "pass" : "defer",
		    greylist_reason_text(got.reason), (long long)got.wait,
		    row->pass ? "pass" : "defer",
		    greylist_reason_text(row->reason), (long long)row->wait);
}

static void
every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct test_db test;

		test_db_begin(&test);
		if (row->item_before != NULL)
			put(&test, "i", row->item_before);
		if (row->suffix_before != NULL)
			put(&test, "s", row->suffix_before);
		ask(&test, row, true);
		expect(&test, row->name, "dry run", "i", row->item_before);
		expect(&test, row->name, "dry run", "s", row->suffix_before);
		ask(&test, row, false);
		expect(&test, row->name, "after", "i", row->item_after);
		expect(&test, row->name, "after", "s", row->suffix_after);
		test_db_end(&test);
	}
}

static bool
passes(struct test_db *test, const char *key, int64_t now)
{
	struct greylist_request request = { .key = grey_key_split(
						grey_bytes_of(key)),
		.policy = grey_policy_default(),
		.now = now };
	struct greylist_answer answer;
	struct grey_error err;

	if (greylist_check(&test->session, &test->path, &request, &answer,
		&err) != GREY_OK)
		fail_msg("%s", err.text);
	return answer.pass;
}

/* "Greylisting + automatic whitelisting" of Exim::Grey's manual. */
static void
the_story_in_four_steps(void **state)
{
	struct test_db test;

	(void)state;
	test_db_begin(&test);
	assert_false(passes(&test, "a->b/x", NOW));
	assert_true(passes(&test, "a->b/y", NOW + 600));
	/* y retried.  (That x is whitelisted too, the manual says; the
	 * module's code does not do it, and neither do we.) */
	assert_false(passes(&test, "c->b/x", NOW + 601));
	assert_true(passes(&test, "d->b/y", NOW + 602));
	test_db_end(&test);
}

static void
a_dry_run_makes_no_file(void **state)
{
	struct test_db test;

	(void)state;
	test_db_begin(&test);
	ask(&test, &rows[0], true);
	assert_int_equal(test_files(&test, "seen"), 0);
	test_db_end(&test);
}

static void
max_records_stops_new_ones_only(void **state)
{
	struct greylist_request request = { .policy = grey_policy_default(),
		.now = NOW };
	struct greylist_answer answer;
	struct grey_error err;
	struct test_db test;

	(void)state;
	test_db_begin(&test);
	put(&test, "one", "5 5 1 keep");
	request.policy.max_records = 2;
	request.key.item = grey_bytes_of("two");
	assert_int_equal(greylist_check(&test.session, &test.path, &request,
			     &answer, &err),
	    GREY_OK);
	request.key.item = grey_bytes_of("three");
	assert_int_equal(greylist_check(&test.session, &test.path, &request,
			     &answer, &err),
	    GREY_FULL);
	assert_non_null(strstr(err.text, "max_records"));
	request.key.item = grey_bytes_of("one");
	assert_int_equal(greylist_check(&test.session, &test.path, &request,
			     &answer, &err),
	    GREY_OK);
	/* A pass still passes, but whitelists no further suffix. */
	request.key.suffix = grey_bytes_of("new");
	assert_int_equal(greylist_check(&test.session, &test.path, &request,
			     &answer, &err),
	    GREY_OK);
	assert_true(answer.pass);
	expect(&test, "max_records", "after", "new", NULL);
	test_db_end(&test);
}

static void
what_does_not_parse_is_reported(void **state)
{
	struct test_db test;

	(void)state;
	test_db_begin(&test);
	put(&test, "i", "rubbish");
	test.lines = 0;
	assert_false(passes(&test, "i", NOW));
	assert_int_equal(test.lines, 1);
	assert_non_null(strstr(test.log, "does not parse"));
	assert_false(passes(&test, "i", NOW + 1));
	assert_int_equal(test.lines, 1);
	test_db_end(&test);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_row),
		cmocka_unit_test(the_story_in_four_steps),
		cmocka_unit_test(a_dry_run_makes_no_file),
		cmocka_unit_test(max_records_stops_new_ones_only),
		cmocka_unit_test(what_does_not_parse_is_reported) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
