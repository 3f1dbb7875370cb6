#include "gdbm_file.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gdbm_disk.h"

/*
 * How far next_block may lie beyond the file's end: releases before 1.20 could
 * leave it a little beyond.  libgdbm fills the file up to it with zeros, so a
 * wild one would fill the disk.
 */
#define OVERSHOOT (1 << 20)

_Static_assert(sizeof(struct disk_header) <= GREY_START_MAX, "read with it");

enum grey_status
grey_gdbm_damaged(struct grey_error *err, const char *what, off_t at)
{
	return grey_fail(err, GREY_DAMAGED, "%s (at byte %lld)", what,
	    (long long)at);
}

enum grey_status
grey_gdbm_read(const struct grey_gdbm_file *file, void *to, size_t size,
    off_t at, struct grey_error *err)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(file->fd, (char *)to + done, size - done,
		    at + (off_t)done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return grey_fail(err, GREY_FAILED, "cannot read: %s",
			    strerror(errno));
		if (n == 0)
			return grey_gdbm_damaged(err, "the file ends too early",
			    at);
		done += (size_t)n;
	}
	return GREY_OK;
}

bool
grey_gdbm_inside(const struct grey_gdbm_file *file, off_t at, off_t size)
{
	off_t end;

	return at > 0 && size >= 0 && !__builtin_add_overflow(at, size, &end) &&
	    end <= file->size;
}

/* What kind of file starts so?  NULL: none that is known here. */
static const char *
foreign_kind(const char *start, size_t size)
{
	uint32_t first = 0, berkeley = 0;

	if (size >= 16 && memcmp(start, "SQLite format 3", 16) == 0)
		return "an SQLite database";
	if (size >= 16)
		memcpy(&berkeley, start + 12, sizeof(berkeley));
	if (size >= 4)
		memcpy(&first, start, sizeof(first));
	if (berkeley == 0x061561 || __builtin_bswap32(berkeley) == 0x061561)
		return "a Berkeley DB hash file, as Exim::Grey makes it";
	if (berkeley == 0x053162 || __builtin_bswap32(berkeley) == 0x053162)
		return "a Berkeley DB btree file";
	if (size >= 12 && memcmp(start, "TDB file\n", 9) == 0)
		return "a TDB database";
	switch (__builtin_bswap32(first)) {
	case MAGIC_OLD:
	case MAGIC_32:
	case MAGIC_64:
	case MAGIC_SYNCS_32:
	case MAGIC_SYNCS_64:
		return "a GDBM file of another byte order";
	}
	if (first == MAGIC_32 || first == MAGIC_64 || first == MAGIC_SYNCS_32 ||
	    first == MAGIC_SYNCS_64)
		return "a GDBM file with another width of file offsets";
	return NULL;
}

/* log2 of the number of entries; -1 if that is no power of two. */
static int
directory_bits(size_t entries)
{
	int bits = 0;

	while (bits < GREY_GDBM_HASH_BITS && ((size_t)1 << bits) < entries)
		bits++;
	return ((size_t)1 << bits) == entries ? bits : -1;
}

bool
grey_gdbm_block_size_ok(size_t size)
{
	return size >= GREY_GDBM_BLOCK_MIN && size <= GREY_GDBM_BLOCK_MAX &&
	    (size & (size - 1)) == 0;
}

static enum grey_status
check_header(const struct disk_header *h, struct grey_gdbm_file *file,
    struct grey_error *err)
{
	if (h->block_size < 0 ||
	    !grey_gdbm_block_size_ok((size_t)h->block_size))
		return grey_gdbm_damaged(err,
		    "the header's block size is wrong", 4);
	/* Equal since GDBM 1.9; before, what the elements need. */
	if (h->bucket_size < (int)sizeof(struct disk_bucket) ||
	    h->bucket_size > h->block_size)
		return grey_gdbm_damaged(err,
		    "the header's bucket size is wrong", 24);
	if ((size_t)h->elements !=
	    ((size_t)h->bucket_size - sizeof(struct disk_bucket)) /
		    sizeof(struct disk_element) +
		1)
		return grey_gdbm_damaged(err,
		    "the header's element count is wrong", 28);
	if (h->directory_size < (int)(8 * sizeof(off_t)) ||
	    !grey_gdbm_inside(file, h->directory, h->directory_size))
		return grey_gdbm_damaged(err,
		    "the directory lies outside the file", 8);
	file->entries = (size_t)h->directory_size / sizeof(off_t);
	if (h->bits != directory_bits(file->entries))
		return grey_gdbm_damaged(err, "the directory's size is wrong",
		    16);
	if (h->next_block < h->block_size ||
	    h->next_block > file->size + OVERSHOOT)
		return grey_gdbm_damaged(err,
		    "the end that the header tells is not the "
		    "file's",
		    32);
	file->next_block = h->next_block;
	file->block_size = (uint32_t)h->block_size;
	file->bucket_size = (uint32_t)h->bucket_size;
	file->elements = (uint32_t)h->elements;
	file->bits = h->bits;
	file->directory_at = h->directory;
	return GREY_OK;
}

