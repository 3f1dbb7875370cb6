#include "greydb.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "greydb_private.h"
#include "greydb_reclaim.h"
#include "lockfile.h"

/*
 * What must be left: this, and one part in so many of the file's size.  In a
 * batch it is looked for now and then; three blocks are what a change may take.
 */
#define ROOM_EVERY 8
#define ROOM_LEAST (128 << 10) /* bytes */
#define ROOM_PART  128

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

enum grey_status
greydb_name_error(const struct grey_dbpath *path, enum grey_status status,
    struct grey_error *err)
{
	struct grey_error why;

	if (err == NULL)
		return status;
	why = *err;
	return grey_fail(err, status, "database '%.200s/%s': %.250s",
	    path->directory, path->file, why.text);
}

/* Is there a batch that is not written yet?  A recovery would lose it. */
static bool
keeps_back(const struct greydb *db)
{
	return db->batch && db->driver->collect != NULL;
}

static bool
may_recover(const struct greydb *db, enum grey_status status)
{
	return status == GREY_DAMAGED && !db->recovered && !keeps_back(db);
}

/* Rebuilds, for a reason that may stand in err, and completes the journal. */
static enum grey_status
recover(struct greydb *db, struct grey_error *err)
{
	const struct grey_error reason = *err;

	return greydb_recover(db, reason.text, err);
}

/* Fetches; what is damaged is rebuilt first. */
static enum grey_status
fetch(struct greydb *db, struct grey_bytes key, struct greydb_value *value_r,
    struct grey_error *err)
{
	enum grey_status status;

	if (db->handle == NULL)
		return grey_fail(err, GREY_FAILED,
		    "the database was closed after a failure");
	status = db->driver->fetch(db->handle, key, value_r, err);
	if (may_recover(db, status)) {
		status = recover(db, err);
		if (status == GREY_OK)
			status =
			    db->driver->fetch(db->handle, key, value_r, err);
	}
	db->damaged |= status == GREY_DAMAGED;
	return status;
}

/* Puts the database's name before what went wrong; returns status. */
static enum grey_status
told(const struct greydb *db, enum grey_status status,
    const struct grey_error *why, struct grey_error *err)
{
	if (status == GREY_OK || status == GREY_NOT_FOUND || err == NULL)
		return status;
	*err = *why;
	return greydb_name_error(db->path, status, err);
}

enum grey_status
greydb_fetch(struct greydb *db, struct grey_bytes key,
    struct greydb_value *value_r, struct grey_error *err)
{
	struct grey_error why;

	return told(db, fetch(db, key, value_r, &why), &why, err);
}

/*
 * Has the file system set so many bytes aside behind the file's end?  A quota
 * shows in no other way.  What cannot do that has said nothing about room.
 */
static enum grey_status
reserve(int fd, const struct statx *st, uint64_t wanted, struct grey_error *err)
{
	if (st->stx_blocks * 512 >= st->stx_size + wanted / 2 ||
	    fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)st->stx_size,
		(off_t)wanted) == 0 ||
	    (errno != ENOSPC && errno != EDQUOT))
		return GREY_OK;
	return grey_fail(err, GREY_FAILED,
	    "no space: a new record may need %llu kB: %s",
	    (unsigned long long)wanted / 1000, strerror(errno));
}

/*
 * Is there room for whatever a store may need: buckets, a larger directory?
 * To find out half-way is dear: the file must then be checked (greydb_settle).
 */
static enum grey_status
check_room(const struct greydb *db, struct grey_error *err)
{
	const int fd = db->driver->descriptor(db->handle);
	struct statvfs fs;
	struct statx st;
	uint64_t room, wanted;

	if (fstatvfs(fd, &fs) == -1 ||
	    statx(fd, "", AT_EMPTY_PATH, STATX_SIZE | STATX_BLOCKS, &st) == -1)
		return GREY_OK;
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	wanted = ROOM_LEAST + st.stx_size / ROOM_PART;
	if (room >= wanted || fs.f_blocks == 0)
		return reserve(fd, &st, wanted, err);
	return grey_fail(err, GREY_FAILED,
	    "no space: %llu kB are left on the "
	    "file system, a new record may need %llu",
	    (unsigned long long)room / 1000, (unsigned long long)wanted / 1000);
}

