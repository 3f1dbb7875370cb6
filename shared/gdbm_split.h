/* A bucket of a GDBM file that is full, split without libgdbm. */
#ifndef GREY_GDBM_SPLIT_H
#define GREY_GDBM_SPLIT_H

#include "gdbm_file.h"

/*
 * Splits the bucket that a key leads to, after grey_gdbm_header, in a file that
 * nobody else changes.  Both halves are written, then the directory leads
 * there, and only then is the old place free, and held (gdbm_held.h).  libgdbm
 * would read and write the whole directory for it.
 * The directory is doubled if it must.
 * Returns GREY_OK; with nothing changed: GREY_NOT_FOUND, if libgdbm must do it
 * (the file is of before GDBM 1.9, or does not end where its header says, or
 * the bucket does not begin with a block, or what is to be doubled is not
 * whole blocks),
 * GREY_DAMAGED; GREY_FAILED.
 */
enum grey_status grey_gdbm_split(struct grey_gdbm_file *file,
    struct grey_bytes key, struct grey_error *err);

#endif
