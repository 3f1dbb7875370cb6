#include "gdbm_salvage.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "gdbm_disk.h"

#define STEP      (1 << 20) /* bytes of the file at a time */
#define MORE_BITS 3         /* than an old directory has */

/* A place that looks like a bucket. */
struct candidate {
	off_t at;
	int bits;
	uint32_t hash; /* of one of its keys */
};

struct salvage {
	struct grey_gdbm_file *file;
	struct grey_gdbm_cover *cover;
	struct candidate *candidates;
	size_t count;
	size_t room;
};

enum grey_status
grey_gdbm_cover_init(const struct grey_gdbm_file *file,
    struct grey_gdbm_cover *cover_r, struct grey_error *err)
{
	cover_r->bits = file->bits + MORE_BITS < GREY_GDBM_HASH_BITS ?
	    file->bits + MORE_BITS :
	    GREY_GDBM_HASH_BITS;
	cover_r->map = calloc((size_t)1 << cover_r->bits, sizeof(bool));
	return cover_r->map != NULL ?
	    GREY_OK :
	    grey_fail(err, GREY_FAILED, "out of memory");
}

void
grey_gdbm_cover_free(struct grey_gdbm_cover *cover)
{
	free(cover->map);
	cover->map = NULL;
}

/* The places in the map of a bucket's hashes: *first_r to *end_r - 1. */
static void
places(const struct grey_gdbm_cover *cover, uint32_t hash, int bits,
    size_t *first_r, size_t *end_r)
{
	const size_t place = hash >> (GREY_GDBM_HASH_BITS - cover->bits);
	const int others = bits < cover->bits ? cover->bits - bits : 0;

	*first_r = place >> others << others;
	*end_r = *first_r + ((size_t)1 << others);
}

static bool
is_covered(const struct grey_gdbm_cover *cover, uint32_t hash, int bits)
{
	size_t place, end;

	for (places(cover, hash, bits, &place, &end); place < end; place++)
		if (!cover->map[place])
			return false;
	return true;
}

static void
set_covered(struct grey_gdbm_cover *cover, uint32_t hash, int bits)
{
	size_t place, end;

	for (places(cover, hash, bits, &place, &end); place < end; place++)
		cover->map[place] = true;
}

/*
 * The hash of a used element of the current bucket; false: it is no bucket.
 * After a power loss the file may be shorter than when the bucket was written,
 * so an element may lead behind its end.
 */
static bool
check_bucket(const struct grey_gdbm_file *file, uint32_t *hash_r)
{
	const struct grey_gdbm_file longer = { .bucket = file->bucket,
		.size = INT64_MAX };
	const struct disk_bucket *bucket = grey_gdbm_current(file);
	struct grey_gdbm_element element;
	struct grey_error unwanted;
	enum grey_status status;
	int count = 0;

	for (uint32_t i = 0; i < file->elements; i++) {
		status = grey_gdbm_element(&longer, i, &element, &unwanted);
		if (status == GREY_NOT_FOUND)
			continue;
		if (status != GREY_OK)
			return false;
		if (count++ == 0)
			*hash_r = element.hash;
		else if (bucket->bits > 0 &&
		    (*hash_r ^ element.hash) >>
			    (GREY_GDBM_HASH_BITS - bucket->bits) !=
			0)
			return false;
	}
	return count == bucket->count;
}

void
grey_gdbm_cover_bucket(const struct grey_gdbm_file *file,
    struct grey_gdbm_cover *cover, const struct grey_gdbm_bucket *bucket)
{
	const uint32_t first = bucket->first
	    << (GREY_GDBM_HASH_BITS - file->bits);
	const uint32_t span = (uint32_t)1 << (file->bits - bucket->bits);
	uint32_t hash = first;

	if (bucket->end - bucket->first == span && bucket->first % span == 0 &&
	    check_bucket(file, &hash) &&
	    (bucket->bits == 0 ||
		(hash ^ first) >> (GREY_GDBM_HASH_BITS - bucket->bits) == 0))
		set_covered(cover, first, bucket->bits);
}

