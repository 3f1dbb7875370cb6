/*
 * GDBM.  Its own lock (a writer would wait for each idle reader) and its fsync
 * at every close (ten times the cost of a call) are not used; mmap is slower
 * for one open, fetch, store and close.  Nearly all goes without libgdbm
 * (struct handle).  (Measured: doc/performance.md.)
 */
#include "greydb_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gdbm.h>

#include "gdbm_admit.h"
#include "gdbm_check.h"
#include "gdbm_file.h"
#include "gdbm_find.h"
#include "gdbm_held.h"
#include "gdbm_insert.h"
#include "gdbm_remove.h"
#include "gdbm_trust.h"
#include "gdbm_walk.h"
#include "library.h"

#define LIBRARY "libgdbm.so.6"

/* What is used of the library, once it is loaded. */
static struct {
	__typeof__(gdbm_fd_open) *fd_open;
	__typeof__(gdbm_store) *store;
	__typeof__(gdbm_delete) *delete;
	__typeof__(gdbm_fdesc) *fdesc;
	__typeof__(gdbm_close) *close;
	__typeof__(gdbm_needs_recovery) *needs_recovery;
	__typeof__(gdbm_errno_location) *errno_location;
	__typeof__(gdbm_strerror) *strerror;
	__typeof__(gdbm_check_syserr) *check_syserr;
} library;

static enum grey_status
load(struct grey_error *err)
{
	static void *loaded;
	const struct grey_symbol wanted[] = {
		{ GREY_NAME_OF(gdbm_fd_open), &library.fd_open },
		{ GREY_NAME_OF(gdbm_store), &library.store },
		{ GREY_NAME_OF(gdbm_delete), &library.delete },
		{ GREY_NAME_OF(gdbm_fdesc), &library.fdesc },
		{ GREY_NAME_OF(gdbm_close), &library.close },
		{ GREY_NAME_OF(gdbm_needs_recovery), &library.needs_recovery },
		{ GREY_NAME_OF(gdbm_errno_location), &library.errno_location },
		{ GREY_NAME_OF(gdbm_strerror), &library.strerror },
		{ GREY_NAME_OF(gdbm_check_syserr), &library.check_syserr },
	};

	if (loaded != NULL)
		return GREY_OK;
	return grey_library_load("this change of a GDBM file", LIBRARY, wanted,
	    sizeof(wanted) / sizeof(wanted[0]), &loaded, err);
}

/* Why a function of the library failed. */
static gdbm_error
reason(void)
{
	return *library.errno_location();
}

static enum grey_status
failed(enum grey_status status, const char *what, struct grey_error *err)
{
	int saved = errno;

	if (library.check_syserr(reason()))
		return grey_fail(err, status, "%s: %s: %s", what,
		    library.strerror(reason()), strerror(saved));
	return grey_fail(err, status, "%s: %s", what,
	    library.strerror(reason()));
}

/* Is it the file that is wrong, and not the system? */
static enum grey_status
blame(void)
{
	switch (reason()) {
	case GDBM_FILE_READ_ERROR:
	case GDBM_FILE_EOF:
	case GDBM_BAD_MAGIC_NUMBER:
	case GDBM_NEED_RECOVERY:
	case GDBM_BAD_BUCKET:
	case GDBM_BAD_HEADER:
	case GDBM_BAD_AVAIL:
	case GDBM_BAD_HASH_TABLE:
	case GDBM_BAD_DIR_ENTRY:
	case GDBM_BAD_HASH_ENTRY:
	case GDBM_BUCKET_CACHE_CORRUPTED:
	case GDBM_EMPTY_DATABASE:
	case GDBM_BLOCK_SIZE_ERROR:
		/* A read that the disk refused is not the file's fault. */
		return reason() == GDBM_FILE_READ_ERROR && errno == EIO ?
		    GREY_FAILED :
		    GREY_DAMAGED;
	default:
		return GREY_FAILED;
	}
}

/* libgdbm's datum is not const, though it writes to none that it is given. */
static datum
datum_of(struct grey_bytes bytes)
{
	union {
		const char *from;
		char *to;
	} pointer = { .from = bytes.data };

	return (datum){ .dptr = pointer.to, .dsize = (int)bytes.size };
}

/* The descriptor is the library's from then on, and closed after a failure. */
static enum grey_status
open_fd(int fd, int block_size, int flags, GDBM_FILE *file_r,
    struct grey_error *err)
{
	enum grey_status status = load(err);

