/*
 * Durations as Exim writes them: a number of seconds, or numbers each followed
 * by one of w d h m s ("600", "10m", "1h30m"; Exim specification, "Time
 * intervals").
 */
#ifndef GREY_DURATION_H
#define GREY_DURATION_H

#include <stdint.h>

#include "bytes.h"
#include "status.h"

/* Enough for any duration that grey_duration_text writes. */
#define GREY_DURATION_TEXT 32

/*
 * Parses text into seconds (0 to INT64_MAX).
 * Returns GREY_OK, or GREY_INVALID with an error that quotes the text:
 * empty, negative, an unknown or missing unit, too large.
 */
enum grey_status grey_duration_parse(struct grey_bytes text, int64_t *seconds_r,
    struct grey_error *err);

/*
 * Writes seconds (not negative) in the same form, its two largest units at
 * most, rounded down: "0s", "59s", "1h30m", "2d3h".  Returns text.
 */
const char *grey_duration_text(int64_t seconds, char text[GREY_DURATION_TEXT]);

#endif
