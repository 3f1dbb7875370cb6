/*
 * Moments as people write and read them: "now", "-2h", "2026-11-21 10:00".
 * Times are seconds since 1970; now is always an argument.
 */
#ifndef EXIGREY_MOMENT_H
#define EXIGREY_MOMENT_H

#include <stdint.h>

#include "status.h"

#define MOMENT_TEXT 64

/*
 * Parses seconds since 1970, "now", "-DURATION" (ago), "+DURATION" (from now),
 * or a date, "2026-11-21", maybe with a time after a space or a "T",
 * "10:00" or "10:00:00"; local time unless a "Z" (UTC) ends it.
 * Returns GREY_OK, or GREY_INVALID with an error that quotes the text.
 */
enum grey_status moment_parse(const char *text, int64_t now, int64_t *moment_r,
    struct grey_error *err);

/*
 * Writes a moment as local time, "2026-11-21 01:54:15", or as the number
 * where it is beyond the calendar.  Returns text.
 */
const char *moment_text(int64_t moment, char text[MOMENT_TEXT]);

/*
 * Writes how far it is from now in words, its two largest units: "2 hours 5
 * minutes ago", "in 36 days", "just now".  Returns text.
 */
const char *
moment_distance(int64_t moment, int64_t now, char text[MOMENT_TEXT]);

#endif
