/*
 * A key of a GDBM file, taken out of its bucket without libgdbm.  Its space
 * becomes free as libgdbm would have it (gdbm_release.h).
 */
#ifndef GREY_GDBM_REMOVE_H
#define GREY_GDBM_REMOVE_H

#include "gdbm_file.h"

/*
 * Removes a key, after grey_gdbm_header, from a file that nobody else changes.
 * That is in memory until grey_gdbm_write_back; only what another bucket or a
 * full table needs is written before.  A kill in between leaves each of the
 * keys there or not, and may cost some free space.
 * Returns GREY_OK; GREY_NOT_FOUND, with nothing changed, if the key is not
 * there or it takes libgdbm; GREY_DAMAGED, with nothing changed; GREY_FAILED.
 */
enum grey_status grey_gdbm_remove(struct grey_gdbm_file *file,
    struct grey_bytes key, struct grey_error *err);

#endif
