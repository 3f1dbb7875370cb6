/*
 * Colours: on a terminal only, and never where NO_COLOR is set (no-color.org)
 * or the terminal is a dumb one.
 */
#ifndef EXIGREY_COLOUR_H
#define EXIGREY_COLOUR_H

#include "verdict.h"

/*
 * Return the sequence that starts the colour of a state or of a problem, and
 * the one that ends it, for standard output; all are empty where there are to
 * be no colours.  They live for ever.
 */
const char *colour_of_state(enum grey_state state);
const char *colour_of_problem(void);
const char *colour_end(void);

#endif
