/*
 * A new key of a GDBM file, put into its bucket without libgdbm where that has
 * both a place and space left over for it, as it mostly has.
 */
#ifndef GREY_GDBM_INSERT_H
#define GREY_GDBM_INSERT_H

#include "gdbm_file.h"

/*
 * Inserts a key that is not there, after grey_gdbm_header, into a file that
 * nobody else changes.  Writes the record and then its bucket, nothing else.
 * Returns GREY_OK; GREY_NOT_FOUND, with nothing written, if there is no room
 * and libgdbm must make some; GREY_DAMAGED; GREY_FAILED.
 */
enum grey_status grey_gdbm_insert(struct grey_gdbm_file *file,
    struct grey_bytes key, struct grey_bytes value, struct grey_error *err);

#endif
