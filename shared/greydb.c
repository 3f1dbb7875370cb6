#include "greydb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "greydb_driver.h"
#include "journal.h"
#include "lockfile.h"
#include "recover.h"

#define PEEK_TRIES	4
#define PEEK_PAUSE	50000L		/* ns */

struct greydb {
	struct grey_session		*session;
	const struct greydb_driver	*driver;
	void				*handle;
	const struct grey_dbpath	*path;
	struct grey_directory		 directory;
	struct greydb_settings		 settings;
	struct grey_journal		 journal;
	int				 lock;
	bool				 batch;
	bool				 recovered;	/* once is enough */
};

void
greydb_value_free(struct greydb_value *value)
{
	free(value->data);
	*value = (struct greydb_value){ 0 };
}

struct grey_bytes
greydb_value_bytes(const struct greydb_value *value)
{
	return (struct grey_bytes){ value->data, value->size };
}

/* Says which database it was that an error is about. */
static enum grey_status
name_database(const struct grey_dbpath *path, enum grey_status status,
    struct grey_error *err)
{
	struct grey_error why;

	if (err == NULL)
		return status;
	why = *err;
	return grey_fail(err, status, "database '%.200s/%s': %.250s",
	    path->directory, path->file, why.text);
}

static struct greydb_place
place_of(const struct greydb *db)
{
	return (struct greydb_place){
		.driver = db->driver, .path = db->path,
		.directory = &db->directory, .session = db->session,
		.now = db->settings.now
	};
}

/* Completes the operation during which a writer died. */
static enum grey_status
complete(struct greydb *db, const struct grey_journal *pending,
    struct grey_error *err)
{
	struct grey_bytes key, value;
	enum grey_status status;
	char *memory;

	if (pending->operation != GREY_OP_STORE &&
	    pending->operation != GREY_OP_DELETE)
		return GREY_OK;
	status = grey_journal_pending(db->lock, pending, &memory, &key,
	    &value, err);
	if (status != GREY_OK)
		return status == GREY_NOT_FOUND ? GREY_OK : status;
	if (pending->operation == GREY_OP_STORE) {
		struct greydb_value old = { 0 };
		status = db->driver->fetch(db->handle, key, &old, err);
		greydb_value_free(&old);
		if (status == GREY_NOT_FOUND)
			db->journal.records++;
		if (status == GREY_OK || status == GREY_NOT_FOUND)
			status = db->driver->store(db->handle, key, value,
			    err);
	} else {
		status = db->driver->remove(db->handle, key, err);
		if (status == GREY_OK)
			db->journal.records--;
		else if (status == GREY_NOT_FOUND)
			status = GREY_OK;
	}
	free(memory);
	return status;
}

static enum grey_status
open_handle(struct greydb *db, struct grey_error *err)
{
	enum grey_status status;
	int fd;

	status = grey_directory_file(&db->directory, db->path->file, O_RDWR,
	    &fd, err);
	return status == GREY_OK ?
	    db->driver->open(fd, GREYDB_WRITE, &db->handle, err) : status;
}

static void
drop_handle(struct greydb *db)
{
	struct grey_error unwanted;

	if (db->handle != NULL)
		(void)db->driver->close(db->handle, db->session->sync_sink,
		    &unwanted);
	db->handle = NULL;
}

/*
 * Rebuilds the file and completes what the journal holds.  The journal is
 * cleared last: should this process die too, the next one does it all again.
 */
static enum grey_status
recover(struct greydb *db, const char *why, struct grey_error *err)
{
	const struct grey_journal pending = db->journal;
	const struct greydb_place place = place_of(db);
	enum grey_status status;

	drop_handle(db);
	db->recovered = true;
	status = greydb_rebuild(&place, &db->journal.records, err);
	if (status == GREY_OK)
		status = open_handle(db, err);
	if (status == GREY_OK)
		status = complete(db, &pending, err);
	if (status == GREY_OK)
		status = grey_journal_clear(db->lock, &db->journal, err);
	if (status == GREY_OK)
		grey_session_log(db->session, "database '%s/%s' was recovered "
		    "(%s): %lld records", db->path->directory, db->path->file,
		    why, (long long)db->journal.records);
	return status;
}

/*
 * Nothing is known about the file: it is new, or the machine was booted since
 * somebody last wrote, or the lock file is.  Its structure is checked once.
 */
