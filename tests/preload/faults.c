/*
 * Preloaded into Exim: lets the calls of exigrey.so and libgdbm fail that a
 * test cannot make fail otherwise.
 *
 *	EXIGREY_FAULTS		a file, read anew at each call; its lines say
 *				CALL NUMBER AFTER [COUNT]
 *	EXIGREY_FAULTS_IN	only files in this directory are concerned
 *
 * After the first AFTER ones of a process, COUNT (or all) of these calls fail
 * with errno NUMBER: write, read, open, name (of a new or renamed file).
 * "clock N" adds N seconds to time(2).
 * "limit N" lets the process have descriptors below N only.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXPORT     __attribute__((visibility("default")))
#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

enum call { WRITE, READ, OPEN, NAME, CLOCK, LIMIT };

static char rules[256], directory[256]; /* Exim clears its environment */

__attribute__((constructor)) static void
begin(void)
{
	const char *from = getenv("EXIGREY_FAULTS");
	const char *in = getenv("EXIGREY_FAULTS_IN");

	(void)snprintf(rules, sizeof(rules), "%s", from != NULL ? from : "");
	(void)snprintf(directory, sizeof(directory), "%s",
	    in != NULL ? in : "");
}

struct rule {
	long number, after, count;
};

/* Finds what the file says of a call; false if nothing. */
static bool
find_rule(enum call call, struct rule *rule_r)
{
	static const char *const names[] = { "write ", "read ", "open ",
		"name ", "clock ", "limit " };
	char text[512];
	const char *line;
	char *end;
	long n, fd;

	if (rules[0] == '\0')
		return false;
	fd = syscall(SYS_openat, AT_FDCWD, rules, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return false;
	n = syscall(SYS_read, fd, text, sizeof(text) - 1);
	(void)syscall(SYS_close, fd);
	text[n > 0 ? n : 0] = '\0';
	line = strstr(text, names[call]);
	if (line == NULL)
		return false;
	rule_r->number = strtol(line + strlen(names[call]), &end, 10);
	rule_r->after = strtol(end, &end, 10);
	rule_r->count = *end == ' ' ? strtol(end, NULL, 10) : LONG_MAX;
	return true;
}

/* Counts the call; true, with errno, if it is to fail. */
static bool
fails(enum call call)
{
	static long calls[CLOCK];
	const int saved = errno;
	struct rule rule;
	long n;

	errno = saved;
	if (!find_rule(call, &rule))
		return false;
	n = calls[call]++ - rule.after;
	errno = n >= 0 && n < rule.count ? (int)rule.number : saved;
	return n >= 0 && n < rule.count;
}

static bool
open_fails(void)
{
	struct rlimit limit;
	struct rule rule;

	if (find_rule(LIMIT, &rule) && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = (rlim_t)rule.number;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	return fails(OPEN);
}

static bool
lies_there(const char *path)
{
	return directory[0] != '\0' &&
	    strncmp(path, directory, strlen(directory)) == 0;
}

/* Is it a file in the directory, or that directory? */
static bool
is_ours(int fd)
{
	char name[32], path[256];
	ssize_t n;

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	return lies_there(path);
}

EXPORT ssize_t
write(int fd, const void *data, size_t size)
{
	return is_ours(fd) && fails(WRITE) ? -1 : NEXT(write)(fd, data, size);
}

EXPORT ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at);
EXPORT ssize_t
pwrite64(int fd, const void *data, size_t size, off64_t at)
{
	return is_ours(fd) && fails(WRITE) ? -1 :
					     NEXT(pwrite64)(fd, data, size, at);
}

EXPORT ssize_t pwritev64(int fd, const struct iovec *parts, int count,
    off64_t at);
EXPORT ssize_t
pwritev64(int fd, const struct iovec *parts, int count, off64_t at)
{
	return is_ours(fd) && fails(WRITE) ?
	    -1 :
	    NEXT(pwritev64)(fd, parts, count, at);
}

EXPORT int fallocate64(int fd, int mode, off64_t at, off64_t size);
EXPORT int
fallocate64(int fd, int mode, off64_t at, off64_t size)
{
	return is_ours(fd) && fails(WRITE) ?
	    -1 :
	    NEXT(fallocate64)(fd, mode, at, size);
}

EXPORT ssize_t
read(int fd, void *data, size_t size)
{
	return is_ours(fd) && fails(READ) ? -1 : NEXT(read)(fd, data, size);
}

EXPORT ssize_t pread64(int fd, void *data, size_t size, off64_t at);
EXPORT ssize_t
pread64(int fd, void *data, size_t size, off64_t at)
{
	return is_ours(fd) && fails(READ) ? -1 :
					    NEXT(pread64)(fd, data, size, at);
}

/* Do these flags come with a mode? */
#define MODE(flags) (((flags) & (O_CREAT | O_TMPFILE)) != 0)

EXPORT int open64(const char *path, int flags, ...);
EXPORT int
open64(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = MODE(flags) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return (lies_there(path) || strstr(path, "boot_id") != NULL) &&
		open_fails() ?
	    -1 :
	    NEXT(open64)(path, flags, mode);
}

EXPORT int openat64(int at, const char *path, int flags, ...);
EXPORT int
openat64(int at, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = MODE(flags) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return is_ours(at) && open_fails() ?
	    -1 :
	    NEXT(openat64)(at, path, flags, mode);
}

/* Only exigrey.so calls this. */
EXPORT int
memfd_create(const char *name, unsigned int flags)
{
	return open_fails() ? -1 : NEXT(memfd_create)(name, flags);
}

EXPORT int
linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
	return is_ours(to_at) && fails(NAME) ?
	    -1 :
	    NEXT(linkat)(from_at, from, to_at, to, flags);
}

EXPORT int
renameat(int from_at, const char *from, int to_at, const char *to)
{
	return is_ours(to_at) && fails(NAME) ?
	    -1 :
	    NEXT(renameat)(from_at, from, to_at, to);
}

EXPORT time_t
time(time_t *now)
{
	struct timespec ts;
	struct rule rule;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (find_rule(CLOCK, &rule))
		ts.tv_sec += rule.number;
	if (now != NULL)
		*now = ts.tv_sec;
	return ts.tv_sec;
}
