/*
 * Texts of any bytes, each kept once and known by a number from 0 on: what
 * comes from strangers in great numbers.  Its hash has a secret key, so that
 * nobody can choose texts that slow it down.
 */
#ifndef EXIGREY_NAMES_H
#define EXIGREY_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

struct names_chunk;

/* Zeroed at first. */
struct names {
	struct grey_bytes *texts; /* by number, a NUL behind each; they stay */
	size_t count, room;
	uint32_t *slots; /* number + 1; 0: free */
	size_t slot_count;
	struct names_chunk *chunks;
	uint64_t key[2];
};

/*
 * Adds a copy of a text unless it is there.  Returns true with its number, or
 * false without memory.
 */
bool names_add(struct names *names, struct grey_bytes text, uint32_t *number_r);

/* Is the text there? */
bool names_have(const struct names *names, struct grey_bytes text);

void names_free(struct names *names);

/* SipHash-2-4 (Aumasson and Bernstein, 2012) of bytes under a key. */
uint64_t names_hash(const uint64_t key[2], struct grey_bytes bytes);

#endif
