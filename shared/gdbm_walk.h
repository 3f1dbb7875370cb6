/* All records of a GDBM file, one after the other: of a damaged one too. */
#ifndef GREY_GDBM_WALK_H
#define GREY_GDBM_WALK_H

#include "greydb_driver.h"

/*
 * A driver's walk (greydb_driver.h); fd stays the caller's.  Key and value live
 * until the visit ends.
 */
enum grey_status grey_gdbm_walk(int fd, bool rescued, greydb_visit_fn *visit,
    void *arg, struct greydb_walk *result, struct grey_error *err);

#endif