	if (status != GREY_OK) {
		(void)close(fd);
		return status;
	}
	*file_r = library.fd_open(fd, "exigrey", block_size,
	    flags | GDBM_NOLOCK | GDBM_CLOERROR | GDBM_CLOEXEC, NULL);
	if (*file_r == NULL)
		return failed(blame(), "cannot open the database", err);
	return GREY_OK;
}

static enum grey_status
driver_create(int fd, size_t block_size, struct grey_error *err)
{
	GDBM_FILE file;
	enum grey_status status;
	int copy;

	if (block_size == 0)
		block_size = GREY_GDBM_BLOCK_SIZE;
	if (!grey_gdbm_block_size_ok(block_size))
		return grey_fail(err, GREY_INVALID,
		    "a block size is a power "
		    "of two from %d to %d",
		    GREY_GDBM_BLOCK_MIN, GREY_GDBM_BLOCK_MAX);
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy == -1)
		return grey_fail(err, GREY_FAILED,
		    "cannot duplicate a "
		    "descriptor: %s",
		    strerror(errno));
	status = open_fd(copy, (int)block_size,
	    GDBM_NEWDB | GDBM_NOMMAP | GDBM_BSEXACT, &file, err);
	if (status == GREY_OK && library.close(file) == -1)
		status =
		    failed(GREY_FAILED, "cannot write a new database", err);
	/* gdbm_fd_open reads from where the descriptor stands. */
	(void)lseek(fd, 0, SEEK_SET);
	return status;
}

/*
 * An open file.  One key is found, replaced in place, inserted and removed
 * without libgdbm, which reads the whole directory when it opens a file and
 * trusts too much of it.  It is opened for the first change that needs it,
 * after a look at what it would trust, and makes every change from then on.
 */
struct handle {
	struct grey_gdbm_file file; /* its fd is libgdbm's if that is open */
	enum greydb_mode mode;
	GDBM_FILE gdbm; /* NULL until it is needed */
	bool written;   /* something, without libgdbm */
	bool moved;     /* a bucket may have been */
	bool stale;     /* libgdbm changed what file says */
	bool freed;     /* it changed where free space is, and buckets */
};

static enum grey_status
open_library(struct handle *handle, struct grey_error *err)
{
	const int fd = handle->file.fd;
	enum grey_status status;

	if (handle->gdbm != NULL)
		return GREY_OK;
	handle->file.fd = -1;
	status = open_fd(fd, 0, GDBM_WRITER | GDBM_NOMMAP, &handle->gdbm, err);
	if (status == GREY_OK)
		handle->file.fd = fd;
	return status;
}

static enum grey_status
take_header(struct handle *handle, int fd, const struct grey_start *start,
    struct grey_error *err)
{
	enum grey_status status =
	    grey_gdbm_header_of(fd, start, &handle->file, err);

	handle->file.fresh =
	    handle->mode == GREYDB_FRESH || handle->mode == GREYDB_FILL;
	handle->file.alone = handle->mode == GREYDB_FILL;
	return status;
}

/*
 * Makes file tell again what the file is like; after a delete everything that
 * leads to a record is where it was, so only who takes space must look.
 */
static enum grey_status
look_again(struct handle *handle, bool takes_space, struct grey_error *err)
{
	const int fd = handle->file.fd;
	struct grey_start start;
	enum grey_status status;

	if (!handle->stale && !(takes_space && handle->freed))
		return GREY_OK;
	status = grey_start_read(fd, &start, err);
	if (status != GREY_OK)
		return status;
	grey_gdbm_end(&handle->file);
	handle->stale = handle->freed = false;
	return take_header(handle, fd, &start, err);
}

/*
 * How much is to be looked at again before a further change.  A delete takes
 * no space, and all there is in a fresh file was made by libgdbm and us.
 */
static enum grey_gdbm_look
further_look(const struct handle *handle, bool takes_space)
{
	return takes_space && !handle->file.fresh ? GREY_GDBM_LOOK_AGAIN :
						    GREY_GDBM_LOOK_BUCKET;
}

/*
 * Opens libgdbm for a change of a key, if what it would trust can be.  It does
 * not know of space that is held (gdbm_held.h).
 */
static enum grey_status
engage_library(struct handle *handle, struct grey_bytes key, bool takes_space,
    struct grey_error *err)
{
	enum grey_status status = grey_gdbm_write_back(&handle->file, err);

