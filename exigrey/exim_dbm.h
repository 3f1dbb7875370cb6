/*
 * A database as Exim's lookups want it, made by Exim's own exim_dbmbuild: in
 * whatever format this Exim was built for.
 */
#ifndef EXIGREY_EXIM_DBM_H
#define EXIGREY_EXIM_DBM_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "bytes.h"

/* Finds exim_dbmbuild.  Returns true if it is there. */
bool exim_dbm_find(char path_r[PATH_MAX]);

/*
 * Writes a line for exim_dbmbuild.  Returns false, and writes nothing, for a
 * key that it cannot take (longer than 255 bytes, with a NUL within it, or
 * without one at its end) or a value with a newline.
 */
bool exim_dbm_write(FILE *file, struct grey_bytes key, struct grey_bytes value);

/*
 * Makes a database of a file of such lines.  Returns true, or false after it
 * has complained, with what the program said.
 */
bool exim_dbm_build(const char *program, const char *lines, const char *made);

#endif
