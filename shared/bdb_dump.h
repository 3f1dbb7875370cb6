/*
 * The text that Berkeley DB's salvage writes (db5.3_dump(1)): a header, then a
 * line for each key and each value, a space and hexadecimal digits.
 */
#ifndef GREY_BDB_DUMP_H
#define GREY_BDB_DUMP_H

#include <stdio.h>

#include "snapshot.h"

/*
 * Reads all of it from the start of file, and calls visit for each key and
 * value; what cannot be a pair is passed over.
 * Returns GREY_OK, what visit returned, GREY_FAILED.
 */
enum grey_status grey_bdb_dump_read(FILE *file, greydb_visit_fn *visit,
    void *arg, struct grey_error *err);

#endif
