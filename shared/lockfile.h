/*
 * The lock: FILE.lock beside the database, mode 0600, never renamed, never
 * deleted by us.  flock(2) is tried without blocking, with short sleeps up to
 * a deadline: a blocked flock could only be ended by a signal, and SIGALRM is
 * Exim's.
 */
#ifndef GREY_LOCKFILE_H
#define GREY_LOCKFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "dbpath.h"
#include "session.h"
#include "status.h"

enum grey_lock_kind { GREY_LOCK_SHARED, GREY_LOCK_EXCLUSIVE };

/*
 * Opens FILE.lock in the directory, creating it if it is missing, and locks
 * it.  timeout is in seconds, 0 tries once.  After one timeout the session
 * does not wait for the same lock for a minute, or just half a millisecond, so
 * that a stuck holder costs one timeout and not one for each recipient.
 * Returns GREY_OK with the lock's descriptor in *fd_r; GREY_BUSY; GREY_FAILED.
 */
enum grey_status
grey_lock_acquire(struct grey_session *session, const struct grey_dbpath *path,
    const struct grey_directory *directory, enum grey_lock_kind kind,
    int64_t timeout, int *fd_r, struct grey_error *err);

/*
 * Returns true if the lock file was deleted, so that others may by now have
 * another lock: nothing is to be written then.
 */
bool grey_lock_lost(int fd);

/* Gives the lock up; *fd becomes -1. */
void grey_lock_release(int *fd);

/*
 * Claims, with or without the lock, what one process at a time may be at:
 * *claim_r holds the claim until grey_lock_release.
 * Returns GREY_OK; GREY_BUSY if another process has it, or it cannot be had for
 * now; GREY_NOT_FOUND where there are no such claims.
 */
enum grey_status grey_lock_claim(const struct grey_dbpath *path, int *claim_r);

/*
 * For a long work that takes the lock again and again, while it has not got it:
 * sleeps while anybody waits for it, or has got it after that, but nine tenths
 * of a millisecond at most.  turn counts the calls, from 0: some of them give
 * way to those who cannot say that they wait.
 */
void grey_lock_give_way(const struct grey_dbpath *path, unsigned turn);

#endif
