/* Deletes the records of items that are given: 'delete' and 'trap delete'. */
#ifndef EXIGREY_DELETION_H
#define EXIGREY_DELETION_H

#include <stdbool.h>

#include "command.h"
#include "sweep.h"

struct deletion {
	sweep_match_fn *match; /* what may be deleted */
	void *arg;             /* its */
	bool dry_run;          /* look, but delete nothing */
	const char *what;      /* what they are: "items" */
	const char *missing;   /* told of one that is not there or no match */
};

/*
 * Deletes the records of all arguments of run, and says how many there were.
 * Returns the exit status: EXIT_NOT_FOUND if some were not.
 */
int deletion_run(struct invocation *run, const struct deletion *deletion);

#endif
