#include "bdb_library.h"

#ifdef GREY_HAS_BERKELEY_DB

#include "bdb_walk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bdb_check.h"
#include "bdb_dump.h"
#include "bdb_file.h"

static void
step(struct greydb_walk *walk)
{
	walk->records++;
	if (walk->watch.step != NULL)
		walk->watch.step(walk->watch.arg, walk->total);
}

static enum grey_status
walk_cursor(struct grey_bdb *handle, greydb_visit_fn *visit, void *arg,
    struct greydb_walk *walk, struct grey_error *err)
{
	enum grey_status status = GREY_OK;
	DBT key = { .flags = 0 }, value = { .flags = 0 };
	DBC *cursor = NULL;
	int error;

	grey_bdb_enter(handle);
	error = handle->db->cursor(handle->db, NULL, &cursor, 0);
	grey_bdb_leave(handle);
	while (error == 0 && status == GREY_OK) {
		grey_bdb_enter(handle);
		error = cursor->get(cursor, &key, &value, DB_NEXT);
		grey_bdb_leave(handle);
		if (error != 0)
			break;
		step(walk);
		status = visit(arg, (struct grey_bytes){ key.data, key.size },
		    (struct grey_bytes){ value.data, value.size }, err);
	}
	if (cursor != NULL)
		(void)cursor->close(cursor);
	if (status == GREY_OK && error != 0 && error != DB_NOTFOUND)
		status = grey_bdb_failed(handle, error, "cannot read on", err);
	return status;
}

struct rescue {
	greydb_visit_fn *visit;
	void *arg;
	struct greydb_walk *walk;
};

static enum grey_status
rescue_record(void *arg, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	const struct rescue *rescue = arg;

	step(rescue->walk);
	return rescue->visit(rescue->arg, key, value, err);
}

/* Reads what the library can find in the pages, whatever leads to them. */
static enum grey_status
salvage(int fd, greydb_visit_fn *visit, void *arg, struct greydb_walk *walk,
    struct grey_error *err)
{
	struct rescue rescue = { visit, arg, walk };
	struct grey_error why;
	enum grey_status status;
	FILE *text = tmpfile();

	if (text == NULL)
		return grey_fail(err, GREY_FAILED,
		    "cannot make a temporary file: %s", strerror(errno));
	status = grey_bdb_verify(fd, text, &why);
	if (status == GREY_FAILED)
		*err = why;
	else
		status = grey_bdb_dump_read(text, rescue_record, &rescue, err);
	(void)fclose(text);
	return status;
}

static enum grey_status
walk_damaged(int fd, greydb_visit_fn *visit, void *arg,
    struct greydb_walk *walk, struct grey_error *err)
{
	walk->lost = 1;
	if (walk->watch.problem != NULL)
		walk->watch.problem(walk->watch.arg, err->text);
	return salvage(fd, visit, arg, walk, err);
}

enum grey_status
grey_bdb_walk(int fd, bool rescue, greydb_visit_fn *visit, void *arg,
    struct greydb_walk *walk, struct grey_error *err)
{
	struct grey_bdb handle = { .fd = fd, .mode = GREYDB_READ };
	struct grey_bdb_file header;
	enum grey_status status;

	walk->records = walk->lost = 0;
	status = grey_bdb_header(fd, &header, err);
	if (status == GREY_OK && rescue)
		status = grey_bdb_verify(fd, NULL, err);
	if (status == GREY_DAMAGED && rescue)
		return walk_damaged(fd, visit, arg, walk, err);
	if (status != GREY_OK)
		return status;
	status = grey_bdb_open(&handle, DB_UNKNOWN, DB_RDONLY, err);
	if (status == GREY_OK)
		status = walk_cursor(&handle, visit, arg, walk, err);
	(void)grey_bdb_end(&handle, false);
	return status;
}

#endif
