/*
 * As whom the command works.  Run by root, it becomes the owner of the
 * directory that holds the database, for good and before it touches anything:
 * so it never leaves a file there that Exim cannot write.
 */
#ifndef EXIGREY_IDENTITY_H
#define EXIGREY_IDENTITY_H

#include <stdbool.h>

#include "dbpath.h"

#define IDENTITY_NAME 64

/*
 * Becomes the owner of the database's directory, or of the spool directory
 * where that does not exist yet, if root runs us and the owner is another.
 * Returns GREY_OK, also where there is no directory at all, or GREY_FAILED.
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
