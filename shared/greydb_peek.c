/* greydb_peek: reading without the lock. */
#include "greydb.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "greydb_driver.h"
#include "journal.h"
#include "lockfile.h"

#define PEEK_TRIES      4 /* before the lock is taken */
#define READ_ONLY_TRIES 100
#define PEEK_PAUSE      50000L /* ns */

static void
free_values(struct greydb_value *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		greydb_value_free(&values[i]);
}

/* Where a reader peeks. */
struct place {
	struct grey_session *session;
	const struct grey_dbpath *path;
	const struct greydb_settings *settings;
	struct grey_directory directory;
	int lock; /* -1: none */
};

/* For a kind of file that must not be read while somebody writes. */
static enum grey_status
take_lock(struct place *place, struct grey_error *err)
{
	struct grey_journal journal;
	enum grey_status status;

	status =
	    grey_lock_acquire(place->session, place->path, &place->directory,
		GREY_LOCK_SHARED, place->settings->timeout, &place->lock, err);
	if (status == GREY_OK)
		status = grey_journal_read(place->lock, &journal, err);
	if (status == GREY_OK && journal.operation != GREY_OP_NONE)
		return grey_fail(err, GREY_DAMAGED,
		    "a writer had died; the next one recovers it");
	return status == GREY_NOT_FOUND ? GREY_OK : status;
}

static enum grey_status
open_file(struct place *place, int *fd_r, struct grey_start *start_r,
    const struct greydb_driver **driver_r, struct grey_error *err)
{
	return greydb_open_file(&place->directory, place->path, O_RDONLY, fd_r,
	    start_r, driver_r, err);
}

/* One try. */
static enum grey_status
peek_once(struct place *place, const struct grey_bytes *keys, size_t count,
    struct greydb_value *values_r, struct grey_error *err)
{
	const struct greydb_driver *driver;
	struct grey_start start;
	struct grey_error unwanted;
	enum grey_status status;
	void *handle;
	int fd;

	status = open_file(place, &fd, &start, &driver, err);
	if (status == GREY_OK && driver->reads_under_lock &&
	    place->lock == -1) {
		(void)close(fd);
		status = take_lock(place, err);
		/* It may be another file by now. */
		if (status == GREY_OK)
			status = open_file(place, &fd, &start, &driver, err);
	}
	if (status == GREY_OK)
		status = driver->open(fd, &start, GREYDB_READ, &handle, err);
	if (status != GREY_OK)
		return status;
	for (size_t i = 0; i < count; i++) {
		status = driver->fetch(handle, keys[i], &values_r[i], err);
		if (status != GREY_OK && status != GREY_NOT_FOUND)
			break;
		status = GREY_OK;
	}
	if (status != GREY_OK)
		free_values(values_r, count);
	(void)driver->close(handle, -1, &unwanted);
	return status;
}

/* The same with the lock, which also recovers. */
static enum grey_status
peek_locked(struct grey_session *session, const struct grey_dbpath *path,
    const struct greydb_settings *settings, const struct grey_bytes *keys,
    size_t count, struct greydb_value *values_r, struct grey_error *err)
{
	struct greydb_settings quiet = *settings;
	enum grey_status status;
	struct greydb *db;

	quiet.create = false;
	status = greydb_open(session, path, &quiet, &db, err);
	if (status != GREY_OK)
		return status;
	for (size_t i = 0; i < count; i++) {
		status = greydb_fetch(db, keys[i], &values_r[i], err);
		if (status != GREY_OK && status != GREY_NOT_FOUND)
			break;
		status = GREY_OK;
	}
	if (status != GREY_OK)
		free_values(values_r, count);
	(void)greydb_close(&db, NULL);
	return status;
}

enum grey_status
greydb_peek(struct grey_session *session, const struct grey_dbpath *path,
    const struct greydb_settings *settings, const struct grey_bytes *keys,
    size_t count, struct greydb_value *values_r, struct grey_error *err)
{
	const struct timespec pause = { .tv_nsec = PEEK_PAUSE };
	const int tries = settings->read_only ? READ_ONLY_TRIES : PEEK_TRIES;
	struct place place = { session, path, settings, { .fd = -1 }, -1 };
	struct grey_error unwanted;
	enum grey_status status;

	if (err == NULL)
		err = &unwanted;
	memset(values_r, 0, count * sizeof(*values_r));
	status = grey_directory_open(path, false, &place.directory, err);
	if (status != GREY_OK)
		return status;
	for (int i = 0; i < tries; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		status = peek_once(&place, keys, count, values_r, err);
		/* With the lock it will be the same the next time. */
		if (status != GREY_DAMAGED || place.lock != -1)
			break;
	}
	grey_lock_release(&place.lock);
	(void)close(place.directory.fd);
	if (status == GREY_DAMAGED && !settings->read_only)
		return peek_locked(session, path, settings, keys, count,
		    values_r, err);
	if (status == GREY_OK)
		return status;
	if (status == GREY_NOT_FOUND)
		grey_error_set(err, "it does not exist");
	else if (status != GREY_BUSY)
		status = GREY_FAILED;
	return greydb_name_error(path, status, err);
}
