#include "gdbm_walk.h"

#include "gdbm_file.h"
#include "gdbm_guess.h"
#include "gdbm_salvage.h"

/* A walk over all buckets. */
struct walk {
	struct grey_gdbm_file file;
	bool rescue;
	bool doubtful; /* visit only those now */
	bool met_doubtful;
	struct grey_gdbm_cover cover; /* of a rescue */
	bool quiet;                   /* what is lost here was told before */
	greydb_visit_fn *visit;
	void *arg;
	struct greydb_walk *result;
};

/* Damage ends a walk, but not a rescue, which counts it once. */
static enum grey_status
pass_over(struct walk *walk, enum grey_status status,
    const struct grey_error *err)
{
	if (status != GREY_DAMAGED || !walk->rescue)
		return status;
	if (walk->doubtful || walk->quiet)
		return GREY_OK;
	walk->result->lost++;
	if (walk->result->watch.problem != NULL)
		walk->result->watch.problem(walk->result->watch.arg, err->text);
	return GREY_OK;
}

static enum grey_status
visit_record(struct walk *walk, const struct grey_gdbm_element *element,
    struct grey_error *err)
{
	struct grey_bytes key, value;
	enum grey_status status =
	    grey_gdbm_record(&walk->file, element, &key, &value, err);

	if (status != GREY_OK)
		return pass_over(walk, status, err);
	walk->result->records++;
	if (walk->result->watch.step != NULL)
		walk->result->watch.step(walk->result->watch.arg,
		    walk->result->total);
	return walk->visit(walk->arg, key, value, err);
}

/*
 * Has the directory been divided further than the bucket that it leads to?
 * Then the disk has what lay there before: it may be an earlier state of the
 * same bucket, with values of that time.
 */
static bool
is_outdated(const struct walk *walk, const struct grey_gdbm_bucket *bucket)
{
	return walk->rescue && bucket->bits < walk->file.bits &&
	    bucket->end - bucket->first < (uint32_t)1
		<< (walk->file.bits - bucket->bits);
}

static enum grey_status
walk_element(struct walk *walk, const struct grey_gdbm_bucket *bucket,
    uint32_t i, struct grey_error *err)
{
	struct grey_gdbm_element element;
	enum grey_status status;
	uint32_t entry;
	bool doubtful;

	status = grey_gdbm_element(&walk->file, i, &element, err);
	if (status == GREY_NOT_FOUND)
		return GREY_OK;
	if (status != GREY_OK)
		return pass_over(walk, status, err);
	entry = grey_gdbm_entry_of(&walk->file, element.hash);
	doubtful = is_outdated(walk, bucket) || entry < bucket->first ||
	    entry >= bucket->end;
	walk->met_doubtful |= doubtful;
	if (doubtful != walk->doubtful)
		return GREY_OK;
	return visit_record(walk, &element, err);
}

static enum grey_status
walk_bucket(struct walk *walk, const struct grey_gdbm_bucket *bucket,
    struct grey_error *err)
{
	enum grey_status status = GREY_OK;

	for (uint32_t i = 0; status == GREY_OK && i < walk->file.elements; i++)
		status = walk_element(walk, bucket, i, err);
	return status;
}

/*
 * A bucket that cannot be right was counted as lost; of what it holds, each
 * record still tells by itself whether it is one.
 */
static enum grey_status
walk_bad_bucket(struct walk *walk, const struct grey_gdbm_bucket *bucket,
    struct grey_error *err)
{
	const bool quiet = walk->quiet;
	enum grey_status status;

	walk->quiet = true;
	status = walk_bucket(walk, bucket, err);
	walk->quiet = quiet;
	return status;
}

static enum grey_status
walk_buckets(struct walk *walk, struct grey_error *err)
{
	struct grey_gdbm_bucket bucket;
	enum grey_status status;
	uint32_t entry = 0;
	off_t left = walk->file.size / walk->file.bucket_size;

	for (;;) {
		status =
		    grey_gdbm_next_bucket(&walk->file, &entry, &bucket, err);
		if (status == GREY_NOT_FOUND)
			return GREY_OK;
		if (bucket.at != 0 && left-- == 0)
			return pass_over(walk,
			    grey_fail(err, GREY_DAMAGED,
				"the directory leads to the same buckets again "
				"and again"),
			    err);
		if (status == GREY_OK && walk->rescue)
			grey_gdbm_cover_bucket(&walk->file, &walk->cover,
			    &bucket);
		if (status == GREY_OK)
			status = walk_bucket(walk, &bucket, err);
		else {
			status = pass_over(walk, status, err);
			if (status == GREY_OK && bucket.at != 0)
				status = walk_bad_bucket(walk, &bucket, err);
		}
		if (status != GREY_OK)
			return status;
	}
}

static enum grey_status
visit_salvaged(void *arg, const struct grey_gdbm_element *element,
    struct grey_error *err)
{
	return visit_record(arg, element, err);
}

/*
 * All that can be read: first what is in its place, then what no place leads
 * to, then what is not in its place, or not of that time.  What is visited
 * first counts.
 */
static enum grey_status
rescue(struct walk *walk, struct grey_error *err)
{
	enum grey_status status;

	status = grey_gdbm_cover_init(&walk->file, &walk->cover, err);
	if (status == GREY_OK)
		status = walk_buckets(walk, err);
	if (status == GREY_OK)
		status = grey_gdbm_salvage(&walk->file, &walk->cover,
		    visit_salvaged, walk, err);
	walk->doubtful = true;
	if (status == GREY_OK && walk->met_doubtful)
		status = walk_buckets(walk, err);
	grey_gdbm_cover_free(&walk->cover);
	return status;
}

/*
 * The header is wrong, and so may be the directory: all buckets are looked for.
 * That is one loss, which err tells, and GREY_DAMAGED if there are none.
 */
static enum grey_status
rescue_without_header(struct walk *walk, struct grey_error *err)
{
	static const size_t sizes[] = { GREY_GDBM_BLOCK_SIZE, 512, 1024, 2048,
		8192, 16384, 32768, 65536 };
	const int fd = walk->file.fd;
	enum grey_status status = GREY_OK;

	walk->quiet = true;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) &&
	     status == GREY_OK && walk->result->records == 0;
	     i++) {
		struct grey_error why = { .text = "" };

		grey_gdbm_end(&walk->file);
		status = grey_gdbm_guess(fd, sizes[i], &walk->file, &why);
		if (status == GREY_OK)
			status = grey_gdbm_cover_init(&walk->file, &walk->cover,
			    &why);
		if (status == GREY_OK)
			status = grey_gdbm_salvage(&walk->file, &walk->cover,
			    visit_salvaged, walk, &why);
		grey_gdbm_cover_free(&walk->cover);
		if (status != GREY_OK)
			*err = why;
	}
	walk->result->lost = walk->result->records > 0;
	return status == GREY_OK && walk->result->records == 0 ? GREY_DAMAGED :
								 status;
}

enum grey_status
grey_gdbm_walk(int fd, bool rescued, greydb_visit_fn *visit, void *arg,
    struct greydb_walk *result, struct grey_error *err)
{
	struct walk walk = { .rescue = rescued,
		.visit = visit,
		.arg = arg,
		.result = result };
	enum grey_status status;

	result->records = result->lost = 0;
	status = grey_gdbm_begin(fd, &walk.file, err);
	if (status == GREY_DAMAGED && rescued)
		status = rescue_without_header(&walk, err);
	else if (status == GREY_OK)
		status =
		    rescued ? rescue(&walk, err) : walk_buckets(&walk, err);
	grey_gdbm_end(&walk.file);
	return status;
}
