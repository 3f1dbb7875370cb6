/*
 * One key of a GDBM file, found and replaced in place without libgdbm, which
 * reads the whole directory at each opening.  Nothing of the file is trusted
 * (gdbm_file.h).
 */
#ifndef GREY_GDBM_FIND_H
#define GREY_GDBM_FIND_H

#include "gdbm_file.h"

/*
 * Finds a key, after grey_gdbm_header.  What was read is kept in file: finding
 * the same key again, or another of the same bucket, reads less.  So the file
 * must not change meanwhile but by grey_gdbm_replace, or grey_gdbm_header must
 * come first.
 * Returns GREY_OK with the value, which lives until the next call;
 * GREY_NOT_FOUND; GREY_DAMAGED, also where a writer is just at it;
 * GREY_FAILED.
 */
enum grey_status grey_gdbm_find(struct grey_gdbm_file *file,
    struct grey_bytes key, struct grey_bytes *value_r, struct grey_error *err);

/*
 * Writes another value of the same size over that of the key found last: one
 * write, of nothing but the value's own bytes.  Returns GREY_OK or
 * GREY_FAILED.
 */
enum grey_status grey_gdbm_replace(struct grey_gdbm_file *file,
    struct grey_bytes value, struct grey_error *err);

#endif
