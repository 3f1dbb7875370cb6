#include "duration.h"

#include <stdio.h>
#include <string.h>

#include "number.h"

static const struct unit {
	char letter;
	int64_t seconds;
} units[] = { { 'w', 604800 }, { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 },
	{ 's', 1 } };
#define UNITS (sizeof(units) / sizeof(units[0]))

static int64_t
unit_seconds(char letter)
{
	for (size_t i = 0; i < UNITS; i++)
		if (units[i].letter == letter)
			return units[i].seconds;
	return 0;
}

/* Returns false where the sum or product is too large. */
static bool
add_part(int64_t *sum, int64_t number, int64_t unit)
{
	int64_t part;

	return !__builtin_mul_overflow(number, unit, &part) &&
	    !__builtin_add_overflow(*sum, part, sum);
}

enum grey_status
grey_duration_parse(struct grey_bytes text, int64_t *seconds_r,
    struct grey_error *err)
{
	int64_t sum = 0, number, unit;
	size_t at = 0, start;

	do {
		start = at;
		if (!grey_number_read(text, &at, &number))
			goto bad;
		if (at < text.size)
			unit = unit_seconds(text.data[at++]);
		else /* only a number that stands alone needs no unit */
			unit = start == 0;
		if (unit == 0 || !add_part(&sum, number, unit))
			goto bad;
	} while (at < text.size);
	*seconds_r = sum;
	return GREY_OK;
bad:
	return grey_fail(err, GREY_INVALID,
	    "'%.*s' is no duration: write seconds, or numbers with "
	    "w, d, h, m, s, as in 1h30m",
	    (int)(text.size < 64 ? text.size : 64),
	    text.data == NULL ? "" : text.data);
}

const char *
grey_duration_text(int64_t seconds, char text[GREY_DURATION_TEXT])
{
	size_t used = 0;
	int parts = 0;

	/* Weeks read badly in an age: "36d" is what people write. */
	for (size_t i = 1; i < UNITS && parts < 2; i++) {
		int64_t n = seconds / units[i].seconds;
		if (n == 0) {
			if (parts > 0)
				break;
			continue;
		}
		seconds -= n * units[i].seconds;
		used += (size_t)snprintf(text + used, GREY_DURATION_TEXT - used,
		    "%lld%c", (long long)n, units[i].letter);
		parts++;
	}
	if (parts == 0)
		(void)snprintf(text, GREY_DURATION_TEXT, "0s");
	return text;
}