static bool
is_magic(uint32_t magic)
{
	return magic == MAGIC_NATIVE || magic == MAGIC_OLD ||
	    magic == MAGIC_SYNCS_NATIVE;
}

bool
grey_gdbm_recognizes(const struct grey_start *start)
{
	uint32_t magic;

	if (start->size < sizeof(magic))
		return false;
	memcpy(&magic, start->bytes, sizeof(magic));
	return is_magic(magic);
}

enum grey_status
grey_gdbm_header_of(int fd, const struct grey_start *start,
    struct grey_gdbm_file *file_r, struct grey_error *err)
{
	struct disk_header header;
	const char *kind;

	*file_r = (struct grey_gdbm_file){ .fd = fd,
		.size = (off_t)start->file_size };
	if (grey_gdbm_recognizes(start)) {
		if (start->size < sizeof(header))
			return grey_gdbm_damaged(err,
			    "the file ends in its header", (off_t)start->size);
		memcpy(&header, start->bytes, sizeof(header));
		return check_header(&header, file_r, err);
	}
	kind = foreign_kind(start->bytes, start->size);
	if (kind != NULL)
		return grey_fail(err, GREY_INVALID,
		    "it is %s, not a GDBM file: choose another DB, or move it "
		    "away",
		    kind);
	return grey_gdbm_damaged(err,
	    start->size == 0 ? "the file is empty" :
			       "it does not start as a GDBM file does",
	    0);
}

enum grey_status
grey_gdbm_header(int fd, struct grey_gdbm_file *file_r, struct grey_error *err)
{
	struct grey_start start;
	enum grey_status status = grey_start_read(fd, &start, err);

	*file_r = (struct grey_gdbm_file){ .fd = fd };
	return status == GREY_OK ?
	    grey_gdbm_header_of(fd, &start, file_r, err) :
	    status;
}

