/* Is a Berkeley DB file sound, and how many records has it?  libdb says so. */
#ifndef GREY_BDB_CHECK_H
#define GREY_BDB_CHECK_H

#include <stdio.h>

#include "greydb_driver.h"

/* How many records the first page tells; -1 if it does not. */
int64_t grey_bdb_records(int fd);

/*
 * Has the library check all pages, and write what it finds in them to salvage
 * (bdb_dump.h) unless that is NULL.
 * Returns GREY_OK, GREY_DAMAGED with the first thing that is wrong, GREY_FAILED.
 */
enum grey_status grey_bdb_verify(int fd, FILE *salvage, struct grey_error *err);

/*
 * A driver's check and settle (greydb_driver.h); keys makes no difference.  A
 * file whose first page counts other records than there are is not settled:
 * GREY_DAMAGED.
 */
enum grey_status
grey_bdb_check(int fd, bool keys, const struct greydb_watch *watch,
    struct greydb_report *report_r, struct grey_error *err);
enum grey_status
grey_bdb_settle(int fd, int64_t *records_r, struct grey_error *err);

#endif
