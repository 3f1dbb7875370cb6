/*
 * The external checker: a program that knows which recipients there are.  It
 * is called with one as its only argument, never through a shell, several at a
 * time, each for so long at most.
 */
#ifndef EXIGREY_CHECKER_H
#define EXIGREY_CHECKER_H

#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "dbpath.h"
#include "status.h"

enum checker_verdict {
	CHECKER_GOOD,   /* exit status 0 */
	CHECKER_BAD,    /* another */
	CHECKER_UNKNOWN /* it could not say: see checker_ask */
};

struct checker {
	const char *program; /* its path */
	int64_t timeout;     /* seconds; then it is killed */
	int64_t processes;   /* at once */
};

typedef void
checker_told_fn(void *arg, size_t number, enum checker_verdict verdict);

/*
 * May it be run?  Only as who owns the database of that path, and never as
 * root.
 * Returns GREY_OK, or GREY_FAILED with what to do.
 */
enum grey_status checker_allowed(const struct checker *checker,
    const struct grey_dbpath *path, struct grey_error *err);

/*
 * Asks about each recipient, once, and tells of each, in no order.  Unknown is
 * one that holds a NUL, and one for which the program could not be started,
 * was killed, took too long, or ended with 75 (EX_TEMPFAIL of sysexits.h), 126
 * or 127 (what sh and env say when they cannot start it).
 * Returns GREY_OK; GREY_BUSY if SIGTERM or SIGINT came: no process is left
 * then, and the signal is raised again; GREY_FAILED without memory.
 */
enum grey_status
checker_ask(const struct checker *checker, const struct grey_bytes *recipients,
    size_t count, checker_told_fn *told, void *arg, struct grey_error *err);

#endif
