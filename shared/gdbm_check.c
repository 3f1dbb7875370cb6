#include "gdbm_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WINDOW_MAX ((size_t)32 << 20) /* bytes of the bit map */

struct check {
	struct grey_gdbm_file file;
	struct greydb_report report;
	struct greydb_watch watch;
	bool keys;
	struct grey_error first; /* the first problem */
	uint64_t *map;           /* which bytes are taken */
	off_t from;              /* what the map covers */
	off_t to;
};

/* Notes a problem; returns GREY_OK if the check is to go on. */
static enum grey_status
note(struct check *check, const struct grey_error *what)
{
	if (check->report.problems++ == 0)
		check->first = *what;
	if (check->watch.problem == NULL)
		return GREY_DAMAGED;
	check->watch.problem(check->watch.arg, what->text);
	return GREY_OK;
}

static enum grey_status
note_text(struct check *check, const char *what, off_t at)
{
	struct grey_error err;

	grey_error_set(&err, "%s (at byte %lld)", what, (long long)at);
	return note(check, &err);
}

/* Sets the bits; returns false if one of them was set. */
static bool
set_bits(uint64_t *map, uint64_t first, uint64_t end)
{
	bool free = true;

	while (first < end) {
		uint64_t bit = first % 64, n = 64 - bit;
		uint64_t mask;

		if (n > end - first)
			n = end - first;
		mask = (n == 64 ? ~(uint64_t)0 : (((uint64_t)1 << n) - 1))
		    << bit;
		free = free && (map[first / 64] & mask) == 0;
		map[first / 64] |= mask;
		first += n;
	}
	return free;
}

/* Takes an extent, as far as it lies in the window. */
static enum grey_status
take(struct check *check, off_t at, off_t size, const char *what)
{
	off_t first = at > check->from ? at : check->from;
	off_t end = at + size < check->to ? at + size : check->to;

	if (first < end &&
	    !set_bits(check->map, (uint64_t)(first - check->from),
		(uint64_t)(end - check->from)))
		return note_text(check, what, at);
	/* Once, in the window that it ends in. */
	if (at + size > check->file.next_block && at + size > check->from &&
	    at + size <= check->to)
		return note_text(check,
		    "something lies beyond the end that "
		    "the header tells",
		    at);
	return GREY_OK;
}

static bool
first_window(const struct check *check)
{
	return check->from == 0;
}

static enum grey_status
check_element(struct check *check, const struct grey_gdbm_bucket *bucket,
    const struct grey_gdbm_element *element, struct grey_error *err)
{
	struct grey_bytes key, value;
	enum grey_status status = GREY_OK;
	uint32_t entry;

	if (first_window(check)) {
		if (check->watch.step != NULL)
			check->watch.step(check->watch.arg, 0);
		entry = grey_gdbm_entry_of(&check->file, element->hash);
		if (entry < bucket->first || entry >= bucket->end)
			status = note_text(check,
			    "a record is in a bucket "
			    "that its hash does not lead to",
			    element->at);
		if (status == GREY_OK && check->keys) {
			status = grey_gdbm_record(&check->file, element, &key,
			    &value, err);
			if (status == GREY_DAMAGED)
				status = note(check, err);
		}
	}
	if (status != GREY_OK)
		return status;
	return take(check, element->at,
	    (off_t)(element->key_size + element->value_size),
	    "a record shares space with something else");
}

static enum grey_status
check_elements(struct check *check, const struct grey_gdbm_bucket *bucket,
    struct grey_error *err)
{
	struct grey_gdbm_element element;
	enum grey_status status;
	uint32_t count = 0;

	for (uint32_t i = 0; i < check->file.elements; i++) {
		status = grey_gdbm_element(&check->file, i, &element, err);
		if (status == GREY_NOT_FOUND)
			continue;
		count++;
		if (status == GREY_OK)
			status = check_element(check, bucket, &element, err);
		else if (status == GREY_DAMAGED && first_window(check))
			status = note(check, err);
		if (status != GREY_OK && status != GREY_DAMAGED)
			return status;
		if (status == GREY_DAMAGED && check->watch.problem == NULL)
			return status;
	}
	if (!first_window(check))
		return GREY_OK;
	check->report.records += count;
	return count == bucket->count ?
	    GREY_OK :
	    note_text(check, "a bucket miscounts its records", bucket->at);
}

static enum grey_status
check_bucket_space(struct check *check, struct grey_error *err)
{
	struct grey_gdbm_extent extent;
	enum grey_status status;

	for (uint32_t i = 0;; i++) {
		status = grey_gdbm_bucket_space(&check->file, i, &extent, err);
		if (status == GREY_NOT_FOUND)
			return GREY_OK;
		if (status == GREY_DAMAGED)
			return first_window(check) ? note(check, err) : GREY_OK;
		if (first_window(check))
			check->report.free_space += extent.size;
		status = take(check, extent.at, extent.size,
		    "free space is in use too");
		if (status != GREY_OK)
			return status;
	}
}

/* A bucket of b bits is led to by all entries that share its first b bits. */
static enum grey_status
check_place(struct check *check, const struct grey_gdbm_bucket *bucket)
{
	uint32_t span = (uint32_t)1 << (check->file.bits - bucket->bits);

	if (bucket->end - bucket->first == span && bucket->first % span == 0)
		return GREY_OK;
	return note_text(check,
	    "the directory leads to a bucket from the "
	    "wrong places",
	    bucket->at);
}

