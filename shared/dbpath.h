/*
 * Where a database lies: a name as an ACL or a command line gives it, and the
 * directory that holds it.
 *
 * Everything is opened below a directory descriptor and without following a
 * link in the last component.  Owner, group and mode of what is created come
 * from the directory, whoever creates it.
 */
#ifndef GREY_DBPATH_H
#define GREY_DBPATH_H

#include <sys/types.h>

#include <stdbool.h>

#include "start.h"

#define GREY_DB_DEFAULT   "seen"
#define GREY_DB_DIRECTORY "grey" /* below Exim's spool directory */
#define GREY_DB_NAME_MAX  200    /* leaves room for our suffixes */

/*
 * Of the directory, with its NUL.  (PATH_MAX would have each SMTP process touch
 * one page of its stack more.)
 */
#define GREY_DB_DIRECTORY_MAX 1024

/* What a database's name may start with: "gdbm:", "bdb:". */
enum grey_kind { GREY_KIND_ANY, GREY_KIND_GDBM, GREY_KIND_BDB };

struct grey_dbpath {
	char directory[GREY_DB_DIRECTORY_MAX];
	char file[GREY_DB_NAME_MAX + 1];
	bool in_spool; /* the directory is made where it is missing */
	enum grey_kind kind;
};

/* A directory that is open, and whom its files shall belong to. */
struct grey_directory {
	int fd;
	uid_t uid;
	gid_t gid;
	mode_t mode; /* of files in it */
};

/*
 * Resolves a database name: one that starts with "/" or "./" is a path, any
 * other a plain file name in DIRECTORY grey of the spool directory.  Before it
 * there may be a kind and ":".
 * Returns GREY_OK, or GREY_INVALID with an error that quotes the name.
 */
enum grey_status grey_dbpath_resolve(const char *name, const char *spool,
    struct grey_dbpath *path_r, struct grey_error *err);

/* Returns "gdbm" or "bdb", or "" for any; it lives for ever. */
const char *grey_kind_name(enum grey_kind kind);

/*
 * Opens the directory; with create, one in the spool is made first if it is
 * missing, with the spool directory's owner and mode.  The caller closes fd.
 * Returns GREY_OK; GREY_NOT_FOUND (without create, or not in the spool) with
 * a text all the same; GREY_FAILED, also for a directory that everybody can
 * write, and, for root, one in the spool that is a link to a directory of
 * root's.
 */
enum grey_status grey_directory_open(const struct grey_dbpath *path,
    bool create, struct grey_directory *directory_r, struct grey_error *err);

/*
 * Opens a regular file in the directory with open(2)'s flags.
 * Returns GREY_OK, GREY_NOT_FOUND, or GREY_FAILED with an error: no regular
 * file, a link, one that belongs neither to us, to root nor to the directory's
 * owner, or, for root, one of root's that somebody may have linked there.
 */
enum grey_status grey_directory_file(const struct grey_directory *directory,
    const char *name, int flags, int *fd_r, struct grey_error *err);

/* What grey_directory_check saw of a file. */
struct grey_look {
	int64_t size;  /* bytes */
	bool has_name; /* else it was deleted */
};

/*
 * The two halves of that, for who has something to do in between.  The first
 * opens what is no link: GREY_OK, and the caller closes *fd_r; GREY_NOT_FOUND;
 * GREY_FAILED.  The second looks whether it is a file that we may use: GREY_OK,
 * or GREY_FAILED, and fd stays open.
 */
enum grey_status grey_directory_openat(const struct grey_directory *directory,
    const char *name, int flags, int *fd_r, struct grey_error *err);
enum grey_status grey_directory_check(const struct grey_directory *directory,
    const char *name, int fd, struct grey_look *look_r, struct grey_error *err);

/* grey_directory_file, and reads how it starts; returns as that. */
enum grey_status
grey_directory_start(const struct grey_directory *directory, const char *name,
    int flags, int *fd_r, struct grey_start *start_r, struct grey_error *err);

/*
 * Gives what was just created the directory's owner and group, and mode.
 * Returns GREY_OK or GREY_FAILED with an error.
 */
enum grey_status grey_directory_adopt(const struct grey_directory *directory,
    int fd, mode_t mode, struct grey_error *err);

#endif
