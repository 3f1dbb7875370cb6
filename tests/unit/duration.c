#include "test.h"

#include "duration.h"

static const struct {
	const char *text;
	int64_t want; /* -1: an error */
} cases[] = { { "0", 0 }, { "600", 600 }, { "10m", 600 }, { "1h30m", 5400 },
	{ "24h", 86400 }, { "36d", 3110400 }, { "2w", 1209600 }, { "5s", 5 },
	{ "1w1d1h1m1s", 694861 }, { "1m1h", 3660 }, { "0s", 0 }, { "007", 7 },
	{ "9223372036854775807", INT64_MAX }, { "9223372036854775808", -1 },
	{ "99999999999999999999", -1 },
	{ "15250284452471w", 9223372036854460800 }, { "15250284452472w", -1 },
	{ "15250284452471w4d", -1 }, { "", -1 }, { "-5", -1 }, { "+5", -1 },
	{ " 5", -1 }, { "5 ", -1 }, { "1dxyz", -1 }, { "1x", -1 }, { "m", -1 },
	{ "1h30", -1 }, { "0m5", -1 }, { "1.5h", -1 }, { "0x10", -1 },
	{ "1H", -1 }, { "5\n", -1 } };

static void
parses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct grey_error err = { .text = "" };
		int64_t got = -1;
		enum grey_status status =
		    grey_duration_parse(grey_bytes_of(cases[i].text), &got,
			&err);
		if (got != cases[i].want ||
		    (status == GREY_OK) != (cases[i].want >= 0))
			fail_msg("'%s': got %lld, want %lld (%s)",
			    cases[i].text, (long long)got,
			    (long long)cases[i].want, err.text);
		if (status != GREY_OK &&
		    strstr(err.text, cases[i].text) == NULL)
			fail_msg("'%s': the error does not quote it: %s",
			    cases[i].text, err.text);
	}
}

static void
is_written(void **state)
{
	static const struct {
		int64_t seconds;
		const char *want;
	} ages[] = { { 0, "0s" }, { 59, "59s" }, { 60, "1m" }, { 61, "1m1s" },
		{ 5400, "1h30m" }, { 86400, "1d" }, { 86460, "1d" },
		{ 183600, "2d3h" }, { 3110400, "36d" }, { 604800, "7d" } };
	char text[GREY_DURATION_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++)
		assert_string_equal(grey_duration_text(ages[i].seconds, text),
		    ages[i].want);
	assert_true(
	    strlen(grey_duration_text(INT64_MAX, text)) < GREY_DURATION_TEXT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(parses),
		cmocka_unit_test(is_written) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
