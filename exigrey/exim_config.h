/*
 * What the installed Exim says about itself: "exim -bV", and its configuration
 * with all macros expanded, "exim -bP config", which it shows to root only.
 */
#ifndef EXIGREY_EXIM_CONFIG_H
#define EXIGREY_EXIM_CONFIG_H

#include <limits.h>
#include <stdbool.h>

#include "status.h"

struct exim_config {
	char program[PATH_MAX];
	char *version; /* what -bV prints; NULL: it does not run */
	char *config;  /* what -bP config prints; NULL: it does not show it */
	char *user;    /* exim_user, a name or a number; NULL: not told */
	char *preload; /* smtp_accept_max_per_host; NULL: not told */
};

/*
 * Asks it.  Returns GREY_OK, GREY_NOT_FOUND if there is no Exim, GREY_FAILED
 * if it cannot be run.  exim_config_end frees all, after a failure too.
 */
enum grey_status
exim_config_ask(struct exim_config *config_r, struct grey_error *err);
void exim_config_end(struct exim_config *config);

/*
 * Expands a string with "exim -be".  Returns true with what it prints, which
 * the caller frees; false if it fails: then it is what Exim says about that,
 * or NULL.
 */
bool exim_config_expand(const struct exim_config *config, const char *string,
    char **text_r);

#endif
