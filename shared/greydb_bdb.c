/* Berkeley DB; where it is left out: bdb_left_out.c. */
#include "bdb_library.h"

#ifdef GREY_HAS_BERKELEY_DB

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bdb_check.h"
#include "bdb_file.h"
#include "bdb_walk.h"

/* A page: a write of one cannot be cut by a kill. */
#define PAGE_SIZE 4096

static enum grey_status
driver_create(int fd, size_t block_size, struct grey_error *err)
{
	struct grey_bdb handle = { .fd = fd, .mode = GREYDB_FILL };
	enum grey_status status;
	char name[GREY_BDB_NAME_SIZE];
	int error = EINVAL;

	if (block_size == 0)
		block_size = PAGE_SIZE;
	if (block_size < GREY_BDB_PAGE_MIN || block_size > GREY_BDB_PAGE_MAX ||
	    (block_size & (block_size - 1)) != 0)
		return grey_fail(err, GREY_INVALID,
		    "a page size is a power of two from %d to %d",
		    GREY_BDB_PAGE_MIN, GREY_BDB_PAGE_MAX);
	status = grey_bdb_begin(&handle, err);
	if (status != GREY_OK)
		return status;
	grey_bdb_name(fd, name);
	grey_bdb_enter(&handle);
	/* With checksums damage is an error, not a crash or a wrong value. */
	if (handle.db->set_flags(handle.db, DB_CHKSUM) == 0 &&
	    handle.db->set_pagesize(handle.db, (uint32_t)block_size) == 0)
		error = handle.db->open(handle.db, NULL, name, NULL, DB_HASH,
		    DB_CREATE, 0);
	grey_bdb_leave(&handle);
	if (error != 0)
		status = grey_bdb_failed(&handle, error,
		    "cannot make a database", err);
	error = grey_bdb_end(&handle, status == GREY_OK);
	if (status == GREY_OK && error != 0)
		status = grey_bdb_failed(&handle, error,
		    "cannot make a database", err);
	if (status == GREY_OK && fsync(fd) == -1)
		status = grey_fail(err, GREY_FAILED, "cannot sync: %s",
		    strerror(errno));
	return status;
}

static enum grey_status
driver_open(int fd, const struct grey_start *start, enum greydb_mode mode,
    void **handle_r, struct grey_error *err)
{
	struct grey_bdb *handle = calloc(1, sizeof(*handle));
	struct grey_bdb_file header;
	enum grey_status status;

	if (handle == NULL)
		status = grey_fail(err, GREY_FAILED, "out of memory");
	else
		status = grey_bdb_header_of(start, &header, err);
	if (status == GREY_OK) {
		handle->fd = fd;
		handle->mode = mode == GREYDB_FRESH ? GREYDB_WRITE : mode;
		handle->page_size = header.page_size;
		status = grey_bdb_open(handle, DB_UNKNOWN,
		    mode == GREYDB_READ ? DB_RDONLY : 0, err);
		if (status != GREY_OK)
			(void)grey_bdb_end(handle, false);
	}
	if (status == GREY_OK) {
		*handle_r = handle;
		return status;
	}
	free(handle);
	(void)close(fd);
	return status;
}

static int
driver_descriptor(const void *arg)
{
	const struct grey_bdb *handle = arg;

	return handle->fd;
}

/* Its DBT is not const, though it writes to none that it is given. */
static DBT
dbt_of(struct grey_bytes bytes)
{
	union {
		const char *from;
		void *to;
	} pointer = { .from = bytes.data };

	return (DBT){ .data = pointer.to, .size = (uint32_t)bytes.size };
}

static enum grey_status
driver_fetch(void *arg, struct grey_bytes key, struct greydb_value *value_r,
    struct grey_error *err)
{
	struct grey_bdb *handle = arg;
	DBT wanted = dbt_of(key), found = { .flags = DB_DBT_MALLOC };
	int error;

	grey_bdb_enter(handle);
	error = handle->db->get(handle->db, NULL, &wanted, &found, 0);
	grey_bdb_leave(handle);
	if (error == DB_NOTFOUND)
		return GREY_NOT_FOUND;
	if (error != 0)
		return grey_bdb_failed(handle, error, "cannot fetch", err);
	/* An empty value has data too. */
	if (found.data == NULL)
		found.data = malloc(1);
	if (found.data == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	*value_r = (struct greydb_value){ found.data, found.size };
	return GREY_OK;
}

static enum grey_status
driver_store(void *arg, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	struct grey_bdb *handle = arg;
	DBT to = dbt_of(key), what = dbt_of(value);
	int error;

	grey_bdb_enter(handle);
	error = handle->db->put(handle->db, NULL, &to, &what, 0);
	grey_bdb_leave(handle);
	return error == 0 ? GREY_OK :
			    grey_bdb_failed(handle, error, "cannot store", err);
}

static enum grey_status
driver_remove(void *arg, struct grey_bytes key, bool later,
    struct grey_error *err)
{
	struct grey_bdb *handle = arg;
	DBT what = dbt_of(key);
	int error;

