#include "gdbm_trust.h"

#include <stdlib.h>

#include "gdbm_disk.h"

/*
 * Tables of the chain of free space that one change may take into use: one for
 * each piece of space (falloc.c), five pieces for a split.
 */
#define TABLES_MAX 16

#define ENTRIES_STEP 512 /* directory entries read at once */

#define FIXED_MAX 9 /* header, directory, bucket, its own free space */

/*
 * Places that are to be apart.  All are compared with those that are fixed;
 * what a thorough look also compares with each other is in list.
 */
struct places {
	struct grey_gdbm_extent fixed[FIXED_MAX];
	size_t fixed_count;
	bool thorough;
	bool must_be;   /* it must be a thorough one */
	size_t low;     /* extents in the header's table below which */
	size_t extents; /* the next one is taken into use */
	int tables;
	struct grey_gdbm_extent *list;
	size_t count;
	size_t room;
};

static enum grey_status
not_apart(off_t at, struct grey_error *err)
{
	return grey_gdbm_damaged(err, "two things lie in the same place", at);
}

static enum grey_status
append(struct places *places, struct grey_gdbm_extent place,
    struct grey_error *err)
{
	struct grey_gdbm_extent *list;
	size_t room;

	if (places->count == places->room) {
		room = places->room == 0 ? 512 : places->room * 2;
		list = reallocarray(places->list, room, sizeof(*list));
		if (list == NULL)
			return grey_fail(err, GREY_FAILED, "out of memory");
		places->list = list;
		places->room = room;
	}
	places->list[places->count++] = place;
	return GREY_OK;
}

static enum grey_status
add(struct places *places, off_t at, off_t size, struct grey_error *err)
{
	const struct grey_gdbm_extent *fixed = places->fixed;

	for (size_t i = 0; i < places->fixed_count; i++)
		if (at < fixed[i].at + fixed[i].size && fixed[i].at < at + size)
			return not_apart(at, err);
	return places->thorough && size > 0 ?
	    append(places, (struct grey_gdbm_extent){ at, size }, err) :
	    GREY_OK;
}

static enum grey_status
add_fixed(struct places *places, off_t at, off_t size, struct grey_error *err)
{
	enum grey_status status = add(places, at, size, err);

	places->fixed[places->fixed_count++] =
	    (struct grey_gdbm_extent){ at, size };
	return status;
}

/*
 * GREY_NOT_FOUND ends the walk: what follows is not taken into use.  (Twice as
 * much, because what is taken is also put together.)
 */
static enum grey_status
add_space(void *arg, bool is_table, struct grey_gdbm_extent extent,
    struct grey_error *err)
{
	struct places *places = arg;

	if (is_table) {
		if (places->extents >
		    places->low * (places->tables > 0 ? 2 : 1))
			return GREY_NOT_FOUND;
		places->must_be = true;
		if (!places->thorough || places->tables++ == TABLES_MAX)
			return GREY_NOT_FOUND;
	}
	places->extents++;
	return add(places, extent.at, extent.size, err);
}

static enum grey_status
add_bucket(const struct grey_gdbm_file *file, struct places *places,
    struct grey_error *err)
{
	struct grey_gdbm_element element;
	struct grey_gdbm_extent extent = { 0 };
	enum grey_status status;

	status = add_fixed(places, file->current.at, file->bucket_size, err);
	for (uint32_t i = 0; status == GREY_OK; i++) {
		status = grey_gdbm_bucket_space(file, i, &extent, err);
		if (status == GREY_OK)
			status = add_fixed(places, extent.at, extent.size, err);
	}
	if (status == GREY_NOT_FOUND)
		status = GREY_OK;
	for (uint32_t i = 0; status == GREY_OK && i < file->elements; i++) {
		status = grey_gdbm_element(file, i, &element, err);
		if (status == GREY_OK)
			status = add(places, element.at,
			    (off_t)(element.key_size + element.value_size),
			    err);
		else if (status == GREY_NOT_FOUND)
			status = GREY_OK;
	}
	return status;
}

