/*
 * Exim's spool directory, asked from the installed Exim at run time: where the
 * configuration says something else, it may differ from what was compiled in.
 */
#ifndef EXIGREY_SPOOL_H
#define EXIGREY_SPOOL_H

#include <limits.h>

#include "status.h"

/*
 * Runs "exim4 -bP spool_directory", else "exim", found in PATH or where Exim
 * usually is.  Returns GREY_OK with an absolute path; GREY_NOT_FOUND if there
 * is no Exim; GREY_FAILED with what it said instead.
 */
enum grey_status
spool_directory(char spool_r[PATH_MAX], struct grey_error *err);

#endif
