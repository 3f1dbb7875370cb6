/*
 * Figures over all records: pure, but for the memory of its caller.
 *
 *	stats_begin, stats_add for each entry, stats_end; then read the fields
 */
#ifndef EXIGREY_STATS_H
#define EXIGREY_STATS_H

#include <stdint.h>

#include "entry.h"
#include "quantile.h"

#define STATS_TOP  10
#define STATS_ITEM 256 /* a longer item is cut */

struct stats_top {
	char item[STATS_ITEM];
	size_t size;
	int64_t count;
};

struct stats {
	int64_t now;
	int64_t records;
	int64_t states[GREY_STATES];
	int64_t broken;                  /* or no items at all */
	int64_t passes;                  /* the sum of all counts */
	int64_t never_retried;           /* expired, never passed */
	struct quantile ages;            /* seconds since created */
	struct quantile idle;            /* seconds since used */
	struct quantile retries;         /* from created to first pass */
	struct stats_top top[STATS_TOP]; /* auto-whitelisted, by count */
	size_t top_count;
};

void stats_begin(struct stats *stats, int64_t now);
void stats_add(struct stats *stats, const struct entry *entry);

/* Sorts the top: the most used first; equals by item. */
void stats_end(struct stats *stats);

/*
 * Returns the block size that suits a number of records: every call reads the
 * directory and writes a bucket, and larger blocks make the one smaller and
 * the other larger (measured: doc/performance.md).
 */
int64_t stats_block_size(int64_t records);

#endif