	(void)later; /* all is */
	grey_bdb_enter(handle);
	error = handle->db->del(handle->db, NULL, &what, 0);
	grey_bdb_leave(handle);
	if (error == DB_NOTFOUND)
		return GREY_NOT_FOUND;
	return error == 0 ?
	    GREY_OK :
	    grey_bdb_failed(handle, error, "cannot delete", err);
}

/* One bucket is split at a time: there is nothing that grows beyond reason. */
static enum grey_status
driver_admit(void *handle, struct grey_bytes key, int64_t records,
    struct grey_error *err)
{
	(void)handle;
	(void)key;
	(void)records;
	(void)err;
	return GREY_OK;
}

static enum grey_status
driver_collect(void *arg, struct grey_bytes *blocks_r, bool *single_r,
    struct grey_error *err)
{
	struct grey_bdb *handle = arg;
	int error;

	grey_bdb_enter(handle);
	error = handle->db->sync(handle->db, 0);
	grey_bdb_leave(handle);
	if (error != 0)
		return grey_bdb_failed(handle, error, "cannot store", err);
	return grey_bdb_pages_collect(&handle->pages, handle->fd, blocks_r,
	    single_r, err);
}

/* Cuts off what lies behind the end that the first page tells. */
static enum grey_status
cut(int fd, struct grey_error *err)
{
	struct grey_bdb_file header;
	enum grey_status status = grey_bdb_header(fd, &header, err);
	struct stat st;

	if (status != GREY_OK)
		return status;
	if (fstat(fd, &st) == 0 &&
	    (st.st_size <= header.size || ftruncate(fd, header.size) == 0))
		return GREY_OK;
	return grey_fail(err, GREY_DAMAGED, "cannot cut the file: %s",
	    strerror(errno));
}

static enum grey_status
driver_commit(void *arg, bool sync, struct grey_error *err)
{
	struct grey_bdb *handle = arg;
	enum grey_status status =
	    grey_bdb_pages_commit(&handle->pages, handle->fd, err);

	if (status == GREY_OK)
		status = cut(handle->fd, err);
	/* It is written; what the disk has of it nobody knows. */
	if (status == GREY_OK && sync && fsync(handle->fd) == -1)
		return grey_fail(err, GREY_DAMAGED, "cannot sync: %s",
		    strerror(errno));
	return status;
}

static enum grey_status
driver_replay(int fd, struct grey_bytes pages, struct grey_error *err)
{
	enum grey_status status = grey_bdb_pages_replay(fd, pages, err);

	return status == GREY_OK ? cut(fd, err) : status;
}

static enum grey_status
driver_close(void *arg, int sync_sink, struct grey_error *err)
{
	struct grey_bdb *handle = arg;
	const int fd = handle->fd;
	const bool fills = handle->mode == GREYDB_FILL;
	enum grey_status status = GREY_OK;
	int error;

	error = grey_bdb_end(handle, fills);
	if (fills && error != 0)
		status = grey_bdb_failed(handle, error,
		    "cannot close the database", err);
	if (handle->mode != GREYDB_READ && sync_sink == -1 && fsync(fd) == -1 &&
	    status == GREY_OK)
		status = grey_fail(err, GREY_FAILED, "cannot sync: %s",
		    strerror(errno));
	free(handle);
	(void)close(fd);
	return status;
}

static size_t
driver_block_size(int fd)
{
	struct grey_bdb_file file;

	return grey_bdb_header(fd, &file, NULL) == GREY_OK ? file.page_size : 0;
}

const struct greydb_driver greydb_bdb = { .name = "Berkeley DB",
	.reads_under_lock = true,
	.create = driver_create,
	.open = driver_open,
	.descriptor = driver_descriptor,
	.fetch = driver_fetch,
	.admit = driver_admit,
	.store = driver_store,
	.remove = driver_remove,
	.collect = driver_collect,
	.commit = driver_commit,
	.replay = driver_replay,
	.settle = grey_bdb_settle,
	.close = driver_close,
	.records = grey_bdb_records,
	.recognizes = grey_bdb_recognizes,
	.block_size = driver_block_size,
	.check = grey_bdb_check,
	.walk = grey_bdb_walk };

#endif
