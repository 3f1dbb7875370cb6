/*
 * What a kind of database file must offer greydb; for drivers only.  A driver
 * knows bytes and one file: no lock, no journal, no records.  err is never
 * NULL.
 */
#ifndef GREYDB_DRIVER_H
#define GREYDB_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "greydb.h"
#include "snapshot.h"
#include "start.h"

enum greydb_mode {
	GREYDB_READ,
	GREYDB_WRITE,
	GREYDB_FRESH, /* write; no record in it is worth more than the new */
	GREYDB_FILL   /* write many, to a file that nobody else reads */
};

/* A walk: whom to tell of places that cannot be read, and what it met. */
struct greydb_walk {
	struct greydb_watch watch;
	int64_t total;   /* records that there should be, for the watch */
	int64_t records; /* visited */
	int64_t lost;    /* places not read */
};

struct greydb_driver {
	const char *name;
	bool reads_under_lock; /* what a writer is at is not to be met */

	/*
	 * Makes an empty file a database; block_size 0
	 * means the default.
	 * GREY_OK, GREY_INVALID (a block size that cannot be), GREY_FAILED.
	 */
	enum grey_status (
	    *create)(int fd, size_t block_size, struct grey_error *err);

	/* Does the file start as one of this kind?  An empty one does not. */
	bool (*recognizes)(const struct grey_start *start);

	/* The file's block size; 0 if it cannot be told. */
	size_t (*block_size)(int fd);

	/*
	 * The number of records as the file tells it, for a driver whose file
	 * others may write to who do not count in the lock file; -1 if it
	 * does not tell.  NULL: the lock file's is right.
	 */
	int64_t (*records)(int fd);

	/*
	 * Opens a file that starts so; fd is the driver's from then on, after
	 * a failure too.
	 * GREY_OK; GREY_INVALID (another kind of file); GREY_DAMAGED;
	 * GREY_FAILED.
	 */
	enum grey_status (*open)(int fd, const struct grey_start *start,
	    enum greydb_mode mode, void **handle_r, struct grey_error *err);

	/* The open file's descriptor, which stays the driver's. */
	int (*descriptor)(const void *handle);

	/*
	 * GREY_OK, GREY_NOT_FOUND (fetch, remove), GREY_DAMAGED, GREY_FAILED.
	 * Without collect, a store of the same size as what it replaces
	 * changes nothing but the value's own bytes.  later: the remove is
	 * one of many, and may reach the file with those after it, by close
	 * at the latest.
	 */
	enum grey_status (*fetch)(void *handle, struct grey_bytes key,
	    struct greydb_value *value_r, struct grey_error *err);
	enum grey_status (*store)(void *handle, struct grey_bytes key,
	    struct grey_bytes value, struct grey_error *err);
	enum grey_status (*remove)(void *handle, struct grey_bytes key,
	    bool later, struct grey_error *err);

	/*
	 * Looks whether a new key can be stored without making the file
	 * unreasonably large for the records it has: keys can be made so that
	 * they fall into one place.  GREY_OK; GREY_FULL if not; GREY_DAMAGED;
	 * GREY_FAILED.
	 */
	enum grey_status (*admit)(void *handle, struct grey_bytes key,
	    int64_t records, struct grey_error *err);

	/*
	 * NULL in a driver that writes at once.  Else stores and removes
	 * reach the file by commit only, and are forgotten by close.
	 *
	 * collect returns what commit will write, borrowed until then, for
	 * the journal: size 0 if nothing; *single_r: a kill leaves it done
	 * or not done all the same.  GREY_OK, GREY_DAMAGED, GREY_FAILED.
	 *
	 * commit, with sync also to the disk: GREY_OK; GREY_FAILED, the file
	 * then as before; GREY_DAMAGED if it is not.
	 *
	 * replay writes what was collected by a process that died.  GREY_OK;
	 * GREY_DAMAGED, the file then untouched, if it does not fit to the
	 * file; GREY_FAILED.
	 */
	enum grey_status (*collect)(void *handle, struct grey_bytes *pages_r,
	    bool *single_r, struct grey_error *err);
	enum grey_status (
	    *commit)(void *handle, bool sync, struct grey_error *err);
	enum grey_status (
	    *replay)(int fd, struct grey_bytes pages, struct grey_error *err);

