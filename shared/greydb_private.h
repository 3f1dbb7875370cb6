/*
 * An open database, for greydb.c and greydb_open.c, which share it.
 */
#ifndef GREYDB_PRIVATE_H
#define GREYDB_PRIVATE_H

#include "greydb_driver.h"
#include "journal.h"

struct greydb {
	struct grey_session *session;
	const struct greydb_driver *driver;
	void *handle;
	const struct grey_dbpath *path;
	struct grey_directory directory;
	struct greydb_settings settings;
	struct grey_journal journal;
	int lock;
	bool batch;
	unsigned changes; /* in the batch */
	bool damaged;     /* met in a batch that is not written yet */
	bool recovered;   /* once is enough */
};

/*
 * Rebuilds the file, completes what the journal holds, and opens it again;
 * logs why.  It ends a batch, whose changes are each done or not: what follows
 * is announced one by one.  Returns GREY_OK, GREY_INVALID, GREY_FAILED.
 */
enum grey_status
greydb_recover(struct greydb *db, const char *why, struct grey_error *err);

/*
 * After a change that failed: if the file is as sound as before, its
 * announcement is taken back, so that others need not recover.  Else the next
 * one does.
 */
void greydb_settle(struct greydb *db);

/* Unlocks, and frees everything but the driver's handle. */
void greydb_release(struct greydb *db);

#endif
