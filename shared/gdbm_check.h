/*
 * Is the structure of a GDBM file sound?  Each bucket is where its bits say,
 * each key where its hash says, and no byte has two owners: neither two
 * records, nor a record and free space, nor a bucket and the directory.  That
 * last damage, which a killed writer leaves, no check of libgdbm sees.
 */
#ifndef GREY_GDBM_CHECK_H
#define GREY_GDBM_CHECK_H

#include "gdbm_file.h"
#include "snapshot.h"

/*
 * Checks the file; with keys also that each key has its element's hash, which
 * reads all of the file.  Without watch->problem the first thing that is wrong ends
 * the check.  Memory: a bit for each byte of the file, 32 MiB at most (a
 * larger file is gone through several times).
 * Returns GREY_OK if nothing is wrong; GREY_DAMAGED with the first thing that
 * is; GREY_INVALID (a file of another kind); GREY_FAILED.
 */
enum grey_status
grey_gdbm_check(int fd, bool keys, const struct greydb_watch *watch,
    struct greydb_report *report_r, struct grey_error *err);

/*
 * After a writer that failed or died: checks all as above, and if nothing is
 * wrong but the file's length, gives it the one that its header tells.  (Not
 * before: a header that is older than the directory would cut off what that
 * leads to.)
 * Returns GREY_OK with the number of records; GREY_DAMAGED, the file then
 * unchanged; GREY_INVALID; GREY_FAILED.
 */
enum grey_status
grey_gdbm_settle(int fd, int64_t *records_r, struct grey_error *err);

#endif
