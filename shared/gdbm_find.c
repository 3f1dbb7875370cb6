#include "gdbm_find.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "gdbm_disk.h"

/*
 * Reads the record of an element, if it is that of the key: GREY_NOT_FOUND if
 * it is another's.
 */
static enum grey_status
compare(struct grey_gdbm_file *file, const struct grey_gdbm_element *element,
    uint32_t hash, struct grey_bytes key, struct grey_error *err)
{
	struct grey_bytes found, value;
	enum grey_status status;

	/*
	 * Whoever reads without the lock may see a bucket that was just split
	 * before the directory that leads to its other half.
	 */
	if (!grey_gdbm_alike(element->hash, hash, file->current.bits))
		return grey_gdbm_damaged(err,
		    "a key is not in the bucket to which its hash leads",
		    element->at);
	if (element->hash != hash || element->key_size != key.size)
		return GREY_NOT_FOUND;
	status = grey_gdbm_record(file, element, &found, &value, err);
	if (status == GREY_OK && !grey_bytes_equal(found, key))
		return GREY_NOT_FOUND;
	return status;
}

/* As libgdbm does: from the place that the hash says to the next empty one. */
static enum grey_status
search(struct grey_gdbm_file *file, uint32_t hash, struct grey_bytes key,
    struct grey_gdbm_element *element_r, struct grey_error *err)
{
	enum grey_status status;

	for (uint32_t i = 0; i < file->elements; i++) {
		status = grey_gdbm_element(file, (hash + i) % file->elements,
		    element_r, err);
		if (status == GREY_OK)
			status = compare(file, element_r, hash, key, err);
		else if (status == GREY_NOT_FOUND)
			break;
		if (status != GREY_NOT_FOUND)
			return status;
	}
	return GREY_NOT_FOUND;
}

static struct grey_bytes
key_of(const struct grey_gdbm_file *file)
{
	return (struct grey_bytes){ file->record, file->found.key_size };
}

static struct grey_bytes
value_of(const struct grey_gdbm_file *file)
{
	return (struct grey_bytes){ file->record + file->found.key_size,
		file->found.value_size };
}

enum grey_status
grey_gdbm_find(struct grey_gdbm_file *file, struct grey_bytes key,
    struct grey_bytes *value_r, struct grey_error *err)
{
	const uint32_t hash = grey_gdbm_hash(key);
	struct grey_gdbm_bucket bucket;
	enum grey_status status = GREY_OK;

	if (!file->has_found || !grey_bytes_equal(key_of(file), key)) {
		file->has_found = false;
		status = grey_gdbm_bucket_of(file, hash, &bucket, err);
		if (status == GREY_OK)
			status = search(file, hash, key, &file->found, err);
		file->has_found = status == GREY_OK;
	}
	if (status == GREY_OK)
		*value_r = value_of(file);
	return status;
}

enum grey_status
grey_gdbm_replace(struct grey_gdbm_file *file, struct grey_bytes value,
    struct grey_error *err)
{
	const off_t at = file->found.at + (off_t)file->found.key_size;
	ssize_t n;

	/* What was read is old now. */
	file->has_found = false;
	do
		n = pwrite(file->fd, value.data, value.size, at);
	while (n == -1 && errno == EINTR);
	if (n == (ssize_t)value.size)
		return GREY_OK;
	return grey_fail(err, GREY_FAILED, "cannot write: %s",
	    strerror(n == -1 ? errno : ENOSPC));
}