enum grey_status
grey_gdbm_begin(int fd, struct grey_gdbm_file *file_r, struct grey_error *err)
{
	enum grey_status status = grey_gdbm_header(fd, file_r, err);
	size_t size;

	if (status != GREY_OK)
		return status;
	size = file_r->entries * sizeof(off_t);
	file_r->directory = calloc(file_r->entries, sizeof(off_t));
	file_r->bucket = malloc(file_r->bucket_size);
	if (file_r->directory == NULL || file_r->bucket == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	return grey_gdbm_read(file_r, file_r->directory, size,
	    file_r->directory_at, err);
}

void
grey_gdbm_end(struct grey_gdbm_file *file)
{
	free(file->directory);
	free(file->bucket);
	free(file->header);
	free(file->record);
	file->directory = NULL;
	file->bucket = file->header = file->record = NULL;
	file->bucket_changed = file->header_changed = false;
}

const struct disk_bucket *
grey_gdbm_current(const struct grey_gdbm_file *file)
{
	/* malloc aligns it. */
	return (const void *)file->bucket;
}

/* Reads the bucket at an address that the directory has at entry. */
static enum grey_status
read_bucket(struct grey_gdbm_file *file, uint32_t entry, off_t at,
    struct grey_gdbm_bucket *bucket_r, struct grey_error *err)
{
	const struct disk_bucket *bucket = grey_gdbm_current(file);
	enum grey_status status;

	file->has_current = file->has_found = file->current.sound = false;
	*bucket_r =
	    (struct grey_gdbm_bucket){ .first = entry, .end = entry + 1 };
	if (!grey_gdbm_inside(file, at, file->bucket_size))
		return grey_gdbm_damaged(err, "a bucket lies outside the file",
		    file->directory_at + (off_t)(entry * sizeof(off_t)));
	status = grey_gdbm_read(file, file->bucket, file->bucket_size, at, err);
	if (status != GREY_OK)
		return status;
	bucket_r->at = at;
	if (bucket->bits < 0 || bucket->bits > file->bits ||
	    bucket->count < 0 || (uint32_t)bucket->count > file->elements)
		return grey_gdbm_damaged(err, "this is no bucket", at);
	bucket_r->bits = bucket->bits;
	bucket_r->count = (uint32_t)bucket->count;
	return GREY_OK;
}

enum grey_status
grey_gdbm_next_bucket(struct grey_gdbm_file *file, uint32_t *entry,
    struct grey_gdbm_bucket *bucket_r, struct grey_error *err)
{
	const uint32_t first = *entry;
	enum grey_status status;
	off_t at;

	if (first >= file->entries)
		return GREY_NOT_FOUND;
	at = file->directory[first];
	while (*entry < file->entries && file->directory[*entry] == at)
		++*entry;
	status = read_bucket(file, first, at, bucket_r, err);
	bucket_r->end = *entry;
	return status;
}

/* Does a directory entry lead to the current bucket? */
static bool
is_current(const struct grey_gdbm_file *file, uint32_t entry)
{
	const int others = file->bits - file->current.bits;

	return entry >> others == file->current.first >> others;
}

bool
grey_gdbm_alike(uint32_t a, uint32_t b, int bits)
{
	return a >> (GREY_GDBM_HASH_BITS - bits) ==
	    b >> (GREY_GDBM_HASH_BITS - bits);
}

/*
 * A bucket's keys share its bits: one of them tells whether the directory was
 * right to lead a hash there.  Whoever reads without the lock may have been led
 * to a place that meanwhile is another's.
 */
static enum grey_status
check_way(const struct grey_gdbm_file *file,
    const struct grey_gdbm_bucket *found, uint32_t hash, struct grey_error *err)
{
	const struct disk_bucket *bucket = grey_gdbm_current(file);
	uint32_t i = 0;

	while (i < file->elements && bucket->elements[i].hash == -1)
		i++;
	if (i == file->elements ||
	    grey_gdbm_alike((uint32_t)bucket->elements[i].hash, hash,
		found->bits))
		return GREY_OK;
	return grey_gdbm_damaged(err, "the directory leads to a wrong bucket",
	    found->at);
}

enum grey_status
grey_gdbm_bucket_of(struct grey_gdbm_file *file, uint32_t hash,
    struct grey_gdbm_bucket *bucket_r, struct grey_error *err)
{
	const uint32_t entry = grey_gdbm_entry_of(file, hash);
	enum grey_status status;
	off_t at;

	if (file->has_current && is_current(file, entry)) {
		*bucket_r = file->current;
		return GREY_OK;
	}
	if (file->bucket == NULL)
		file->bucket = malloc(file->bucket_size);
	if (file->bucket == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	status = grey_gdbm_write_bucket(file, err);
	if (status == GREY_OK)
		status = grey_gdbm_read(file, &at, sizeof(at),
		    file->directory_at + (off_t)(entry * sizeof(off_t)), err);
	if (status == GREY_OK)
		status = read_bucket(file, entry, at, bucket_r, err);
	if (status == GREY_OK)
		status = check_way(file, bucket_r, hash, err);
	if (status == GREY_OK) {
		file->current = *bucket_r;
		file->has_current = true;
	}
	return status;
}

enum grey_status
grey_gdbm_element(const struct grey_gdbm_file *file, uint32_t i,
    struct grey_gdbm_element *element_r, struct grey_error *err)
{
	const struct disk_element *e = &grey_gdbm_current(file)->elements[i];

	if (e->hash == -1)
		return GREY_NOT_FOUND;
	if (e->hash < 0 || e->key_size < 0 || e->value_size < 0 ||
	    !grey_gdbm_inside(file, e->at, (off_t)e->key_size + e->value_size))
		return grey_gdbm_damaged(err, "a record lies outside the file",
		    e->at);
	*element_r = (struct grey_gdbm_element){ .hash = (uint32_t)e->hash,
		.at = e->at,
		.key_size = (size_t)e->key_size,
		.value_size = (size_t)e->value_size };
	return GREY_OK;
}

/*
 * hash.c, which masks at every byte: for a sum that changes nothing.  (Without
 * that and a division a new item takes 1,700 of 18,600 instructions less.)
 */
uint32_t
grey_gdbm_hash(struct grey_bytes key)
{
	uint32_t value = 0x238f13afU * (uint32_t)key.size;
	int shift = 0;

	for (size_t i = 0; i < key.size; i++) {
		value += (uint32_t)key.data[i] << shift;
		shift += shift + 5 < 24 ? 5 : 5 - 24;
	}
	return (1103515243U * value + 12345) & 0x7fffffffU;
}

enum grey_status
grey_gdbm_record(struct grey_gdbm_file *file,
    const struct grey_gdbm_element *element, struct grey_bytes *key_r,
    struct grey_bytes *value_r, struct grey_error *err)
{
	size_t size = element->key_size + element->value_size;
	enum grey_status status;

	if (size > file->record_size || file->record == NULL) {
		free(file->record);
		file->record = malloc(size + 1);
		if (file->record == NULL)
			return grey_fail(err, GREY_FAILED, "out of memory");
		file->record_size = size;
	}
	status = grey_gdbm_read(file, file->record, size, element->at, err);
	if (status != GREY_OK)
		return status;
	*key_r = (struct grey_bytes){ file->record, element->key_size };
	*value_r = (struct grey_bytes){ file->record + element->key_size,
		element->value_size };
	if (grey_gdbm_hash(*key_r) != element->hash)
		return grey_gdbm_damaged(err,
		    "a key has not the hash that leads to it", element->at);
	return GREY_OK;
}

uint32_t
grey_gdbm_entry_of(const struct grey_gdbm_file *file, uint32_t hash)
{
	return hash >> (GREY_GDBM_HASH_BITS - file->bits);
}
