/*
 * Free space of a GDBM file that is taken into use.
 *
 * A bucket that is split leaves its place, and until both halves and the
 * directory that leads to them have reached the disk, that place is what a
 * power loss leaves of its records.  So it is *held*: not written to before the
 * file was synced, and one sync serves many of them.  While they are held they
 * lack their first and last byte, by which anybody sees it.  So does a
 * directory that was doubled.
 */
#ifndef GREY_GDBM_ALLOT_H
#define GREY_GDBM_ALLOT_H

#include "gdbm_disk.h"

/* Is it held? */
bool
grey_gdbm_is_held(const struct grey_gdbm_file *file, struct disk_extent extent);

/*
 * Puts blocks into the header's table, in memory, to be held; of a full one,
 * half goes to the chain first.  Returns as grey_gdbm_push_table.
 */
enum grey_status grey_gdbm_hold(struct grey_gdbm_file *file,
    struct disk_extent blocks, struct grey_error *err);

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
