#include "complain.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "escape.h"

#define QUOTED_MAX 200 /* bytes of an item or a key */

static bool to_syslog;

void
complain_to_syslog(void)
{
	to_syslog = true;
}

static void
log_text(int level, const char *text)
{
	char *line = NULL;
	size_t size;
	FILE *memory = open_memstream(&line, &size);

	if (memory == NULL)
		return;
	escape_message(memory, text);
	if (fclose(memory) == 0)
		syslog(LOG_MAIL | level, "%s", line);
	free(line);
}

static void
print_text(const char *text)
{
	/* In the order of what was printed, should both go to one place. */
	(void)fflush(stdout);
	(void)fputs("exigrey: ", stderr);
	escape_message(stderr, text);
	(void)fputc('\n', stderr);
}

/* The text, which the caller frees; NULL without memory. */
static __attribute__((format(printf, 1, 0))) char *
make_text(const char *format, va_list ap)
{
	char *text;

	return vasprintf(&text, format, ap) != -1 ? text : NULL;
}

void
complain(const char *format, ...)
{
	va_list ap;
	char *text;

	va_start(ap, format);
	text = make_text(format, ap);
	va_end(ap);
	if (to_syslog && text != NULL)
		log_text(LOG_WARNING, text);
	else
		print_text(text != NULL ? text : "");
	free(text);
}

void
complain_syslog(int level, const char *format, ...)
{
	va_list ap;
	char *text;

	va_start(ap, format);
	text = make_text(format, ap);
	va_end(ap);
	if (text != NULL)
		log_text(level, text);
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