/* Is there what a change needs: room for it, and the lock that we hold? */
static enum grey_status
check_around(const struct greydb *db, enum grey_operation operation,
    struct grey_error *err)
{
	enum grey_status status = GREY_OK;

	if (operation == GREY_OP_STORE)
		status = check_room(db, err);
	if (status == GREY_OK && grey_lock_lost(db->lock))
		status = grey_fail(err, GREY_FAILED,
		    "somebody removed the lock file");
	return status;
}

static enum grey_status
do_operation(struct greydb *db, enum grey_operation operation,
    struct grey_bytes key, struct grey_bytes value, struct grey_error *err)
{
	return operation == GREY_OP_STORE ?
	    db->driver->store(db->handle, key, value, err) :
	    db->driver->remove(db->handle, key, db->batch, err);
}

/*
 * Lets a driver that has kept back what it would write do so, announced with
 * all its bytes: whoever finds that writes them again.
 */
static enum grey_status
write_out(struct greydb *db, int64_t difference, struct grey_error *err)
{
	const struct grey_bytes none = { "", 0 };
	struct grey_bytes pages;
	enum grey_status status, cleared;
	bool single, announced;

	status = db->driver->collect(db->handle, &pages, &single, err);
	if (status != GREY_OK || pages.size == 0)
		return status;
	db->journal.records += difference;
	announced = !single || difference != 0 || db->batch;
	if (announced)
		status = pages.size <= GREY_JOURNAL_MAX ?
		    grey_journal_begin(db->lock, &db->journal, GREY_OP_PAGES,
			none, pages, err) :
		    grey_journal_begin(db->lock, &db->journal, GREY_OP_BATCH,
			none, none, err);
	/* With sync=yes a power loss in between is as good as a kill. */
	if (status == GREY_OK && announced && db->settings.sync &&
	    fsync(db->lock) == -1)
		status = grey_fail(err, GREY_FAILED,
		    "cannot sync the lock file: %s", strerror(errno));
	if (status == GREY_OK)
		status = db->driver->commit(db->handle,
		    announced && db->settings.sync, err);
	if (status == GREY_FAILED)
		db->journal.records -= difference;
	/* What is neither as before nor done stays announced. */
	if (!announced || status == GREY_DAMAGED)
		return status;
	cleared = grey_journal_clear(db->lock, &db->journal,
	    status == GREY_OK ? err : &(struct grey_error){ .text = "" });
	return status == GREY_OK ? cleared : status;
}

/* Does operation with a driver that keeps back what it would write. */
static enum grey_status
change_pages(struct greydb *db, enum grey_operation operation,
    struct grey_bytes key, struct grey_bytes value, int64_t difference,
    struct grey_error *err)
{
	enum grey_status status;

	status = do_operation(db, operation, key, value, err);
	if (status == GREY_OK && db->batch)
		db->journal.records += difference;
	else if (status == GREY_OK)
		status = write_out(db, difference, err);
	if (status != GREY_OK)
		greydb_settle(db);
	return status;
}

/*
 * Does operation, announced in the journal unless it is one of a batch.
 */
static enum grey_status
change(struct greydb *db, enum grey_operation operation, struct grey_bytes key,
    struct grey_bytes value, int64_t difference, struct grey_error *err)
{
	struct grey_error unwanted;
	enum grey_status status = GREY_OK;

	if (!db->batch || db->changes++ % ROOM_EVERY == 0)
		status = check_around(db, operation, err);
	/* A dump comes in the order of hashes: at first they are alike. */
	if (status == GREY_OK && difference > 0)
		status = db->driver->admit(db->handle, key,
		    db->journal.records > db->settings.expected ?
			db->journal.records :
			db->settings.expected,
		    err);
	if (status != GREY_OK)
		return status;
	if (db->driver->collect != NULL)
		return change_pages(db, operation, key, value, difference, err);
	if (!db->batch)
		status = grey_journal_begin(db->lock, &db->journal, operation,
		    key, value, err);
	if (status != GREY_OK) {
		(void)grey_journal_clear(db->lock, &db->journal, &unwanted);
		return status;
	}
	status = do_operation(db, operation, key, value, err);
	if (status != GREY_OK && !may_recover(db, status)) {
		/*
		 * A value that became smaller may be half the old one, half
		 * the new: then the next one completes what is announced.
		 */
		if (difference != 0 || db->batch)
			greydb_settle(db);
	}
	if (status != GREY_OK)
		return status;
	db->journal.records += difference;
	return db->batch ? GREY_OK :
			   grey_journal_clear(db->lock, &db->journal, err);
}

