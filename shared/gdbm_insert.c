#include "gdbm_insert.h"

#include <string.h>

#include "gdbm_disk.h"

/*
 * Takes size bytes out of the bucket's own table of free space, which is in
 * the order of sizes; what is left of an extent stays in it.
 */
static enum grey_status
take_space(const struct grey_gdbm_file *file, struct disk_bucket *bucket,
    off_t size, off_t *at_r, struct grey_error *err)
{
	struct disk_extent *space = bucket->space, rest;
	struct grey_gdbm_extent extent = { 0 };
	enum grey_status status;
	uint32_t i = 0, last;

	do
		status = grey_gdbm_bucket_space(file, i++, &extent, err);
	while (status == GREY_OK && extent.size < size);
	if (status == GREY_OK)
		status = grey_gdbm_check_extent(file, extent, err);
	if (status != GREY_OK)
		return status;
	*at_r = extent.at;
	rest = (struct disk_extent){ .size = (int)(extent.size - size),
		.at = extent.at + size };
	last = (uint32_t)bucket->space_count - 1;
	/* What is smaller now may belong further to the front. */
	for (i--;
	     i > 0 && rest.size >= LEAST_SPACE && space[i - 1].size > rest.size;
	     i--)
		space[i] = space[i - 1];
	if (rest.size >= LEAST_SPACE) {
		space[i] = rest;
		return GREY_OK;
	}
	for (; i < last; i++)
		space[i] = space[i + 1];
	bucket->space_count--;
	return GREY_OK;
}

/* The place for a hash: the first empty one from where it points to. */
static struct disk_element *
empty_place(const struct grey_gdbm_file *file, struct disk_bucket *bucket,
    uint32_t hash)
{
	struct disk_element *element;

	for (uint32_t i = 0; i < file->elements; i++) {
		element = &bucket->elements[(hash + i) % file->elements];
		if (element->hash == -1)
			return element;
	}
	return NULL;
}

/* The bucket in memory is the new one; the file's follows its record. */
static enum grey_status
write_record(struct grey_gdbm_file *file, off_t at, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	const struct grey_bytes record[] = { key, value };
	const off_t end = at + (off_t)(key.size + value.size);
	enum grey_status status;

	status = grey_gdbm_write(file, record, 2, at, err);
	if (status == GREY_OK && end > file->size)
		file->size = end;
	file->bucket_changed = true;
	return status == GREY_OK ? grey_gdbm_write_bucket(file, err) : status;
}

enum grey_status
grey_gdbm_insert(struct grey_gdbm_file *file, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	const uint32_t hash = grey_gdbm_hash(key);
	struct grey_gdbm_bucket where;
	struct disk_element *element;
	struct disk_bucket *bucket;
	enum grey_status status;
	off_t at;

	status = grey_gdbm_bucket_of(file, hash, &where, err);
	if (status != GREY_OK)
		return status;
	bucket = (struct disk_bucket *)(void *)file->bucket;
	element = empty_place(file, bucket, hash);
	if (where.count >= file->elements || element == NULL)
		return GREY_NOT_FOUND;
	status =
	    take_space(file, bucket, (off_t)(key.size + value.size), &at, err);
	if (status != GREY_OK)
		return status;
	*element = (struct disk_element){ .hash = (int)hash,
		.at = at,
		.key_size = (int)key.size,
		.value_size = (int)value.size };
	memcpy(element->key_start, key.data,
	    key.size < sizeof(element->key_start) ? key.size :
						    sizeof(element->key_start));
	bucket->count++;
	file->current.count++;
	status = write_record(file, at, key, value, err);
	/* What is in memory may not be what is in the file. */
	if (status != GREY_OK)
		file->has_current = file->bucket_changed = false;
	return status;
}
