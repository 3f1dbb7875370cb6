/*
 * The first page of a Berkeley DB file, read without Berkeley DB: is it a file
 * that it should be asked to open at all?
 */
#ifndef GREY_BDB_FILE_H
#define GREY_BDB_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "start.h"

#define GREY_BDB_PAGE_MIN 512
#define GREY_BDB_PAGE_MAX 65536

struct grey_bdb_file {
	bool is_btree; /* else a hash */
	bool has_checksums;
	uint32_t page_size;
	int64_t records; /* -1: a btree does not tell */
	int64_t size;    /* bytes, as the first page tells */
};

/* Does the file start as one of Berkeley DB does, of whatever machine? */
bool grey_bdb_recognizes(const struct grey_start *start);

/*
 * Checks the first page against the file's size.
 * Returns GREY_OK for a hash or a btree with one value for each key;
 * GREY_INVALID for a file that we do not read, and why (encrypted, of
 * another machine or version, of several databases); GREY_DAMAGED for what
 * starts as none.
 */
enum grey_status grey_bdb_header_of(const struct grey_start *start,
    struct grey_bdb_file *file_r, struct grey_error *err);

/* The same, of an open file, which stays the caller's; also GREY_FAILED. */
enum grey_status
grey_bdb_header(int fd, struct grey_bdb_file *file_r, struct grey_error *err);

#endif
