#include "lockfile.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* All times are in ns. */
#define SECOND 1000000000LL

/* For so long a lock that could not be had is waited for no longer than that. */
#define BREAKER_TIME (60 * SECOND)
#define STUCK_TIME   500000LL

/*
 * Each waking of one that waits is taken from the one that writes, so it tries
 * a few times before it sleeps again.  (Measured: doc/performance.md.)
 */
#define TRIES         11
#define FIRST_SLEEP   100000LL
#define LONGEST_SLEEP 700000LL

/*
 * Who gives way looks so often, up to so long, which is above the longest
 * sleep.  One time in so many it lasts that long in any case, for those who
 * wait and cannot say so: flock(1), a version before 2026-11.
 */
#define GIVE_WAY_STEP   100000LL
#define GIVE_WAY_TIME   900000LL
#define GIVE_WAY_ALWAYS 64

/* Bytes of the lock file that are locked besides, by open file description. */
#define WAITS_BYTE 0
#define CLAIM_BYTE 1

#define LOCK_NAME_MAX (GREY_DB_NAME_MAX + 32)

/* The lock file's name, beside the database. */
static void
name_of(const struct grey_dbpath *path, char name_r[LOCK_NAME_MAX])
{
	(void)stpcpy(stpcpy(name_r, path->file), ".lock");
}

static int64_t
monotonic(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * SECOND + ts.tv_nsec;
}

/* FNV-1a; only tells the locks of one process apart. */
static uint64_t
hash(uint64_t h, const char *text)
{
	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * 1099511628211ULL;
	return h;
}

static uint64_t
lock_id(const struct grey_dbpath *path)
{
	return hash(hash(14695981039346656037ULL, path->directory) ^ '/',
		   path->file) |
	    1;
}

/*
 * Makes the lock file under a name of its own and links it into place, so
 * that it never stands there with the wrong owner.  That somebody else was
 * faster is no error.
 */
static enum grey_status
make_lock(const struct grey_directory *directory, const char *name,
    struct grey_error *err)
{
	char temporary[LOCK_NAME_MAX + 16];
	enum grey_status status;
	int fd = -1;

	(void)snprintf(temporary, sizeof(temporary), "%s-%ld", name,
	    (long)getpid());
	(void)unlinkat(directory->fd, temporary, 0);
	status = grey_directory_file(directory, temporary,
	    O_RDWR | O_CREAT | O_EXCL, &fd, err);
	if (status != GREY_OK)
		return GREY_FAILED;
	status = grey_directory_adopt(directory, fd, 0600, err);
	if (status == GREY_OK &&
	    linkat(directory->fd, temporary, directory->fd, name, 0) == -1 &&
	    errno != EEXIST)
		status = grey_fail(err, GREY_FAILED, "cannot make '%s': %s",
		    name, strerror(errno));
	(void)unlinkat(directory->fd, temporary, 0);
	(void)close(fd);
	return status;
}

static void
sleep_for(int64_t time)
{
	const struct timespec ts = { .tv_nsec = time };

	(void)nanosleep(&ts, NULL);
}

static void
pause_for(int64_t *sleep)
{
	/* Jitter, so that those who wait do not come back together. */
	sleep_for(*sleep / 2 + monotonic() % (*sleep / 2 + 1));
	*sleep = *sleep * 2 < LONGEST_SLEEP ? *sleep * 2 : LONGEST_SLEEP;
}

/* Of seconds, which may be very many. */
static int64_t
in_ns(int64_t seconds)
{
	return seconds < INT64_MAX / SECOND / 2 ? seconds * SECOND :
						  INT64_MAX / 2;
}

/*
 * Between two tries whoever else is ready to run on this processor goes first:
 * it may be the holder, which the waking of this process has put aside.
 * Returns false, and errno, after the last.
 */
static bool
try_lock(int fd, int how, int tries)
{
	while (flock(fd, how | LOCK_NB) == -1) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK || --tries == 0)
			return false;
		(void)sched_yield();
	}
	return true;
}

/*
 * Is flock what fcntl locks are, there?  So it is where a server keeps them
 * (flock(2)): then nothing can be said beside the lock itself.
 */
