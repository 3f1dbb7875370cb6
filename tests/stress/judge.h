/* Afterwards: is what all the calls were answered what they should have been? */
#ifndef JUDGE_H
#define JUDGE_H

#include "history.h"

struct judgement {
	size_t operations; /* on single keys, each content counted once a key */
	int contradictions;     /* keys whose history is not linearizable */
	int undecided;          /* keys with too much at once */
	int wrong_counts;       /* keys whose count is out of its bounds */
	int counts;             /* keys that are there at the end */
	char first[ERROR_SIZE]; /* what is wrong with the first such key */
};

/*
 * Judges the history of each key.  end is an export of all of it after the
 * last call; NULL: the counts are not judged.  Returns false if there is not enough memory.
 */
bool judge_history(const struct history *history, int processes,
    const struct call *end, struct judgement *judgement_r);

#endif
