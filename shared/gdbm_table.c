#include "gdbm_table.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Half of it is in the chain and one more put in: that is to make room. */
#define LEAST_TABLE 4

static struct disk_header *
header_of(struct grey_gdbm_file *file)
{
	/* malloc aligns it. */
	return (struct disk_header *)(void *)file->header;
}

/* Where the header's table of free space is. */
static size_t
table_at(struct grey_gdbm_file *file)
{
	const uint32_t magic = (uint32_t)header_of(file)->magic;

	return sizeof(struct disk_header) +
	    (magic == MAGIC_SYNCS_NATIVE ? sizeof(struct disk_extension) : 0);
}

struct disk_space *
grey_gdbm_table(struct grey_gdbm_file *file)
{
	return (struct disk_space *)(void *)(file->header + table_at(file));
}

/* Is it as libgdbm writes it: the extents in the file, by size? */
static bool
is_usual(struct grey_gdbm_file *file)
{
	const struct disk_space *table = grey_gdbm_table(file);
	const struct disk_extent *extents = table->extents;
	const size_t room = (file->block_size - table_at(file) -
				offsetof(struct disk_space, extents)) /
	    sizeof(struct disk_extent);

	if (table->size < LEAST_TABLE ||
	    file->next_block % file->block_size != 0 ||
	    (size_t)table->size > room || table->count < 0 ||
	    table->count > table->size)
		return false;
	for (int i = 0; i < table->count; i++)
		if (extents[i].size < 0 || extents[i].at <= 0 ||
		    extents[i].at > file->next_block - extents[i].size ||
		    (i > 0 && extents[i].size < extents[i - 1].size))
			return false;
	return true;
}

enum grey_status
grey_gdbm_read_table(struct grey_gdbm_file *file, struct grey_error *err)
{
	enum grey_status status;

	if (file->header != NULL)
		return GREY_OK;
	file->header = malloc(file->block_size);
	if (file->header == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	status = grey_gdbm_read(file, file->header, file->block_size, 0, err);
	if (status == GREY_OK && !is_usual(file))
		status = GREY_NOT_FOUND;
	if (status != GREY_OK) {
		free(file->header);
		file->header = NULL;
	}
	return status;
}

enum grey_status
grey_gdbm_check_apart(const struct disk_extent *table, int count,
    struct disk_extent extent, struct grey_error *err)
{
	for (int i = 0; i < count; i++)
		if (table[i].at < extent.at + extent.size &&
		    extent.at < table[i].at + table[i].size)
			return grey_gdbm_damaged(err,
			    "free space is in use, or told of twice",
			    extent.at);
	return GREY_OK;
}

/*
 * Has the record of an element, which nobody has looked at, a byte in common
 * with a stretch, which somebody has?
 */
static bool
overlaps(const struct disk_element *element, struct disk_extent extent)
{
	return element->hash != -1 && element->at > 0 &&
	    element->at < extent.at + extent.size &&
	    extent.at <
	    element->at + (off_t)element->key_size + element->value_size;
}

/* Is it apart from what the current bucket has, free and in use? */
static enum grey_status
check_apart_from_bucket(const struct grey_gdbm_file *file,
    struct disk_extent extent, struct grey_error *err)
{
	const struct disk_bucket *bucket = grey_gdbm_current(file);
	struct grey_gdbm_extent own;
	enum grey_status status;
	uint32_t i = 0;

	do
		status = grey_gdbm_bucket_space(file, i++, &own, err);
	while (status == GREY_OK);
	if (status != GREY_NOT_FOUND)
		return status;
	status = grey_gdbm_check_apart(bucket->space, bucket->space_count,
	    extent, err);
	for (i = 0; status == GREY_OK && i < file->elements; i++)
		if (overlaps(&bucket->elements[i], extent))
			status = grey_gdbm_damaged(err,
			    "free space is in use, or told of twice",
			    extent.at);
	return status;
}

enum grey_status
grey_gdbm_check_free(struct grey_gdbm_file *file, int i, struct grey_error *err)
{
	const struct disk_space *table = grey_gdbm_table(file);
	const struct disk_extent *extents = table->extents;
	const struct disk_extent extent = extents[i];
	enum grey_status status;

	status = grey_gdbm_check_extent(file,
	    (struct grey_gdbm_extent){ extent.at, extent.size }, err);
	if (status == GREY_OK)
		status = grey_gdbm_check_apart(extents, i, extent, err);
	if (status == GREY_OK)
		status = grey_gdbm_check_apart(extents + i + 1,
		    table->count - i - 1, extent, err);
	return status == GREY_OK ? check_apart_from_bucket(file, extent, err) :
				   status;
}

void
grey_gdbm_take_out(struct disk_extent *table, int *count, int i)
{
	--*count;
	memmove(table + i, table + i + 1,
	    (size_t)(*count - i) * sizeof(*table));
}

void
grey_gdbm_put_in(struct disk_extent *table, int *count,
    struct disk_extent extent)
{
	int i = *count;

	if (extent.size < LEAST_SPACE)
		return;
	for (; i > 0 && table[i - 1].size > extent.size; i--)
		table[i] = table[i - 1];
	table[i] = extent;
	++*count;
}

void
grey_gdbm_forget(struct grey_gdbm_file *file)
{
	free(file->header);
	file->header = NULL;
	file->header_changed = file->bucket_changed = false;
	file->has_current = file->has_found = false;
}

void
grey_gdbm_set_directory(struct grey_gdbm_file *file)
{
	struct disk_header *header = header_of(file);

	header->directory = file->directory_at;
	header->directory_size = (int)(file->entries * sizeof(off_t));
	header->bits = file->bits;
	file->header_changed = true;
}

enum grey_status
grey_gdbm_add_blocks(struct grey_gdbm_file *file, const void *blocks,
    size_t count, struct grey_error *err)
{
	const struct grey_bytes bytes = { blocks, count * file->block_size };
	enum grey_status status;

	if (file->size != file->next_block)
		return GREY_NOT_FOUND;
	status = grey_gdbm_write(file, &bytes, 1, file->next_block, err);
	if (status != GREY_OK)
		return status;
	file->size = file->next_block += (off_t)bytes.size;
	header_of(file)->next_block = file->next_block;
	file->header_changed = true;
	return GREY_OK;
}