static bool
are_locks_one(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) == -1)
		return true;
	switch ((uint32_t)fs.f_type) {
	case NFS_SUPER_MAGIC:
	case SMB_SUPER_MAGIC:
	case CIFS_SUPER_MAGIC:
	case SMB2_SUPER_MAGIC:
	case AFS_SUPER_MAGIC:
	case AFS_FS_MAGIC:
	case V9FS_MAGIC:
	case FUSE_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

static struct flock
lock_of_byte(off_t byte, short type)
{
	return (struct flock){ .l_type = type,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = 1 };
}

/*
 * That somebody waits is an open file description lock, which goes with the
 * descriptor: shared by all who wait (and by who got the lock after that), and
 * looked at by who gives way.
 */
static void
say_that_we_wait(int fd)
{
	struct flock waits = lock_of_byte(WAITS_BYTE, F_RDLCK);

	if (!are_locks_one(fd))
		(void)fcntl(fd, F_OFD_SETLK, &waits);
}

/* Yes, where nobody can be asked. */
static bool
does_anybody_wait(int fd)
{
	struct flock wanted = lock_of_byte(WAITS_BYTE, F_WRLCK);

	return are_locks_one(fd) || fcntl(fd, F_OFD_GETLK, &wanted) == -1 ||
	    wanted.l_type != F_UNLCK;
}

/* Returns GREY_OK, GREY_BUSY after that time, or GREY_FAILED. */
static enum grey_status
wait_for_lock(int fd, int how, int64_t time)
{
	const int tries = time == 0 ? 1 : TRIES;
	int64_t deadline = 0, sleep = FIRST_SLEEP;

	while (!try_lock(fd, how, tries)) {
		if (errno != EWOULDBLOCK)
			return GREY_FAILED;
		if (time == 0)
			return GREY_BUSY;
		if (deadline == 0) {
			deadline = monotonic() + time;
			say_that_we_wait(fd);
		} else if (monotonic() >= deadline)
			return GREY_BUSY;
		pause_for(&sleep);
	}
	return GREY_OK;
}

/* The breaker of a lock, or NULL. */
static struct grey_breaker *
breaker_of(struct grey_session *session, uint64_t lock)
{
	for (size_t i = 0; i < GREY_BREAKERS; i++)
		if (session->breakers[i].lock == lock)
			return &session->breakers[i];
	return NULL;
}

/* Is this lock one that lately could not be had? */
static bool
is_stuck(struct grey_session *session, uint64_t lock)
{
	const struct grey_breaker *breaker = breaker_of(session, lock);

	return breaker != NULL && monotonic() < breaker->until;
}

/* Notes that a lock could not be had, in place of the oldest such note. */
static void
note_stuck(struct grey_session *session, uint64_t lock)
{
	struct grey_breaker *breaker = breaker_of(session, lock);

	if (breaker == NULL) {
		breaker = &session->breakers[0];
		for (size_t i = 1; i < GREY_BREAKERS; i++)
			if (session->breakers[i].until < breaker->until)
				breaker = &session->breakers[i];
	}
	*breaker = (struct grey_breaker){ lock, monotonic() + BREAKER_TIME };
}

static enum grey_status
open_lock(const struct grey_directory *directory, const char *name, int *fd_r,
    struct grey_error *err)
{
	enum grey_status status;

	status = grey_directory_openat(directory, name, O_RDWR, fd_r, err);
	if (status != GREY_NOT_FOUND)
		return status;
	status = make_lock(directory, name, err);
	if (status != GREY_OK)
		return status;
	status = grey_directory_openat(directory, name, O_RDWR, fd_r, err);
	if (status == GREY_NOT_FOUND)
		return grey_fail(err, GREY_FAILED,
		    "somebody removes '%s' again and again", name);
	return status;
}

bool
grey_lock_lost(int fd)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH, STATX_NLINK, &st) == -1 ||
	    st.stx_nlink == 0;
}

/*
 * Mostly it can be had at once, and one look at the file serves: is it one that
 * is to be locked, and has it still got its name, now that it is?  (What is not
 * ours is so locked for that moment.)
 */
