#define PCRE2_CODE_UNIT_WIDTH 8

#include "filter.h"

#include <fnmatch.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

struct filter {
	unsigned states;   /* a bit each */
	const char *glob;  /* NULL: any */
	pcre2_code *regex; /* NULL: any */
	pcre2_match_data *match_data;
	int regex_error; /* of PCRE2; 0: none */
	int64_t now;
	int64_t older_than; /* INT64_MIN: no limit */
	int64_t unused_for;
	int64_t min_count;
	int64_t max_count;
};

static enum grey_status
parse_state(const char *word, size_t length, unsigned *states,
    struct grey_error *err)
{
	for (unsigned state = 0; state < GREY_STATES; state++) {
		const char *name = grey_state_name((enum grey_state)state);
		if (strlen(name) == length && memcmp(name, word, length) == 0) {
			*states |= 1U << state;
			return GREY_OK;
		}
	}
	return grey_fail(err, GREY_INVALID,
	    "--state: '%.*s' is none of "
	    "grey, passed, auto, kept, trapped, expired",
	    (int)(length < 64 ? length : 64), word);
}

/* Parses "grey,auto". */
static enum grey_status
parse_states(const char *text, unsigned *states, struct grey_error *err)
{
	enum grey_status status;
	size_t length;

	*states = 0;
	for (;; text += length + 1) {
		length = strcspn(text, ",");
		status = parse_state(text, length, states, err);
		if (status != GREY_OK || text[length] == '\0')
			return status;
	}
}

static enum grey_status
compile(const char *text, struct filter *filter, struct grey_error *err)
{
	PCRE2_UCHAR why[128];
	PCRE2_SIZE at;
	int error;

	filter->regex = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
	    0, &error, &at, NULL);
	if (filter->regex == NULL) {
		(void)pcre2_get_error_message(error, why, sizeof(why));
		return grey_fail(err, GREY_INVALID,
		    "--regex: '%.100s' is no "
		    "regular expression: %s at byte %zu",
		    text, (const char *)why, (size_t)at);
	}
	/* Only faster: where there is no JIT, it works without. */
	(void)pcre2_jit_compile(filter->regex, PCRE2_JIT_COMPLETE);
	filter->match_data =
	    pcre2_match_data_create_from_pattern(filter->regex, NULL);
	return filter->match_data != NULL ?
	    GREY_OK :
	    grey_fail(err, GREY_FAILED, "out of memory");
}

static enum grey_status
parse_filter(const struct invocation *run, struct filter *filter,
    struct grey_error *err)
{
	const char *states = option_value(run, "state");
	const char *regex = option_value(run, "regex");
	enum grey_status status = GREY_OK;

	filter->glob = option_value(run, "match");
	if (states != NULL)
		status = parse_states(states, &filter->states, err);
	if (status == GREY_OK && regex != NULL)
		status = compile(regex, filter, err);
	if (status == GREY_OK)
		status = option_duration(run, "older-than", &filter->older_than,
		    err);
	if (status == GREY_OK)
		status = option_duration(run, "unused-for", &filter->unused_for,
		    err);
	if (status == GREY_OK)
		status =
		    option_number(run, "min-count", &filter->min_count, err);
	if (status == GREY_OK)
		status =
		    option_number(run, "max-count", &filter->max_count, err);
	return status;
}

enum grey_status
filter_begin(const struct invocation *run, struct filter **filter_r,
    struct grey_error *err)
{
	struct filter *filter = malloc(sizeof(*filter));
	enum grey_status status;

	if (filter == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	*filter = (struct filter){ .states = ~0U,
		.now = run->now,
		.older_than = INT64_MIN,
		.unused_for = INT64_MIN,
		.max_count = INT64_MAX };
	status = parse_filter(run, filter, err);
	if (status != GREY_OK)
		filter_end(&filter);
	*filter_r = filter;
	return status;
}

bool
filter_given(const struct invocation *run)
{
	return options_given_of(run, TAKES_FILTER);
}

static bool
glob_matches(const char *glob, struct grey_bytes item)
{
	char *copy;
	bool matches;

	/* In the database a NUL follows each item: it is a string. */
	if (memchr(item.data, '\0', item.size) == NULL)
		return fnmatch(glob, item.data, 0) == 0;
	/* fnmatch would stop at a NUL within: some other byte stands in. */
	copy = malloc(item.size + 1);
	if (copy == NULL)
		return false;
	for (size_t i = 0; i < item.size; i++)
		copy[i] = item.data[i] != '\0' ? item.data[i] : '\001';
	copy[item.size] = '\0';
	matches = fnmatch(glob, copy, 0) == 0;
	free(copy);
	return matches;
}

static bool
regex_matches(struct filter *filter, struct grey_bytes item)
{
	int result = pcre2_match(filter->regex, (PCRE2_SPTR)item.data,
	    item.size, 0, 0, filter->match_data, NULL);

	if (result < 0 && result != PCRE2_ERROR_NOMATCH)
		filter->regex_error = result;
	return result >= 0;
}

bool
filter_match(void *arg, const struct entry *entry)
{
	struct filter *filter = arg;
	const struct grey_record *record = &entry->record;

	return entry->kind == ENTRY_RECORD &&
	    (filter->states & 1U << entry->state) != 0 &&
	    filter->now - record->created > filter->older_than &&
	    filter->now - record->used >= filter->unused_for &&
	    record->count >= filter->min_count &&
	    record->count <= filter->max_count &&
	    (filter->glob == NULL || glob_matches(filter->glob, entry->item)) &&
	    (filter->regex == NULL || regex_matches(filter, entry->item));
}

enum grey_status
filter_failed(const struct filter *filter, struct grey_error *err)
{
	PCRE2_UCHAR why[128];

	if (filter->regex_error == 0)
		return GREY_OK;
	(void)pcre2_get_error_message(filter->regex_error, why, sizeof(why));
	return grey_fail(err, GREY_FAILED,
	    "--regex: some items could not be "
	    "judged and count as not matching: %s",
	    (const char *)why);
}

void
filter_end(struct filter **filter)
{
	if (*filter == NULL)
		return;
	pcre2_match_data_free((*filter)->match_data);
	pcre2_code_free((*filter)->regex);
	free(*filter);
	*filter = NULL;
}
