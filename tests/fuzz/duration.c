/* Durations, numbers, moments and OPTIONS, as an administrator writes them. */
#include "fuzz.h"

#include <string.h>

#include "duration.h"
#include "../../exigrey/moment.h"
#include "number.h"
#include "policy.h"

static void
fuzz_duration(struct grey_bytes bytes)
{
	char text[GREY_DURATION_TEXT];
	struct grey_error err;
	int64_t seconds, again;

	if (grey_duration_parse(bytes, &seconds, &err) != GREY_OK)
		return;
	require(seconds >= 0);
	(void)grey_duration_text(seconds, text);
	require(
	    grey_duration_parse(grey_bytes_of(text), &again, &err) == GREY_OK);
	require(again <= seconds && again >= seconds / 2);
}

static void
fuzz_number(struct grey_bytes bytes)
{
	int64_t number, part;
	size_t at = 0;

	if (!grey_number_parse(bytes, &number))
		return;
	require(grey_number_read(bytes, &at, &part));
	require(at == bytes.size && part == number && number >= 0);
}

static void
fuzz_moment(const char *text)
{
	const int64_t now = 1795300000;
	const int64_t year_10000 = 253402300800;
	char moment[MOMENT_TEXT], distance[MOMENT_TEXT];
	struct grey_error err;
	int64_t at, again;

	if (moment_parse(text, now, &at, &err) != GREY_OK)
		return;
	(void)moment_text(at, moment);
	(void)moment_distance(at, now, distance);
	if (at >= year_10000)
		return;
	require(moment_parse(moment, now, &again, &err) == GREY_OK);
	require(again == at);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct grey_policy policy = grey_policy_default();
	const struct grey_bytes bytes = fuzz_bytes(data, size);
	char *text = malloc(size + 1);

	require(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	fuzz_duration(bytes);
	fuzz_number(bytes);
	fuzz_moment(text);
	if (grey_policy_options(bytes, &policy, NULL) == GREY_OK)
		(void)grey_policy_check(&policy, NULL);
	free(text);
	return 0;
}
