#include "snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "greydb_driver.h"
#include "journal.h"
#include "lockfile.h"
#include "prefetch.h"

#define COPY_STEP (1 << 20)

/* How many writers may die while one reader waits. */
#define MEND_TRIES 10

struct grey_snapshot {
	const struct greydb_driver *driver;
	int fd;
	int64_t records;
};

static enum grey_status
copy_by_hand(int from, int to, struct grey_error *err)
{
	enum grey_status status = GREY_OK;
	char *buffer = malloc(COPY_STEP);
	ssize_t n;

	if (buffer == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	while ((n = read(from, buffer, COPY_STEP)) > 0 && status == GREY_OK)
		if (write(to, buffer, (size_t)n) != n)
			status = grey_fail(err, GREY_FAILED,
			    "cannot write a copy: %s", strerror(errno));
	if (n == -1 && status == GREY_OK)
		status = grey_fail(err, GREY_FAILED, "cannot read: %s",
		    strerror(errno));
	free(buffer);
	return status;
}

/*
 * Copies all of one file over the other.  The kernel copies faster, and shares
 * the blocks where it can.
 */
static enum grey_status
copy(int from, int to, struct grey_error *err)
{
	struct stat st;
	ssize_t n = 0;
	off_t left;

	if (fstat(from, &st) == -1)
		return grey_fail(err, GREY_FAILED, "cannot stat: %s",
		    strerror(errno));
	if (lseek(from, 0, SEEK_SET) == -1 || lseek(to, 0, SEEK_SET) == -1 ||
	    ftruncate(to, st.st_size) == -1)
		return grey_fail(err, GREY_FAILED, "cannot write a copy: %s",
		    strerror(errno));
	for (left = st.st_size; left > 0; left -= n) {
		n = copy_file_range(from, NULL, to, NULL, (size_t)left, 0);
		if (n <= 0)
			break;
	}
	return left == 0 ? GREY_OK : copy_by_hand(from, to, err);
}

/* Copies into a file without a name, in the first place that will do. */
static enum grey_status
copy_into(int directory, const char *const places[], int from, int *to_r,
    struct grey_error *err)
{
	enum grey_status status = GREY_FAILED;

	for (; status == GREY_FAILED && *places != NULL; places++) {
		*to_r = openat(directory, *places,
		    O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (*to_r == -1) {
			status = grey_fail(err, GREY_FAILED,
			    "cannot make a temporary file: %s",
			    strerror(errno));
			continue;
		}
		status = copy(from, *to_r, err);
		if (status != GREY_OK)
			(void)close(*to_r);
	}
	if (status != GREY_OK)
		*to_r = -1;
	return status;
}

static enum grey_status
copy_to_temporary(int from, int *to_r, struct grey_error *err)
{
	static const char *const places[] = { "/var/tmp", "/tmp", NULL };

	return copy_into(AT_FDCWD, places, from, to_r, err);
}

/*
 * Beside the database, or where there is room: a full disk is when somebody
 * wants to look.
 */
static enum grey_status
copy_somewhere(const struct grey_directory *directory, int from, int *to_r,
    struct grey_error *err)
{
	static const char *const places[] = { ".", "/var/tmp", "/tmp", NULL };

	return copy_into(directory->fd, places, from, to_r, err);
}

/*
 * Copies the file without the lock, for nothing but this: the copy that counts
 * then finds both files in memory, and mail need not wait for a disk.  That
 * made the wait for a million records 40 ms in place of up to 500.
 */
static enum grey_status
rehearse(const struct grey_directory *directory, const char *name,
    struct grey_snapshot *snapshot, struct grey_error *err)
{
	enum grey_status status;
	int fd;

	if (snapshot->fd != -1)
		return GREY_OK;
	status = grey_directory_file(directory, name, O_RDONLY, &fd, err);
	if (status != GREY_OK)
		return status;
	grey_prefetch(fd);
	status = copy_somewhere(directory, fd, &snapshot->fd, err);
	(void)close(fd);
	return status;
}

/*
 * Copies the file if its lock shows that nothing is to be recovered, or with
 * as_it_is all the same; loose, the rehearsed copy will do.  Returns
 * GREY_DAMAGED if something is.
 */
static enum grey_status
copy_sound(struct grey_session *session, int lock, bool as_it_is, bool loose,
    const struct grey_directory *directory, const struct grey_dbpath *path,
    struct grey_snapshot *snapshot, struct grey_error *err)
{
	struct grey_journal journal;
	struct grey_start start;
	enum grey_status status;
	int fd;

	status = grey_journal_read(lock, &journal, err);
	if (status == GREY_NOT_FOUND ||
	    (status == GREY_OK && !as_it_is &&
		(journal.operation != GREY_OP_NONE ||
		    strcmp(journal.boot_id, session->boot_id) != 0)))
		return GREY_DAMAGED;
	if (status != GREY_OK)
		return status;
	snapshot->records = journal.records;
	status = greydb_open_file(directory, path, O_RDONLY, &fd, &start,
	    &snapshot->driver, err);
	if (status != GREY_OK)
		return status;
	if (!loose)
		status = copy(fd, snapshot->fd, err);
	if (status == GREY_OK && snapshot->driver->records != NULL &&
	    snapshot->driver->records(fd) >= 0)
		snapshot->records = snapshot->driver->records(fd);
	if (status == GREY_FAILED) {
		/* It has grown, and the disk is full. */
		(void)close(snapshot->fd);
		status = copy_somewhere(directory, fd, &snapshot->fd, err);
	}
	(void)close(fd);
	return status;
}

/* Takes the shared lock and copies; GREY_DAMAGED: recover first. */
static enum grey_status
take(struct grey_session *session, const struct grey_dbpath *path,
    const struct greydb_settings *settings, bool as_it_is,
    struct grey_snapshot *snapshot, struct grey_error *err)
{
	struct grey_directory directory;
	enum grey_status status;
	int lock = -1;

	status = grey_directory_open(path, false, &directory, err);
	if (status != GREY_OK)
		return status;
	status = rehearse(&directory, path->file, snapshot, err);
	if (status == GREY_OK)
		status = grey_lock_acquire(session, path, &directory,
		    GREY_LOCK_SHARED, settings->timeout, &lock, err);
	if (status == GREY_OK)
		status = copy_sound(session, lock, as_it_is, settings->loose,
		    &directory, path, snapshot, err);
	grey_lock_release(&lock);
	(void)close(directory.fd);
	return status == GREY_OK || status == GREY_NOT_FOUND ||
		status == GREY_DAMAGED ?
	    status :
	    greydb_name_error(path, status, err);
}

/* Opening the database for writing recovers it. */
static enum grey_status
mend(struct grey_session *session, const struct grey_dbpath *path,
    const struct greydb_settings *settings, struct grey_error *err)
{
	struct greydb_settings quiet = *settings;
	enum grey_status status;
	struct greydb *db;

	quiet.create = false;
	status = greydb_open(session, path, &quiet, &db, err);
	return status == GREY_OK ? greydb_close(&db, err) : status;
}

/* What cannot be recovered now, on a full disk, can still be read. */
static enum grey_status
mend_and_take(struct grey_session *session, const struct grey_dbpath *path,
    const struct greydb_settings *settings, struct grey_snapshot *snapshot,
    struct grey_error *err)
{
	enum grey_status mended, status;
	struct grey_error why;

	mended = mend(session, path, settings, err);
	if (mended != GREY_OK && mended != GREY_FAILED)
		return mended;
	status = take(session, path, settings, mended == GREY_FAILED, snapshot,
	    mended == GREY_FAILED ? &why : err);
	if (mended == GREY_OK || status != GREY_OK)
		return mended == GREY_OK ? status : mended;
	grey_session_log(session, "%s; it is read as it is", err->text);
	return GREY_OK;
}

enum grey_status
grey_snapshot_open(struct grey_session *session, const struct grey_dbpath *path,
    const struct greydb_settings *settings, struct grey_snapshot **snapshot_r,
    struct grey_error *err)
{
	struct grey_snapshot *snapshot = calloc(1, sizeof(*snapshot));
	struct grey_error unwanted;
	enum grey_status status;

	if (snapshot == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	if (err == NULL)
		err = &unwanted;
	snapshot->fd = -1;
	status = take(session, path, settings, false, snapshot, err);
	/* The next writer may die before the copy. */
	for (int i = 0; i < MEND_TRIES && status == GREY_DAMAGED; i++)
		status = mend_and_take(session, path, settings, snapshot, err);
	if (status == GREY_DAMAGED) {
		grey_error_set(err, "its writers die one after the other");
		status = greydb_name_error(path, GREY_FAILED, err);
	}
	if (status == GREY_OK)
		*snapshot_r = snapshot;
	else
		grey_snapshot_close(&snapshot);
	if (status == GREY_NOT_FOUND)
		grey_error_set(err, "database '%s/%s': it does not exist",
		    path->directory, path->file);
	return status;
}

/* Copies a file that is not ours, and looks whether all of it is sound. */
static enum grey_status
take_file(int fd, struct grey_snapshot *snapshot, struct grey_error *err)
{
	static const struct grey_dbpath any = { .kind = GREY_KIND_ANY };
	struct greydb_report report;
	struct grey_start start;
	enum grey_status status = grey_start_read(fd, &start, err);

	if (status != GREY_OK)
		return status;
	snapshot->driver = greydb_driver_of(&start, &any, err);
	if (!snapshot->driver->recognizes(&start))
		return grey_fail(err, GREY_INVALID,
		    "it is neither a GDBM nor a Berkeley DB file");
	status = copy_to_temporary(fd, &snapshot->fd, err);
	if (status != GREY_OK)
		return status;
	status =
	    snapshot->driver->check(snapshot->fd, true, NULL, &report, err);
	snapshot->records = report.records;
	return status;
}

enum grey_status
grey_snapshot_of_file(int fd, struct grey_snapshot **snapshot_r,
    struct grey_error *err)
{
	struct grey_snapshot *snapshot = calloc(1, sizeof(*snapshot));
	struct grey_error unwanted;
	enum grey_status status;

	if (snapshot == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	snapshot->fd = -1;
	status = take_file(fd, snapshot, err != NULL ? err : &unwanted);
	if (status == GREY_OK)
		*snapshot_r = snapshot;
	else
		grey_snapshot_close(&snapshot);
	return status;
}

int64_t
grey_snapshot_records(const struct grey_snapshot *snapshot)
{
	return snapshot->records;
}

enum grey_status
grey_snapshot_walk(struct grey_snapshot *snapshot, greydb_visit_fn *visit,
    void *arg, struct grey_error *err)
{
	struct grey_error unwanted;
	struct greydb_walk walk = { .total = snapshot->records };

	return snapshot->driver->walk(snapshot->fd, false, visit, arg, &walk,
	    err != NULL ? err : &unwanted);
}

enum grey_status
grey_snapshot_check(struct grey_snapshot *snapshot, bool keys,
    const struct greydb_watch *watch, struct greydb_report *report_r,
    struct grey_error *err)
{
	struct grey_error unwanted;

	return snapshot->driver->check(snapshot->fd, keys, watch, report_r,
	    err != NULL ? err : &unwanted);
}

void
grey_snapshot_close(struct grey_snapshot **snapshot)
{
	if (*snapshot == NULL)
		return;
	if ((*snapshot)->fd != -1)
		(void)close((*snapshot)->fd);
	free(*snapshot);
	*snapshot = NULL;
}
