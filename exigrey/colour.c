#include "colour.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool
wanted(void)
{
	static enum { UNKNOWN, NO, YES } wanted = UNKNOWN;
	const char *no_color, *terminal;

	if (wanted != UNKNOWN)
		return wanted == YES;
	no_color = getenv("NO_COLOR");
	terminal = getenv("TERM");
	wanted = isatty(STDOUT_FILENO) == 1 &&
		(no_color == NULL || no_color[0] == '\0') && terminal != NULL &&
		strcmp(terminal, "dumb") != 0 ?
	    YES :
	    NO;
	return wanted == YES;
}

const char *
colour_of_state(enum grey_state state)
{
	static const char *const starts[GREY_STATES] = {
		[GREY_STATE_GREY] = "\033[33m",    /* yellow */
		[GREY_STATE_PASSED] = "\033[32m",  /* green */
		[GREY_STATE_AUTO] = "\033[36m",    /* cyan */
		[GREY_STATE_KEPT] = "\033[1;34m",  /* bold blue */
		[GREY_STATE_TRAPPED] = "\033[31m", /* red */
		[GREY_STATE_EXPIRED] = "\033[2m"   /* faint */
	};

	return wanted() ? starts[state] : "";
}

const char *
colour_of_problem(void)
{
	return wanted() ? "\033[1;31m" : "";
}

const char *
colour_end(void)
{
	return wanted() ? "\033[0m" : "";
}
