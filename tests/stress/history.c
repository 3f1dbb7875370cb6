#include "history.h"

#include <sys/mman.h>

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define CALLS_MAX    200000 /* of one process */
#define CONTENTS_MAX 4000

/* Memory that takes room only where it is used. */
static void *
shared_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

struct history *
history_new(void)
{
	struct history *history = shared_memory(sizeof(*history));

	if (history == NULL)
		return NULL;
	history->contents =
	    shared_memory(CONTENTS_MAX * KEYS * sizeof(struct state));
	if (history->contents == NULL)
		return NULL;
	for (int i = 0; i < PROCESSES; i++) {
		history->calls[i] =
		    shared_memory(CALLS_MAX * sizeof(struct call));
		if (history->calls[i] == NULL)
			return NULL;
	}
	return history;
}

int64_t
history_clock(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

struct call *
history_begin(struct history *history, int process, enum kind kind, int32_t key)
{
	const size_t n = history->used[process];
	struct call *call = &history->calls[process][n];

	if (n == CALLS_MAX)
		return NULL;
	call->kind = (uint8_t)kind;
	call->key = key;
	call->suffix = -1;
	call->now_from = call->now_to = (uint32_t)time(NULL);
	call->invoked = history_clock();
	__atomic_store_n(&history->used[process], n + 1, __ATOMIC_RELEASE);
	return call;
}

void
history_end(struct call *call, enum outcome outcome)
{
	call->returned = history_clock();
	__atomic_store_n(&call->outcome, (uint8_t)outcome, __ATOMIC_RELEASE);
}

struct call *
history_interrupted(struct history *history, int process)
{
	struct call *call;

	if (history->used[process] == 0)
		return NULL;
	call = &history->calls[process][history->used[process] - 1];
	return call->outcome == UNDER_WAY ? call : NULL;
}

struct state *
history_content(struct history *history)
{
	const size_t n =
	    __atomic_fetch_add(&history->contents_used, 1, __ATOMIC_RELAXED);

	return n < CONTENTS_MAX ? &history->contents[n * KEYS] : NULL;
}

void
history_failure(struct history *history, const char *format, ...)
{
	va_list ap;

	if (__atomic_fetch_add(&history->failures, 1, __ATOMIC_RELAXED) != 0)
		return;
	va_start(ap, format);
	(void)vsnprintf(history->error, ERROR_SIZE, format, ap);
	va_end(ap);
}
