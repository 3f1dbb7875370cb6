/* The configuration file, and the database that it configures. */
#ifndef EXIGREY_CONFIGURED_H
#define EXIGREY_CONFIGURED_H

#include "command.h"

/* Returns the path of the file: --config, or the usual one. */
const char *configured_file(const struct invocation *run);

/*
 * Reads the file into run->config, and, where the policy is used, whitelists;
 * mistake (may be NULL) is told of each.
 * Returns as grey_config_read, but a file that --config names must exist.
 */
enum grey_status configured_read(struct invocation *run,
    grey_mistake_fn *mistake, void *arg, struct grey_error *err);

/*
 * Where the database of the policy lies; Exim may be asked for its spool
 * directory.  Returns GREY_OK, GREY_INVALID, or GREY_FAILED if Exim does not
 * tell.
 */
enum grey_status configured_path(const struct grey_settings *settings,
    struct grey_dbpath *path_r, struct grey_error *err);

#endif