static enum grey_status
check_buckets(struct check *check, struct grey_error *err)
{
	struct grey_gdbm_bucket bucket;
	enum grey_status status;
	uint32_t entry = 0;
	/* More buckets than fit in the file are buckets met twice. */
	off_t left = check->file.size / check->file.bucket_size;

	for (;;) {
		status =
		    grey_gdbm_next_bucket(&check->file, &entry, &bucket, err);
		if (status == GREY_NOT_FOUND)
			return GREY_OK;
		if (status == GREY_OK && left-- == 0) {
			grey_error_set(err,
			    "the directory leads to the same buckets again "
			    "and again");
			return first_window(check) ? note(check, err) : GREY_OK;
		}
		if (status == GREY_DAMAGED)
			status =
			    first_window(check) ? note(check, err) : GREY_OK;
		else if (status == GREY_OK) {
			if (first_window(check)) {
				check->report.buckets++;
				status = check_place(check, &bucket);
			}
			if (status == GREY_OK)
				status = take(check, bucket.at,
				    check->file.bucket_size,
				    "a bucket shares space with something "
				    "else");
			if (status == GREY_OK)
				status = check_elements(check, &bucket, err);
			if (status == GREY_OK)
				status = check_bucket_space(check, err);
		}
		if (status != GREY_OK)
			return status;
	}
}

static enum grey_status
visit_space(void *arg, bool is_table, struct grey_gdbm_extent extent,
    struct grey_error *err)
{
	struct check *check = arg;

	(void)err;
	if (first_window(check) && !is_table)
		check->report.free_space += extent.size;
	return take(check, extent.at, extent.size,
	    is_table ?
		"a table of free space shares space with something else" :
		"free space is in use too");
}

/* Goes through the file once, looking at the bytes of one window. */
static enum grey_status
check_window(struct check *check, struct grey_error *err)
{
	const struct grey_gdbm_file *file = &check->file;
	enum grey_status status;

	memset(check->map, 0, (size_t)(check->to - check->from) / 8 + 8);
	(void)take(check, 0, file->block_size, "");
	status = take(check, file->directory_at,
	    (off_t)(file->entries * sizeof(off_t)),
	    "the directory shares space with the header");
	if (status == GREY_OK) {
		status = grey_gdbm_free_space(file, visit_space, check, err);
		if (status == GREY_DAMAGED &&
		    (check->watch.problem != NULL ?
			    first_window(check) :
			    check->report.problems == 0))
			status = note(check, err);
		else if (status == GREY_DAMAGED && check->watch.problem != NULL)
			status = GREY_OK;
	}
	if (status == GREY_OK)
		status = check_buckets(check, err);
	return status;
}

/* Goes through the file, which may have any length if any_end. */
static enum grey_status
check_file(struct check *check, int fd, bool any_end, struct grey_error *err)
{
	enum grey_status status;
	off_t end, window;

	status = grey_gdbm_begin(fd, &check->file, err);
	if (status == GREY_DAMAGED)
		(void)note(check, err);
	if (status != GREY_OK)
		return status;
	end = check->file.next_block > check->file.size ?
	    check->file.next_block :
	    check->file.size;
	window = (off_t)WINDOW_MAX * 8 < end ? (off_t)WINDOW_MAX * 8 : end;
	check->report.file_size = check->file.size;
	check->report.block_size = check->file.block_size;
	check->report.directory =
	    (int64_t)(check->file.entries * sizeof(off_t));
	check->map = malloc((size_t)window / 8 + 16);
	if (check->map == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	if (!any_end && check->file.next_block != check->file.size)
		status = note_text(check,
		    "the file does not end where its "
		    "header says",
		    check->file.size);
	for (; status == GREY_OK && check->from < end;
	     check->from = check->to) {
		check->to =
		    check->from + window < end ? check->from + window : end;
		status = check_window(check, err);
	}
	return status;
}

static enum grey_status
run_check(struct check *check, int fd, bool any_end, struct grey_error *err)
{
	enum grey_status status = check_file(check, fd, any_end, err);

	if (check->report.problems > 0 &&
	    (status == GREY_OK || status == GREY_DAMAGED)) {
		status = GREY_DAMAGED;
		*err = check->first;
	}
	free(check->map);
	grey_gdbm_end(&check->file);
	return status;
}

enum grey_status
grey_gdbm_check(int fd, bool keys, const struct greydb_watch *watch,
    struct greydb_report *report_r, struct grey_error *err)
{
	struct check check = { .keys = keys };
	struct grey_error unwanted;
	enum grey_status status;

	if (watch != NULL)
		check.watch = *watch;
	status = run_check(&check, fd, false, err != NULL ? err : &unwanted);
	*report_r = check.report;
	return status;
}

enum grey_status
grey_gdbm_settle(int fd, int64_t *records_r, struct grey_error *err)
{
	struct check check = { .keys = true };
	enum grey_status status = run_check(&check, fd, true, err);

	if (status != GREY_OK)
		return status;
	*records_r = check.report.records;
	if (check.file.size != check.file.next_block &&
	    ftruncate(fd, check.file.next_block) == -1)
		return grey_fail(err, GREY_FAILED,
		    "cannot change the file's size: %s", strerror(errno));
	return GREY_OK;
}
