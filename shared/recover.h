/*
 * Making a database usable again: a new file from what can be read of the old
 * one, renamed into its place.  For greydb only, whose caller holds the lock.
 */
#ifndef GREY_RECOVER_H
#define GREY_RECOVER_H

#include "greydb_driver.h"

struct greydb_place {
	const struct greydb_driver *driver;
	const struct grey_dbpath *path;
	const struct grey_directory *directory;
	struct grey_session *session;
	int64_t now;
	int64_t records; /* as the journal has it */
};

/*
 * Makes a new, empty database where there is none.
 * Returns GREY_OK or GREY_FAILED.
 */
enum grey_status
greydb_make(const struct greydb_place *place, struct grey_error *err);

/*
 * Rebuilds the file and counts its records.  If some could not be read, the
 * old file is kept as FILE.corrupt-TIME (never in place of an earlier one); if
 * none could, a new database is started.
 * Returns GREY_OK; GREY_INVALID for a file of another kind, which is left
 * alone; GREY_DAMAGED with lose_nothing if something would be lost;
 * GREY_FAILED.  Unless it is GREY_OK the old file is still in place.
 */
enum grey_status greydb_rebuild(const struct greydb_place *place,
    struct greydb_rewrite *rewrite, struct grey_error *err);

/*
 * Removes what processes that were killed left beside the database: new files,
 * and lock files without their name that are older than an hour.
 */
void greydb_remove_leftovers(const struct greydb_place *place);

#endif
