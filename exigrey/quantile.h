/*
 * Medians and the like of many durations, in little memory: a histogram whose
 * steps grow with the value, so that a quantile is exact up to 64 and within
 * 1.6 per cent above.
 */
#ifndef EXIGREY_QUANTILE_H
#define EXIGREY_QUANTILE_H

#include <stdint.h>

#define QUANTILE_STEPS 64 /* to each doubling */
#define QUANTILE_SIZE  (QUANTILE_STEPS * 59)

struct quantile {
	int64_t total;
	int64_t largest;
	int64_t counts[QUANTILE_SIZE];
};

/* Adds a value; a negative one counts as 0. */
void quantile_add(struct quantile *quantile, int64_t value);

/*
 * Returns the value that part (0 to 1) of all values do not exceed, or 0
 * where there is none.
 */
int64_t quantile_at(const struct quantile *quantile, double part);

#endif
