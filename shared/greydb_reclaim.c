#include "greydb_reclaim.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lockfile.h"

void
greydb_reclaim_begin(const struct greydb *db, struct greydb_reclaim *reclaim_r)
{
	*reclaim_r = (struct greydb_reclaim){ .session = db->session,
		.path = db->path,
		.settings = db->settings,
		.fd = -1,
		.claim = -1 };
	reclaim_r->settings.create = false;
	if (db->handle != NULL && db->driver->held != NULL)
		reclaim_r->list = db->driver->held(db->handle);
	if (reclaim_r->list == NULL)
		return;
	reclaim_r->fd =
	    fcntl(db->driver->descriptor(db->handle), F_DUPFD_CLOEXEC, 0);
	/* Who is at it may have begun before the last of this was held. */
	if (reclaim_r->fd == -1 ||
	    grey_lock_claim(db->path, &reclaim_r->claim) == GREY_BUSY)
		greydb_reclaim_drop(reclaim_r);
}

void
greydb_reclaim_drop(struct greydb_reclaim *reclaim)
{
	free(reclaim->list);
	reclaim->list = NULL;
	if (reclaim->fd != -1)
		(void)close(reclaim->fd);
	reclaim->fd = -1;
	grey_lock_release(&reclaim->claim);
}

static enum grey_status
sync_file(const struct greydb_reclaim *reclaim, struct grey_error *err)
{
	if (fsync(reclaim->fd) == 0)
		return GREY_OK;
	(void)grey_fail(err, GREY_FAILED, "cannot sync: %s", strerror(errno));
	return greydb_name_error(reclaim->path, GREY_FAILED, err);
}

static bool
is_same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino &&
	    x.st_dev == y.st_dev;
}

/*
 * With the lock held again: unless one of the files was replaced meanwhile, by
 * another or in its place.
 */
static enum grey_status
let_go(struct greydb *db, const struct greydb_reclaim *reclaim,
    struct grey_error *err)
{
	enum grey_status status = GREY_OK;

	if (db->driver->let_go == NULL ||
	    !is_same_file(db->driver->descriptor(db->handle), reclaim->fd) ||
	    (reclaim->claim != -1 && !is_same_file(db->lock, reclaim->claim)))
		return GREY_OK;
	if (reclaim->claim == -1)
		status = sync_file(reclaim, err);
	if (status != GREY_OK)
		return status;
	status = greydb_batch(db, err);
	if (status == GREY_OK)
		status = db->driver->let_go(db->handle, reclaim->list, err);
	return status == GREY_OK ?
	    status :
	    greydb_name_error(reclaim->path, status, err);
}

void
greydb_reclaim(struct greydb_reclaim *reclaim)
{
	struct grey_error err = { .text = "" };
	enum grey_status status = GREY_OK, closed;
	struct greydb *db = NULL;

	if (reclaim->list == NULL)
		return;
	if (reclaim->claim != -1)
		status = sync_file(reclaim, &err);
	if (status == GREY_OK)
		status = greydb_open(reclaim->session, reclaim->path,
		    &reclaim->settings, &db, &err);
	if (status == GREY_OK)
		status = let_go(db, reclaim, &err);
	closed = greydb_close(&db, status == GREY_OK ? &err : NULL);
	/* Whoever has the lock, or removed the file: it is no failure. */
	if ((status != GREY_OK && status != GREY_BUSY &&
		status != GREY_NOT_FOUND) ||
	    closed != GREY_OK)
		grey_session_log(reclaim->session, "%s", err.text);
	greydb_reclaim_drop(reclaim);
}