static enum grey_status
store(struct greydb *db, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	struct greydb_value old = { 0 };
	enum grey_status status;
	bool is_new, same_size;

	status = fetch(db, key, &old, err);
	if (status != GREY_OK && status != GREY_NOT_FOUND)
		return status;
	is_new = status == GREY_NOT_FOUND;
	same_size = !is_new && old.size == value.size;
	greydb_value_free(&old);
	if (!same_size)
		return change(db, GREY_OP_STORE, key, value, is_new, err);
	return db->driver->collect != NULL ?
	    change_pages(db, GREY_OP_STORE, key, value, 0, err) :
	    db->driver->store(db->handle, key, value, err);
}

enum grey_status
greydb_store(struct greydb *db, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	const bool whole = !keeps_back(db);
	struct grey_error why;
	enum grey_status status = store(db, key, value, &why);

	if (whole && may_recover(db, status)) {
		status = recover(db, &why);
		if (status == GREY_OK)
			status = store(db, key, value, &why);
	}
	return told(db, status, &why, err);
}

static enum grey_status
remove_key(struct greydb *db, struct grey_bytes key, struct grey_error *err)
{
	const struct grey_bytes none = { "", 0 };
	struct greydb_value old = { 0 };
	enum grey_status status;

	/* So that nothing is announced for a key that is not there. */
	status = fetch(db, key, &old, err);
	greydb_value_free(&old);
	if (status != GREY_OK)
		return status;
	return change(db, GREY_OP_DELETE, key, none, -1, err);
}

enum grey_status
greydb_delete(struct greydb *db, struct grey_bytes key, struct grey_error *err)
{
	const bool whole = !keeps_back(db);
	struct grey_error why;
	enum grey_status status = remove_key(db, key, &why);

	if (whole && may_recover(db, status)) {
		status = recover(db, &why);
		if (status == GREY_OK)
			status = remove_key(db, key, &why);
		/* The recovery has done it. */
		if (status == GREY_NOT_FOUND)
			status = GREY_OK;
	}
	return told(db, status, &why, err);
}

enum grey_status
greydb_batch(struct greydb *db, struct grey_error *err)
{
	const struct grey_bytes none = { "", 0 };
	enum grey_status status = GREY_OK;

	/* Where nothing is written before the end, nothing is announced. */
	if (db->driver->collect == NULL)
		status = grey_journal_begin(db->lock, &db->journal,
		    GREY_OP_BATCH, none, none, err);
	db->batch = status == GREY_OK;
	return status;
}

int64_t
greydb_records(const struct greydb *db)
{
	return db->journal.records;
}

/* Ends a batch too. */
static enum grey_status
close_handle(struct greydb *db, struct grey_error *err)
{
	const bool completes = db->batch && !db->damaged;
	struct grey_error why;
	enum grey_status status = GREY_OK, closed;

	if (db->handle != NULL && completes && db->driver->collect != NULL)
		status = write_out(db, 0, err);
	if (db->handle != NULL) {
		closed = db->driver->close(db->handle,
		    db->settings.sync ? -1 : db->session->sync_sink, &why);
		if (status == GREY_OK && closed != GREY_OK)
			*err = why;
		status = status == GREY_OK ? closed : status;
	}
	if (status == GREY_OK && completes && db->driver->collect == NULL)
		status = grey_journal_clear(db->lock, &db->journal, err);
	return status;
}

enum grey_status
greydb_close(struct greydb **dbp, struct grey_error *err)
{
	struct greydb *db = *dbp;
	struct grey_error why = { .text = "" };
	struct greydb_reclaim reclaim;
	enum grey_status status = GREY_OK;

	*dbp = NULL;
	if (db == NULL)
		return GREY_OK;
	greydb_reclaim_begin(db, &reclaim);
	status = close_handle(db, &why);
	(void)told(db, status, &why, err);
	greydb_release(db);
	if (status == GREY_OK)
		greydb_reclaim(&reclaim);
	else
		greydb_reclaim_drop(&reclaim);
	return status;
}
