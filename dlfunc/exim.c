#include "exim.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#define WEAK __attribute__((weak, visibility("default")))

/* Up to 4.98; expand_string_2 after that, whose second argument is a BOOL *. */
extern unsigned char *expand_string(const unsigned char *) WEAK;
extern const unsigned char *expand_string_2(const unsigned char *, void *) WEAK;
extern void log_write(unsigned int, int, const char *, ...) WEAK;
extern void debug_printf(const char *, ...) WEAK;
extern unsigned int debug_selector WEAK;
extern int host_checking WEAK;

#define LOG_MAIN 1 /* Exim's macros.h */

/* The same as it is from 4.100 on: without the selector. */
extern void log_write_short(int, const char *, ...) __asm__("log_write") WEAK;

enum log_form { LOG_UNKNOWN, LOG_SELECTOR, LOG_SHORT };

/* Releases whose log_write was tried, and its form; no other is called. */
static const struct log_release {
	const char *release;
	enum log_form form;
} log_releases[] = { { "4.94", LOG_SELECTOR }, { "4.95", LOG_SELECTOR },
	{ "4.96", LOG_SELECTOR }, { "4.97", LOG_SELECTOR },
	{ "4.98", LOG_SELECTOR }, { "4.99", LOG_SELECTOR },
	{ "4.100", LOG_SHORT } };

#define REPEAT_AFTER 60 /* seconds */
#define RECENT       4

/* Expands a variable into buffer; false where this Exim cannot be asked. */
static bool
expand(const char *variable, char *buffer, size_t size)
{
	const void *text = variable;
	const void *value = NULL;
	long is_text[2] = { 0 }; /* room for a BOOL of any width */
	int n;

	if (expand_string != NULL)
		value = expand_string(text);
	else if (expand_string_2 != NULL)
		value = expand_string_2(text, is_text);
	if (value == NULL)
		return false;
	n = snprintf(buffer, size, "%s", (const char *)value);
	return n > 0 && (size_t)n < size;
}

const char *
exim_spool_directory(void)
{
	static char spool[PATH_MAX];

	if (spool[0] == '\0' &&
	    (!expand("$spool_directory", spool, sizeof(spool)) ||
		spool[0] != '/'))
		(void)snprintf(spool, sizeof(spool), "%s", SPOOL_DIRECTORY);
	return spool;
}

bool
exim_host_checking(void)
{
	/*
	 * An int in the releases that were looked at.  Should it become a bool
	 * of one byte, its neighbours must not decide: for nothing would be
	 * stored then, ever.
	 */
	const int one = 1;
	const void *p = &host_checking;

	if (p == NULL)
		return false;
	return *(const char *)(const void *)&one == 1 ? *(const char *)p != 0 :
							host_checking != 0;
}

/* Is version that release, or a later correction of it: "4.94", "4.94.2"? */
static bool
is_release(const char *version, const char *release)
{
	size_t length = strlen(release);

	return strncmp(version, release, length) == 0 &&
	    !isdigit((unsigned char)version[length]);
}

static enum log_form
log_form(void)
{
	static bool asked;
	static enum log_form form = LOG_UNKNOWN;
	char version[32];

	if (asked)
		return form;
	asked = true;
	if (!expand("$version_number", version, sizeof(version)))
		return form;
	for (size_t i = 0; i < sizeof(log_releases) / sizeof(log_releases[0]);
	     i++)
		if (is_release(version, log_releases[i].release))
			form = log_releases[i].form;
	return form;
}

/* Was the same text written within the last minute?  Notes that it is now. */
static bool
is_repeated(const char *text, long long now)
{
	static struct {
		uint64_t hash;
		long long when;
	} recent[RECENT];
	static unsigned int next;
	uint64_t hash = 14695981039346656037ULL;

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 1099511628211ULL;
	for (size_t i = 0; i < RECENT; i++) {
		if (recent[i].hash != hash)
			continue;
		if (now - recent[i].when < REPEAT_AFTER &&
		    now >= recent[i].when)
			return true;
		recent[i].when = now;
		return false;
	}
	recent[next].hash = hash;
	recent[next].when = now;
	next = (next + 1) % RECENT;
	return false;
}

void
exim_printable(char *text_r, size_t room, const char *text)
{
	size_t n = 0;

	for (; *text != '\0' && n + 5 <= room; text++) {
		const unsigned char byte = (unsigned char)*text;

		if (byte >= 0x20 && byte < 0x7f)
			text_r[n++] = *text;
		else
			n += (size_t)snprintf(text_r + n, 5, "\\%03o", byte);
	}
	text_r[n] = '\0';
}

void
exim_log(const char *message, long long now)
{
	char text[LINE_MAX];

	if (is_repeated(message, now))
		return;
	exim_printable(text, sizeof(text), message);
	switch (log_write != NULL ? log_form() : LOG_UNKNOWN) {
	case LOG_SELECTOR:
		log_write(0, LOG_MAIN, "exigrey: %s", text);
		break;
	case LOG_SHORT:
		log_write_short(LOG_MAIN, "exigrey: %s", text);
		break;
	default:
		syslog(LOG_MAIL | LOG_WARNING, "exigrey: %s", text);
	}
}

void
exim_debug(const char *format, ...)
{
	char message[512], text[LINE_MAX];
	va_list ap;

	if (debug_printf == NULL ||
	    (&debug_selector != NULL && debug_selector == 0))
		return;
	va_start(ap, format);
	(void)vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);
	exim_printable(text, sizeof(text), message);
	debug_printf("exigrey: %s\n", text);
}
