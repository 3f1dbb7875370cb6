/* One of many processes: makes random calls, and writes down each. */
#ifndef WORKER_H
#define WORKER_H

#include "dbpath.h"
#include "history.h"

struct stress {
	struct history *history;
	const char *exigrey; /* the command */
	const char *name;    /* of the database */
	struct grey_dbpath path;
	int processes;
	bool without_lock; /* as if flock did nothing: to see it found */
};

/* Makes calls until it is told to stop. */
void worker_run(const struct stress *stress, int process);

/* The content of the database, by exigrey export; NULL after a failure. */
const struct call *worker_export(const struct stress *stress);

#endif
