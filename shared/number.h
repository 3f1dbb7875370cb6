/* Decimal numbers in text. */
#ifndef GREY_NUMBER_H
#define GREY_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

/*
 * Reads digits from byte *at on and moves *at behind them.
 * Returns true with the number; false if there is no digit, or the number is
 * above INT64_MAX.
 */
bool grey_number_read(struct grey_bytes text, size_t *at, int64_t *number_r);

/* The same for all of a text, which must be a number and nothing else. */
bool grey_number_parse(struct grey_bytes text, int64_t *number_r);

#endif
