/*
 * A snapshot: the whole database as it was at one instant.  The file is copied
 * under a shared lock into a temporary file that has no name; the copy is then
 * walked without any lock.  (A walk of the live file in batches misses and
 * repeats keys.)
 */
#ifndef GREY_SNAPSHOT_H
#define GREY_SNAPSHOT_H

#include "greydb.h"

struct grey_snapshot;

/*
 * Called for each key and value, which live only for the call.  Anything but
 * GREY_OK ends the walk and is what it returns.
 */
typedef enum grey_status greydb_visit_fn(void *arg, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err);

/*
 * Takes a snapshot; settings->create is ignored.  With settings->loose the
 * copy is made without the lock, and no mail waits for it: what is stored or
 * deleted meanwhile may be missed or visited twice, and a walk may find damage
 * where there is none.
 * Returns GREY_OK with *snapshot_r, or as greydb_open.
 */
enum grey_status grey_snapshot_open(struct grey_session *session,
    const struct grey_dbpath *path, const struct greydb_settings *settings,
    struct grey_snapshot **snapshot_r, struct grey_error *err);

/*
 * The same of a file of another program, whose lock is not known; it is
 * checked whole first.  fd stays the caller's.
 * Returns GREY_OK with *snapshot_r; GREY_INVALID for a file that no driver
 * reads; GREY_DAMAGED, also for one that is just being written; GREY_FAILED.
 */
enum grey_status grey_snapshot_of_file(int fd,
    struct grey_snapshot **snapshot_r, struct grey_error *err);

/* Returns the number of records when it was taken. */
int64_t grey_snapshot_records(const struct grey_snapshot *snapshot);

/*
 * Visits every record once, in no order.
 * Returns GREY_OK, what visit returned, GREY_DAMAGED, GREY_FAILED.
 */
enum grey_status grey_snapshot_walk(struct grey_snapshot *snapshot,
    greydb_visit_fn *visit, void *arg, struct grey_error *err);

/* What a check counts; the sizes are in bytes. */
struct greydb_report {
	int64_t records;
	int64_t problems;
	int64_t file_size;
	int64_t free_space; /* within the file */
	int64_t block_size;
	int64_t buckets;
	int64_t directory; /* read anew by every call */
};

/*
 * Checks the structure of the snapshot; with keys also that each key is where
 * its hash says, which reads all of it.
 * Returns GREY_OK; GREY_DAMAGED with the first problem, after
 * watch->problem (NULL: the first ends the check) was told of each; GREY_FAILED.
 */
enum grey_status grey_snapshot_check(struct grey_snapshot *snapshot, bool keys,
    const struct greydb_watch *watch, struct greydb_report *report_r,
    struct grey_error *err);

/* Closes the snapshot; *snapshot becomes NULL. */
void grey_snapshot_close(struct grey_snapshot **snapshot);

#endif
