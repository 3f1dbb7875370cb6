#include "gdbm_insert.h"

#include <string.h>

#include "gdbm_allot.h"
#include "gdbm_split.h"
#include "gdbm_table.h"

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

/*
 * The bucket that a key leads to, and an empty place in it; a bucket that is
 * full is split first.
 */
static enum grey_status
find_place(struct grey_gdbm_file *file, struct grey_bytes key, uint32_t hash,
    struct disk_element **place_r, struct grey_error *err)
{
	struct grey_gdbm_bucket where;
	enum grey_status status = grey_gdbm_bucket_of(file, hash, &where, err);

	/* All may come to lie in one half. */
	while (status == GREY_OK && where.count == file->elements) {
		status = grey_gdbm_split(file, key, err);
		if (status == GREY_OK)
			status = grey_gdbm_bucket_of(file, hash, &where, err);
	}
	if (status != GREY_OK)
		return status;
	*place_r =
	    empty_place(file, (struct disk_bucket *)(void *)file->bucket, hash);
	return *place_r != NULL ? GREY_OK : GREY_NOT_FOUND;
}

/*
 * Writes what was taken, then the record, then the bucket that leads to it: a
 * kill in between costs space at most.  What the bucket has handed over to the
 * header is gone from it by then.
 */
static enum grey_status
write_all(struct grey_gdbm_file *file, const struct disk_element *element,
    struct disk_element *place, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	const struct grey_bytes record[] = { key, value };
	const off_t end = element->at + (off_t)(key.size + value.size);
	enum grey_status status = GREY_OK;

	if (!file->alone)
		status = grey_gdbm_write_back(file, err);
	if (status == GREY_OK)
		status = grey_gdbm_write(file, record, 2, element->at, err);
	if (status != GREY_OK)
		return status;
	if (end > file->size)
		file->size = end;
	*place = *element;
	((struct disk_bucket *)(void *)file->bucket)->count++;
	file->current.count++;
	file->bucket_changed = true;
	return file->alone ? GREY_OK : grey_gdbm_write_bucket(file, err);
}

enum grey_status
grey_gdbm_insert(struct grey_gdbm_file *file, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	const uint32_t hash = grey_gdbm_hash(key);
	struct disk_element *place,
	    element = { .hash = (int)hash,
		    .key_size = (int)key.size,
		    .value_size = (int)value.size };
	enum grey_status status;

	/* A record is to lie in one block. */
	if (key.size + value.size > file->block_size)
		return GREY_NOT_FOUND;
	memcpy(element.key_start, key.data,
	    key.size < sizeof(element.key_start) ? key.size :
						   sizeof(element.key_start));
	status = find_place(file, key, hash, &place, err);
	if (status == GREY_OK)
		status = grey_gdbm_allot(file, (off_t)(key.size + value.size),
		    &element.at, err);
	if (status == GREY_OK)
		status = write_all(file, &element, place, key, value, err);
	/*
	 * What is in memory may not be what is in the file; but of a file that
	 * is filled that is what is still to be written.
	 */
	if (status != GREY_OK && !(status == GREY_NOT_FOUND && file->alone))
		grey_gdbm_forget(file);
	return status;
}
