#include "test.h"

#include "number.h"

static void
is_written(void **state)
{
	static const struct {
		int64_t number;
		const char *want;
	} cases[] = { { 0, "0" }, { 9, "9" }, { 10, "10" }, { -1, "-1" },
		{ 1795305454, "1795305454" },
		{ INT64_MAX, "9223372036854775807" },
		{ INT64_MIN, "-9223372036854775808" } };
	char text[GREY_NUMBER_SIZE + 1], *end;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		end = grey_number_write(text, cases[i].number);
		assert_in_range(end - text, 1, GREY_NUMBER_SIZE);
		*end = '\0';
		assert_string_equal(text, cases[i].want);
	}
}

static void
is_read_from_a_text(void **state)
{
	const struct grey_bytes text = grey_bytes_of("a12 9223372036854775808");
	int64_t number = -1;
	size_t at = 1;

	(void)state;
	assert_true(grey_number_read(text, &at, &number));
	assert_int_equal(number, 12);
	assert_int_equal(at, 3);
	assert_false(grey_number_read(text, &at, &number)); /* a space */
	at = 4;
	assert_false(grey_number_read(text, &at, &number)); /* too large */
}

static void
is_all_of_a_text(void **state)
{
	int64_t number = -1;

	(void)state;
	assert_true(grey_number_parse(grey_bytes_of("007"), &number));
	assert_int_equal(number, 7);
	assert_false(grey_number_parse(grey_bytes_of(""), &number));
	assert_false(grey_number_parse(grey_bytes_of("7 "), &number));
	assert_false(grey_number_parse(grey_bytes_of("-7"), &number));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(is_written),
		cmocka_unit_test(is_read_from_a_text),
		cmocka_unit_test(is_all_of_a_text) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
