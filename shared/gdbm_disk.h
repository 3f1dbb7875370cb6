/*
 * What lies in a GDBM file, and reading it: for shared/gdbm_*.c only, which
 * check all that they read.
 */
#ifndef GREY_GDBM_DISK_H
#define GREY_GDBM_DISK_H

#include "gdbm_file.h"

/* Of a bucket's own table of free space. */
#define BUCKET_SPACE 6

/* libgdbm does not keep less than this (gdbmconst.h, IGNORE_SIZE). */
#define LEAST_SPACE 5

/*
 * The structs as libgdbm writes them (GDBM 1.23, gdbmdefs.h; the same since
 * 1.8.3), in the byte order and with the padding of this machine.
 */
struct disk_extent {
	int size;
	off_t at;
};

struct disk_header {
	int magic;
	int block_size;
	off_t directory;
	int directory_size;
	int bits;
	int bucket_size;
	int elements;
	off_t next_block;
};

/* The extended header, of files with a sync counter, has this in between. */
struct disk_extension {
	int version;
	unsigned syncs;
	int padding[6];
};

struct disk_space {
	int size; /* extents that fit */
	int count;
	off_t next; /* the next table */
	struct disk_extent extents[1];
};

struct disk_element {
	int hash; /* -1: an empty place */
	char key_start[4];
	off_t at;
	int key_size;
	int value_size;
};

struct disk_bucket {
	int space_count;
	struct disk_extent space[BUCKET_SPACE];
	int bits;
	int count;
	struct disk_element elements[1];
};

#define MAGIC_OLD      0x13579aceU
#define MAGIC_32       0x13579acdU
#define MAGIC_64       0x13579acfU
#define MAGIC_SYNCS_32 0x13579ad0U
#define MAGIC_SYNCS_64 0x13579ad1U
#define MAGIC_NATIVE   (sizeof(off_t) == 8 ? MAGIC_64 : MAGIC_32)
#define MAGIC_SYNCS_NATIVE \
	(sizeof(off_t) == 8 ? MAGIC_SYNCS_64 : MAGIC_SYNCS_32)

/* Fails with GREY_DAMAGED: what is wrong, and at which byte. */
enum grey_status
grey_gdbm_damaged(struct grey_error *err, const char *what, off_t at);

/* Returns true if size bytes at an offset lie in the file, not at 0. */
bool grey_gdbm_inside(const struct grey_gdbm_file *file, off_t at, off_t size);

/* Do two hashes start with the same bits? */
bool grey_gdbm_alike(uint32_t a, uint32_t b, int bits);

/*
 * Reads all of size bytes at an offset.  Returns GREY_OK; GREY_DAMAGED if the
 * file ends before; GREY_FAILED.
 */
enum grey_status grey_gdbm_read(const struct grey_gdbm_file *file, void *to,
    size_t size, off_t at, struct grey_error *err);

/*
 * Free space that cannot be any would cost more than one record: GREY_DAMAGED
 * if it has a byte in common with header, directory or current bucket.
 */
enum grey_status grey_gdbm_check_extent(const struct grey_gdbm_file *file,
    struct grey_gdbm_extent extent, struct grey_error *err);

/*
 * Does every record of the current bucket belong where a hash leads, and is
 * their number right?  GREY_OK, GREY_DAMAGED.
 */
enum grey_status grey_gdbm_check_bucket(const struct grey_gdbm_file *file,
    uint32_t hash, struct grey_error *err);

/*
 * The same, and have its records, its free space, header, directory and the
 * bucket itself no byte in common?  It looks once, until the bucket is read
 * again.  GREY_OK, GREY_DAMAGED, GREY_FAILED.
 */
enum grey_status grey_gdbm_check_whole(struct grey_gdbm_file *file,
    uint32_t hash, struct grey_error *err);

/* Bytes that a table in the chain takes, by the extents of the header's. */
size_t grey_gdbm_table_bytes(int header_extents);

/*
 * Writes count stretches of memory one after the other, all or it fails.
 * Returns GREY_OK or GREY_FAILED.
 */
enum grey_status grey_gdbm_write(const struct grey_gdbm_file *file,
    const struct grey_bytes *parts, int count, off_t at,
    struct grey_error *err);

/* Writes the current bucket, if it was changed: GREY_OK, GREY_FAILED. */
enum grey_status
grey_gdbm_write_bucket(struct grey_gdbm_file *file, struct grey_error *err);

/* Writes the header, if it was changed: GREY_OK, GREY_FAILED. */
enum grey_status
grey_gdbm_write_header(struct grey_gdbm_file *file, struct grey_error *err);

/* The current bucket as it was read; it lives until the next is. */
const struct disk_bucket *grey_gdbm_current(const struct grey_gdbm_file *file);

#endif
