#include "gdbm_remove.h"

#include "gdbm_disk.h"
#include "gdbm_find.h"
#include "gdbm_release.h"

/* Where in the current bucket is what was found? */
static enum grey_status
find_place(const struct grey_gdbm_file *file, uint32_t *place_r,
    struct grey_error *err)
{
	const struct grey_gdbm_element *found = &file->found;
	const struct disk_element *element;

	for (uint32_t i = 0; i < file->elements; i++) {
		*place_r = (found->hash + i) % file->elements;
		element = &grey_gdbm_current(file)->elements[*place_r];
		if (element->hash == (int)found->hash &&
		    element->at == found->at &&
		    element->key_size == (int)found->key_size &&
		    element->value_size == (int)found->value_size)
			return GREY_OK;
	}
	return grey_gdbm_damaged(err, "a record is not where it was found",
	    file->found.at);
}

/*
 * Empties a place.  A search ends at the first empty one, so what follows moves
 * up unless it would come to lie before the place that its hash points to
 * (gdbmdelete.c).
 */
static void
empty(const struct grey_gdbm_file *file, struct disk_bucket *bucket,
    uint32_t place)
{
	const uint32_t all = file->elements;
	struct disk_element *elements = bucket->elements;
	uint32_t last = place, home;

	elements[last].hash = -1;
	for (uint32_t i = (place + 1) % all;
	     i != last && elements[i].hash != -1; i = (i + 1) % all) {
		home = (uint32_t)elements[i].hash % all;
		if ((i + all - home) % all < (i + all - last) % all)
			continue;
		elements[last] = elements[i];
		elements[i].hash = -1;
		last = i;
	}
	bucket->count--;
}

enum grey_status
grey_gdbm_remove(struct grey_gdbm_file *file, struct grey_bytes key,
    struct grey_error *err)
{
	struct grey_gdbm_extent extent;
	enum grey_status status;
	struct grey_bytes value;
	uint32_t place = 0;

	status = grey_gdbm_find(file, key, &value, err);
	if (status != GREY_OK)
		return status;
	extent = (struct grey_gdbm_extent){ file->found.at,
		(off_t)(key.size + value.size) };
	status = grey_gdbm_check_whole(file, file->found.hash, err);
	if (status == GREY_OK)
		status = find_place(file, &place, err);
	if (status == GREY_OK)
		status = grey_gdbm_release(file, extent, err);
	if (status != GREY_OK)
		return status;
	empty(file, (struct disk_bucket *)(void *)file->bucket, place);
	file->current.count--;
	file->bucket_changed = true;
	file->has_found = false;
	return GREY_OK;
}
