/*
 * The chain of tables of free space that the header's leads to, with what that
 * has no room for.  As push_avail_block and pop_avail_block of GDBM's falloc.c.
 */
#ifndef GREY_GDBM_CHAIN_H
#define GREY_GDBM_CHAIN_H

#include "gdbm_file.h"

/*
 * Makes room in the header's table, after grey_gdbm_read_table: every second
 * extent goes into a new table of the chain.  What was changed in memory is
 * written before, bucket and then header, and the header once more after it.
 * Returns GREY_OK; with nothing changed: GREY_NOT_FOUND, if libgdbm must do it
 * (the file does not end where its header says), GREY_DAMAGED; GREY_FAILED.
 */
enum grey_status
grey_gdbm_push_table(struct grey_gdbm_file *file, struct grey_error *err);

/*
 * Takes the first table of the chain up into the header's, in memory.  Returns
 * GREY_OK; GREY_NOT_FOUND if there is none, or the header's is more than half
 * full; GREY_DAMAGED; GREY_FAILED.
 */
enum grey_status
grey_gdbm_pop_table(struct grey_gdbm_file *file, struct grey_error *err);

#endif
