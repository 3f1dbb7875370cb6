#include "listen.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool
is_served(const struct sockaddr_un *address)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool served;

	if (fd == -1)
		return false;
	served = connect(fd, (const struct sockaddr *)address,
		     sizeof(*address)) == 0;
	(void)close(fd);
	return served;
}

/* The address of .NAME beside NAME.  Returns false if that is too long. */
static bool
temporary_of(const char *path, struct sockaddr_un *address_r)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	const int n = snprintf(address_r->sun_path, sizeof(address_r->sun_path),
	    "%.*s.%s", (int)(name - path), path, name);

	return n >= 0 && (size_t)n < sizeof(address_r->sun_path);
}

/* May a socket of ours take that name? */
static enum grey_status
check_name(const char *path, struct grey_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;

	(void)strlcpy(address.sun_path, path, sizeof(address.sun_path));
	if (lstat(path, &st) == -1)
		return GREY_OK;
	if (!S_ISSOCK(st.st_mode))
		return grey_fail(err, GREY_FAILED,
		    "'%.200s' is there, and no socket", path);
	if (is_served(&address))
		return grey_fail(err, GREY_FAILED,
		    "another server listens at '%.200s'", path);
	return GREY_OK;
}

enum grey_status
listen_at(const char *path, mode_t mode, int *fd_r, struct grey_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (!temporary_of(path, &address))
		return grey_fail(err, GREY_FAILED,
		    "--socket '%.200s' is longer than %zu bytes", path,
		    sizeof(address.sun_path) - 2);
	if (check_name(path, err) != GREY_OK)
		return GREY_FAILED;
	(void)unlink(address.sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1 ||
	    chmod(address.sun_path, mode) == -1 ||
	    listen(fd, SOMAXCONN) == -1 ||
	    rename(address.sun_path, path) == -1) {
		grey_error_set(err, "cannot listen at '%.200s': %s", path,
		    strerror(errno));
		if (fd != -1)
			(void)close(fd);
		return GREY_FAILED;
	}
	*fd_r = fd;
	return GREY_OK;
}

int
listen_activated(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	long count;

	if (pid == NULL || fds == NULL || strtol(pid, NULL, 10) != getpid())
		return 0;
	count = strtol(fds, NULL, 10);
	return count > 0 && count <= LISTEN_MAX ? (int)count : 0;
}
