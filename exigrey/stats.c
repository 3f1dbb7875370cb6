#include "stats.h"

#include <stdlib.h>
#include <string.h>

void
stats_begin(struct stats *stats, int64_t now)
{
	memset(stats, 0, sizeof(*stats));
	stats->now = now;
}

static struct stats_top *
least_of_top(struct stats *stats)
{
	struct stats_top *least = &stats->top[0];

	for (size_t i = 1; i < stats->top_count; i++)
		if (stats->top[i].count < least->count)
			least = &stats->top[i];
	return least;
}

static void
add_to_top(struct stats *stats, struct grey_bytes item, int64_t count)
{
	struct stats_top *place;

	if (stats->top_count < STATS_TOP)
		place = &stats->top[stats->top_count++];
	else {
		place = least_of_top(stats);
		if (count <= place->count)
			return;
	}
	place->count = count;
	place->size = item.size < STATS_ITEM ? item.size : STATS_ITEM;
	memcpy(place->item, item.data, place->size);
}

void
stats_add(struct stats *stats, const struct entry *entry)
{
	const struct grey_record *record = &entry->record;

	stats->records++;
	if (entry->kind != ENTRY_RECORD) {
		stats->broken++;
		return;
	}
	stats->states[entry->state]++;
	if (__builtin_add_overflow(stats->passes, record->count,
		&stats->passes))
		stats->passes = INT64_MAX;
	stats->never_retried +=
	    record->count == 0 && entry->state == GREY_STATE_EXPIRED;
	quantile_add(&stats->ages, stats->now - record->created);
	quantile_add(&stats->idle, stats->now - record->used);
	if (grey_record_flag(record, GREY_FLAG_AUTO, NULL))
		add_to_top(stats, entry->item, record->count);
	else if (record->count == 1 &&
	    !grey_record_flag(record, GREY_FLAG_KEEP, NULL))
		/* Only of the first pass is it known when it was. */
		quantile_add(&stats->retries, record->used - record->created);
}

static int
compare_top(const void *a, const void *b)
{
	const struct stats_top *x = a, *y = b;
	int order = (x->count < y->count) - (x->count > y->count);

	if (order == 0)
		order = memcmp(x->item, y->item,
		    x->size < y->size ? x->size : y->size);
	return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

void
stats_end(struct stats *stats)
{
	qsort(stats->top, stats->top_count, sizeof(stats->top[0]), compare_top);
}

int64_t
stats_block_size(int64_t records)
{
	if (records <= 2000000)
		return 4096;
	return records <= 6000000 ? 8192 : 16384;
}
