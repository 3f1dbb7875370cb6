/* Numbers that a command has counted, for programs. */
#ifndef EXIGREY_FIGURES_H
#define EXIGREY_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command.h"

struct figure {
	const char *name; /* letters and "_" */
	int64_t value;
};

/*
 * Prints them: as tab, a name and a value on each line; as JSON, one object,
 * which also has dry_run.  Nothing as text.
 */
void figures_print(enum format format, bool dry_run,
    const struct figure *figures, size_t count);

#endif