static enum grey_status
take_lock(const struct grey_directory *directory, const char *name, int fd,
    int how, int64_t time, bool *lost_r, struct grey_error *err)
{
	const bool at_once = try_lock(fd, how, 1);
	struct grey_look look;
	enum grey_status status;

	status = grey_directory_check(directory, name, fd, &look, err);
	if (status != GREY_OK)
		return status;
	*lost_r = !look.has_name;
	if (at_once || *lost_r)
		return GREY_OK;
	status = wait_for_lock(fd, how, time);
	if (status == GREY_FAILED)
		return grey_fail(err, status, "cannot lock '%s': %s", name,
		    strerror(errno));
	*lost_r = status == GREY_OK && grey_lock_lost(fd);
	return status;
}

enum grey_status
grey_lock_acquire(struct grey_session *session, const struct grey_dbpath *path,
    const struct grey_directory *directory, enum grey_lock_kind kind,
    int64_t timeout, int *fd_r, struct grey_error *err)
{
	const uint64_t lock = lock_id(path);
	int64_t time = in_ns(timeout);
	struct grey_breaker *breaker;
	char name[LOCK_NAME_MAX];
	enum grey_status status;
	bool stuck, lost;
	int fd = -1;

	grey_session_complete(session);
	stuck = is_stuck(session, lock);
	if (stuck && time > STUCK_TIME)
		time = STUCK_TIME;
	name_of(path, name);
	for (;;) {
		status = open_lock(directory, name, &fd, err);
		if (status != GREY_OK)
			return status;
		status = take_lock(directory, name, fd,
		    kind == GREY_LOCK_SHARED ? LOCK_SH : LOCK_EX, time, &lost,
		    err);
		if (status != GREY_OK || !lost)
			break;
		(void)close(fd);
	}
	if (status == GREY_OK) {
		breaker = breaker_of(session, lock);
		if (breaker != NULL)
			*breaker = (struct grey_breaker){ 0 };
		*fd_r = fd;
		return GREY_OK;
	}
	(void)close(fd);
	if (status == GREY_FAILED)
		return status;
	if (timeout > 0 && !stuck)
		note_stuck(session, lock);
	return grey_fail(err, GREY_BUSY,
	    "'%s/%s' is held by another process "
	    "(see: fuser '%s/%s')",
	    path->directory, name, path->directory, name);
}

void
grey_lock_release(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

/* The lock file, or -1. */
static int
open_beside(const struct grey_dbpath *path, int flags)
{
	struct grey_directory directory = { .fd = -1 };
	struct grey_error unwanted;
	char name[LOCK_NAME_MAX];
	int fd = -1;

	name_of(path, name);
	if (grey_directory_open(path, false, &directory, &unwanted) == GREY_OK)
		(void)grey_directory_file(&directory, name, flags, &fd,
		    &unwanted);
	if (directory.fd != -1)
		(void)close(directory.fd);
	return fd;
}

enum grey_status
grey_lock_claim(const struct grey_dbpath *path, int *claim_r)
{
	struct flock claim = lock_of_byte(CLAIM_BYTE, F_WRLCK);
	int fd = open_beside(path, O_RDWR);
	enum grey_status status = GREY_NOT_FOUND;

	*claim_r = -1;
	if (fd == -1)
		return GREY_BUSY;
	if (!are_locks_one(fd)) {
		if (fcntl(fd, F_OFD_SETLK, &claim) == 0) {
			*claim_r = fd;
			return GREY_OK;
		}
		/* Two who do not agree on that would not exclude each other. */
		if (errno != EINVAL && errno != EOPNOTSUPP)
			status = GREY_BUSY;
	}
	grey_lock_release(&fd);
	return status;
}

void
grey_lock_give_way(const struct grey_dbpath *path, unsigned turn)
{
	int fd;

	if (turn % GIVE_WAY_ALWAYS == 0) {
		sleep_for(GIVE_WAY_TIME);
		return;
	}
	fd = open_beside(path, O_RDONLY);
	for (int64_t slept = 0; slept < GIVE_WAY_TIME && does_anybody_wait(fd);
	     slept += GIVE_WAY_STEP)
		sleep_for(GIVE_WAY_STEP);
	grey_lock_release(&fd);
}
