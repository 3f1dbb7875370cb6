/*
 * Reads the whole database, entry by entry, from a snapshot: mail does not
 * wait for it.
 */
#ifndef EXIGREY_SCAN_H
#define EXIGREY_SCAN_H

#include "command.h"
#include "entry.h"
#include "status.h"

/*
 * Called for each entry, which lives only for the call.  Anything but GREY_OK
 * ends the scan and is what it returns.
 */
typedef enum grey_status
scan_visit_fn(void *arg, const struct entry *entry, struct grey_error *err);

/* What a scan met. */
struct scan_counts {
	int64_t records; /* all of these together */
	int64_t broken;  /* do not parse */
	int64_t foreign; /* keys that are no items */
};

/*
 * Visits every entry once, in no order, and counts them.
 * Returns GREY_OK; GREY_NOT_FOUND (no database); what visit returned; or as
 * grey_snapshot_open.
 */
enum grey_status scan_database(struct invocation *run,
    const struct grey_policy *policy, scan_visit_fn *visit, void *arg,
    struct scan_counts *counts_r, struct grey_error *err);

#endif
