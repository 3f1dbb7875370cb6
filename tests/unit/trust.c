/* Traps: what becomes of a client's record, and what it is then. */
#include "test.h"

#include "trust.h"

#define NOW 1000000

static struct grey_record
record_of(const char *text)
{
	struct grey_record record = { 0 };
	struct grey_error err;

	if (grey_record_parse(grey_bytes_of(""), grey_bytes_of(text), &record,
		&err) != GREY_OK)
		fail_msg("%s: %s", text, err.text);
	return record;
}

static void
clients_are_trapped(void **state)
{
	static const struct {
		const char *before; /* NULL: no record */
		const char *note, *after;
	} table[] = {
		{ NULL, "", "trap expires=2000000" },
		{ NULL, "a b%c\n", "trap expires=2000000 note=a%20b%25c%0A" },
		{ "5 999999 7 auto", "", "trap expires=2000000" },
		{ "5 999999 3 credit", "x", "trap expires=2000000 note=x" },
		{ "5 999999 3 my=own credit thing", "x",
		    "my=own thing trap expires=2000000 note=x" },
		{ "5 5 0 trap expires=1000001 note=old", "",
		    "note=old trap expires=2000000" },
		{ "5 5 0 trap expires=1000001 note=old", "new",
		    "trap expires=2000000 note=new" },
		/* What is over is forgotten. */
		{ "5 5 0 trap expires=1000000 note=old", "",
		    "trap expires=2000000" },
		{ "5 6 1 auto note=old", "", "trap expires=2000000" },
	};
	struct grey_policy policy = grey_policy_default();

	(void)state;
	policy.passed = 100;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct grey_record record, trapped;
		char flags[GREY_VALUE_MAX];
		struct grey_error err;

		if (table[i].before != NULL)
			record = record_of(table[i].before);
		if (grey_trust_trap(table[i].before != NULL ? &record : NULL,
			&policy, NOW, 2 * NOW, grey_bytes_of(table[i].note),
			flags, &trapped, &err) != GREY_OK)
			fail_msg("%s", err.text);
		if (!grey_bytes_equal(trapped.flags,
			grey_bytes_of(table[i].after)))
			fail_msg("%s: got '%.*s', want '%s'",
			    table[i].before != NULL ? table[i].before : "none",
			    (int)trapped.flags.size, trapped.flags.data,
			    table[i].after);
		assert_int_equal(trapped.created, NOW);
		assert_int_equal(trapped.used, NOW);
		assert_int_equal(trapped.count, 0);
		assert_int_equal(grey_trust_of(&trapped, &policy, 2 * NOW - 1),
		    GREY_TRUST_TRAPPED);
		assert_int_equal(grey_trust_of(&trapped, &policy, 2 * NOW),
		    GREY_TRUST_UNKNOWN);
		assert_int_equal(grey_state(&trapped, &policy, 2 * NOW - 1),
		    GREY_STATE_TRAPPED);
		assert_int_equal(grey_state(&trapped, &policy, 2 * NOW),
		    GREY_STATE_EXPIRED);
		assert_false(grey_trust_credit(&trapped, &policy, 1,
		    2 * NOW - 1, &record));
		assert_true(
		    grey_trust_credit(&trapped, &policy, 1, 2 * NOW, &record));
	}
}

static void
notes_have_their_limits(void **state)
{
	const struct grey_policy policy = grey_policy_default();
	char note[GREY_NOTE_MAX + 2], flags[GREY_VALUE_MAX];
	char most[GREY_VALUE_MAX];
	static const char euro[] = { '\xe2', '\x82', '\xac' };
	struct grey_record record = { .created = NOW, .used = NOW };
	struct grey_bytes value;

	(void)state;
	memset(note, ' ', sizeof(note));
	assert_int_equal(grey_trust_trap(NULL, &policy, NOW, 2 * NOW,
			     (struct grey_bytes){ note, sizeof(note) }, flags,
			     &record, NULL),
	    GREY_OK);
	assert_true(grey_record_flag(&record, GREY_FLAG_NOTE, &value));
	assert_int_equal(value.size, 3 * GREY_NOTE_MAX);
	/* A character of three bytes at the end is cut whole. */
	memcpy(note + GREY_NOTE_MAX - 2, euro, sizeof(euro));
	assert_int_equal(grey_trust_trap(NULL, &policy, NOW, 2 * NOW,
			     (struct grey_bytes){ note, sizeof(note) }, flags,
			     &record, NULL),
	    GREY_OK);
	assert_true(grey_record_flag(&record, GREY_FLAG_NOTE, &value));
	assert_int_equal(value.size, 3 * (GREY_NOTE_MAX - 2));
	memset(note, 0x80, sizeof(note));
	assert_int_equal(grey_trust_trap(NULL, &policy, NOW, 2 * NOW,
			     (struct grey_bytes){ note, sizeof(note) }, flags,
			     &record, NULL),
	    GREY_OK);
	memset(note, ' ', sizeof(note));
	memset(most, 'x', sizeof(most));
	record = (struct grey_record){ .created = NOW,
		.used = NOW,
		.flags = { most, sizeof(most) - 10 } };
	assert_int_equal(grey_trust_trap(&record, &policy, NOW, 2 * NOW,
			     (struct grey_bytes){ note, 1 }, flags, &record,
			     NULL),
	    GREY_INVALID);
}

/* The first of these that holds: over, kept, trapped, by itself. */
static void
flags_have_their_order(void **state)
{
	static const struct {
		const char *text;
		enum grey_trust trust;
		enum grey_state state;
	} table[] = {
		{ "5 5 1 trap keep expires=9", GREY_TRUST_UNKNOWN,
		    GREY_STATE_EXPIRED },
		{ "5 5 1 trap keep auto", GREY_TRUST_KEPT, GREY_STATE_KEPT },
		{ "5 999999 1 trap auto", GREY_TRUST_TRAPPED,
		    GREY_STATE_TRAPPED },
		{ "5 5 0 trap expires=1000001", GREY_TRUST_TRAPPED,
		    GREY_STATE_TRAPPED },
		{ "5 5 0 trap", GREY_TRUST_UNKNOWN, GREY_STATE_EXPIRED },
		{ "5 999999 1 auto", GREY_TRUST_AUTO, GREY_STATE_AUTO },
	};
	const struct grey_policy policy = grey_policy_default();

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct grey_record record = record_of(table[i].text);

		if (grey_trust_of(&record, &policy, NOW) != table[i].trust ||
		    grey_state(&record, &policy, NOW) != table[i].state)
			fail_msg("%s: trust %d, state %d", table[i].text,
			    (int)grey_trust_of(&record, &policy, NOW),
			    (int)grey_state(&record, &policy, NOW));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
						clients_are_trapped),
		cmocka_unit_test(notes_have_their_limits),
		cmocka_unit_test(flags_have_their_order) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