	/*
	 * NULL in a driver that has no space which is not to be written to
	 * before the file was synced.
	 *
	 * held lists that space, if what was done since the file was opened
	 * makes it worth a sync; else NULL.  The caller frees the list with
	 * free(3).
	 *
	 * let_go lets it be used.  The file was synced since the list was
	 * made; meanwhile others may have written, but not let go, unless it
	 * was synced with the lock held.
	 * GREY_OK, GREY_DAMAGED, GREY_FAILED.
	 */
	void *(*held)(void *handle);
	enum grey_status (
	    *let_go)(void *handle, const void *list, struct grey_error *err);

	/*
	 * After a store or remove that failed or was killed, with the file
	 * closed: checks all of it, and if nothing is wrong but its length,
	 * puts that right.  GREY_OK with the number of records; GREY_DAMAGED;
	 * GREY_INVALID; GREY_FAILED.
	 */
	enum grey_status (
	    *settle)(int fd, int64_t *records_r, struct grey_error *err);

	/*
	 * Closes it.  sync_sink is -1, or a descriptor that takes the fsync
	 * in the file's place.  GREY_OK or GREY_FAILED.
	 */
	enum grey_status (
	    *close)(void *handle, int sync_sink, struct grey_error *err);

	/*
	 * Checks the structure, with keys also every key, and counts; the
	 * file is not to change meanwhile.  Each problem is told; without
	 * watch->problem (or watch) the first ends the check.  GREY_OK, GREY_INVALID,
	 * GREY_DAMAGED with the first problem, GREY_FAILED.
	 */
	enum grey_status (*check)(int fd, bool keys,
	    const struct greydb_watch *watch, struct greydb_report *report_r,
	    struct grey_error *err);

	/*
	 * Visits every record.  With rescue, what cannot be read is counted
	 * and passed over, and records that are not where they belong are
	 * visited after all others; if something was lost, all that can be
	 * found without header and directory is visited once more.
	 * GREY_OK, what visit returned, GREY_INVALID, GREY_DAMAGED,
	 * GREY_FAILED.
	 */
	enum grey_status (*walk)(int fd, bool rescue, greydb_visit_fn *visit,
	    void *arg, struct greydb_walk *walk, struct grey_error *err);
};

extern const struct greydb_driver greydb_gdbm;
extern const struct greydb_driver greydb_bdb;

/*
 * Returns the driver of a file that starts so: that which recognizes it, or, if
 * none does, that of a new file.  NULL with an error if the path asks for
 * another kind than the file's.
 */
const struct greydb_driver *greydb_driver_of(const struct grey_start *start,
    const struct grey_dbpath *path, struct grey_error *err);

/*
 * Opens the database's file with open(2)'s flags, reads how it starts, and
 * finds its driver; the caller closes *fd_r.  Returns as grey_directory_file;
 * GREY_INVALID if the path asks for another kind.  After a failure *driver_r
 * is as before.
 */
enum grey_status greydb_open_file(const struct grey_directory *directory,
    const struct grey_dbpath *path, int flags, int *fd_r,
    struct grey_start *start_r, const struct greydb_driver **driver_r,
    struct grey_error *err);

/* Returns the driver of a file that is yet to be made. */
const struct greydb_driver *greydb_driver_new(const struct grey_dbpath *path);

/*
 * Puts the database's name before an error's text (err may be NULL) and
 * returns status.
 */
enum grey_status greydb_name_error(const struct grey_dbpath *path,
    enum grey_status status, struct grey_error *err);

#endif