static enum grey_status
get_acquainted(struct greydb *db, struct grey_error *err)
{
	const struct greydb_place place = place_of(db);
	struct grey_error why = { .text = "" };
	enum grey_status status;
	int fd = -1;

	memcpy(db->journal.boot_id, db->session->boot_id,
	    sizeof(db->journal.boot_id));
	db->journal.records = 0;
	status = grey_directory_file(&db->directory, db->path->file, O_RDONLY,
	    &fd, err);
	if (status == GREY_OK) {
		status = db->driver->check(fd, &db->journal.records, &why);
		(void)close(fd);
		if (status == GREY_DAMAGED)
			return recover(db, why.text, err);
		if (status != GREY_OK)
			*err = why;
	} else if (status == GREY_NOT_FOUND && db->settings.create)
		status = greydb_make(&place, err);
	return status == GREY_OK ?
	    grey_journal_clear(db->lock, &db->journal, err) : status;
}

/* Is there a file at all?  What it is shows when it is opened. */
static bool
exists(const struct greydb *db)
{
	return faccessat(db->directory.fd, db->path->file, F_OK,
	    AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* With the lock held: makes the file one that can be used, and opens it. */
static enum grey_status
prepare(struct greydb *db, struct grey_error *err)
{
	enum grey_status status;
	bool known;

	status = grey_journal_read(db->lock, &db->journal, err);
	if (status != GREY_OK && status != GREY_NOT_FOUND)
		return status;
	known = status == GREY_OK;
	if (known && db->journal.operation != GREY_OP_NONE) {
		memcpy(db->journal.boot_id, db->session->boot_id,
		    sizeof(db->journal.boot_id));
		return recover(db, "a writer had died", err);
	}
	if (!known)
		db->journal = (struct grey_journal){ .records = 0 };
	if (!known || strcmp(db->journal.boot_id, db->session->boot_id) != 0) {
		status = get_acquainted(db, err);
		if (status != GREY_OK || db->handle != NULL)
			return status;
	}
	status = open_handle(db, err);
	if (status == GREY_NOT_FOUND && db->settings.create) {
		/* Somebody removed the file and left the lock. */
		status = get_acquainted(db, err);
		if (status == GREY_OK)
			status = open_handle(db, err);
	} else if (status == GREY_DAMAGED) {
		struct grey_error why = *err;
		status = recover(db, why.text, err);
	}
	return status;
}

static void
release(struct greydb *db)
{
	grey_lock_release(&db->lock);
	if (db->directory.fd != -1)
		(void)close(db->directory.fd);
	free(db);
}

enum grey_status
greydb_open(struct grey_session *session, const struct grey_dbpath *path,
    const struct greydb_settings *settings, struct greydb **db_r,
    struct grey_error *err)
{
	struct grey_error unwanted;
	enum grey_status status;
	struct greydb *db;

	if (err == NULL)
		err = &unwanted;
	db = calloc(1, sizeof(*db));
	if (db == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	db->session = session;
	db->driver = &greydb_gdbm;
	db->settings = *settings;
	db->lock = db->directory.fd = -1;
	db->path = path;
	status = grey_directory_open(path, settings->create, &db->directory,
	    err);
	if (status == GREY_OK && !settings->create && !exists(db))
		status = GREY_NOT_FOUND;
	if (status == GREY_OK)
		status = grey_lock_acquire(session, path, &db->directory,
		    GREY_LOCK_EXCLUSIVE, settings->timeout, &db->lock, err);
	if (status == GREY_OK)
		status = prepare(db, err);
	if (status == GREY_OK) {
		*db_r = db;
		return GREY_OK;
	}
	if (status == GREY_NOT_FOUND)
		(void)grey_fail(err, status, "it does not exist");
	else if (status != GREY_BUSY)
		status = GREY_FAILED;
	drop_handle(db);
	release(db);
	return name_database(path, status, err);
}

enum grey_status
greydb_fetch(struct greydb *db, struct grey_bytes key,
    struct greydb_value *value_r, struct grey_error *err)
{
	struct grey_error why;
	enum grey_status status;

	status = db->driver->fetch(db->handle, key, value_r, &why);
	if (status == GREY_DAMAGED && !db->recovered && !db->batch) {
		struct grey_error reason = why;
		status = recover(db, reason.text, &why);
		if (status == GREY_OK)
			status = db->driver->fetch(db->handle, key, value_r,
			    &why);
	}
	if (status != GREY_OK && status != GREY_NOT_FOUND && err != NULL) {
		*err = why;
		(void)name_database(db->path, status, err);
	}
	return status;
}

/*
 * Does operation, announced in the journal unless it is one of a batch.  What
 * fails and leaves the file whole takes its announcement back.
 */
static enum grey_status
change(struct greydb *db, enum grey_operation operation, struct grey_bytes key,
    struct grey_bytes value, int64_t difference, struct grey_error *err)
{
	struct grey_error unwanted;
	enum grey_status status = GREY_OK;

	if (!db->batch)
		status = grey_journal_begin(db->lock, &db->journal, operation,
		    key, value, err);
	if (status != GREY_OK) {
		(void)grey_journal_clear(db->lock, &db->journal, &unwanted);
		return status;
	}
	status = operation == GREY_OP_STORE ?
	    db->driver->store(db->handle, key, value, err) :
	    db->driver->remove(db->handle, key, err);
	if (status != GREY_OK)
		return status;	/* the announcement stays: recover */
	db->journal.records += difference;
	return db->batch ? GREY_OK :
	    grey_journal_clear(db->lock, &db->journal, err);
}

enum grey_status
greydb_store(struct greydb *db, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	struct greydb_value old = { 0 };
	struct grey_error why;
	enum grey_status status;
	bool is_new, same_size;

	status = greydb_fetch(db, key, &old, err);
	if (status != GREY_OK && status != GREY_NOT_FOUND)
		return status;
	is_new = status == GREY_NOT_FOUND;
	same_size = !is_new && old.size == value.size;
	greydb_value_free(&old);
	if (!same_size)
		status = change(db, GREY_OP_STORE, key, value, is_new, &why);
	else
		status = db->driver->store(db->handle, key, value, &why);
	if (status != GREY_OK && err != NULL) {
		*err = why;
		(void)name_database(db->path, status, err);
	}
	return status;
}

enum grey_status
greydb_delete(struct greydb *db, struct grey_bytes key,
    struct grey_error *err)
{
	struct greydb_value old = { 0 };
	struct grey_error why;
	enum grey_status status;

	/* So that nothing is announced for a key that is not there. */
	status = greydb_fetch(db, key, &old, err);
	greydb_value_free(&old);
	if (status != GREY_OK)
		return status;
	status = change(db, GREY_OP_DELETE, key, (struct grey_bytes){ "", 0 },
	    -1, &why);
	if (status != GREY_OK && err != NULL) {
		*err = why;
		(void)name_database(db->path, status, err);
	}
	return status;
}

enum grey_status
greydb_batch(struct greydb *db, struct grey_error *err)
{
	const struct grey_bytes none = { "", 0 };
	enum grey_status status;

	status = grey_journal_begin(db->lock, &db->journal, GREY_OP_BATCH,
	    none, none, err);
	db->batch = status == GREY_OK;
	return status;
}

int64_t
greydb_records(const struct greydb *db)
{
	return db->journal.records;
}

enum grey_status
greydb_close(struct greydb **dbp, struct grey_error *err)
{
	struct greydb *db = *dbp;
	struct grey_error why = { .text = "" };
	enum grey_status status = GREY_OK;

	*dbp = NULL;
	if (db == NULL)
		return GREY_OK;
	if (db->handle != NULL)
		status = db->driver->close(db->handle, db->settings.sync ?
		    -1 : db->session->sync_sink, &why);
	if (status == GREY_OK && db->batch)
		status = grey_journal_clear(db->lock, &db->journal, &why);
	if (status != GREY_OK && err != NULL) {
		*err = why;
		(void)name_database(db->path, status, err);
	}
	release(db);
	return status;
}

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
    const struct grey_bytes *keys, size_t count,
    struct greydb_value *values_r, struct grey_error *err)
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
	struct grey_directory directory;
	struct grey_error unwanted;
	enum grey_status status;

	if (err == NULL)
		err = &unwanted;
	memset(values_r, 0, count * sizeof(*values_r));
	status = grey_directory_open(path, false, &directory, err);
	if (status != GREY_OK)
		return status;
	for (int i = 0; i < PEEK_TRIES; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		status = peek_once(&greydb_gdbm, &directory, path->file, keys,
		    count, values_r, err);
		if (status != GREY_DAMAGED)
			break;
	}
	(void)close(directory.fd);
	if (status == GREY_DAMAGED)
		return peek_locked(session, path, settings, keys, count,
		    values_r, err);
	if (status == GREY_OK)
		return status;
	if (status == GREY_NOT_FOUND)
		(void)grey_fail(err, status, "it does not exist");
	else
		status = GREY_FAILED;
	return name_database(path, status, err);
}
