#include "gdbm_release.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "gdbm_disk.h"

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

static struct disk_space *
table_of(struct grey_gdbm_file *file)
{
	return (struct disk_space *)(void *)(file->header + table_at(file));
}

/* Is it as libgdbm writes it: the extents in the file, by size? */
static bool
is_usual(struct grey_gdbm_file *file)
{
	const struct disk_space *table = table_of(file);
	const struct disk_extent *extents = table->extents;
	const size_t room = (file->block_size - table_at(file) -
				offsetof(struct disk_space, extents)) /
	    sizeof(struct disk_extent);

	if (table->size < 2 || (size_t)table->size > room || table->count < 0 ||
	    table->count > table->size)
		return false;
	for (int i = 0; i < table->count; i++)
		if (extents[i].size < 0 || extents[i].at <= 0 ||
		    extents[i].at > file->next_block - extents[i].size ||
		    (i > 0 && extents[i].size < extents[i - 1].size))
			return false;
	return true;
}

static enum grey_status
read_header(struct grey_gdbm_file *file, struct grey_error *err)
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

static enum grey_status
check_apart(const struct disk_extent *table, int count,
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

static void
take_out(struct disk_extent *table, int *count, int i)
{
	--*count;
	memmove(table + i, table + i + 1,
	    (size_t)(*count - i) * sizeof(*table));
}

static void
put_in(struct disk_extent *table, int *count, struct disk_extent extent)
{
	int i = *count;

	if (extent.size < LEAST_SPACE)
		return;
	for (; i > 0 && table[i - 1].size > extent.size; i--)
		table[i] = table[i - 1];
	table[i] = extent;
	++*count;
}

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
		take_out(table, count, i);
	}
}

/*
 * A place for a table of the chain: the largest in the header's table, or else
 * a new block at the end of the file.  What it does not need stays free.
 */
static enum grey_status
find_room(struct grey_gdbm_file *file, struct disk_extent *place_r,
    struct grey_error *err)
{
	struct disk_space *table = table_of(file);
	const int bytes = (int)grey_gdbm_table_bytes(table->size);
	struct disk_extent *last = &table->extents[table->count - 1];
	enum grey_status status;

	if (last->size < bytes) {
		*place_r = (struct disk_extent){ (int)file->block_size,
			file->next_block };
		return file->size == file->next_block ? GREY_OK :
							GREY_NOT_FOUND;
	}
	*place_r = *last;
	status = grey_gdbm_check_extent(file,
	    (struct grey_gdbm_extent){ last->at, last->size }, err);
	return status == GREY_OK ?
	    check_apart(table->extents, table->count - 1, *last, err) :
	    status;
}

/* The header's table loses every second extent to one that is in the chain. */
static void
halve(struct disk_space *table, struct disk_space *half, off_t at)
{
	int kept = 0;

	half->size = table->size;
	half->next = table->next;
	table->next = at;
	for (int i = 0; i < table->count; i++)
		if (i % 2 == 1)
			half->extents[half->count++] = table->extents[i];
		else
			table->extents[kept++] = table->extents[i];
	table->count = kept;
}

/*
 * Makes room in the header's table, as push_avail_block of falloc.c does.  The
 * table of the chain is written first: until the header leads there, it lies
 * in free space or behind the end.
 */
static enum grey_status
make_room(struct grey_gdbm_file *file, struct grey_error *err)
{
	struct disk_space *table = table_of(file), *half;
	const size_t bytes = grey_gdbm_table_bytes(table->size);
	struct disk_extent place = { 0 };
	enum grey_status status;
	bool grows;

	status = find_room(file, &place, err);
	if (status == GREY_OK)
		status = grey_gdbm_write_bucket(file, err);
	if (status != GREY_OK)
		return status;
	grows = place.at == file->next_block;
	half = calloc(1, file->block_size);
	if (half == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	if (!grows)
		table->count--;
	halve(table, half, place.at);
	status = grey_gdbm_write(file,
	    &(struct grey_bytes){ (const char *)half,
		grows ? file->block_size : bytes },
	    1, place.at, err);
	free(half);
	if (status != GREY_OK) {
		free(file->header);
		file->header = NULL;
		file->header_changed = false;
		return status;
	}
	if (grows) {
		file->size = file->next_block += file->block_size;
		header_of(file)->next_block = file->next_block;
	}
	put_in(table->extents, &table->count,
	    (struct disk_extent){ place.size - (int)bytes,
		place.at + (off_t)bytes });
	file->header_changed = true;
	return GREY_OK;
}

/* Puts it into the header's table, which has room. */
static void
put_in_header(struct grey_gdbm_file *file, struct disk_extent extent)
{
	struct disk_space *table = table_of(file);

	join(file, table->extents, &table->count, &extent);
	put_in(table->extents, &table->count, extent);
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
			take_out(space, &bucket->space_count, 0);
			put_in(space, &bucket->space_count, extent);
		}
		put_in_header(file, least);
	} else
		put_in(space, &bucket->space_count, extent);
}

/* Room in the header's table, whatever will be put there. */
static enum grey_status
prepare_header(struct grey_gdbm_file *file, struct disk_extent extent,
    struct grey_error *err)
{
	enum grey_status status = read_header(file, err);
	const struct disk_space *table;

	if (status != GREY_OK)
		return status;
	table = table_of(file);
	status = check_apart(table->extents, table->count, extent, err);
	return status == GREY_OK && table->count == table->size ?
	    make_room(file, err) :
	    status;
}

enum grey_status
grey_gdbm_release(struct grey_gdbm_file *file, struct grey_gdbm_extent freed,
    struct grey_error *err)
{
	struct disk_bucket *bucket = (struct disk_bucket *)(void *)file->bucket;
	const struct disk_extent extent = { (int)freed.size, freed.at };
	const bool large = freed.size >= (off_t)file->block_size;
	struct grey_gdbm_extent unwanted;
	enum grey_status status;
	uint32_t i = 0;

	status = grey_gdbm_check_extent(file, freed, err);
	while (status == GREY_OK)
		status = grey_gdbm_bucket_space(file, i++, &unwanted, err);
	if (status == GREY_NOT_FOUND)
		status = check_apart(bucket->space, bucket->space_count, extent,
		    err);
	if (status == GREY_OK && (large || bucket->space_count == BUCKET_SPACE))
		status = prepare_header(file, extent, err);
	if (status != GREY_OK)
		return status;
	if (large)
		put_in_header(file, extent);
	else
		put_in_bucket(file, bucket, extent);
	return GREY_OK;
}
