/* What stands in for Berkeley DB where this is built without it. */
#include "bdb_library.h"

#ifndef GREY_HAS_BERKELEY_DB

#include <unistd.h>

#include "bdb_file.h"
#include "greydb_driver.h"

static enum grey_status
left_out(struct grey_error *err)
{
	return grey_fail(err, GREY_INVALID,
	    "it is a Berkeley DB file, and this exigrey was built without "
	    "Berkeley DB (libdb5.3-dev)");
}

static enum grey_status
left_out_create(int fd, size_t block_size, struct grey_error *err)
{
	(void)fd;
	(void)block_size;
	return left_out(err);
}

static enum grey_status
left_out_open(int fd, const struct grey_start *start, enum greydb_mode mode,
    void **handle_r, struct grey_error *err)
{
	(void)start;
	(void)mode;
	(void)handle_r;
	(void)close(fd);
	return left_out(err);
}

static size_t
left_out_block_size(int fd)
{
	(void)fd;
	return 0;
}

static enum grey_status
left_out_settle(int fd, int64_t *records_r, struct grey_error *err)
{
	(void)fd;
	(void)records_r;
	return left_out(err);
}

static enum grey_status
left_out_check(int fd, bool keys, const struct greydb_watch *watch,
    struct greydb_report *report_r, struct grey_error *err)
{
	(void)fd;
	(void)keys;
	(void)watch;
	(void)report_r;
	return left_out(err);
}

static enum grey_status
left_out_walk(int fd, bool rescue, greydb_visit_fn *visit, void *arg,
    struct greydb_walk *walk, struct grey_error *err)
{
	(void)fd;
	(void)rescue;
	(void)visit;
	(void)arg;
	(void)walk;
	return left_out(err);
}

/* It is never open, so the rest is never called. */
const struct greydb_driver greydb_bdb = { .name = "Berkeley DB",
	.create = left_out_create,
	.open = left_out_open,
	.settle = left_out_settle,
	.recognizes = grey_bdb_recognizes,
	.block_size = left_out_block_size,
	.check = left_out_check,
	.walk = left_out_walk };

#endif
