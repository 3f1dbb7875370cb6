/*
 * Keys and values are bytes with a length: they may hold anything, a NUL too.
 */
#ifndef GREY_BYTES_H
#define GREY_BYTES_H

#include <stdbool.h>
#include <stddef.h>

/* Borrowed: whoever made it owns the memory. */
struct grey_bytes {
	const char *data;
	size_t size;
};

/* Returns the bytes of a string, without its NUL; they live as long as it. */
struct grey_bytes grey_bytes_of(const char *string);

/* Returns true if both have the same length and bytes. */
bool grey_bytes_equal(struct grey_bytes a, struct grey_bytes b);

#endif
