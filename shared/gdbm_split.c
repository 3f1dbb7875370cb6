#include "gdbm_split.h"

#include <stdlib.h>
#include <string.h>

#include "gdbm_allot.h"
#include "gdbm_chain.h"
#include "gdbm_held.h"
#include "gdbm_table.h"
#include "gdbm_trust.h"

/* The directory's size is an int in the header. */
#define BITS_MAX 27

/* Puts an element where libgdbm would look for it (bucket.c). */
static void
put_element(struct disk_bucket *bucket, uint32_t elements,
    const struct disk_element *element)
{
	uint32_t i = (uint32_t)element->hash % elements;

	while (bucket->elements[i].hash != -1)
		i = (i + 1) % elements;
	bucket->elements[i] = *element;
	bucket->count++;
}

/* Divides a bucket by the next bit of its hashes; its space is the first's. */
static void
divide(const struct grey_gdbm_file *file, const struct disk_bucket *old,
    struct disk_bucket *const halves[2])
{
	const int bits = old->bits + 1;
	int half;

	for (int h = 0; h < 2; h++) {
		halves[h]->bits = bits;
		for (uint32_t i = 0; i < file->elements; i++)
			halves[h]->elements[i].hash = -1;
	}
	halves[0]->space_count = old->space_count;
	memcpy(halves[0]->space, old->space, sizeof(old->space));
	for (uint32_t i = 0; i < file->elements; i++) {
		if (old->elements[i].hash == -1)
			continue;
		half =
		    old->elements[i].hash >> (GREY_GDBM_HASH_BITS - bits) & 1;
		put_element(halves[half], file->elements, &old->elements[i]);
	}
}

/*
 * Writes the halves of the current bucket, which lie in two blocks of memory,
 * into free ones or at the file's end.
 */
static enum grey_status
write_halves(struct grey_gdbm_file *file, const char *halves, off_t at_r[2],
    struct grey_error *err)
{
	enum grey_status status = GREY_OK;

	for (size_t h = 0; h < 2 && status == GREY_OK; h++) {
		const struct grey_bytes half = { halves + h * file->block_size,
			file->block_size };

		status = grey_gdbm_allot_block(file, &at_r[h], err);
		if (status == GREY_OK) {
			status = grey_gdbm_write(file, &half, 1, at_r[h], err);
		} else if (status == GREY_NOT_FOUND) {
			at_r[h] = file->next_block;
			status = grey_gdbm_add_blocks(file, half.data, 1, err);
		}
	}
	return status;
}

/* Makes entries that led to the bucket lead to its halves. */
static void
lead_to_halves(off_t *entries, size_t span, const off_t at[2])
{
	for (size_t i = 0; i < span; i++)
		entries[i] = at[i < span / 2 ? 0 : 1];
}

static enum grey_status
write_entries(const struct grey_gdbm_file *file, const off_t at[2],
    struct grey_error *err)
{
	const size_t span = (size_t)1 << (file->bits - file->current.bits);
	const size_t first = file->current.first & ~(span - 1);
	off_t *entries = calloc(span, sizeof(*entries));
	enum grey_status status;

	if (entries == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	lead_to_halves(entries, span, at);
	status = grey_gdbm_write(file,
	    &(struct grey_bytes){ (const char *)entries,
		span * sizeof(*entries) },
	    1, file->directory_at + (off_t)(first * sizeof(*entries)), err);
	free(entries);
	return status;
}

/*
 * The halves, the header that tells of their space, the entries that lead to
 * them: until then the bucket is in its old place.
 */
static enum grey_status
split(struct grey_gdbm_file *file, const char *halves, struct grey_error *err)
{
	off_t at[2] = { 0 };
	enum grey_status status = write_halves(file, halves, at, err);

	if (status == GREY_OK)
		status = grey_gdbm_write_header(file, err);
	if (status == GREY_OK)
		status = write_entries(file, at, err);
	return status;
}

/* Fills a directory of twice the entries. */
static enum grey_status
double_entries(const struct grey_gdbm_file *file, off_t *entries,
    struct grey_error *err)
{
	const size_t old = file->entries;
	enum grey_status status = grey_gdbm_read(file, entries + old,
	    old * sizeof(*entries), file->directory_at, err);

