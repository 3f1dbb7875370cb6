/* What commands share around a database: finding it, failing, its absence. */
#ifndef EXIGREY_DATABASE_H
#define EXIGREY_DATABASE_H

#include "command.h"
#include "greydb.h"
#include "policy.h"

/*
 * Resolves -d, becomes the database's owner, starts the session that
 * database_end ends.  Returns GREY_OK, GREY_INVALID, GREY_FAILED.
 */
enum grey_status database_begin(struct invocation *run, struct grey_error *err);

/* The same for a database of that name, whatever -d says. */
enum grey_status database_begin_named(struct invocation *run, const char *name,
    struct grey_error *err);

/* Resolves another name.  Returns GREY_OK or GREY_INVALID. */
enum grey_status database_resolve(const struct invocation *run,
    const char *name, struct grey_dbpath *path_r, struct grey_error *err);

/* Ends either. */
void database_end(struct invocation *run);

/* How to open it; create: make one that is missing. */
struct greydb_settings
database_settings(const struct invocation *run, bool create);

/*
 * The policy of the database: what exigrey.conf says of it, or the default;
 * with --grey, --passed.  Returns GREY_OK or GREY_INVALID.
 */
enum grey_status database_policy(const struct invocation *run,
    struct grey_policy *policy_r, struct grey_error *err);

/*
 * Complains about a failure, and says as whom to try again if that may help.
 * Returns EXIT_FAILED.
 */
int database_failed(const struct invocation *run, enum grey_status status,
    const struct grey_error *err);

/*
 * Says, unless quiet, that there is no database yet.  Returns status, the exit
 * status that this means for the command.
 */
int database_missing(const struct invocation *run, int status);

#endif