	if (status == GREY_OK)
		status = look_again(handle, takes_space, err);
	if (status == GREY_OK)
		status = grey_gdbm_trust(&handle->file, key,
		    handle->gdbm == NULL ? GREY_GDBM_LOOK_FIRST :
					   further_look(handle, takes_space),
		    err);
	if (status == GREY_OK && handle->gdbm == NULL && !handle->file.fresh &&
	    fsync(handle->file.fd) == -1)
		status = grey_fail(err, GREY_FAILED, "cannot sync: %s",
		    strerror(errno));
	if (status == GREY_OK)
		status = open_library(handle, err);
	if (status != GREY_OK)
		return status;
	handle->stale = takes_space;
	handle->freed = true;
	handle->file.has_current = handle->file.has_found = false;
	return GREY_OK;
}

static void
free_handle(struct handle *handle)
{
	if (handle->gdbm == NULL && handle->file.fd != -1)
		(void)close(handle->file.fd);
	grey_gdbm_end(&handle->file);
	free(handle);
}

static enum grey_status
driver_open(int fd, const struct grey_start *start, enum greydb_mode mode,
    void **handle_r, struct grey_error *err)
{
	struct handle *handle = calloc(1, sizeof(*handle));
	enum grey_status status;

	if (handle == NULL) {
		(void)close(fd);
		return grey_fail(err, GREY_FAILED, "out of memory");
	}
	handle->mode = mode;
	/* What libgdbm would trust, or turn into a new database. */
	status = take_header(handle, fd, start, err);
	if (status == GREY_OK)
		*handle_r = handle;
	else
		free_handle(handle);
	return status;
}

static int
driver_descriptor(const void *arg)
{
	const struct handle *handle = arg;

	return handle->file.fd;
}

static enum grey_status
driver_fetch(void *arg, struct grey_bytes key, struct greydb_value *value_r,
    struct grey_error *err)
{
	struct handle *handle = arg;
	struct grey_bytes value;
	enum grey_status status;
	char *copy;

	status = look_again(handle, false, err);
	if (status == GREY_OK)
		status = grey_gdbm_find(&handle->file, key, &value, err);
	if (status != GREY_OK)
		return status;
	copy = malloc(value.size + 1);
	if (copy == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	memcpy(copy, value.data, value.size);
	*value_r = (struct greydb_value){ copy, value.size };
	return GREY_OK;
}

/* GREY_NOT_FOUND, the key as it was, if it takes libgdbm. */
static enum grey_status
store_simply(struct handle *handle, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	struct grey_bytes old;
	enum grey_status status;

	status = look_again(handle, false, err);
	if (status == GREY_OK)
		status = grey_gdbm_find(&handle->file, key, &old, err);
	if (status == GREY_OK && old.size == value.size)
		status = grey_gdbm_replace(&handle->file, value, err);
	/* Not beside libgdbm, which remembers buckets. */
	else if (status == GREY_NOT_FOUND && handle->gdbm == NULL) {
		status = grey_gdbm_insert(&handle->file, key, value, err);
		handle->stale |=
		    status == GREY_DAMAGED || status == GREY_FAILED;
	} else if (status == GREY_OK)
		return GREY_NOT_FOUND;
	handle->written |= status != GREY_NOT_FOUND;
	return status;
}

/* Will libgdbm split a bucket to store what was just looked for? */
static bool
may_split(const struct handle *handle)
{
	return handle->gdbm != NULL || !handle->file.has_current ||
	    handle->file.current.count == handle->file.elements;
}

static enum grey_status
driver_store(void *arg, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	struct handle *handle = arg;
	enum grey_status status = GREY_OK;

	/* What was removed is to be gone before its space is used again. */
	if (!handle->file.alone)
		status = grey_gdbm_write_back(&handle->file, err);
	if (status == GREY_OK)
		status = store_simply(handle, key, value, err);
	if (status != GREY_NOT_FOUND)
		return status;
	handle->moved |= may_split(handle);
	status = engage_library(handle, key, true, err);
	if (status != GREY_OK)
		return status;
	if (library.store(handle->gdbm, datum_of(key), datum_of(value),
		GDBM_REPLACE) != 0)
		return failed(blame(), "cannot store", err);
	/* gdbm_store does not look whether its buckets could be written. */
	if (library.needs_recovery(handle->gdbm))
		return failed(GREY_FAILED, "cannot store", err);
	return GREY_OK;
}

static enum grey_status
driver_admit(void *arg, struct grey_bytes key, int64_t records,
    struct grey_error *err)
{
	struct handle *handle = arg;
	enum grey_status status = look_again(handle, false, err);

