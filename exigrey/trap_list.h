/* trap list: who is trapped, until when, and why. */
#ifndef EXIGREY_TRAP_LIST_H
#define EXIGREY_TRAP_LIST_H

#include "command.h"

/*
 * Lists the trapped clients of run's database, all, or the items that are its
 * arguments.  Returns the exit status: EXIT_NOT_FOUND if one of those is not
 * trapped.
 */
int trap_list(struct invocation *run);

#endif
