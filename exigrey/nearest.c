#include "nearest.h"

#include <stdint.h>
#include <string.h>

#define WORD_MAX 32 /* no known word is as long */

struct nearest
nearest_to(const char *word)
{
	return (struct nearest){ .word = word, .distance = SIZE_MAX };
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * How many letters must be changed, left out, put in or swapped with their
 * neighbour (Damerau's distance): the slips that fingers make.
 */
static size_t
distance(const char *a, const char *b)
{
	const size_t a_length = strlen(a), b_length = strlen(b);
	size_t d[WORD_MAX + 1][WORD_MAX + 1];

	if (a_length > WORD_MAX || b_length > WORD_MAX)
		return SIZE_MAX;
	for (size_t i = 0; i <= a_length; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= b_length; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= a_length; i++)
		for (size_t j = 1; j <= b_length; j++) {
			d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1,
			    d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[a_length][b_length];
}

void
nearest_offer(struct nearest *nearest, const char *known)
{
	const size_t typed = strlen(nearest->word);
	size_t limit = (strlen(known) + 2) / 3, n;

	if (typed > 1 && strncmp(known, nearest->word, typed) == 0)
		n = 0;
	else
		n = distance(nearest->word, known);
	if (n <= limit && n < nearest->distance) {
		nearest->distance = n;
		nearest->best = known;
	}
}