static int
compare(const void *a, const void *b)
{
	const struct grey_gdbm_extent *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static enum grey_status
compare_all(const struct places *places, struct grey_error *err)
{
	if (places->count > 0)
		qsort(places->list, places->count, sizeof(places->list[0]),
		    compare);
	for (size_t i = 1; i < places->count; i++)
		if (places->list[i - 1].at + places->list[i - 1].size >
		    places->list[i].at)
			return not_apart(places->list[i].at, err);
	return GREY_OK;
}

/* Header, directory, and the current bucket with all that it has. */
static enum grey_status
add_used(const struct grey_gdbm_file *file, struct places *places,
    struct grey_error *err)
{
	enum grey_status status = add_fixed(places, 0, file->block_size, err);

	if (status == GREY_OK)
		status = add_fixed(places, file->directory_at,
		    (off_t)(file->entries * sizeof(off_t)), err);
	return status == GREY_OK ? add_bucket(file, places, err) : status;
}

static enum grey_status
look_at_space(const struct grey_gdbm_file *file, struct places *places,
    struct grey_error *err)
{
	enum grey_status status;

	places->low =
	    file->block_size / sizeof(struct disk_extent) / 2 + TABLES_MAX;
	status = add_used(file, places, err);
	if (status == GREY_OK)
		status = grey_gdbm_free_space(file, add_space, places, err);
	if (status == GREY_NOT_FOUND)
		status = GREY_OK;
	if (status == GREY_OK && places->thorough)
		status = compare_all(places, err);
	free(places->list);
	return status;
}

static enum grey_status
check_space(const struct grey_gdbm_file *file, bool again,
    struct grey_error *err)
{
	struct places places = { .thorough = !again };
	enum grey_status status = look_at_space(file, &places, err);

	if (status != GREY_OK || places.thorough || !places.must_be)
		return status;
	places = (struct places){ .thorough = true };
	return look_at_space(file, &places, err);
}

enum grey_status
grey_gdbm_check_bucket(const struct grey_gdbm_file *file, uint32_t hash,
    struct grey_error *err)
{
	struct grey_gdbm_element element;
	enum grey_status status;
	uint32_t count = 0;

	for (uint32_t i = 0; i < file->elements; i++) {
		status = grey_gdbm_element(file, i, &element, err);
		if (status == GREY_NOT_FOUND)
			continue;
		if (status != GREY_OK)
			return status;
		if (!grey_gdbm_alike(element.hash, hash, file->current.bits))
			return grey_gdbm_damaged(err,
			    "a record is in a bucket that its hash does not "
			    "lead to",
			    element.at);
		count++;
	}
	if (count != file->current.count)
		return grey_gdbm_damaged(err, "a bucket miscounts its records",
		    file->current.at);
	return GREY_OK;
}

enum grey_status
grey_gdbm_check_whole(struct grey_gdbm_file *file, uint32_t hash,
    struct grey_error *err)
{
	struct places places = { .thorough = true };
	enum grey_status status = GREY_OK;

	if (file->current.sound)
		return GREY_OK;
	status = grey_gdbm_check_bucket(file, hash, err);
	if (status == GREY_OK)
		status = add_used(file, &places, err);
	if (status == GREY_OK)
		status = compare_all(&places, err);
	free(places.list);
	file->current.sound = status == GREY_OK;
	return status;
}

/* The entries that share the bucket's bits lead to it, all of them. */
static enum grey_status
check_entries(const struct grey_gdbm_file *file, struct grey_error *err)
{
	const uint32_t span = (uint32_t)1 << (file->bits - file->current.bits);
	const uint32_t first = file->current.first & ~(span - 1);
	off_t entries[ENTRIES_STEP];
	enum grey_status status;
	uint32_t n;

	for (uint32_t at = first; at < first + span; at += n) {
		n = first + span - at < ENTRIES_STEP ? first + span - at :
						       ENTRIES_STEP;
		status = grey_gdbm_read(file, entries, n * sizeof(off_t),
		    file->directory_at + (off_t)(at * sizeof(off_t)), err);
		if (status != GREY_OK)
			return status;
		for (uint32_t i = 0; i < n; i++)
			if (entries[i] != file->current.at)
				return grey_gdbm_damaged(err,
				    "the directory leads to a bucket from the "
				    "wrong places",
				    file->current.at);
	}
	return GREY_OK;
}

enum grey_status
grey_gdbm_trust(struct grey_gdbm_file *file, struct grey_bytes key,
    enum grey_gdbm_look look, struct grey_error *err)
{
	const uint32_t hash = grey_gdbm_hash(key);
	struct grey_gdbm_bucket bucket;
	enum grey_status status;

	status = grey_gdbm_bucket_of(file, hash, &bucket, err);
	if (status == GREY_OK)
		status = grey_gdbm_check_bucket(file, hash, err);
	if (status == GREY_OK)
		status = check_entries(file, err);
	if (status == GREY_OK && look != GREY_GDBM_LOOK_BUCKET)
		status = check_space(file, look == GREY_GDBM_LOOK_AGAIN, err);
	return status;
}
