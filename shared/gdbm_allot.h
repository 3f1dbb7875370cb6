/* Free space of a GDBM file that is taken into use. */
#ifndef GREY_GDBM_ALLOT_H
#define GREY_GDBM_ALLOT_H

#include "gdbm_disk.h"

/*
 * Takes a block for a bucket out of the header's table, in memory.  Returns
 * GREY_OK; GREY_NOT_FOUND if there is none, then the end of the file is the
 * place; GREY_DAMAGED; GREY_FAILED.
 */
enum grey_status grey_gdbm_allot_block(struct grey_gdbm_file *file, off_t *at_r,
    struct grey_error *err);

/*
 * Finds space for a record of the current bucket: in the bucket's own table
 * what others have left there, or else in the header's, which is one for all,
 * so that what comes at the same time lies in the same pages; or else in a new
 * block at the file's end.  What a bucket has room for several records in goes
 * to the header.
 * That is in memory until the caller writes the bucket, if it was changed, and
 * then the header, before anything leads to that space.
 * Returns GREY_OK; GREY_NOT_FOUND, with nothing allotted, if libgdbm must find
 * some; GREY_DAMAGED; GREY_FAILED.
 */
enum grey_status grey_gdbm_allot(struct grey_gdbm_file *file, off_t size,
    off_t *at_r, struct grey_error *err);

#endif
