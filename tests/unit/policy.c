#include "test.h"

#include "policy.h"

static void
options_are_understood(void **state)
{
	struct grey_policy policy = grey_policy_default();
	struct grey_error err;

	(void)state;
	assert_int_equal(policy.delay, 600);
	assert_int_equal(policy.grey, 86400);
	assert_int_equal(policy.passed, 36 * 86400);
	assert_int_equal(policy.timeout, 5);
	assert_int_equal(policy.max_records, 0);
	assert_false(policy.defer_on_failure);
	assert_false(policy.sync);
	if (grey_policy_options(
		grey_bytes_of(
		    " grey=2h\tpassed=0  timeout=1m "
		    "max_records=1000 on_failure=defer sync=yes grey=3h "),
		&policy, &err) != GREY_OK)
		fail_msg("%s", err.text);
	assert_int_equal(policy.grey, 10800);
	assert_int_equal(policy.passed, 0);
	assert_int_equal(policy.timeout, 60);
	assert_int_equal(policy.max_records, 1000);
	assert_true(policy.defer_on_failure);
	assert_true(policy.sync);
	assert_int_equal(grey_policy_options(grey_bytes_of(
						 "on_failure=pass sync=no"),
			     &policy, &err),
	    GREY_OK);
	assert_false(policy.defer_on_failure);
	assert_false(policy.sync);
}

static void
mistakes_are_named(void **state)
{
	static const struct {
		const char *options, *quoted;
	} table[] = { { "gray=24h", "gray" }, { "grey", "grey" },
		{ "grey=", "grey" }, { "grey=x", "'x'" },
		{ "passed=1dxyz", "1dxyz" }, { "timeout=-1", "-1" },
		{ "max_records=", "max_records" }, { "max_records=1k", "1k" },
		{ "max_records=9223372036854775808", "9223372036854775808" },
		{ "on_failure=reject", "reject" }, { "sync=maybe", "maybe" },
		{ "grey=1h,passed=2h", "1h,passed=2h" }, { "=1", "''" },
		{ "Grey=1h", "Grey" } };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct grey_policy policy = grey_policy_default();
		struct grey_error err = { .text = "" };
		if (grey_policy_options(grey_bytes_of(table[i].options),
			&policy, &err) != GREY_INVALID)
			fail_msg("'%s' is taken", table[i].options);
		if (strstr(err.text, "OPTIONS") == NULL ||
		    strstr(err.text, table[i].quoted) == NULL)
			fail_msg("'%s': %s", table[i].options, err.text);
	}
}

static void
grey_must_be_above_the_delay(void **state)
{
	struct grey_policy policy = grey_policy_default();

	(void)state;
	policy.delay = 599;
	policy.grey = 600;
	assert_int_equal(grey_policy_check(&policy, NULL), GREY_OK);
	policy.delay = 600;
	assert_int_equal(grey_policy_check(&policy, NULL), GREY_INVALID);
	policy.grey = 0;
	assert_int_equal(grey_policy_check(&policy, NULL), GREY_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
						options_are_understood),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(grey_must_be_above_the_delay) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
