#include "quantile.h"

#include <stddef.h>

/* Values below 2 * STEPS have a step each; above, STEPS to each doubling. */
static size_t
step_of(int64_t value)
{
	const uint64_t v = (uint64_t)value;
	int shift = 0;

	while ((v >> shift) >= 2 * QUANTILE_STEPS)
		shift++;
	return (size_t)shift * QUANTILE_STEPS + (size_t)(v >> shift);
}

/* The largest value of a step. */
static int64_t
value_of(size_t step)
{
	size_t shift;

	if (step < (size_t)2 * QUANTILE_STEPS)
		return (int64_t)step;
	shift = step / QUANTILE_STEPS - 1;
	return (int64_t)((((uint64_t)(step - shift * QUANTILE_STEPS) + 1)
			     << shift) -
	    1);
}

void
quantile_add(struct quantile *quantile, int64_t value)
{
	if (value < 0)
		value = 0;
	quantile->total++;
	if (value > quantile->largest)
		quantile->largest = value;
	quantile->counts[step_of(value)]++;
}

int64_t
quantile_at(const struct quantile *quantile, double part)
{
	const double exact = part * (double)quantile->total;
	int64_t wanted = (int64_t)exact, seen = 0;

	wanted += (double)wanted < exact;
	if (wanted < 1)
		wanted = 1;
	for (size_t i = 0; i < QUANTILE_SIZE; i++) {
		seen += quantile->counts[i];
		if (seen >= wanted)
			return value_of(i) < quantile->largest ?
			    value_of(i) :
			    quantile->largest;
	}
	return quantile->largest;
}
