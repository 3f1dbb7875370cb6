/* The known word that somebody may have meant: "did you mean 'purge'?" */
#ifndef EXIGREY_NEAREST_H
#define EXIGREY_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *word; /* what was typed */
	const char *best; /* NULL: nothing is near enough */
	size_t distance;
};

/* Starts a search; word must outlive it. */
struct nearest nearest_to(const char *word);

/*
 * Offers a known word, which becomes best if it is the nearest so far: a third
 * of its letters may be wrong, or it begins with what was typed.
 */
void nearest_offer(struct nearest *nearest, const char *known);

#endif
