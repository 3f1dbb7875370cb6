#include "names.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE  65536
#define SLOTS_FIRST 1024

struct names_chunk {
	struct names_chunk *next;
	size_t used, size;
	char bytes[];
};

static uint64_t
rotate(uint64_t x, unsigned int bits)
{
	return x << bits | x >> (64 - bits);
}

static void
mix(uint64_t v[4], int rounds)
{
	while (rounds-- > 0) {
		v[0] += v[1];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[0] = rotate(v[0], 32);
		v[2] += v[3];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[2] = rotate(v[2], 32);
	}
}

static void
take_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	mix(v, 2);
	v[0] ^= word;
}

/* Up to eight bytes, the first the lowest. */
static uint64_t
word_of(const char *bytes, size_t size)
{
	uint64_t word = 0;

	for (size_t i = 0; i < size; i++)
		word |= (uint64_t)(unsigned char)bytes[i] << 8 * i;
	return word;
}

uint64_t
names_hash(const uint64_t key[2], struct grey_bytes bytes)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575,
		key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
		key[1] ^ 0x7465646279746573 };
	size_t i;

	for (i = 0; bytes.size - i >= 8; i += 8)
		take_word(v, word_of(bytes.data + i, 8));
	take_word(v,
	    word_of(bytes.data + i, bytes.size - i) |
		(uint64_t)bytes.size << 56);
	v[2] ^= 0xff;
	mix(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The slot of the text, or the free one that it would get. */
static uint32_t *
find_slot(const struct names *names, struct grey_bytes text)
{
	const size_t mask = names->slot_count - 1;
	size_t i = (size_t)names_hash(names->key, text) & mask;

	while (names->slots[i] != 0 &&
	    !grey_bytes_equal(names->texts[names->slots[i] - 1], text))
		i = (i + 1) & mask;
	return &names->slots[i];
}

/* Half of the slots stay free. */
static bool
make_slots(struct names *names)
{
	if (2 * (names->count + 1) <= names->slot_count)
		return true;
	if (names->slot_count == 0)
		arc4random_buf(names->key, sizeof(names->key));
	free(names->slots);
	names->slot_count =
	    names->slot_count == 0 ? SLOTS_FIRST : 2 * names->slot_count;
	names->slots = calloc(names->slot_count, sizeof(*names->slots));
	if (names->slots == NULL) {
		names->slot_count = 0;
		return false;
	}
	for (size_t i = 0; i < names->count; i++)
		*find_slot(names, names->texts[i]) = (uint32_t)i + 1;
	return true;
}

static bool
make_room(struct names *names)
{
	const size_t room = names->room == 0 ? SLOTS_FIRST : 2 * names->room;
	struct grey_bytes *more;

	if (names->count < names->room)
		return true;
	if (names->count >= UINT32_MAX / 2)
		return false;
	more = reallocarray(names->texts, room, sizeof(*more));
	if (more == NULL)
		return false;
	names->texts = more;
	names->room = room;
	return true;
}

/* A copy of the text, and a NUL, that lives as long as names. */
static char *
copy(struct names *names, struct grey_bytes text)
{
	struct names_chunk *chunk = names->chunks;
	char *place;

	if (chunk == NULL || chunk->size - chunk->used <= text.size) {
		const size_t size =
		    text.size < CHUNK_SIZE ? CHUNK_SIZE : text.size + 1;

		chunk = malloc(sizeof(*chunk) + size);
		if (chunk == NULL)
			return NULL;
		*chunk =
		    (struct names_chunk){ .next = names->chunks, .size = size };
		names->chunks = chunk;
	}
	place = chunk->bytes + chunk->used;
	if (text.size > 0)
		memcpy(place, text.data, text.size);
	place[text.size] = '\0';
	chunk->used += text.size + 1;
	return place;
}

bool
names_add(struct names *names, struct grey_bytes text, uint32_t *number_r)
{
	uint32_t *slot;
	char *place;

	if (!make_slots(names) || !make_room(names))
		return false;
	slot = find_slot(names, text);
	if (*slot == 0) {
		place = copy(names, text);
		if (place == NULL)
			return false;
		names->texts[names->count++] =
		    (struct grey_bytes){ place, text.size };
		*slot = (uint32_t)names->count;
	}
	*number_r = *slot - 1;
	return true;
}

bool
names_have(const struct names *names, struct grey_bytes text)
{
	return names->count > 0 && *find_slot(names, text) != 0;
}

void
names_free(struct names *names)
{
	struct names_chunk *chunk;

	while ((chunk = names->chunks) != NULL) {
		names->chunks = chunk->next;
		free(chunk);
	}
	free(names->texts);
	free(names->slots);
	*names = (struct names){ .texts = NULL };
}
