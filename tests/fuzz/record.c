/* A value of the database, and flags that somebody typed. */
#include "fuzz.h"

#include <string.h>

#include "record.h"

static bool
same_record(const struct grey_record *a, const struct grey_record *b)
{
	return a->created == b->created && a->used == b->used &&
	    a->count == b->count && grey_bytes_equal(a->flags, b->flags);
}

static void
fuzz_value(struct grey_bytes value)
{
	const struct grey_bytes key = { "key", 4 };
	struct grey_record record, again;
	char buffer[GREY_VALUE_MAX];
	struct grey_bytes formatted;
	struct grey_error err;
	int64_t expires;

	require(grey_record_text(value).size <= value.size);
	if (grey_record_parse(key, value, &record, &err) != GREY_OK) {
		require(err.text[0] != '\0');
		return;
	}
	(void)grey_record_expires(&record, &expires);
	if (grey_record_format(&record, key, value.size % GREY_VALUE_MAX,
		buffer, &formatted, &err) != GREY_OK)
		return;
	require(formatted.size % GREY_VALUE_STEP == 0);
	require(grey_record_parse(key, formatted, &again, &err) == GREY_OK);
	require(same_record(&record, &again));
	grey_record_count(&again);
	require(again.count == INT64_MAX || again.count == record.count + 1);
}

static void
fuzz_flags(struct grey_bytes flags)
{
	char buffer[GREY_VALUE_MAX], other[GREY_VALUE_MAX];
	struct grey_record record = { .count = 1 };
	struct grey_bytes changed;
	struct grey_error err;

	if (grey_flags_check(flags, &err) != GREY_OK ||
	    grey_flags_set(flags, "expires", "12", buffer, &changed, &err) !=
		GREY_OK)
		return;
	require(grey_flags_check(changed, &err) == GREY_OK);
	record.flags = changed;
	require(grey_record_flag(&record, "expires", NULL));
	require(grey_flags_remove(changed, "expires", other, &record.flags,
		    &err) == GREY_OK);
	require(!grey_record_flag(&record, "expires", NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_value(fuzz_bytes(data, size));
	fuzz_flags(fuzz_bytes(data, size));
	return 0;
}