/* Few places that are no bucket get past the numbers at its start. */
static bool
may_be_bucket(const struct salvage *salvage, const char *bytes)
{
	int space_count, bits, count;

	memcpy(&bits, bytes + offsetof(struct disk_bucket, bits), sizeof(bits));
	memcpy(&count, bytes + offsetof(struct disk_bucket, count),
	    sizeof(count));
	memcpy(&space_count, bytes, sizeof(space_count));
	return bits >= 0 && bits <= salvage->cover->bits && count > 0 &&
	    (uint32_t)count <= salvage->file->elements && space_count >= 0 &&
	    space_count <= 6;
}

static enum grey_status
add_candidate(struct salvage *salvage, off_t at, int bits, uint32_t hash,
    struct grey_error *err)
{
	struct candidate *more;

	if (salvage->count == salvage->room) {
		salvage->room = salvage->room * 2 + 64;
		more =
		    realloc(salvage->candidates, salvage->room * sizeof(*more));
		if (more == NULL)
			return grey_fail(err, GREY_FAILED, "out of memory");
		salvage->candidates = more;
	}
	salvage->candidates[salvage->count++] =
	    (struct candidate){ at, bits, hash };
	return GREY_OK;
}

/* Looks for buckets that begin in size bytes of the file. */
static enum grey_status
scan_bytes(struct salvage *salvage, const char *bytes, off_t at, size_t size,
    struct grey_error *err)
{
	struct grey_gdbm_file *file = salvage->file;
	enum grey_status status = GREY_OK;
	uint32_t hash = 0;

	for (size_t i = 0; i < size && status == GREY_OK; i++) {
		if (!may_be_bucket(salvage, bytes + i))
			continue;
		memcpy(file->bucket, bytes + i, file->bucket_size);
		if (check_bucket(file, &hash) &&
		    !is_covered(salvage->cover, hash,
			grey_gdbm_current(file)->bits))
			status = add_candidate(salvage, at + (off_t)i,
			    grey_gdbm_current(file)->bits, hash, err);
	}
	return status;
}

static enum grey_status
scan(struct salvage *salvage, struct grey_error *err)
{
	const struct grey_gdbm_file *file = salvage->file;
	char *bytes = malloc(STEP + file->bucket_size);
	enum grey_status status = GREY_OK;

	if (bytes == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	for (off_t at = 0; at + file->bucket_size <= file->size; at += STEP) {
		const off_t left = file->size - file->bucket_size - at + 1;
		const size_t size = left < STEP ? (size_t)left : STEP;

		status = grey_gdbm_read(file, bytes,
		    size + file->bucket_size - 1, at, err);
		if (status == GREY_OK)
			status = scan_bytes(salvage, bytes, at, size, err);
		if (status != GREY_OK)
			break;
	}
	free(bytes);
	return status;
}

/* A bucket has one bit more after each split: the most bits are the latest. */
static int
compare(const void *a, const void *b)
{
	const struct candidate *one = a, *other = b;

	return other->bits - one->bits;
}

static enum grey_status
visit_candidate(struct salvage *salvage, const struct candidate *candidate,
    grey_gdbm_salvage_fn *visit, void *arg, struct grey_error *err)
{
	struct grey_gdbm_file *file = salvage->file;
	struct grey_gdbm_element element;
	enum grey_status status;

	status = grey_gdbm_read(file, file->bucket, file->bucket_size,
	    candidate->at, err);
	for (uint32_t i = 0; i < file->elements && status == GREY_OK; i++)
		if (grey_gdbm_element(file, i, &element, err) == GREY_OK &&
		    !is_covered(salvage->cover, element.hash,
			GREY_GDBM_HASH_BITS))
			status = visit(arg, &element, err);
	set_covered(salvage->cover, candidate->hash, candidate->bits);
	return status;
}

enum grey_status
grey_gdbm_salvage(struct grey_gdbm_file *file, struct grey_gdbm_cover *cover,
    grey_gdbm_salvage_fn *visit, void *arg, struct grey_error *err)
{
	struct salvage salvage = { .file = file, .cover = cover };
	enum grey_status status;

	if (is_covered(cover, 0, 0))
		return GREY_OK;
	status = scan(&salvage, err);
	if (salvage.count > 0)
		qsort(salvage.candidates, salvage.count,
		    sizeof(*salvage.candidates), compare);
	for (size_t i = 0; i < salvage.count && status == GREY_OK; i++)
		status = visit_candidate(&salvage, &salvage.candidates[i],
		    visit, arg, err);
	free(salvage.candidates);
	return status;
}
