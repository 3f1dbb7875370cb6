/*
 * How a file starts, and how long it was before that was read: what tells its
 * kind, and its header.
 */
#ifndef GREY_START_H
#define GREY_START_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define GREY_START_MAX 96 /* bytes: what the longest header has */

struct grey_start {
	int64_t file_size;
	size_t size; /* bytes that could be read */
	char bytes[GREY_START_MAX];
};

/* Reads it, of a file so long.  Returns GREY_OK or GREY_FAILED. */
enum grey_status grey_start_of(int fd, int64_t file_size,
    struct grey_start *start_r, struct grey_error *err);

/* The same where the length is not known. */
enum grey_status
grey_start_read(int fd, struct grey_start *start_r, struct grey_error *err);

#endif
