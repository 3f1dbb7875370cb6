/*
 * Deletes what matches, wherever in the database it is.  The keys come from a
 * snapshot; each record is judged again under the lock, a batch at a time.
 */
#ifndef EXIGREY_SWEEP_H
#define EXIGREY_SWEEP_H

#include "command.h"
#include "entry.h"
#include "scan.h"
#include "status.h"

/* Returns true if the entry is to be deleted. */
typedef bool sweep_match_fn(void *arg, const struct entry *entry);

/* What is swept, and what came of it. */
struct sweep {
	struct grey_policy policy;
	sweep_match_fn *match;
	void *arg;
	bool dry_run; /* count, but delete nothing */
	bool loose;   /* what changes meanwhile is left to the next sweep */
	struct scan_counts found;
	int64_t never_passed; /* deleted, by kind */
	int64_t passed;
	int64_t with_expires;
	int64_t broken; /* foreign ones too */
};

/*
 * Sweeps the database.  Returns as scan_database or greydb_open; after a
 * failure some are deleted and counted.
 */
enum grey_status sweep_database(struct invocation *run, struct sweep *sweep,
    struct grey_error *err);

/* Prints what came of it in the format of run. */
void sweep_print(const struct invocation *run, const struct sweep *sweep);

#endif
