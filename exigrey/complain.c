#include "complain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"

#define QUOTED_MAX 200 /* bytes of an item or a key */

void
complain(const char *format, ...)
{
	char *text = NULL;
	va_list ap;
	int length;

	va_start(ap, format);
	length = vasprintf(&text, format, ap);
	va_end(ap);
	/* In the order of what was printed, should both go to one place. */
	(void)fflush(stdout);
	(void)fputs("exigrey: ", stderr);
	if (length != -1)
		escape_message(stderr, text);
	(void)fputc('\n', stderr);
	if (length != -1)
		free(text);
}

void
complain_about(struct grey_bytes what, const char *text)
{
	(void)fflush(stdout);
	(void)fputs("exigrey: '", stderr);
	escape_text(stderr,
	    (struct grey_bytes){ what.data,
		what.size < QUOTED_MAX ? what.size : QUOTED_MAX });
	(void)fprintf(stderr, "%s': %s\n", what.size > QUOTED_MAX ? "..." : "",
	    text);
}
