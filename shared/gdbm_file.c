#include "gdbm_file.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
	struct disk_extent space[6];
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

/*
 * How far next_block may lie beyond the file's end: releases before 1.20 could
 * leave it a little beyond.  libgdbm fills the file up to it with zeros, so a
 * wild one would fill the disk.
 */
#define OVERSHOOT (1 << 20)

static enum grey_status
damaged(struct grey_error *err, const char *what, off_t at)
{
	return grey_fail(err, GREY_DAMAGED, "%s (at byte %lld)", what,
	    (long long)at);
}

/* Reads all of size at an offset that was checked against the file's size. */
static enum grey_status
read_at(const struct grey_gdbm_file *file, void *to, size_t size, off_t at,
    struct grey_error *err)
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
			return damaged(err, "the file ends too early", at);
		done += (size_t)n;
	}
	return GREY_OK;
}

static bool
inside(const struct grey_gdbm_file *file, off_t at, off_t size)
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
		return damaged(err, "the header's block size is wrong", 4);
	if (h->bucket_size < (int)sizeof(struct disk_bucket) ||
	    h->bucket_size > GREY_GDBM_BLOCK_MAX)
		return damaged(err, "the header's bucket size is wrong", 24);
	if ((size_t)h->elements !=
	    ((size_t)h->bucket_size - sizeof(struct disk_bucket)) /
		    sizeof(struct disk_element) +
		1)
		return damaged(err, "the header's element count is wrong", 28);
	if (h->directory_size < (int)(8 * sizeof(off_t)) ||
	    !inside(file, h->directory, h->directory_size))
		return damaged(err, "the directory lies outside the file", 8);
	file->entries = (size_t)h->directory_size / sizeof(off_t);
	if (h->bits != directory_bits(file->entries))
		return damaged(err, "the directory's size is wrong", 16);
	if (h->next_block < h->block_size ||
	    h->next_block > file->size + OVERSHOOT)
		return damaged(err,
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
grey_gdbm_recognizes(int fd)
{
	uint32_t magic;

	return pread(fd, &magic, sizeof(magic), 0) == sizeof(magic) &&
	    is_magic(magic);
}

enum grey_status
grey_gdbm_header(int fd, struct grey_gdbm_file *file_r, struct grey_error *err)
{
	struct disk_header header;
	const char *kind;
	struct stat st;
	ssize_t n;

	*file_r = (struct grey_gdbm_file){ .fd = fd };
	if (fstat(fd, &st) == -1)
		return grey_fail(err, GREY_FAILED, "cannot stat: %s",
		    strerror(errno));
	file_r->size = st.st_size;
	n = pread(fd, &header, sizeof(header), 0);
	if (n == -1)
		return grey_fail(err, GREY_FAILED, "cannot read: %s",
		    strerror(errno));
	if (n >= (ssize_t)sizeof(header.magic) &&
	    is_magic((uint32_t)header.magic)) {
		if (n < (ssize_t)sizeof(header))
			return damaged(err, "the file ends in its header", n);
		return check_header(&header, file_r, err);
	}
	kind = foreign_kind((const char *)&header, (size_t)n);
	if (kind != NULL)
		return grey_fail(err, GREY_INVALID,
		    "it is %s, not a GDBM file: choose another DB, or move it "
		    "away",
		    kind);
	return damaged(err,
	    n == 0 ? "the file is empty" :
		     "it does not start as a GDBM file does",
	    0);
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
	return read_at(file_r, file_r->directory, size, file_r->directory_at,
	    err);
}

void
grey_gdbm_end(struct grey_gdbm_file *file)
{
	free(file->directory);
	free(file->bucket);
	free(file->record);
	file->directory = NULL;
	file->bucket = file->record = NULL;
}

static const struct disk_bucket *
current(const struct grey_gdbm_file *file)
{
	/* malloc aligns it. */
	return (const void *)file->bucket;
}

/* Reads the bucket at an address that the directory has at entry. */
static enum grey_status
read_bucket(struct grey_gdbm_file *file, uint32_t entry, off_t at,
    struct grey_gdbm_bucket *bucket_r, struct grey_error *err)
{
	const struct disk_bucket *bucket = current(file);
	enum grey_status status;

	if (!inside(file, at, file->bucket_size))
		return damaged(err, "a bucket lies outside the file",
		    file->directory_at + (off_t)(entry * sizeof(off_t)));
	status = read_at(file, file->bucket, file->bucket_size, at, err);
	if (status != GREY_OK)
		return status;
	if (bucket->bits < 0 || bucket->bits > file->bits ||
	    bucket->count < 0 || (uint32_t)bucket->count > file->elements)
		return damaged(err, "this is no bucket", at);
	*bucket_r = (struct grey_gdbm_bucket){ .first = entry,
		.end = entry + 1,
		.at = at,
		.bits = bucket->bits,
		.count = (uint32_t)bucket->count };
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

enum grey_status
grey_gdbm_bucket_of(struct grey_gdbm_file *file, uint32_t hash,
    struct grey_gdbm_bucket *bucket_r, struct grey_error *err)
{
	const uint32_t entry = grey_gdbm_entry_of(file, hash);
	enum grey_status status;
	off_t at;

	if (file->bucket == NULL)
		file->bucket = malloc(file->bucket_size);
	if (file->bucket == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	status = read_at(file, &at, sizeof(at),
	    file->directory_at + (off_t)(entry * sizeof(off_t)), err);
	return status == GREY_OK ? read_bucket(file, entry, at, bucket_r, err) :
				   status;
}

enum grey_status
grey_gdbm_element(const struct grey_gdbm_file *file, uint32_t i,
    struct grey_gdbm_element *element_r, struct grey_error *err)
{
	const struct disk_element *e = &current(file)->elements[i];

	if (e->hash == -1)
		return GREY_NOT_FOUND;
	if (e->hash < 0 || e->key_size < 0 || e->value_size < 0 ||
	    !inside(file, e->at, (off_t)e->key_size + e->value_size))
		return damaged(err, "a record lies outside the file", e->at);
	*element_r = (struct grey_gdbm_element){ .hash = (uint32_t)e->hash,
		.at = e->at,
		.key_size = (size_t)e->key_size,
		.value_size = (size_t)e->value_size };
	return GREY_OK;
}

/* hash.c */
uint32_t
grey_gdbm_hash(struct grey_bytes key)
{
	uint32_t value = 0x238f13afU * (uint32_t)key.size;

	for (size_t i = 0; i < key.size; i++)
		value = (value + ((uint32_t)key.data[i] << (i * 5 % 24))) &
		    0x7fffffffU;
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
	status = read_at(file, file->record, size, element->at, err);
	if (status != GREY_OK)
		return status;
	*key_r = (struct grey_bytes){ file->record, element->key_size };
	*value_r = (struct grey_bytes){ file->record + element->key_size,
		element->value_size };
	if (grey_gdbm_hash(*key_r) != element->hash)
		return damaged(err, "a key has not the hash that leads to it",
		    element->at);
	return GREY_OK;
}

uint32_t
grey_gdbm_entry_of(const struct grey_gdbm_file *file, uint32_t hash)
{
	return hash >> (GREY_GDBM_HASH_BITS - file->bits);
}

static enum grey_status
extent_of(const struct grey_gdbm_file *file, const struct disk_extent *disk,
    struct grey_gdbm_extent *extent_r, struct grey_error *err)
{
	if (disk->size < 0 || disk->at <= 0 ||
	    disk->at > file->next_block - disk->size)
		return damaged(err, "free space lies outside the file",
		    disk->at);
	*extent_r = (struct grey_gdbm_extent){ disk->at, disk->size };
	return GREY_OK;
}

enum grey_status
grey_gdbm_bucket_space(const struct grey_gdbm_file *file, uint32_t i,
    struct grey_gdbm_extent *extent_r, struct grey_error *err)
{
	const struct disk_bucket *bucket = current(file);

	if (bucket->space_count < 0 ||
	    bucket->space_count >
		(int)(sizeof(bucket->space) / sizeof(bucket->space[0])))
		return grey_fail(err, GREY_DAMAGED,
		    "a bucket's table of free space has a wrong size");
	if (i >= (uint32_t)bucket->space_count)
		return GREY_NOT_FOUND;
	return extent_of(file, &bucket->space[i], extent_r, err);
}

/* Visits the extents of one table that was read into memory. */
static enum grey_status
visit_table(const struct grey_gdbm_file *file, const struct disk_space *table,
    size_t room, grey_gdbm_space_fn *visit, void *arg, struct grey_error *err)
{
	struct grey_gdbm_extent extent;
	enum grey_status status;

	if (table->count < 0 ||
	    (size_t)table->count >
		(room - offsetof(struct disk_space, extents)) /
		    sizeof(struct disk_extent))
		return grey_fail(err, GREY_DAMAGED,
		    "a table of free space has a wrong count");
	for (int i = 0; i < table->count; i++) {
		status = extent_of(file, &table->extents[i], &extent, err);
		if (status == GREY_OK)
			status = visit(arg, false, extent, err);
		if (status != GREY_OK)
			return status;
	}
	return GREY_OK;
}

/* A table in the chain has half the extents of the header's (falloc.c). */
static enum grey_status
visit_chain(const struct grey_gdbm_file *file, int header_extents, off_t next,
    struct disk_space *table, grey_gdbm_space_fn *visit, void *arg,
    struct grey_error *err)
{
	const size_t room =
	    (((size_t)header_extents * sizeof(struct disk_extent)) >> 1) +
	    sizeof(struct disk_space);
	off_t left = file->size / (off_t)room + 1;
	enum grey_status status = GREY_OK;

	for (; next != 0 && status == GREY_OK; next = table->next) {
		if (left-- == 0)
			return damaged(err,
			    "the chain of free space comes "
			    "back to itself",
			    next);
		if (!inside(file, next, (off_t)room))
			return damaged(err,
			    "a table of free space lies "
			    "outside the file",
			    next);
		status = read_at(file, table, room, next, err);
		if (status == GREY_OK)
			status = visit(arg, true,
			    (struct grey_gdbm_extent){ next, (off_t)room },
			    err);
		if (status == GREY_OK)
			status =
			    visit_table(file, table, room, visit, arg, err);
	}
	return status;
}

enum grey_status
grey_gdbm_free_space(const struct grey_gdbm_file *file,
    grey_gdbm_space_fn *visit, void *arg, struct grey_error *err)
{
	struct disk_header *header = malloc(file->block_size);
	const struct disk_space *table;
	struct disk_space *chained = NULL;
	enum grey_status status;
	size_t at = sizeof(*header);

	if (header == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	status = read_at(file, header, file->block_size, 0, err);
	if (status != GREY_OK)
		goto out;
	if ((uint32_t)header->magic == MAGIC_SYNCS_NATIVE)
		at += sizeof(struct disk_extension);
	table = (const void *)((const char *)header + at);
	status =
	    visit_table(file, table, file->block_size - at, visit, arg, err);
	if (status != GREY_OK || table->next == 0)
		goto out;
	if (table->size < 0 || (uint32_t)table->size > file->block_size) {
		status = grey_fail(err, GREY_DAMAGED,
		    "the header's table of free space has a wrong size");
		goto out;
	}
	chained = malloc(file->block_size + sizeof(*chained) +
	    (size_t)table->size * sizeof(struct disk_extent));
	status = chained == NULL ?
	    grey_fail(err, GREY_FAILED, "out of memory") :
	    visit_chain(file, table->size, table->next, chained, visit, arg,
		err);
out:
	free(chained);
	free(header);
	return status;
}
