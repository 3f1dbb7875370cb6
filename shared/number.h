/* Decimal numbers in text. */
#ifndef GREY_NUMBER_H
#define GREY_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

#define GREY_NUMBER_SIZE 20 /* "-9223372036854775808" */

/*
 * Reads digits from byte *at on and moves *at behind them.
 * Returns true with the number; false if there is no digit, or the number is
 * above INT64_MAX.
 */
bool grey_number_read(struct grey_bytes text, size_t *at, int64_t *number_r);

/* The same for all of a text, which must be a number and nothing else. */
bool grey_number_parse(struct grey_bytes text, int64_t *number_r);

/*
 * Writes a number in decimal to a place with room for GREY_NUMBER_SIZE bytes,
 * without a NUL.  Returns where it ends.  (snprintf for this and the texts
 * around it was a twentieth of a new item's call.)
 */
char *grey_number_write(char *to, int64_t number);

#endif
