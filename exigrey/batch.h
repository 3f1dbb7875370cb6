/*
 * Work on some keys of the database under its lock, a batch at a time, so
 * that mail never waits for long.
 */
#ifndef EXIGREY_BATCH_H
#define EXIGREY_BATCH_H

#include "command.h"
#include "greydb.h"
#include "status.h"

#define BATCH_MAX 256

/*
 * Called for each key with its number and its value (data is NULL where there
 * is none), which live only for the call.  Nothing may be printed here: mail
 * waits.  Anything but GREY_OK ends the work and is what it returns.
 */
typedef enum grey_status
batch_work_fn(void *arg, size_t number, struct greydb *db,
    struct grey_bytes key, struct grey_bytes value, struct grey_error *err);

/*
 * Works on count keys, BATCH_MAX at most, under one lock.  create: make a
 * database that is missing.
 * Returns GREY_OK, what work returned, or as greydb_open.
 */
enum grey_status
batch_keys(struct invocation *run, bool create, const struct grey_bytes *keys,
    size_t count, batch_work_fn *work, void *arg, struct grey_error *err);

/*
 * Works on all items that are arguments of run, however many.  Returns as
 * batch_keys, or GREY_INVALID for an item that is too long.
 */
enum grey_status batch_items(struct invocation *run, bool create,
    batch_work_fn *work, void *arg, struct grey_error *err);

/*
 * Between two batches: lets those go first who wait for the lock.  Nearly free
 * where nobody does.
 */
void batch_pause(struct invocation *run);

#endif
