/*
 * exigrey.conf: an INI file, read with libinih, which is loaded for it only.
 * There may be none; then the defaults hold and nothing is loaded.
 */
#ifndef GREY_CONFIG_H
#define GREY_CONFIG_H

#include <sys/stat.h>

#include <limits.h>

#include "settings.h"
#include "status.h"

/* Is it the same file with the same content, as far as stat(2) tells? */
bool grey_stat_same(const struct stat *then, const struct stat *now);

/* Told of one mistake ("FILE:LINE: what"); the text lives for the call. */
typedef void grey_mistake_fn(void *arg, const char *text);

/* What a process knows of its configuration file; zeroed at first. */
struct grey_config {
	char file[PATH_MAX];
	struct grey_settings settings;
	int lines[GREY_SETTINGS_MAX]; /* that set them, by number; 0: none */
	bool exists;
	int mistakes;
	struct grey_error first; /* of them, named by file and line */
	struct stat stat;        /* of what was read */
	bool was_read;
};

/*
 * Reads a file, unless it is the one that was read last and has not changed
 * since.  A file that is missing is no mistake.
 * Returns GREY_OK; GREY_INVALID with the first mistake, each of which mistake
 * (may be NULL) is told when the file is read anew: the settings hold what was
 * understood; GREY_FAILED where the file, or libinih, cannot be had.
 */
enum grey_status grey_config_read(struct grey_config *config, const char *file,
    grey_mistake_fn *mistake, void *arg, struct grey_error *err);

#endif
