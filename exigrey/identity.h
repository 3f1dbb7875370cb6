/*
 * As whom the command works.  Run by root, it becomes the owner of the
 * directory that holds the database, for good and before it touches anything:
 * so it never leaves a file there that Exim cannot write, and nothing that the
 * owner puts there can be turned against root.  It stays root only where
 * nobody else can change what the path leads to.
 */
#ifndef EXIGREY_IDENTITY_H
#define EXIGREY_IDENTITY_H

#include <stdbool.h>

#include "dbpath.h"

#define IDENTITY_NAME 64

/*
 * Returns GREY_FAILED with an error if the program is setuid or setgid: much of
 * what it does is the caller's to say (editor, --output, PATH).  To be called
 * before anything else.
 */
enum grey_status identity_check(struct grey_error *err);

/*
 * Becomes the owner of the database's directory, or of the nearest one above
 * where that does not exist, if root runs us and the owner is another.
 * Returns GREY_OK; GREY_FAILED with an error, also for a directory of root's
 * that others can write in, or that lies where they can.
 */
enum grey_status
identity_assume(const struct grey_dbpath *path, struct grey_error *err);

/*
 * Returns true with the name of the user who owns the database, as far as can
 * be seen, if that is not the one as whom we run.
 */
bool
identity_differs(const struct grey_dbpath *path, char name_r[IDENTITY_NAME]);

#endif
