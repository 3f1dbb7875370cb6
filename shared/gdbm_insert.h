/*
 * A new key of a GDBM file, put into its bucket without libgdbm, as it mostly
 * can be.
 */
#ifndef GREY_GDBM_INSERT_H
#define GREY_GDBM_INSERT_H

#include "gdbm_file.h"

/*
 * Inserts a key that is not there, after grey_gdbm_header, into a file that
 * nobody else changes.  Splits its bucket if that is full, takes space for the
 * record, writes that and then the bucket.  (In a file that nobody else reads
 * the bucket and the header are written when they must.)
 * Returns GREY_OK; GREY_NOT_FOUND, the key then not written, if there is no
 * room and libgdbm must make some, after grey_gdbm_write_back; GREY_DAMAGED; GREY_FAILED.
 */
enum grey_status grey_gdbm_insert(struct grey_gdbm_file *file,
    struct grey_bytes key, struct grey_bytes value, struct grey_error *err);

#endif
