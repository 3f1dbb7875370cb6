#include "dbpath.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the lock and the recovery call their own files. */
static const char *const reserved[] = { "..", ".lock", ".corrupt-" };

static const char *const kinds[] = { [GREY_KIND_ANY] = "",
	[GREY_KIND_GDBM] = "gdbm",
	[GREY_KIND_BDB] = "bdb" };
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

const char *
grey_kind_name(enum grey_kind kind)
{
	return kinds[kind];
}

/* Takes "gdbm:" or the like off the name. */
static enum grey_kind
take_kind(const char **name)
{
	for (size_t i = GREY_KIND_ANY + 1; i < KINDS; i++) {
		const size_t length = strlen(kinds[i]);
		if (strncmp(*name, kinds[i], length) == 0 &&
		    (*name)[length] == ':') {
			*name += length + 1;
			return (enum grey_kind)i;
		}
	}
	return GREY_KIND_ANY;
}

static enum grey_status
check_name(const char *name, const char *file, struct grey_error *err)
{
	size_t length = strlen(file);

	if (length == 0 || strcmp(file, ".") == 0)
		return grey_fail(err, GREY_INVALID, "DB '%.100s' names no file",
		    name);
	if (length > GREY_DB_NAME_MAX)
		return grey_fail(err, GREY_INVALID,
		    "DB '%.100s...' is longer than %d bytes", file,
		    GREY_DB_NAME_MAX);
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (strstr(file, reserved[i]) != NULL)
			return grey_fail(err, GREY_INVALID,
			    "DB '%.200s' must not hold '%s'", name,
			    reserved[i]);
	for (const char *p = file; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return grey_fail(err, GREY_INVALID,
			    "DB must not hold a control character");
	return GREY_OK;
}

static enum grey_status
too_long(const char *name, struct grey_error *err)
{
	return grey_fail(err, GREY_INVALID,
	    "DB '%.100s': its directory is longer than %d bytes", name,
	    GREY_DB_DIRECTORY_MAX - 1);
}

static enum grey_status
resolve_path(const char *name, struct grey_dbpath *path, struct grey_error *err)
{
	const char *slash = strrchr(name, '/');
	size_t length = slash == name ? 1 : (size_t)(slash - name);
	enum grey_status status = check_name(name, slash + 1, err);

	if (status != GREY_OK)
		return status;
	if (length >= sizeof(path->directory))
		return too_long(name, err);
	memcpy(path->directory, name, length);
	path->directory[length] = '\0';
	(void)strcpy(path->file, slash + 1);
	return GREY_OK;
}

enum grey_status
grey_dbpath_resolve(const char *name, const char *spool,
    struct grey_dbpath *path_r, struct grey_error *err)
{
	enum grey_status status;

	path_r->kind = take_kind(&name);
	path_r->in_spool = false;
	if (name[0] == '/' || strncmp(name, "./", 2) == 0)
		return resolve_path(name, path_r, err);
	if (strchr(name, '/') != NULL)
		return grey_fail(err, GREY_INVALID,
		    "DB '%.200s' is neither a "
		    "plain file name nor a path that starts with / or ./",
		    name);
	status = check_name(name, name, err);
	if (status != GREY_OK)
		return status;
	if (strlen(spool) + sizeof("/" GREY_DB_DIRECTORY) >
	    sizeof(path_r->directory))
		return too_long(name, err);
	(void)stpcpy(stpcpy(path_r->directory, spool), "/" GREY_DB_DIRECTORY);
	(void)strcpy(path_r->file, name);
	path_r->in_spool = true;
	return GREY_OK;
}

/*
 * Makes the directory under a name of its own and renames it, so that nobody
 * ever sees one that Exim's user cannot write.
 */
static enum grey_status
make_directory(const char *directory, struct grey_error *err)
{
	char spool[GREY_DB_DIRECTORY_MAX], temporary[64];
	struct stat st;
	int parent, made = -1;
	enum grey_status status = GREY_FAILED;

	(void)snprintf(spool, sizeof(spool), "%.*s",
	    (int)(strrchr(directory, '/') - directory), directory);
	(void)snprintf(temporary, sizeof(temporary), "%s.new-%ld",
	    GREY_DB_DIRECTORY, (long)getpid());
	parent = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent == -1)
		return grey_fail(err, GREY_FAILED,
		    "cannot open spool directory '%s': %s", spool,
		    strerror(errno));
	if (mkdirat(parent, temporary, 0700) == -1 ||
	    (made = openat(parent, temporary,
		 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1 ||
	    fstat(parent, &st) == -1)
		goto out;
	if (st.st_uid != geteuid() || st.st_gid != getegid())
		if (fchown(made, st.st_uid, st.st_gid) == -1 && geteuid() == 0)
			goto out;
	if (fchmod(made, st.st_mode & 0777) == -1)
		goto out;
	if (renameat2(parent, temporary, parent, GREY_DB_DIRECTORY,
		RENAME_NOREPLACE) == 0 ||
	    errno == EEXIST)
		status = GREY_OK;
	else if (errno == EINVAL && /* a file system without that flag */
	    (renameat(parent, temporary, parent, GREY_DB_DIRECTORY) == 0 ||
		errno == EEXIST || errno == ENOTEMPTY))
		status = GREY_OK;
out:
	if (status != GREY_OK)
		grey_error_set(err, "cannot make directory '%s': %s", directory,
		    strerror(errno));
	(void)unlinkat(parent, temporary, AT_REMOVEDIR);
	if (made != -1)
		(void)close(made);
	(void)close(parent);
	return status;
}

/*
 * Root in Exim's spool directory, whose owner may put a link there to one of
 * root's directories.
 */
static bool
is_trap(const struct grey_dbpath *path, const struct stat *opened)
{
	struct stat named;

	return opened->st_uid == 0 && path->in_spool && geteuid() == 0 &&
	    (lstat(path->directory, &named) == -1 ||
		named.st_dev != opened->st_dev ||
		named.st_ino != opened->st_ino);
}

enum grey_status
grey_directory_open(const struct grey_dbpath *path, bool create,
    struct grey_directory *directory_r, struct grey_error *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	enum grey_status status;
	struct stat st;
	int fd;

	fd = open(path->directory, flags);
	if (fd == -1 && errno == ENOENT && create && path->in_spool) {
		status = make_directory(path->directory, err);
		if (status != GREY_OK)
			return status;
		fd = open(path->directory, flags);
	}
	if (fd == -1)
		return grey_fail(err,
		    errno == ENOENT ? GREY_NOT_FOUND : GREY_FAILED,
		    "cannot open directory '%s': %s", path->directory,
		    strerror(errno));
	if (fstat(fd, &st) == -1 ||
	    ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0)) {
		(void)close(fd);
		return grey_fail(err, GREY_FAILED,
		    "directory '%s' can be "
		    "written by everybody: chmod o-w it",
		    path->directory);
	}
	if (is_trap(path, &st)) {
		(void)close(fd);
		return grey_fail(err, GREY_FAILED,
		    "directory '%s' is a link to one of root's",
		    path->directory);
	}
	*directory_r = (struct grey_directory){ .fd = fd,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.mode = st.st_mode & 0664 };
	return GREY_OK;
}

static enum grey_status
cannot_open(const char *name, int flags, struct grey_error *err)
{
	const int error = errno;
	char user[32] = "";

	if (error == EACCES)
		(void)snprintf(user, sizeof(user), " as user %ld",
		    (long)geteuid());
	return grey_fail(err, GREY_FAILED, "cannot %s '%s'%s: %s",
	    (flags & O_CREAT) != 0 ? "make" : "open", name, user,
	    error == ELOOP ? "it is a symbolic link" : strerror(error));
}

enum grey_status
grey_directory_openat(const struct grey_directory *directory, const char *name,
    int flags, int *fd_r, struct grey_error *err)
{
	/* O_NONBLOCK: opening a FIFO must not wait. */
	const int fd = openat(directory->fd, name,
	    flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);

	if (fd == -1)
		return errno == ENOENT ? GREY_NOT_FOUND :
					 cannot_open(name, flags, err);
	*fd_r = fd;
	return GREY_OK;
}

enum grey_status
grey_directory_check(const struct grey_directory *directory, const char *name,
    int fd, struct grey_look *look_r, struct grey_error *err)
{
	struct statx st;

	/*
	 * Not fstat: since Linux 6.13 a write to a file whose times were asked
	 * for costs more (doc/performance.md).
	 */
	if (statx(fd, "", AT_EMPTY_PATH,
		STATX_TYPE | STATX_UID | STATX_NLINK | STATX_SIZE, &st) == -1)
		return grey_fail(err, GREY_FAILED, "cannot stat '%s': %s", name,
		    strerror(errno));
	if (!S_ISREG(st.stx_mode))
		return grey_fail(err, GREY_FAILED, "'%s' is not a regular file",
		    name);
	if (st.stx_uid != directory->uid && st.stx_uid != geteuid() &&
	    st.stx_uid != 0)
		return grey_fail(err, GREY_FAILED,
		    "'%s' belongs to user %ld, "
		    "neither to us nor to its directory's owner",
		    name, (long)st.stx_uid);
	/* The directory's owner may have linked any file of root's here. */
	if (st.stx_uid == 0 && directory->uid != 0 && st.stx_nlink > 1 &&
	    geteuid() == 0)
		return grey_fail(err, GREY_FAILED,
		    "'%s' belongs to root and has another name elsewhere",
		    name);
	*look_r = (struct grey_look){ .size = (int64_t)st.stx_size,
		.has_name = st.stx_nlink > 0 };
	return GREY_OK;
}

static enum grey_status
open_file(const struct grey_directory *directory, const char *name, int flags,
    int *fd_r, struct grey_look *look_r, struct grey_error *err)
{
	enum grey_status status;
	int fd;

	status = grey_directory_openat(directory, name, flags, &fd, err);
	if (status != GREY_OK)
		return status;
	status = grey_directory_check(directory, name, fd, look_r, err);
	if (status == GREY_OK)
		*fd_r = fd;
	else
		(void)close(fd);
	return status;
}

enum grey_status
grey_directory_file(const struct grey_directory *directory, const char *name,
    int flags, int *fd_r, struct grey_error *err)
{
	struct grey_look look;

	return open_file(directory, name, flags, fd_r, &look, err);
}

enum grey_status
grey_directory_start(const struct grey_directory *directory, const char *name,
    int flags, int *fd_r, struct grey_start *start_r, struct grey_error *err)
{
	enum grey_status status;
	struct grey_look look;

	status = open_file(directory, name, flags, fd_r, &look, err);
	if (status != GREY_OK)
		return status;
	status = grey_start_of(*fd_r, look.size, start_r, err);
	if (status != GREY_OK) {
		(void)close(*fd_r);
		*fd_r = -1;
	}
	return status;
}

enum grey_status
grey_directory_adopt(const struct grey_directory *directory, int fd,
    mode_t mode, struct grey_error *err)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		goto failed;
	/* Who may not give files away keeps them: that is no harm. */
	if ((st.st_uid != directory->uid || st.st_gid != directory->gid) &&
	    fchown(fd, directory->uid, directory->gid) == -1 && geteuid() == 0)
		goto failed;
	if (fchmod(fd, mode) == -1)
		goto failed;
	return GREY_OK;
failed:
	return grey_fail(err, GREY_FAILED,
	    "cannot set owner and mode of a new file: %s", strerror(errno));
}
