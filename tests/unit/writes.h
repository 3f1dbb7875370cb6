/*
 * The system calls that change a file, libgdbm's too, go through the test: its
 * own functions stand before the C library's.  The test says whether a call
 * may be made, and is told of each write that was.
 */
#ifndef WRITES_H
#define WRITES_H

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <unistd.h>

enum change_kind {
	CHANGE_MORE,     /* write, pwritev: may need space */
	CHANGE_IN_PLACE, /* pwrite */
	CHANGE_SIZE,
	CHANGE_SYNC,
	CHANGE_NAME
};

/* Called before each; returns false, with errno set, if it is to fail. */
static bool may_change(enum change_kind kind);

/*
 * Called after size bytes were written at an offset; and, unless a test wants
 * ONLY_WRITES, after the others.
 */
static void was_written(int fd, off_t at, ssize_t size);
#ifdef ONLY_WRITES
#define was_truncated(fd) ((void)(fd))
#define was_synced(fd)    ((void)(fd))
#define was_renamed(to)   ((void)(to))
#else
static void was_truncated(int fd);
static void was_synced(int fd);
static void was_renamed(const char *to);
#endif

#define EXPORT __attribute__((visibility("default")))
EXPORT ssize_t write(int fd, const void *data, size_t size);
EXPORT ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at);
EXPORT ssize_t pwritev64(int fd, const struct iovec *parts, int count,
    off64_t at);
/* libgdbm's: in this program the name means the one with 64. */
EXPORT int plain_ftruncate(int fd, off_t size) __asm__("ftruncate");
EXPORT int ftruncate64(int fd, off64_t size);
EXPORT int fsync(int fd);
EXPORT int msync(void *at, size_t size, int flags);
EXPORT int renameat(int from_dir, const char *from, int to_dir, const char *to);
EXPORT int
linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
EXPORT int unlinkat(int dir, const char *name, int flags);

ssize_t
write(int fd, const void *data, size_t size)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t n;

	if (!may_change(CHANGE_MORE))
		return -1;
	n = syscall(SYS_write, fd, data, size);
	was_written(fd, at, n);
	return n;
}

ssize_t
pwrite64(int fd, const void *data, size_t size, off64_t at)
{
	ssize_t n;

	if (!may_change(CHANGE_IN_PLACE))
		return -1;
	n = syscall(SYS_pwrite64, fd, data, size, at);
	was_written(fd, at, n);
	return n;
}

ssize_t
pwritev64(int fd, const struct iovec *parts, int count, off64_t at)
{
	ssize_t n;

	if (!may_change(CHANGE_MORE))
		return -1;
	n = syscall(SYS_pwritev, fd, parts, count, (long)at, (long)(at >> 32));
	was_written(fd, at, n);
	return n;
}

int
ftruncate64(int fd, off64_t size)
{
	int result;

	if (!may_change(CHANGE_SIZE))
		return -1;
	result = (int)syscall(SYS_ftruncate, fd, size);
	was_truncated(fd);
	return result;
}

int
plain_ftruncate(int fd, off_t size)
{
	return ftruncate64(fd, size);
}

/* This machine keeps its power: syncing only takes time, which may count. */
#ifdef SYNC_TAKES_TIME
#define SYNC(...) ((int)syscall(__VA_ARGS__))
#else
#define SYNC(...) (0)
#endif

int
fsync(int fd)
{
	int result;

	if (!may_change(CHANGE_SYNC))
		return -1;
	result = SYNC(SYS_fsync, fd);
	was_synced(fd);
	return result;
}

int
msync(void *at, size_t size, int flags)
{
	(void)at;
	(void)size;
	(void)flags;
	return may_change(CHANGE_SYNC) ? SYNC(SYS_msync, at, size, flags) : -1;
}

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	int result;

	if (!may_change(CHANGE_NAME))
		return -1;
	result = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
	was_renamed(to);
	return result;
}

int
linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	return !may_change(CHANGE_NAME) ?
	    -1 :
	    (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}

int
unlinkat(int dir, const char *name, int flags)
{
	return !may_change(CHANGE_NAME) ?
	    -1 :
	    (int)syscall(SYS_unlinkat, dir, name, flags);
}

#endif
