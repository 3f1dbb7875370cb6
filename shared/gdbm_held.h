/*
 * Blocks of a GDBM file that wait for a sync.
 *
 * A bucket that is split leaves its block, and until both halves and the
 * directory that leads to them have reached the disk, that block is what a
 * power loss leaves of its records.  So it is *held*: not written to before the
 * file was synced, and one sync serves many of them.  A block that is held
 * lacks its first and last byte, by which anybody sees it; libgdbm finds no room
 * for a bucket there, and so leaves nothing that looks the same.
 *
 * The sync takes long, so others may change the file meanwhile: what is held
 * is listed first, and of that list is let go what is still held.
 */
#ifndef GREY_GDBM_HELD_H
#define GREY_GDBM_HELD_H

#include "gdbm_disk.h"

struct grey_gdbm_held; /* a list */

/* Is it held? */
bool
grey_gdbm_is_held(const struct grey_gdbm_file *file, struct disk_extent extent);

/*
 * Puts a block into the header's table, in memory, to be held unless the file
 * is fresh; of a full table, half goes to the chain first.  Returns as
 * grey_gdbm_push_table.
 */
enum grey_status
grey_gdbm_hold(struct grey_gdbm_file *file, off_t at, struct grey_error *err);

/*
 * Lists what is held, if there was put more to it and it is enough to be worth
 * a sync; else returns NULL, as when memory is out.  The caller frees it with
 * free(3).
 */
struct grey_gdbm_held *grey_gdbm_list_held(struct grey_gdbm_file *file);

/*
 * Lets go, in the header's table in memory, what of a list is still held.  The
 * file was synced after the list was made, and nobody else lets go meanwhile.
 * Returns as grey_gdbm_read_table.
 */
enum grey_status grey_gdbm_let_go(struct grey_gdbm_file *file,
    const struct grey_gdbm_held *held, struct grey_error *err);

#endif
