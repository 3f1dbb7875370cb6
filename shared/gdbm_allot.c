#include "gdbm_allot.h"

#include <stdlib.h>

#include "gdbm_chain.h"
#include "gdbm_held.h"
#include "gdbm_table.h"

/* What is at least such a part of a block goes to the header's table. */
#define LARGE_PART 8

/* A bucket that asks the header for space gets as much as so many need. */
#define RECORDS_AT_ONCE 4

static bool
is_large(const struct grey_gdbm_file *file, struct disk_extent extent)
{
	return extent.size >= (int)file->block_size / LARGE_PART;
}

/*
 * Does what needs size bytes fit in at its start, and lie in one block?  A
 * record is replaced by a write that no kill can cut, a bucket is a block.
 */
static bool
fits(const struct grey_gdbm_file *file, off_t at, off_t room, off_t size)
{
	return room >= size &&
	    at / file->block_size == (at + size - 1) / file->block_size;
}

/*
 * The first extent of the bucket's own table, which is in the order of sizes,
 * that is not too small; all of them are looked at.
 */
static enum grey_status
find_own(const struct grey_gdbm_file *file, off_t size, int *place_r,
    struct grey_error *err)
{
	struct grey_gdbm_extent extent = { 0 };
	enum grey_status status;

	*place_r = -1;
	for (uint32_t i = 0;; i++) {
		status = grey_gdbm_bucket_space(file, i, &extent, err);
		if (status == GREY_NOT_FOUND)
			return GREY_OK;
		if (status == GREY_OK)
			status = grey_gdbm_check_extent(file, extent, err);
		if (status != GREY_OK)
			return status;
		if (*place_r == -1 && fits(file, extent.at, extent.size, size))
			*place_r = (int)i;
	}
}

/* The bucket's large extents become the header's, while that has room. */
static enum grey_status
hand_over(struct grey_gdbm_file *file, struct disk_bucket *bucket,
    struct grey_error *err)
{
	struct disk_space *table = grey_gdbm_table(file);
	enum grey_status status;

	for (int i = bucket->space_count - 1; i >= 0 &&
	     is_large(file, bucket->space[i]) && table->count < table->size;
	     i--) {
		status = grey_gdbm_check_apart(table->extents, table->count,
		    bucket->space[i], err);
		if (status != GREY_OK)
			return status;
		grey_gdbm_put_in(table->extents, &table->count,
		    bucket->space[i]);
		bucket->space_count--;
		file->bucket_changed = file->header_changed = true;
	}
	return GREY_OK;
}

/*
 * The first extent of the header's table that fits and is not held; or -1.  One
 * of several blocks was libgdbm's, and is left to it.
 */
static int
find(const struct grey_gdbm_file *file, const struct disk_space *table,
    off_t size)
{
	for (int i = 0; i < table->count; i++)
		if (table->extents[i].size <= (int)file->block_size &&
		    fits(file, table->extents[i].at, table->extents[i].size,
			size) &&
		    !grey_gdbm_is_held(file, table->extents[i]))
			return i;
	return -1;
}

