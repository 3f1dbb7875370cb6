#include "moment.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "duration.h"

/* Dates: strptime alone would take "26-1-1" and blanks too. */
static const struct date_form {
	const char *shape;  /* 0: a digit */
	const char *format; /* of strptime */
} date_forms[] = { { "0000-00-00", "%Y-%m-%d" },
	{ "0000-00-00 00:00", "%Y-%m-%d %H:%M" },
	{ "0000-00-00 00:00:00", "%Y-%m-%d %H:%M:%S" },
	{ "0000-00-00T00:00", "%Y-%m-%dT%H:%M" },
	{ "0000-00-00T00:00:00", "%Y-%m-%dT%H:%M:%S" } };

/* Returns what follows the shape in text, or NULL if text is another. */
static const char *
after_shape(const char *text, const char *shape)
{
	for (; *shape != '\0'; shape++, text++)
		if (*shape == '0' ? !isdigit((unsigned char)*text) :
				    *text != *shape)
			return NULL;
	return text;
}

static bool
parse_date(const char *text, int64_t *moment_r)
{
	for (size_t i = 0; i < sizeof(date_forms) / sizeof(date_forms[0]);
	     i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = after_shape(text, date_forms[i].shape);
		time_t t;
		int month;

		if (end == NULL || !(*end == '\0' || strcmp(end, "Z") == 0))
			continue;
		if (strptime(text, date_forms[i].format, &tm) != end)
			return false;
		month = tm.tm_mon;
		t = *end == 'Z' ? timegm(&tm) : mktime(&tm);
		*moment_r = (int64_t)t;
		/* 31 February becomes 3 March: that was not meant. */
		return t >= 0 && tm.tm_mon == month;
	}
	return false;
}

static bool
parse_distance(const char *text, int64_t now, int64_t *moment_r)
{
	int64_t distance;

	if (grey_duration_parse(grey_bytes_of(text + 1), &distance, NULL) !=
	    GREY_OK)
		return false;
	if (text[0] == '-')
		distance = -distance;
	return !__builtin_add_overflow(now, distance, moment_r) &&
	    *moment_r >= 0;
}

static bool
parse_seconds(const char *text, int64_t *moment_r)
{
	char *end;

	errno = 0;
	*moment_r = strtoll(text, &end, 10);
	return isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0;
}

enum grey_status
moment_parse(const char *text, int64_t now, int64_t *moment_r,
    struct grey_error *err)
{
	int64_t unwanted;

	if (strcmp(text, "now") == 0) {
		*moment_r = now;
		return GREY_OK;
	}
	if (text[0] == '-' || text[0] == '+' ?
		parse_distance(text, now, moment_r) :
		parse_seconds(text, moment_r) || parse_date(text, moment_r))
		return GREY_OK;
	if (grey_duration_parse(grey_bytes_of(text), &unwanted, NULL) ==
	    GREY_OK)
		return grey_fail(err, GREY_INVALID,
		    "'%.64s' is a duration: "
		    "write +%.64s for so long from now, -%.64s for so long "
		    "ago",
		    text, text, text);
	return grey_fail(err, GREY_INVALID,
	    "'%.64s' is no time since 1970: "
	    "write seconds, now, -2h, +30d, 2026-11-21 or "
	    "'2026-11-21 10:00'",
	    text);
}

const char *
moment_text(int64_t moment, char text[MOMENT_TEXT])
{
	const time_t t = (time_t)moment;
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(text, MOMENT_TEXT, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		(void)snprintf(text, MOMENT_TEXT, "%lld", (long long)moment);
	return text;
}

/* Writes at most two units; returns false if there is nothing to say. */
static bool
in_words(int64_t seconds, char *text, size_t size)
{
	static const struct unit {
		const char *name;
		int64_t seconds;
	} units[] = { { "day", 86400 }, { "hour", 3600 }, { "minute", 60 },
		{ "second", 1 } };
	size_t used = 0;
	int parts = 0;

	for (size_t i = 0; i < 4 && parts < 2; i++) {
		const int64_t n = seconds / units[i].seconds;
		seconds %= units[i].seconds;
		if (n > 0)
			used += (size_t)snprintf(text + used, size - used,
			    "%s%lld %s%s", used > 0 ? " " : "", (long long)n,
			    units[i].name, n == 1 ? "" : "s");
		/* "3 days 5 seconds" tells more than is worth knowing. */
		parts += n > 0 || parts > 0;
	}
	return used > 0;
}

const char *
moment_distance(int64_t moment, int64_t now, char text[MOMENT_TEXT])
{
	char words[MOMENT_TEXT - 8];

	if (!in_words(moment > now ? moment - now : now - moment, words,
		sizeof(words)))
		(void)strlcpy(text, "just now", MOMENT_TEXT);
	else
		(void)snprintf(text, MOMENT_TEXT,
		    moment > now ? "in %s" : "%s ago", words);
	return text;
}
