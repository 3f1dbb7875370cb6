/* A value that import or edit wants to be in the place of another. */
#ifndef EXIGREY_WANTED_H
#define EXIGREY_WANTED_H

#include <stdbool.h>

#include "greydb.h"
#include "status.h"

/*
 * Returns true if the value there is the one that is wanted for a key; of two
 * records only the text counts.
 */
bool wanted_is_there(struct grey_bytes key, struct grey_bytes wanted,
    bool is_record, struct grey_bytes there);

/*
 * Stores what is wanted in place of what is there (data NULL: nothing); a
 * record is not made narrower (record.h).  Returns as greydb_store.
 */
enum grey_status
wanted_store(struct greydb *db, struct grey_bytes key, struct grey_bytes wanted,
    bool is_record, struct grey_bytes there, struct grey_error *err);

#endif
