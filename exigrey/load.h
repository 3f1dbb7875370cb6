/*
 * Adding many keys to the database, a batch at a time, without touching what
 * is there unless that is wished.
 *
 *	load_begin, load_add for each, load_end
 */
#ifndef EXIGREY_LOAD_H
#define EXIGREY_LOAD_H

#include "batch.h"
#include "progress.h"

/* A key and value that wait for their batch; one malloc holds both. */
struct load_pair {
	char *memory;
	struct grey_bytes value;
	bool is_record;
};

struct load {
	struct invocation *run;
	bool replace; /* overwrite what exists */
	int64_t added;
	int64_t replaced;
	int64_t same;
	int64_t kept; /* existed, and stayed */
	int64_t refused;
	struct grey_error why; /* of the last one that was refused */
	struct grey_bytes keys[BATCH_MAX];
	struct load_pair pairs[BATCH_MAX];
	size_t count;
	struct progress progress;
};

/*
 * Starts with an empty struct (but replace); records: how many are to come.
 * title is for the progress bar, see progress_begin.
 */
void load_begin(struct load *load, struct invocation *run, const char *title,
    int64_t records);

/*
 * Takes a copy of a key and its value, and writes a batch of them when there
 * are enough.  A record is stored as wanted_store does, another value as it is.
 * Returns GREY_OK, or as batch_keys.
 */
enum grey_status load_add(struct load *load, struct grey_bytes key,
    struct grey_bytes value, bool is_record, struct grey_error *err);

/*
 * Writes what is left, unless status, how it went so far, is a failure; frees
 * all.  Returns status, or as load_add; GREY_FULL if some were refused.
 */
enum grey_status
load_end(struct load *load, enum grey_status status, struct grey_error *err);

/* Prints what was added, replaced and so on. */
void load_sum_up(const struct load *load);

#endif
