/* All records of a Berkeley DB file: of a damaged one too. */
#ifndef GREY_BDB_WALK_H
#define GREY_BDB_WALK_H

#include "greydb_driver.h"

/* A driver's walk (greydb_driver.h); fd stays the caller's. */
enum grey_status grey_bdb_walk(int fd, bool rescue, greydb_visit_fn *visit,
    void *arg, struct greydb_walk *walk, struct grey_error *err);

#endif
