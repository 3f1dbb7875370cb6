/*
 * The database: keys and values as bytes, under a lock, safe against a writer
 * that is killed at any instant.
 *
 *	greydb_open		lock, recover if a writer died, open
 *	greydb_fetch, greydb_store, greydb_delete
 *	greydb_close		close, unlock
 *
 * It is opened and closed for each check: between calls nobody holds the file.
 * What changes the file's structure (an insert, a delete, a value of another
 * size) is announced in the journal first; whoever finds that announcement
 * checks the file, rebuilds it where something is wrong, and completes the
 * operation.
 */
#ifndef GREYDB_H
#define GREYDB_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "dbpath.h"
#include "session.h"
#include "status.h"

struct greydb;

struct greydb_settings {
	int64_t timeout;  /* seconds to wait for the lock */
	int64_t now;      /* wall clock, for the name of a file set aside */
	bool sync;        /* fsync at close */
	bool create;      /* make a database that is missing */
	bool read_only;   /* greydb_peek: nothing is written or recovered */
	int64_t expected; /* records that it will have; 0: not known */
	bool loose;       /* of a snapshot: see there */
	bool fresh;       /* had no records: a power loss costs new ones only */
};

/* A value that was fetched; data is NULL where there is none. */
struct greydb_value {
	char *data;
	size_t size;
};

/* Frees the value; harmless on one without data. */
void greydb_value_free(struct greydb_value *value);

/* Returns the value's bytes; they live as long as it. */
struct grey_bytes greydb_value_bytes(const struct greydb_value *value);

/*
 * Locks the database for writing, recovers it if need be, and opens it.  A
 * file that cannot be recovered is renamed FILE.corrupt-TIME and a new one
 * started, which is logged.  session and path must outlive the database.
 * Returns GREY_OK with *db_r, which greydb_close ends; GREY_NOT_FOUND (no
 * such database and no create) with a text; GREY_BUSY; GREY_FAILED, also for a
 * file of another kind, which is left alone.
 */
enum grey_status greydb_open(struct grey_session *session,
    const struct grey_dbpath *path, const struct greydb_settings *settings,
    struct greydb **db_r, struct grey_error *err);

/*
 * Fetches a value; the caller frees it with greydb_value_free.
 * Returns GREY_OK, GREY_NOT_FOUND, GREY_DAMAGED, GREY_FAILED.
 */
enum grey_status greydb_fetch(struct greydb *db, struct grey_bytes key,
    struct greydb_value *value_r, struct grey_error *err);

/* Stores a value, new or in place of the old.  GREY_OK, or as fetch. */
enum grey_status greydb_store(struct greydb *db, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err);

/* Deletes a key.  Returns GREY_OK, GREY_NOT_FOUND, or as fetch. */
enum grey_status
greydb_delete(struct greydb *db, struct grey_bytes key, struct grey_error *err);

/*
 * Announces that many stores and deletes follow until greydb_close: they are
 * then not announced one by one.  After a kill each of them is done or not.
 * Returns GREY_OK or GREY_FAILED.
 */
enum grey_status greydb_batch(struct greydb *db, struct grey_error *err);

/* Returns the number of records. */
int64_t greydb_records(const struct greydb *db);

/*
 * Closes and unlocks; *db becomes NULL, also after a failure.  Now and then it
 * syncs the file after that, and takes the lock once more, for space that may
 * not be used before; the session and the path must live so long.
 * Returns GREY_OK or GREY_FAILED.
 */
enum grey_status greydb_close(struct greydb **db, struct grey_error *err);

/* Told of one thing that is wrong; the text lives only for the call. */
typedef void greydb_problem_fn(void *arg, const char *text);

/*
 * Told of each record that was gone through, of how many (0: not known).  Mail
 * may wait meanwhile: it must not.
 */
typedef void greydb_step_fn(void *arg, int64_t total);

/* Who watches what takes long; whom there is nobody for is NULL. */
struct greydb_watch {
	greydb_problem_fn *problem;
	greydb_step_fn *step;
	void *arg;
};

/* What a rewrite is to do, and what it did. */
struct greydb_rewrite {
	struct greydb_watch watch;        /* told of each loss, and step */
	size_t block_size;                /* wanted; 0: as before */
	bool keep_old;                    /* even if nothing was lost */
	bool lose_nothing;                /* rather fail */
	int64_t records;                  /* done: in the new file */
	int64_t expected;                 /* as the lock file counts them */
	int64_t lost;                     /* places that could not be read */
	char kept[GREY_DB_NAME_MAX + 48]; /* old file; "": none */
	struct grey_error why;            /* why nothing could be read, or "" */
};

/*
 * Writes the whole database anew, from what can be read of it, under the lock:
 * meanwhile mail waits.  Owner and mode stay.  The old file is kept as
 * FILE.corrupt-TIME if something could not be read, or if it is wished.
 * Returns GREY_OK; GREY_NOT_FOUND; GREY_BUSY; GREY_FAILED, also if something
 * would be lost and must not be: the old file is then still in place.
 */
enum grey_status greydb_rewrite(struct grey_session *session,
    const struct grey_dbpath *path, const struct greydb_settings *settings,
    struct greydb_rewrite *rewrite, struct grey_error *err);

/*
 * Removes, under the lock, what killed processes left beside the database:
 * files that were being made.  They do no harm but take space.
 * Returns GREY_OK; GREY_NOT_FOUND; GREY_BUSY; GREY_FAILED.
 */
enum grey_status
greydb_tidy(struct grey_session *session, const struct grey_dbpath *path,
    const struct greydb_settings *settings, struct grey_error *err);

/*
 * Fetches count keys into values_r without the lock (of Berkeley DB: with a
 * shared one), as long as that goes; where a writer is in the way, tries again
 * and at last, unless read_only, takes the lock, which recovers a damaged file.
 * Creates nothing.  The caller frees the values.
 * Returns GREY_OK (values that are not there have no data), GREY_NOT_FOUND if
 * there is no database, or as greydb_open.
 */
enum grey_status
greydb_peek(struct grey_session *session, const struct grey_dbpath *path,
    const struct greydb_settings *settings, const struct grey_bytes *keys,
    size_t count, struct greydb_value *values_r, struct grey_error *err);

#endif
