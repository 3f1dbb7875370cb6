#include "gdbm_release.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "gdbm_chain.h"
#include "gdbm_held.h"
#include "gdbm_table.h"

/*
 * Do two follow each other within a block?  Not beyond: a record that lies in
 * one page is changed in place by a write that no kill can cut.
 */
static bool
follows(const struct grey_gdbm_file *file, struct disk_extent a,
    struct disk_extent b)
{
	return a.at + a.size == b.at &&
	    a.at / file->block_size == (b.at + b.size - 1) / file->block_size;
}

/* Takes out of a table what lies beside an extent, which grows by it. */
static void
join(const struct grey_gdbm_file *file, struct disk_extent *table, int *count,
    struct disk_extent *extent)
{
	for (int i = *count - 1; i >= 0; i--) {
		const struct disk_extent other = table[i];

		if (follows(file, other, *extent))
			extent->at = other.at;
		else if (!follows(file, *extent, other))
			continue;
		extent->size += other.size;
		grey_gdbm_take_out(table, count, i);
	}
	/* It only looks so: let it not be made larger (gdbm_held.h). */
	if (grey_gdbm_is_held(file, *extent))
		extent->size--;
}

/* Puts it into the header's table, which has room. */
static void
put_in_header(struct grey_gdbm_file *file, struct disk_extent extent)
{
	struct disk_space *table = grey_gdbm_table(file);

	join(file, table->extents, &table->count, &extent);
	grey_gdbm_put_in(table->extents, &table->count, extent);
	file->header_changed = true;
}

/* Puts it into the bucket's table, and what that has no room for elsewhere. */
static void
put_in_bucket(struct grey_gdbm_file *file, struct disk_bucket *bucket,
    struct disk_extent extent)
{
	struct disk_extent *space = bucket->space, least;

	join(file, space, &bucket->space_count, &extent);
	if (bucket->space_count == BUCKET_SPACE) {
		least = space[0].size < extent.size ? space[0] : extent;
		if (space[0].size < extent.size) {
			grey_gdbm_take_out(space, &bucket->space_count, 0);
			grey_gdbm_put_in(space, &bucket->space_count, extent);
		}
		put_in_header(file, least);
	} else
		grey_gdbm_put_in(space, &bucket->space_count, extent);
}

/* Room in the header's table, whatever will be put there. */
static enum grey_status
prepare_header(struct grey_gdbm_file *file, struct disk_extent extent,
    struct grey_error *err)
{
	enum grey_status status = grey_gdbm_read_table(file, err);
	const struct disk_space *table;

	if (status != GREY_OK)
		return status;
	table = grey_gdbm_table(file);
	status =
	    grey_gdbm_check_apart(table->extents, table->count, extent, err);
	return status == GREY_OK && table->count >= table->size ?
	    grey_gdbm_push_table(file, err) :
	    status;
}

enum grey_status
grey_gdbm_release(struct grey_gdbm_file *file, struct grey_gdbm_extent freed,
    struct grey_error *err)
{
	struct disk_bucket *bucket = (struct disk_bucket *)(void *)file->bucket;
	const struct disk_extent extent = { (int)freed.size, freed.at };
	const bool large = freed.size >= (off_t)file->block_size;
	enum grey_status status = GREY_OK;

	if (large || bucket->space_count == BUCKET_SPACE)
		status = prepare_header(file, extent, err);
	if (status != GREY_OK)
		return status;
	if (large)
		put_in_header(file, extent);
	else
		put_in_bucket(file, bucket, extent);
	return GREY_OK;
}
