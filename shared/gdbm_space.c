/* The free space of a GDBM file, which is told of in tables all over it. */
#include <stddef.h>
#include <stdlib.h>

#include "gdbm_disk.h"

static enum grey_status
extent_of(const struct grey_gdbm_file *file, const struct disk_extent *disk,
    struct grey_gdbm_extent *extent_r, struct grey_error *err)
{
	if (disk->size < 0 || disk->at <= 0 ||
	    disk->at > file->next_block - disk->size)
		return grey_gdbm_damaged(err,
		    "free space lies outside the file", disk->at);
	*extent_r = (struct grey_gdbm_extent){ disk->at, disk->size };
	return GREY_OK;
}

enum grey_status
grey_gdbm_check_extent(const struct grey_gdbm_file *file,
    struct grey_gdbm_extent extent, struct grey_error *err)
{
	const off_t directory_end =
	    file->directory_at + (off_t)(file->entries * sizeof(off_t));

	if (extent.at >= file->block_size &&
	    (extent.at >= directory_end ||
		extent.at + extent.size <= file->directory_at) &&
	    (extent.at >= file->current.at + file->bucket_size ||
		extent.at + extent.size <= file->current.at))
		return GREY_OK;
	return grey_gdbm_damaged(err,
	    "free space lies in the header, the directory or its own bucket",
	    extent.at);
}

enum grey_status
grey_gdbm_bucket_space(const struct grey_gdbm_file *file, uint32_t i,
    struct grey_gdbm_extent *extent_r, struct grey_error *err)
{
	const struct disk_bucket *bucket = grey_gdbm_current(file);

	if (bucket->space_count < 0 || bucket->space_count > BUCKET_SPACE)
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
	struct grey_gdbm_extent extent = { 0 };
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

/* It has half the extents of the header's (falloc.c). */
size_t
grey_gdbm_table_bytes(int header_extents)
{
	return (((size_t)header_extents * sizeof(struct disk_extent)) >> 1) +
	    sizeof(struct disk_space);
}

static enum grey_status
visit_chain(const struct grey_gdbm_file *file, int header_extents, off_t next,
    struct disk_space *table, grey_gdbm_space_fn *visit, void *arg,
    struct grey_error *err)
{
	const size_t room = grey_gdbm_table_bytes(header_extents);
	off_t left = file->size / (off_t)room + 1;
	enum grey_status status = GREY_OK;

	for (; next != 0 && status == GREY_OK; next = table->next) {
		if (left-- == 0)
			return grey_gdbm_damaged(err,
			    "the chain of free space comes "
			    "back to itself",
			    next);
		if (!grey_gdbm_inside(file, next, (off_t)room))
			return grey_gdbm_damaged(err,
			    "a table of free space lies "
			    "outside the file",
			    next);
		status = grey_gdbm_read(file, table, room, next, err);
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
	status = grey_gdbm_read(file, header, file->block_size, 0, err);
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
