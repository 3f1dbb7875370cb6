/* What the benchmark programs share: the clock, the items, the quantiles. */
#ifndef BENCH_H
#define BENCH_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "greylist.h"

#define BENCH_ITEM_MAX 80

/* Nanoseconds on the monotonic clock. */
static inline int64_t
bench_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/*
 * Item number i: 50 bytes with its NUL, as tests/lib/Bench.pm has it.  Addresses
 * have little structure; GDBM's hash takes items that differ in few places for
 * the same far more often.
 */
static inline struct grey_bytes
bench_item(char buffer[BENCH_ITEM_MAX], long i)
{
	const uint64_t mixed = ((uint64_t)i + 1) * 0x9e3779b97f4a7c15U;
	const int n = snprintf(buffer, BENCH_ITEM_MAX,
	    "<%016" PRIx64 "@hosts.example>:<u%02ld@mx.example>", mixed,
	    i % 100);

	return (struct grey_bytes){ buffer, (size_t)n };
}

static inline int
bench_compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static inline void
bench_sort(int64_t *took, long calls)
{
	qsort(took, (size_t)calls, sizeof(*took), bench_compare);
}

/* The value below which part (0 to 1) of the sorted ones lie. */
static inline int64_t
bench_quantile(const int64_t *sorted, long calls, double part)
{
	return sorted[(long)((double)(calls - 1) * part)];
}

#endif
