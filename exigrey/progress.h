/*
 * A progress bar on the terminal, for what takes more than a second: how much
 * is done, how fast, how long it will still take.  Nothing is shown where
 * standard error is no terminal that can move its cursor, or where records are
 * listed on that terminal: they show the progress themselves.
 *
 *	progress_begin, progress_step again and again, progress_end
 */
#ifndef EXIGREY_PROGRESS_H
#define EXIGREY_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what;
	int64_t total;
	int64_t done;
	int64_t next_look; /* at the clock, in steps done */
	int64_t start;     /* ns, monotonic */
	int64_t shown;     /* when last; 0: never */
	bool terminal;
};

/*
 * Starts a bar; what ("checking") must outlive it.  total is how many steps
 * there will be, 0 if that is not known.  lists: each step may print a line to
 * standard output.
 */
void progress_begin(struct progress *progress, const char *what, int64_t total,
    bool lists);

/* Counts steps more; looks at the clock now and then only. */
void progress_step(struct progress *progress, int64_t steps);

/*
 * Takes the bar off the screen, at the end or before something is printed; the
 * next step may show it again.
 */
void progress_end(struct progress *progress);

#endif
