#include "identity.h"

#include <sys/stat.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * The directory that holds the database, or the spool directory above it if
 * it is missing.  Returns false if there is neither, or if it is not to be
 * seen.
 */
static bool
stat_directory(const struct grey_dbpath *path, struct stat *st_r)
{
	char spool[PATH_MAX];

	if (stat(path->directory, st_r) == 0)
		return true;
	if (errno != ENOENT || !path->in_spool)
		return false;
	(void)strlcpy(spool, path->directory, sizeof(spool));
	*strrchr(spool, '/') = '\0';
	return stat(spool[0] != '\0' ? spool : "/", st_r) == 0;
}

enum grey_status
identity_assume(const struct grey_dbpath *path, struct grey_error *err)
{
	struct stat st;

	if (geteuid() != 0 || !stat_directory(path, &st) || st.st_uid == 0)
		return GREY_OK;
	if (setgroups(1, &st.st_gid) == -1 ||
	    setresgid(st.st_gid, st.st_gid, st.st_gid) == -1 ||
	    setresuid(st.st_uid, st.st_uid, st.st_uid) == -1)
		return grey_fail(err, GREY_FAILED,
		    "cannot become user %ld, who owns '%.300s': %s",
		    (long)st.st_uid, path->directory, strerror(errno));
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
