/* Space of a GDBM file that becomes free. */
#ifndef GREY_GDBM_RELEASE_H
#define GREY_GDBM_RELEASE_H

#include "gdbm_file.h"

/*
 * Notes, in memory until grey_gdbm_write_back, that a stretch is free which a
 * record of the current bucket had, after grey_gdbm_check_whole has found
 * nothing wrong with that bucket.  The bucket's own table keeps the largest,
 * the header's what is left.  The record must be taken out of the bucket
 * before anything else happens.
 * When the header's table is full, half of it goes into one of the chain; the
 * bucket is written before, since what is free by then may take that table.
 * Returns GREY_OK; with nothing changed: GREY_NOT_FOUND, if libgdbm must do it
 * (a header that is not as it writes it), GREY_DAMAGED, GREY_FAILED.
 */
enum grey_status grey_gdbm_release(struct grey_gdbm_file *file,
    struct grey_gdbm_extent extent, struct grey_error *err);

#endif
