/*
 * Space that waits for a sync (greydb_driver.h, held), reclaimed after a close:
 * others have the lock while the file is synced.
 */
#ifndef GREYDB_RECLAIM_H
#define GREYDB_RECLAIM_H

#include "greydb_private.h"

struct greydb_reclaim {
	struct grey_session *session;
	const struct grey_dbpath *path;
	struct greydb_settings settings;
	void *list; /* NULL: there is nothing to be done */
	int fd;     /* of the file */
	int claim;  /* -1: none can be had, so the lock serves */
};

/*
 * With the lock held and the file open: finds out what is to be reclaimed, for
 * greydb_reclaim or greydb_reclaim_drop.  The session and the path stay the
 * caller's.
 */
void
greydb_reclaim_begin(const struct greydb *db, struct greydb_reclaim *reclaim_r);

/* Gives up what was found out, if there was anything. */
void greydb_reclaim_drop(struct greydb_reclaim *reclaim);

/*
 * Without the lock: syncs the file, and lets the space be used.  A failure goes
 * to the session's log; the space then waits for the next sync.
 */
void greydb_reclaim(struct greydb_reclaim *reclaim);

#endif
