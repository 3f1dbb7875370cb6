/*
 * What a process keeps between calls.  The entry points own one each; nothing
 * below them has static state.
 */
#ifndef GREY_SESSION_H
#define GREY_SESSION_H

#include <stdint.h>

/* The length of Linux's boot id, a UUID, and of what stands in for it. */
#define GREY_BOOT_ID 36

/* Takes one line for the administrator: what happened to which file. */
typedef void grey_log_fn(void *arg, const char *text);

/* After a lock timeout: which lock, and until when not to wait for it. */
struct grey_breaker {
	uint64_t lock; /* hash of its path; 0: none */
	int64_t until; /* on the monotonic clock, in ns */
};

#define GREY_BREAKERS 4 /* stuck locks that are remembered */

struct grey_session {
	grey_log_fn *log;
	void *log_arg;
	struct grey_breaker breakers[GREY_BREAKERS];
	char boot_id[GREY_BOOT_ID + 1];
	int sync_sink; /* -1, or where syncs go */
};

/*
 * Prepares a session: reads the boot id and opens the sink for GDBM's syncs,
 * so that a process forked later has both.  log is called with log_arg; its
 * text lives only for the call.
 */
void grey_session_init(struct grey_session *session, grey_log_fn *log,
    void *log_arg);

/*
 * Tries again to get what could not be had, because there were no descriptors
 * just then: without the boot id each call would have the file checked.
 */
void grey_session_complete(struct grey_session *session);

/* Closes what the session holds open. */
void grey_session_end(struct grey_session *session);

void grey_session_log(const struct grey_session *session, const char *format,
    ...) __attribute__((format(printf, 2, 3)));

#endif