	for (size_t i = 0; status == GREY_OK && i < old; i++)
		entries[i * 2] = entries[i * 2 + 1] = entries[old + i];
	return status;
}

/*
 * The same where the directory must be doubled.  All comes to lie at the file's
 * end, and the header, in the end, leads to it.  (To libgdbm a file that ends
 * with its directory is damaged: 1.23, gdbmopen.c.)  The place of the old one
 * is nobody's: all that a file has had together are not larger than the one
 * that it has, a thousandth of it at a million records.
 */
static enum grey_status
split_and_double(struct grey_gdbm_file *file, const char *halves,
    struct grey_error *err)
{
	const size_t old = file->entries * sizeof(off_t);
	const size_t before = 2 * old / file->block_size;
	const off_t at = file->next_block;
	const off_t half_at[2] = { at + (off_t)(2 * old),
		at + (off_t)(2 * old + file->block_size) };
	char *blocks = calloc(before + 2, file->block_size);
	off_t *entries = (off_t *)(void *)blocks;
	enum grey_status status;

	if (blocks == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	memcpy(blocks + 2 * old, halves, 2 * (size_t)file->block_size);
	status = double_entries(file, entries, err);
	lead_to_halves(entries + 2 * file->current.first, 2, half_at);
	if (status == GREY_OK)
		status = grey_gdbm_add_blocks(file, blocks, before + 2, err);
	free(blocks);
	if (status != GREY_OK)
		return status;
	file->bits++;
	file->entries *= 2;
	file->directory_at = at;
	grey_gdbm_set_directory(file);
	return GREY_OK;
}

/* What is to be so, before anything is written. */
static enum grey_status
prepare(struct grey_gdbm_file *file, struct grey_bytes key,
    struct grey_error *err)
{
	enum grey_status status =
	    grey_gdbm_trust(file, key, GREY_GDBM_LOOK_BUCKET, err);
	const bool doubles =
	    status == GREY_OK && file->current.bits == file->bits;
	const size_t directory = file->entries * sizeof(off_t);
	const struct disk_space *table;

	/* Before GDBM 1.9 a bucket did not fill its block. */
	if (status == GREY_OK &&
	    (file->bucket_size != file->block_size ||
		file->size != file->next_block ||
		file->current.bits >= BITS_MAX ||
		file->current.at % file->block_size != 0 ||
		(doubles && directory % file->block_size != 0)))
		return GREY_NOT_FOUND;
	if (status == GREY_OK)
		status = grey_gdbm_read_table(file, err);
	if (status != GREY_OK)
		return status;
	table = grey_gdbm_table(file);
	/* So that nothing can fail when the directory is another. */
	if (doubles && table->count == table->size)
		status = grey_gdbm_push_table(file, err);
	return status == GREY_OK ?
	    grey_gdbm_check_apart(table->extents, table->count,
		(struct disk_extent){ (int)file->bucket_size,
		    file->current.at },
		err) :
	    status;
}

/* Both halves in memory, then in the file; then the old place is free. */
static enum grey_status
divide_and_write(struct grey_gdbm_file *file, struct grey_error *err)
{
	const off_t old = file->current.at;
	char *halves = calloc(2, file->block_size);
	enum grey_status status;

	if (halves == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	/* calloc aligns both: a block size is a power of two. */
	divide(file, grey_gdbm_current(file),
	    (struct disk_bucket *const[2]){ (void *)halves,
		(void *)(halves + file->block_size) });
	status = file->current.bits == file->bits ?
	    split_and_double(file, halves, err) :
	    split(file, halves, err);
	free(halves);
	if (status == GREY_OK)
		status = grey_gdbm_hold(file, old, err);
	return status == GREY_OK ? grey_gdbm_write_header(file, err) : status;
}

enum grey_status
grey_gdbm_split(struct grey_gdbm_file *file, struct grey_bytes key,
    struct grey_error *err)
{
	enum grey_status status = prepare(file, key, err);

	/* Left to libgdbm: the caller writes what is not yet, or forgets it. */
	if (status == GREY_NOT_FOUND)
		return GREY_NOT_FOUND;
	if (status == GREY_OK)
		status = divide_and_write(file, err);
	if (status == GREY_OK)
		file->has_current = file->has_found = file->bucket_changed =
		    false;
	else
		grey_gdbm_forget(file);
	return status;
}
