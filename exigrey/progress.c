#include "progress.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "duration.h"

#define SECOND      1000000000LL /* ns */
#define FIRST_AFTER SECOND
#define EVERY       (SECOND / 10)
#define STEPS       256 /* between two looks at the clock */
#define BAR_WIDTH   30

static int64_t
monotonic(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * SECOND + ts.tv_nsec;
}

/* A terminal that knows "back to the start of the line" and "clear it"? */
static bool
is_terminal(void)
{
	const char *kind = getenv("TERM");

	return isatty(STDERR_FILENO) == 1 && kind != NULL && kind[0] != '\0' &&
	    strcmp(kind, "dumb") != 0;
}

void
progress_begin(struct progress *progress, const char *what, int64_t total,
    bool lists)
{
	*progress = (struct progress){ .what = what, .total = total };
	progress->terminal =
	    is_terminal() && !(lists && isatty(STDOUT_FILENO) == 1);
	if (progress->terminal)
		progress->start = monotonic();
	progress->next_look = STEPS;
}

static void
show(const struct progress *progress, int64_t elapsed)
{
	char bar[BAR_WIDTH + 1], left[GREY_DURATION_TEXT];
	double rate = (double)progress->done * SECOND / (double)elapsed;
	double part = progress->total > 0 ?
	    (double)progress->done / (double)progress->total :
	    0;
	size_t full;

	if (part > 1)
		part = 1;
	if (progress->total <= 0) {
		(void)fprintf(stderr, "\r%s: %lld, %.0f/s\033[K",
		    progress->what, (long long)progress->done, rate);
		return;
	}
	full = (size_t)(part * BAR_WIDTH);
	memset(bar, '#', full);
	memset(bar + full, '.', BAR_WIDTH - full);
	bar[BAR_WIDTH] = '\0';
	(void)fprintf(stderr, "\r%s [%s] %3d %%, %.0f/s, %s left\033[K",
	    progress->what, bar, (int)(part * 100), rate,
	    grey_duration_text(rate > 0 && progress->done < progress->total ?
		    (int64_t)((double)(progress->total - progress->done) /
			    rate +
			0.5) :
		    0,
		left));
}

/* A terminal that was stopped (^S) must not stop us: mail may wait. */
static bool
takes_output(void)
{
	struct pollfd terminal = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&terminal, 1, 0) == 1 && (terminal.revents & POLLOUT) != 0;
}

void
progress_step(struct progress *progress, int64_t steps)
{
	int64_t now;

	progress->done += steps;
	if (!progress->terminal || progress->done < progress->next_look)
		return;
	progress->next_look = progress->done + STEPS;
	now = monotonic();
	if (now - progress->start < FIRST_AFTER ||
	    now - progress->shown < EVERY || !takes_output())
		return;
	progress->shown = now;
	show(progress, now - progress->start);
}

void
progress_end(struct progress *progress)
{
	if (progress->shown != 0)
		(void)fputs("\r\033[K", stderr);
	progress->shown = 0;
}
