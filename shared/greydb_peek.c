/* greydb_peek: reading without the lock. */
#include "greydb.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "greydb_driver.h"

#define PEEK_TRIES      4 /* before the lock is taken */
#define READ_ONLY_TRIES 100
#define PEEK_PAUSE      50000L /* ns */

static void
free_values(struct greydb_value *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		greydb_value_free(&values[i]);
}

/* One try without the lock. */
static enum grey_status
peek_once(const struct greydb_driver *driver,
    const struct grey_directory *directory, const char *name,
    const struct grey_bytes *keys, size_t count, struct greydb_value *values_r,
    struct grey_error *err)
{
	struct grey_error unwanted;
	enum grey_status status;
	void *handle;
	int fd;

	status = grey_directory_file(directory, name, O_RDONLY, &fd, err);
	if (status == GREY_OK)
		status = driver->open(fd, GREYDB_READ, &handle, err);
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
	struct grey_directory directory;
	struct grey_error unwanted;
	enum grey_status status;

	if (err == NULL)
		err = &unwanted;
	memset(values_r, 0, count * sizeof(*values_r));
	status = grey_directory_open(path, false, &directory, err);
	if (status != GREY_OK)
		return status;
	for (int i = 0; i < tries; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		status = peek_once(&greydb_gdbm, &directory, path->file, keys,
		    count, values_r, err);
		if (status != GREY_DAMAGED)
			break;
	}
	(void)close(directory.fd);
	if (status == GREY_DAMAGED && !settings->read_only)
		return peek_locked(session, path, settings, keys, count,
		    values_r, err);
	if (status == GREY_OK)
		return status;
	if (status == GREY_NOT_FOUND)
		grey_error_set(err, "it does not exist");
	else
		status = GREY_FAILED;
	return greydb_name_error(path, status, err);
}
