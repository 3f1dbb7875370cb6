/* Exim's programs, as they are installed: finding them, and asking them. */
#ifndef EXIGREY_EXIM_PROGRAM_H
#define EXIGREY_EXIM_PROGRAM_H

#include <sys/types.h>

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * Looks for one of some programs (NULL ends the names), in PATH and where
 * Exim's usually are.  Returns true with the first that is found.
 */
bool exim_program_find(const char *const names[], char path_r[PATH_MAX]);

/* The same for Exim itself: "exim4", else "exim". */
bool exim_program_exim(char path_r[PATH_MAX]);

/*
 * Starts a program (argv[0] its path, NULL the end).  Its output and complaints
 * go into *output_r, which the caller closes before it waits.
 * Returns 0 or an errno.
 */
int exim_program_start(const char *const argv[], pid_t *pid_r, FILE **output_r);

/* Waits for it.  Returns its exit status, or -1 if it was killed. */
int exim_program_wait(pid_t pid);

#endif
