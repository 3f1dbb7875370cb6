/*
 * What many processes did to one database, call by call.  It lies in memory
 * that they share: a process that is killed leaves its last call without an
 * end, which tells that it was under way.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYS      10000 /* items, and the hosts among them */
#define HOSTS     200   /* the last of them, used as suffixes */
#define PROCESSES 64    /* at most */

/* The policy of all calls; seconds, short enough to matter within a run. */
#define DELAY   1
#define GREY    3
#define PASSED  3
#define TIMEOUT 5

/* What is stored under a key.  Without padding: compared as bytes. */
struct state {
	uint32_t created, used, count; /* all 0 where there is none */
	uint32_t expires;              /* 0: no such flag */
	uint32_t flags;
};
enum {
	THERE = 1,
	AUTO = 2,
	KEEP = 4,
	TRAP = 8,
	NOTE = 256 /* times the length of a note */
};

enum kind {
	CHECK,     /* greylist_check */
	WAIT,      /* the same, storing nothing */
	RECORD,    /* greylist_record */
	SET,       /* a whole record */
	DELETE,    /* of one key */
	ASK,       /* exigrey unseen, exigrey seen */
	SET_COUNT, /* exigrey set --count: the rest stays */
	REMOVE,    /* exigrey delete ITEM */
	PURGE,
	LIST,
	EXPORT,
	VERIFY, /* exigrey check */
	COMPACT
};
#define KINDS (COMPACT + 1)

static inline bool
is_command(enum kind kind)
{
	return kind >= ASK;
}

enum outcome {
	UNDER_WAY,
	DONE,
	NOT_THERE, /* of what was to be deleted */
	BUSY,      /* the lock was not to be had: nothing was done */
	FAILED,
	KILLED
};

enum reason { NEW, EARLY, PASSES, KEPT, WHITELISTED, TRAPPED };

struct call {
	int64_t invoked, returned;   /* ns on the monotonic clock */
	uint32_t now_from, now_to;   /* the time that it was told, or took */
	struct state state;          /* what was set, or seen */
	const struct state *content; /* what a list saw: KEYS states */
	int32_t key, suffix;         /* -1: none */
	uint32_t wait, count;
	uint8_t kind, outcome, reason;
	bool pass;
};

#define ERROR_SIZE 400

struct history {
	struct call *calls[PROCESSES];
	size_t used[PROCESSES];
	struct state *contents;
	size_t contents_used;
	int stop;         /* 1: no more calls */
	int last_to_lock; /* the process that got the lock last */
	unsigned locks;   /* how often somebody did */
	int failures;     /* calls that went wrong, as what a check found */
	int recoveries;   /* log lines that say so */
	char error[ERROR_SIZE]; /* the first failure */
};

/* Returns a history that processes forked later share; NULL: no memory. */
struct history *history_new(void);

/* Begins a call of a process; NULL once there is no room for more. */
struct call *history_begin(struct history *history, int process, enum kind kind,
    int32_t key);

/* Ends it: it has its outcome. */
void history_end(struct call *call, enum outcome outcome);

/* The call that was under way when the process died, or NULL. */
struct call *history_interrupted(struct history *history, int process);

/* Room for the content of the database; NULL once there is no more. */
struct state *history_content(struct history *history);

/* Notes a failure and, if it is the first, what it was. */
void history_failure(struct history *history, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Now, in ns on the monotonic clock. */
int64_t history_clock(void);

#endif
