/*
 * Changes the records of items under the lock: what 'set' and 'allow' share.
 */
#ifndef EXIGREY_CHANGE_H
#define EXIGREY_CHANGE_H

#include "command.h"
#include "record.h"
#include "status.h"

/*
 * Changes a record in place; one that is new, or did not parse, is given as
 * "now now 0" without flags.  buffer is for flags that are made.
 * Returns GREY_OK, or GREY_INVALID with an error: nothing is then stored.
 */
typedef enum grey_status change_fn(void *arg, struct grey_record *record,
    char buffer[GREY_VALUE_MAX], struct grey_error *err);

/*
 * Changes the records of all arguments of run and, unless quiet, prints what
 * they are then.  Returns the exit status.
 */
int change_items(struct invocation *run, change_fn *change, void *arg);

#endif
