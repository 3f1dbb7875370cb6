/* 'trap scan': traps those who look like spammers, once or again and again. */
#ifndef EXIGREY_TRAP_SCAN_H
#define EXIGREY_TRAP_SCAN_H

#include "command.h"

/* Returns the exit status. */
int trap_scan(struct invocation *run);

#endif