/* Adds a block to the file, all of it free. */
static enum grey_status
grow(struct grey_gdbm_file *file, struct disk_space *table, off_t size,
    int *place_r, struct grey_error *err)
{
	struct disk_extent extent = { .size = (int)file->block_size };
	enum grey_status status = GREY_OK;
	char *block;

	if (size > extent.size)
		return GREY_NOT_FOUND;
	if (table->count >= table->size)
		status = grey_gdbm_push_table(file, err);
	if (status != GREY_OK)
		return status;
	block = calloc(1, file->block_size);
	if (block == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	extent.at = file->next_block;
	status = grey_gdbm_add_blocks(file, block, 1, err);
	free(block);
	if (status != GREY_OK)
		return status;
	grey_gdbm_put_in(table->extents, &table->count, extent);
	*place_r = find(file, table, size);
	return *place_r == -1 ? GREY_NOT_FOUND : GREY_OK;
}

/*
 * As find(), after taking up a table of the chain if that helps; what it finds
 * was looked at, and is free.  GREY_NOT_FOUND if there is none.
 */
static enum grey_status
find_free(struct grey_gdbm_file *file, struct disk_space *table, off_t size,
    int *place_r, struct grey_error *err)
{
	enum grey_status status = GREY_OK;

	*place_r = find(file, table, size);
	while (status == GREY_OK && *place_r == -1) {
		status = grey_gdbm_pop_table(file, err);
		*place_r = find(file, table, size);
	}
	if (status != GREY_OK || *place_r == -1)
		return status == GREY_OK ? GREY_NOT_FOUND : status;
	/* What only we have written to needs no look. */
	return file->alone ? GREY_OK :
			     grey_gdbm_check_free(file, *place_r, err);
}

/*
 * How much of a stretch does a bucket get that needs size bytes?  A few records
 * at once, so that not each of them costs the header; and all of it if the rest
 * would not do for one.
 */
static off_t
share_of(const struct grey_gdbm_file *file, off_t stretch, off_t size)
{
	off_t share = size * (file->alone ? 1 : RECORDS_AT_ONCE);

	if (share >= size + (off_t)file->block_size / LARGE_PART)
		share = size;
	return stretch - share < size ? stretch : share;
}

/*
 * Takes it out of the header's table.  What is left over in a block, less than
 * such a record needs, may be lost until the file is written anew: were it
 * kept, the tables would soon be full of that.
 */
static enum grey_status
allot_from_table(struct grey_gdbm_file *file, struct disk_bucket *bucket,
    off_t size, off_t *at_r, struct grey_error *err)
{
	struct disk_space *table = grey_gdbm_table(file);
	enum grey_status status = hand_over(file, bucket, err);
	struct disk_extent stretch;
	off_t share;
	int i;

	if (status == GREY_OK)
		status = find_free(file, table, size, &i, err);
	if (status == GREY_NOT_FOUND)
		status = grow(file, table, size, &i, err);
	if (status != GREY_OK)
		return status;
	stretch = table->extents[i];
	*at_r = stretch.at;
	grey_gdbm_take_out(table->extents, &table->count, i);
	file->header_changed = true;
	/* A bucket that is to be written before the header gets no more. */
	share = bucket->space_count == BUCKET_SPACE ||
		(file->bucket_changed && !file->alone) ?
	    size :
	    share_of(file, stretch.size, size);
	if (share > size)
		grey_gdbm_put_in(bucket->space, &bucket->space_count,
		    (struct disk_extent){ (int)(share - size),
			stretch.at + size });
	if (stretch.size - share >= size)
		grey_gdbm_put_in(table->extents, &table->count,
		    (struct disk_extent){ stretch.size - (int)share,
			stretch.at + share });
	return GREY_OK;
}

enum grey_status
grey_gdbm_allot(struct grey_gdbm_file *file, off_t size, off_t *at_r,
    struct grey_error *err)
{
	struct disk_bucket *bucket = (struct disk_bucket *)(void *)file->bucket;
	enum grey_status status;
	struct disk_extent extent;
	int own;

	status = find_own(file, size, &own, err);
	if (status != GREY_OK)
		return status;
	if (own == -1 || is_large(file, bucket->space[own])) {
		status = grey_gdbm_read_table(file, err);
		if (status == GREY_OK)
			return allot_from_table(file, bucket, size, at_r, err);
	}
	if (own == -1 || (status != GREY_OK && status != GREY_NOT_FOUND))
		return status;
	extent = bucket->space[own];
	*at_r = extent.at;
	grey_gdbm_take_out(bucket->space, &bucket->space_count, own);
	grey_gdbm_put_in(bucket->space, &bucket->space_count,
	    (struct disk_extent){ extent.size - (int)size, extent.at + size });
	return GREY_OK;
}

enum grey_status
grey_gdbm_allot_block(struct grey_gdbm_file *file, off_t *at_r,
    struct grey_error *err)
{
	struct disk_space *table = grey_gdbm_table(file);
	enum grey_status status;
	int i;

	status = find_free(file, table, (off_t)file->block_size, &i, err);
	if (status != GREY_OK)
		return status;
	*at_r = table->extents[i].at;
	grey_gdbm_take_out(table->extents, &table->count, i);
	file->header_changed = true;
	return GREY_OK;
}
