/*
 * The tables of free space of a GDBM file, in memory: the header's, and what
 * it has in common with a bucket's.  For shared/gdbm_*.c only.
 */
#ifndef GREY_GDBM_TABLE_H
#define GREY_GDBM_TABLE_H

#include "gdbm_disk.h"

/*
 * Reads the header's table, unless it is in memory.  Returns GREY_OK;
 * GREY_NOT_FOUND if it is not as libgdbm writes it, which then must deal with
 * it; GREY_FAILED.
 */
enum grey_status
grey_gdbm_read_table(struct grey_gdbm_file *file, struct grey_error *err);

/* The header's table after that; it lives until grey_gdbm_forget. */
struct disk_space *grey_gdbm_table(struct grey_gdbm_file *file);

/* Drops from memory what was changed there and is not written. */
void grey_gdbm_forget(struct grey_gdbm_file *file);

/* GREY_DAMAGED if an extent has a byte in common with one of a table. */
enum grey_status grey_gdbm_check_apart(const struct disk_extent *table,
    int count, struct disk_extent extent, struct grey_error *err);

/*
 * Is number i of the header's table free indeed?  GREY_DAMAGED if it has a byte
 * in common with header, directory, current bucket, one of the records to which
 * that leads, or what else is free.
 */
enum grey_status grey_gdbm_check_free(struct grey_gdbm_file *file, int i,
    struct grey_error *err);

/* Takes number i out of a table. */
void grey_gdbm_take_out(struct disk_extent *table, int *count, int i);

/*
 * Puts an extent into a table that has room, in the order of sizes; what is
 * too small to be kept is not.
 */
void grey_gdbm_put_in(struct disk_extent *table, int *count,
    struct disk_extent extent);

/*
 * Adds blocks to the file's end, from memory: nothing leads there yet.  The
 * header in memory tells of them.  Returns GREY_OK; GREY_NOT_FOUND, with
 * nothing written, if the file does not end where its header says;
 * GREY_FAILED.
 */
enum grey_status grey_gdbm_add_blocks(struct grey_gdbm_file *file,
    const void *blocks, size_t count, struct grey_error *err);

/* The header in memory tells where the directory is, and its bits. */
void grey_gdbm_set_directory(struct grey_gdbm_file *file);

#endif
