/* Quantiles of many values: the steps, their edges, and how near they are. */
#include "test.h"

#include "../../exigrey/quantile.c"

static struct quantile quantile;

static int
begin(void **state)
{
	(void)state;
	memset(&quantile, 0, sizeof(quantile));
	return 0;
}

static void
add_range(int64_t from, int64_t to)
{
	for (int64_t i = from; i <= to; i++)
		quantile_add(&quantile, i);
}

static void
of_nothing(void **state)
{
	(void)state;
	assert_int_equal(quantile_at(&quantile, 0), 0);
	assert_int_equal(quantile_at(&quantile, 0.5), 0);
	assert_int_equal(quantile_at(&quantile, 1), 0);
}

/* The smallest value that at least this part of all does not exceed. */
static void
small_ones_are_exact(void **state)
{
	static const struct {
		int64_t last; /* the values are 1 to last */
		double part;
		int64_t want;
	} cases[] = { { 1, 0.5, 1 }, { 1, 0.99, 1 }, { 2, 0.5, 1 },
		{ 3, 0.5, 2 }, { 4, 0.5, 2 }, { 5, 0.5, 3 }, { 5, 0.9, 5 },
		{ 6, 0.9, 6 }, { 10, 0.9, 9 }, { 11, 0.9, 10 }, { 14, 0.9, 13 },
		{ 10, 0.99, 10 }, { 100, 0.5, 50 }, { 100, 0.9, 90 },
		{ 100, 0.99, 99 }, { 101, 0.99, 100 }, { 100, 0, 1 },
		{ 100, 1, 100 }, { 127, 1, 127 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t got;
		memset(&quantile, 0, sizeof(quantile));
		add_range(1, cases[i].last);
		got = quantile_at(&quantile, cases[i].part);
		if (got != cases[i].want)
			fail_msg("%g of 1 to %lld: got %lld, want %lld",
			    cases[i].part, (long long)cases[i].last,
			    (long long)got, (long long)cases[i].want);
	}
}

static void
a_single_value_is_exact(void **state)
{
	static const int64_t values[] = { 0, 1, 63, 64, 127, 128, 129, 1000,
		86399, 3110400, INT64_MAX / 2, INT64_MAX - 1, INT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		memset(&quantile, 0, sizeof(quantile));
		quantile_add(&quantile, values[i]);
		assert_int_equal(quantile_at(&quantile, 0.5), values[i]);
		assert_int_equal(quantile.largest, values[i]);
	}
}

static void
negative_counts_as_nothing(void **state)
{
	(void)state;
	quantile_add(&quantile, -1);
	quantile_add(&quantile, INT64_MIN);
	assert_int_equal(quantile.total, 2);
	assert_int_equal(quantile_at(&quantile, 0.99), 0);
}

/* Every step has its place, in order, and none is wide. */
static void
large_ones_are_near(void **state)
{
	size_t last = 0;

	(void)state;
	for (int64_t value = 1; value < INT64_MAX / 3;
	     value += 1 + value / 50) {
		const size_t step = step_of(value);
		const int64_t top = value_of(step);
		if (step < last || step >= QUANTILE_SIZE || top < value)
			fail_msg("%lld: step %zu after %zu, up to %lld",
			    (long long)value, step, last, (long long)top);
		if ((double)(top - value) > (double)value / 64)
			fail_msg("%lld: the step goes up to %lld",
			    (long long)value, (long long)top);
		assert_int_equal(step_of(top), step);
		if (top < INT64_MAX)
			assert_int_equal(step_of(top + 1), step + 1);
		last = step;
	}
	assert_true(step_of(INT64_MAX) < QUANTILE_SIZE);
	add_range(1, 100000);
	assert_in_range(quantile_at(&quantile, 0.5), 50000, 50781);
	assert_in_range(quantile_at(&quantile, 0.9), 90000, 91406);
	assert_in_range(quantile_at(&quantile, 0.99), 99000, 100000);
	assert_int_equal(quantile_at(&quantile, 1), 100000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup(of_nothing,
						begin),
		cmocka_unit_test_setup(small_ones_are_exact, begin),
		cmocka_unit_test_setup(a_single_value_is_exact, begin),
		cmocka_unit_test_setup(negative_counts_as_nothing, begin),
		cmocka_unit_test_setup(large_ones_are_near, begin) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
