/*
 * The GDBM file format, from a descriptor: what a check, a walk, a rescue and
 * the change of one key need and libgdbm does not offer.  Every number that
 * comes from the file is checked before it is used: a damaged or hostile file
 * gives GREY_DAMAGED, never a crash or a long loop.
 *
 * A file has a header (with a table of free space), a directory of 2^bits
 * bucket addresses, buckets (hash tables of elements, each with a small table
 * of free space of its own), and keys with their values.
 */
#ifndef GREY_GDBM_FILE_H
#define GREY_GDBM_FILE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "start.h"

#define GREY_GDBM_HASH_BITS 31
#define GREY_GDBM_BLOCK_MIN 512
#define GREY_GDBM_BLOCK_MAX (1 << 20)

/* Ours: a page, since a write of one cannot be cut by a kill. */
#define GREY_GDBM_BLOCK_SIZE 4096

/* An element of a bucket: where a key and its value lie. */
struct grey_gdbm_element {
	uint32_t hash;
	off_t at;
	size_t key_size;
	size_t value_size;
};

/* The current bucket. */
struct grey_gdbm_bucket {
	uint32_t first; /* directory entries that lead here: */
	uint32_t end;   /* first to end - 1 */
	off_t at;
	int bits;
	uint32_t count;
	bool sound; /* grey_gdbm_check_whole has said so */
};

struct grey_gdbm_file {
	int fd;
	off_t size;
	off_t next_block; /* where the file should end */
	uint32_t block_size;
	uint32_t bucket_size; /* bytes */
	uint32_t elements;    /* of a bucket */
	int bits;             /* of a hash that choose a bucket */
	off_t directory_at;
	size_t entries;   /* of the directory */
	off_t *directory; /* NULL until it is read */
	char *bucket;     /* buffer for one bucket */
	char *header;     /* its block, NULL until it is changed */
	char *record;     /* buffer for one key and value */
	size_t record_size;
	bool has_current;    /* current tells what bucket holds */
	bool has_found;      /* found tells what record holds (gdbm_find.h) */
	bool bucket_changed; /* in memory only, until grey_gdbm_write_back */
	bool header_changed; /* the same */
	bool held_more;      /* since the header was read (gdbm_held.h) */
	bool fresh;          /* no record in it need outlive a power loss */
	bool alone;          /* nor a kill, and nobody else reads it */
	struct grey_gdbm_bucket current;
	struct grey_gdbm_element found;
};

/* A stretch of the file. */
struct grey_gdbm_extent {
	off_t at;
	off_t size;
};

/* Is it a power of two between those two? */
bool grey_gdbm_block_size_ok(size_t size);

/* Does the file start as a GDBM file of this machine does? */
bool grey_gdbm_recognizes(const struct grey_start *start);

/*
 * Checks the header against the file's size; fd stays the caller's.
 * Returns GREY_OK; GREY_INVALID for a file of another kind, which it names
 * (empty, Berkeley DB, SQLite, a GDBM file of another machine); GREY_DAMAGED.
 */
enum grey_status grey_gdbm_header_of(int fd, const struct grey_start *start,
    struct grey_gdbm_file *file_r, struct grey_error *err);

/* The same, after reading how the file starts; also GREY_FAILED. */
enum grey_status
grey_gdbm_header(int fd, struct grey_gdbm_file *file_r, struct grey_error *err);

/*
 * Reads the header, the directory, and gets the buffers; grey_gdbm_end frees
 * them, after a failure too.  Returns as grey_gdbm_header.
 */
enum grey_status
grey_gdbm_begin(int fd, struct grey_gdbm_file *file_r, struct grey_error *err);
void grey_gdbm_end(struct grey_gdbm_file *file);

/*
 * Reads the bucket of directory entry *entry and moves *entry to the first
 * entry that leads elsewhere.  Start with 0.
 * Returns GREY_OK; GREY_NOT_FOUND after the last; GREY_DAMAGED (*entry has
 * moved on, so that the next can be tried; the bucket's place is 0, or it is
 * what it says of itself that is wrong, and its elements can be tried);
 * GREY_FAILED.
 */
enum grey_status grey_gdbm_next_bucket(struct grey_gdbm_file *file,
    uint32_t *entry, struct grey_gdbm_bucket *bucket_r, struct grey_error *err);

/*
 * Element number i (0 to elements - 1) of the current bucket.
 * Returns GREY_OK; GREY_NOT_FOUND for an empty place; GREY_DAMAGED for one
 * that lies outside the file.
 */
enum grey_status grey_gdbm_element(const struct grey_gdbm_file *file,
    uint32_t i, struct grey_gdbm_element *element_r, struct grey_error *err);

/*
 * Reads key and value of an element; they live until the next call.
 * Returns GREY_OK; GREY_DAMAGED if the key has not the element's hash;
 * GREY_FAILED.
 */
enum grey_status grey_gdbm_record(struct grey_gdbm_file *file,
    const struct grey_gdbm_element *element, struct grey_bytes *key_r,
    struct grey_bytes *value_r, struct grey_error *err);

/* GDBM's hash of a key: 31 bits. */
uint32_t grey_gdbm_hash(struct grey_bytes key);

/*
 * Reads the bucket that a hash leads to, after grey_gdbm_header alone: the
 * directory is not read, and nothing if it is the current bucket.  A current
 * one that was changed is written before another is read.  grey_gdbm_end frees
 * the buffer.
 * Returns GREY_OK, GREY_DAMAGED, GREY_FAILED.
 */
enum grey_status grey_gdbm_bucket_of(struct grey_gdbm_file *file, uint32_t hash,
    struct grey_gdbm_bucket *bucket_r, struct grey_error *err);

/*
 * Writes what was changed in memory only: first the current bucket, then the
 * header.  After a failure that is forgotten.  Returns GREY_OK, GREY_FAILED.
 */
enum grey_status
grey_gdbm_write_back(struct grey_gdbm_file *file, struct grey_error *err);

/* The directory entry that a hash leads to. */
uint32_t grey_gdbm_entry_of(const struct grey_gdbm_file *file, uint32_t hash);

/*
 * Number i of the current bucket's own free space: GREY_OK, GREY_NOT_FOUND
 * after the last, GREY_DAMAGED.
 */
enum grey_status grey_gdbm_bucket_space(const struct grey_gdbm_file *file,
    uint32_t i, struct grey_gdbm_extent *extent_r, struct grey_error *err);

/*
 * Calls visit for each block of the chain of free-space tables (not for the
 * one in the header) and for each free stretch in them.  A chain that comes
 * back to itself is damage.
 * Returns GREY_OK, GREY_DAMAGED, GREY_FAILED, or what visit returned.
 */
typedef enum grey_status grey_gdbm_space_fn(void *arg, bool is_table,
    struct grey_gdbm_extent extent, struct grey_error *err);
enum grey_status grey_gdbm_free_space(const struct grey_gdbm_file *file,
    grey_gdbm_space_fn *visit, void *arg, struct grey_error *err);

#endif