	return status == GREY_OK ?
	    grey_gdbm_admit(&handle->file, key, records, err) :
	    status;
}

/* GREY_NOT_FOUND if it takes libgdbm. */
static enum grey_status
remove_simply(struct handle *handle, struct grey_bytes key, bool later,
    struct grey_error *err)
{
	enum grey_status status;

	/* Not beside libgdbm, which remembers buckets. */
	if (handle->gdbm != NULL)
		return GREY_NOT_FOUND;
	status = grey_gdbm_remove(&handle->file, key, err);
	handle->written |= status != GREY_NOT_FOUND;
	return status == GREY_OK && !later ?
	    grey_gdbm_write_back(&handle->file, err) :
	    status;
}

static enum grey_status
driver_remove(void *arg, struct grey_bytes key, bool later,
    struct grey_error *err)
{
	struct handle *handle = arg;
	enum grey_status status = remove_simply(handle, key, later, err);

	if (status != GREY_NOT_FOUND)
		return status;
	status = engage_library(handle, key, false, err);
	if (status != GREY_OK)
		return status;
	if (library.delete(handle->gdbm, datum_of(key)) != 0) {
		if (reason() == GDBM_ITEM_NOT_FOUND)
			return GREY_NOT_FOUND;
		return failed(blame(), "cannot delete", err);
	}
	if (library.needs_recovery(handle->gdbm))
		return failed(GREY_FAILED, "cannot delete", err);
	return GREY_OK;
}

static void *
driver_held(void *arg)
{
	struct handle *handle = arg;

	return handle->gdbm == NULL ? grey_gdbm_list_held(&handle->file) : NULL;
}

static enum grey_status
driver_let_go(void *arg, const void *list, struct grey_error *err)
{
	struct handle *handle = arg;
	enum grey_status status;

	/* Not beside libgdbm, which remembers the table. */
	if (handle->gdbm != NULL)
		return GREY_OK;
	status = grey_gdbm_let_go(&handle->file, list, err);
	handle->written |= status == GREY_OK;
	/* A table that is not as libgdbm writes it stays as it is. */
	return status == GREY_NOT_FOUND ? GREY_OK : status;
}

static enum grey_status
close_library(GDBM_FILE file, int sync_sink, struct grey_error *err)
{
	/*
	 * gdbm_close always syncs.  Everything is written by now, so the
	 * descriptor may point elsewhere for that.
	 */
	if (sync_sink != -1)
		(void)dup3(sync_sink, library.fdesc(file), O_CLOEXEC);
	if (library.close(file) == -1 &&
	    (sync_sink == -1 || reason() != GDBM_FILE_SYNC_ERROR))
		return failed(GREY_FAILED, "cannot close the database", err);
	return GREY_OK;
}

static enum grey_status
driver_close(void *arg, int sync_sink, struct grey_error *err)
{
	struct handle *handle = arg;
	enum grey_status status = grey_gdbm_write_back(&handle->file, err);

	/*
	 * A bucket that was split moved, and its old place is free: what comes
	 * to lie there must not reach the disk before the bucket does.
	 */
	if (handle->moved && !handle->file.fresh)
		sync_sink = -1;
	if (handle->gdbm != NULL)
		status = close_library(handle->gdbm, sync_sink, err);
	else if (status == GREY_OK && handle->written && sync_sink == -1 &&
	    fsync(handle->file.fd) == -1)
		status = grey_fail(err, GREY_FAILED, "cannot sync: %s",
		    strerror(errno));
	free_handle(handle);
	return status;
}

static size_t
driver_block_size(int fd)
{
	struct grey_gdbm_file file;

	return grey_gdbm_header(fd, &file, NULL) == GREY_OK ? file.block_size :
							      0;
}

const struct greydb_driver greydb_gdbm = { .name = "GDBM",
	.create = driver_create,
	.open = driver_open,
	.descriptor = driver_descriptor,
	.fetch = driver_fetch,
	.admit = driver_admit,
	.store = driver_store,
	.remove = driver_remove,
	.held = driver_held,
	.let_go = driver_let_go,
	.settle = grey_gdbm_settle,
	.close = driver_close,
	.recognizes = grey_gdbm_recognizes,
	.block_size = driver_block_size,
	.check = grey_gdbm_check,
	.walk = grey_gdbm_walk };
