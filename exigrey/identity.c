#include "identity.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MAX 40 /* the kernel's own limit */

/* A path that is followed by hand, name by name. */
struct walk {
	int fd;              /* the directory that was reached */
	struct stat st;      /* of it */
	char rest[PATH_MAX]; /* what is still to follow */
	int links;           /* met so far */
	bool whole;          /* all of it is there */
	bool others;         /* can others than root change where it leads? */
};

/* Can others than root put something into the directory, or take it away? */
static bool
others_write(const struct stat *st)
{
	return st->st_uid != 0 || (st->st_mode & S_IWOTH) != 0 ||
	    ((st->st_mode & S_IWGRP) != 0 && st->st_gid != 0);
}

/* Reaches a directory; the descriptor is the walk's from then on. */
static bool
reach(struct walk *walk, int fd)
{
	if (fd == -1)
		return false;
	if (walk->fd != -1)
		(void)close(walk->fd);
	walk->fd = fd;
	if (fstat(fd, &walk->st) == -1)
		return false;
	/* In a sticky directory of root it depends on what lies there. */
	if (others_write(&walk->st) &&
	    (walk->st.st_uid != 0 || (walk->st.st_mode & S_ISVTX) == 0))
		walk->others = true;
	return true;
}

/* Puts the target of a link before what is left. */
static bool
follow_link(struct walk *walk, int link)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);

	if (n <= 0 || ++walk->links > LINKS_MAX)
		return false;
	target[n] = '\0';
	(void)strlcpy(rest, walk->rest, sizeof(rest));
	if ((size_t)snprintf(walk->rest, sizeof(walk->rest), "%s/%s", target,
		rest) >= sizeof(walk->rest))
		return false;
	return target[0] != '/' || reach(walk, open("/", O_PATH | O_CLOEXEC));
}

/* Goes one name further.  Returns false at the end, or where nothing is. */
static bool
step(struct walk *walk)
{
	const char *start = walk->rest + strspn(walk->rest, "/");
	const size_t length = strcspn(start, "/");
	char name[NAME_MAX + 1];
	struct stat st;
	bool ok;
	int fd;

	walk->whole = length == 0;
	if (length == 0 || length > NAME_MAX)
		return false;
	(void)strlcpy(name, start, length + 1);
	memmove(walk->rest, start + length, strlen(start + length) + 1);
	fd = openat(walk->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return false;
	ok = fstat(fd, &st) == 0;
	if (ok && others_write(&walk->st) && st.st_uid != 0)
		walk->others = true;
	if (ok && S_ISDIR(st.st_mode))
		return reach(walk, fd);
	ok = ok && S_ISLNK(st.st_mode) && follow_link(walk, fd);
	(void)close(fd);
	return ok;
}

/*
 * Follows the path as far as there is something.  Returns false if it cannot
 * be followed at all.
 */
static bool
follow(const char *directory, struct walk *walk)
{
	char here[PATH_MAX] = "";

	*walk = (struct walk){ .fd = -1 };
	if (directory[0] != '/' && getcwd(here, sizeof(here)) == NULL)
		return false;
	if ((size_t)snprintf(walk->rest, sizeof(walk->rest), "%s/%s", here,
		directory) >= sizeof(walk->rest) ||
	    !reach(walk, open("/", O_PATH | O_CLOEXEC)))
		return false;
	while (step(walk))
		continue;
	(void)close(walk->fd);
	/* What is missing could come, from whomever. */
	if (!walk->whole && others_write(&walk->st))
		walk->others = true;
	return true;
}

enum grey_status
identity_check(struct grey_error *err)
{
	if (getuid() == geteuid() && getgid() == getegid())
		return GREY_OK;
	return grey_fail(err, GREY_FAILED,
	    "it was given another user's or group's rights (setuid, setgid) "
	    "and is not made for that: take them away, and use sudo");
}

enum grey_status
identity_assume(const struct grey_dbpath *path, struct grey_error *err)
{
	struct walk walk;
	const struct stat *st = &walk.st;

	if (geteuid() != 0)
		return GREY_OK;
	if (!follow(path->directory, &walk))
		return grey_fail(err, GREY_FAILED,
		    "cannot open directory '%s': %s", path->directory,
		    strerror(errno));
	if (st->st_uid == 0 && walk.others && !walk.whole)
		return grey_fail(err, GREY_FAILED,
		    "cannot open directory '%s': %s", path->directory,
		    strerror(ENOENT));
	if (st->st_uid == 0 && walk.others)
		return grey_fail(err, GREY_FAILED,
		    "directory '%.300s' belongs to root, but others can write "
		    "in it or put another in its place: chown it to the user "
		    "whom the database belongs to",
		    path->directory);
	if (st->st_uid == 0)
		return GREY_OK;
	if (setgroups(1, &st->st_gid) == -1 ||
	    setresgid(st->st_gid, st->st_gid, st->st_gid) == -1 ||
	    setresuid(st->st_uid, st->st_uid, st->st_uid) == -1)
		return grey_fail(err, GREY_FAILED,
		    "cannot become user %ld, who owns '%.300s': %s",
		    (long)st->st_uid, path->directory, strerror(errno));
	return GREY_OK;
}

/* The nearest directory above that can be seen tells as well. */
static bool
find_owner(const struct grey_dbpath *path, uid_t *owner_r)
{
	char directory[PATH_MAX];
	struct stat st;
	char *slash;

	(void)strlcpy(directory, path->directory, sizeof(directory));
	while (stat(directory, &st) == -1) {
		slash = strrchr(directory, '/');
		if (errno != EACCES || slash == NULL || slash == directory)
			return false;
		*slash = '\0';
	}
	*owner_r = st.st_uid;
	return true;
}

bool
identity_differs(const struct grey_dbpath *path, char name_r[IDENTITY_NAME])
{
	const struct passwd *user;
	uid_t owner;

	if (!find_owner(path, &owner) || owner == geteuid())
		return false;
	user = getpwuid(owner);
	if (user != NULL)
		(void)strlcpy(name_r, user->pw_name, IDENTITY_NAME);
	else
		(void)snprintf(name_r, IDENTITY_NAME, "#%ld", (long)owner);
	return true;
}
