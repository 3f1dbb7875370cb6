/*
 * What a call may do to one key, as exigrey_dlfunc(7) and exigrey(8) have it:
 * written anew from there, so that a mistake in the code is not made twice.
 */
#ifndef MODEL_H
#define MODEL_H

#include "history.h"

/* A call as one of its keys sees it. */
struct operation {
	const struct call *call;
	bool as_suffix; /* the key is the call's suffix, not its item */
	bool optional;  /* killed: it may not have happened */
	int64_t from;   /* it happened after that */
	int64_t to;     /* and before that, in ns */
};

#define RESULTS_MAX 3

/*
 * What is stored after the operation where from was before.  Returns the
 * number of results_r: 0 if the answer that was given is wrong for from; more
 * than one if the answer leaves that open.
 */
size_t model_apply(const struct operation *operation, int32_t key,
    const struct state *from, struct state results_r[RESULTS_MAX]);

/* Does the operation only look? */
bool model_reads(const struct operation *operation);

bool model_equal(const struct state *a, const struct state *b);

/* Writes a state's flags as a record has them. */
void model_flags_text(const struct state *state, char *text, size_t size);

/* Reads "created used count [flags]"; false if it is no such text. */
bool model_parse(const char *text, struct state *state_r);

#endif
