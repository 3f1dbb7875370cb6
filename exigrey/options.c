#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "duration.h"
#include "moment.h"
#include "nearest.h"

#define ROWS_MAX    40  /* of one command */
#define FIRST_VALUE 256 /* what getopt returns for the first row */

static const struct option_row global_rows[] = {
	{ "database", 'd', "DB",
	    "a name in Exim's spool directory (default: "
	    "seen), or a path that starts with / or ./" },
	{ "config", 0, "FILE",
	    "the configuration of the policy (default: " CONFIG_FILE ")" },
	{ "quiet", 'q', NULL, "say nothing unless something fails" },
	{ "help", 'h', NULL, "show this" },
	{ "version", 0, NULL, "show the version" }, { NULL, 0, NULL, NULL }
};

static const struct option_row format_rows[] = {
	{ "format", 0, "FORMAT",
	    "text (for people), tab or json (for "
	    "programs)" },
	{ NULL, 0, NULL, NULL }
};

static const struct option_row filter_rows[] = {
	{ "state", 0, "S[,S]",
	    "in one of these states: grey, passed, auto, "
	    "kept, trapped, expired" },
	{ "match", 0, "GLOB", "the whole item matches a pattern with * ? []" },
	{ "regex", 0, "RE",
	    "the item matches a Perl regular expression "
	    "somewhere" },
	{ "older-than", 0, "D", "created more than D ago" },
	{ "unused-for", 0, "D", "last used D ago or earlier" },
	{ "min-count", 0, "N", "passed N times or more" },
	{ "max-count", 0, "N", "passed N times or less" },
	{ NULL, 0, NULL, NULL }
};

static const struct option_row output_rows[] = {
	{ "output", 'o', "FILE",
	    "write to FILE, which is replaced whole or "
	    "not at all" },
	{ NULL, 0, NULL, NULL }
};

static const struct option_row lifetime_rows[] = {
	{ "grey", 0, "D",
	    "what never passed expires D after its creation "
	    "(default: 24h, or what exigrey.conf says; 0: never)" },
	{ "passed", 0, "D",
	    "what passed expires D after its last use "
	    "(default: 36d, or what exigrey.conf says; 0: never)" },
	{ NULL, 0, NULL, NULL }
};

const struct option_group option_groups[] = {
	{ TAKES_FILTER, "FILTER (all that are given must hold)", filter_rows },
	{ TAKES_LIFETIMES, "Lifetimes (give those of your ACL)",
	    lifetime_rows },
	{ TAKES_FORMAT, "Output", format_rows },
	{ TAKES_OUTPUT, "To a file", output_rows },
	{ 0, "Anywhere on the line", global_rows }, { 0, NULL, NULL }
};

/* The rows that may be given, and what getopt_long makes of them. */
struct known {
	const struct option_row *rows[ROWS_MAX];
	struct option longs[ROWS_MAX + 1];
	char shorts[2 * ROWS_MAX + 3];
	size_t count;
};

static void
add_rows(struct known *known, const struct option_row *rows)
{
	char *shorts = known->shorts + strlen(known->shorts);

	for (; rows != NULL && rows->name != NULL; rows++) {
		if (known->count == ROWS_MAX)
			abort();
		known->longs[known->count] = (struct option){ .name =
								  rows->name,
			.has_arg = rows->argument != NULL ? required_argument :
							    no_argument,
			.val = FIRST_VALUE + (int)known->count };
		known->rows[known->count++] = rows;
		if (rows->letter == 0)
			continue;
		*shorts++ = rows->letter;
		if (rows->argument != NULL)
			*shorts++ = ':';
	}
	*shorts = '\0';
}

static const struct option_row *
row_of(const struct known *known, int value)
{
	if (value == 0)
		return NULL;
	if (value >= FIRST_VALUE)
		return known->rows[value - FIRST_VALUE];
	for (size_t i = 0; i < known->count; i++)
		if (known->rows[i]->letter == value)
			return known->rows[i];
	return NULL;
}

/* Is it the beginning of several options? */
static bool
is_ambiguous(const struct known *known, const char *name)
{
	const size_t length = strlen(name);
	int found = 0;

	for (size_t i = 0; i < known->count; i++)
		found += strncmp(known->rows[i]->name, name, length) == 0;
	return found > 1;
}

static enum grey_status
unknown_long(const struct known *known, const char *typed, const char *where,
    struct grey_error *err)
{
	struct nearest nearest;
	char name[64];

	(void)strlcpy(name, typed + 2, sizeof(name));
	name[strcspn(name, "=")] = '\0';
	if (is_ambiguous(known, name))
		return grey_fail(err, GREY_INVALID,
		    "option '--%s' could be "
		    "several: write more of it",
		    name);
	nearest = nearest_to(name);
	for (size_t i = 0; i < known->count; i++)
		nearest_offer(&nearest, known->rows[i]->name);
	if (nearest.best != NULL)
		return grey_fail(err, GREY_INVALID,
		    "unknown option '--%s': "
		    "did you mean '--%s'?",
		    name, nearest.best);
	return grey_fail(err, GREY_INVALID, "unknown option '--%s': %s", name,
	    where);
}

/* Says what getopt_long did not like. */
static enum grey_status
refuse(const struct known *known, int answer, const char *typed,
    const char *where, struct grey_error *err)
{
	const struct option_row *row = row_of(known, optopt);

	if (row != NULL && answer == ':')
		return grey_fail(err, GREY_INVALID,
		    "option '--%s' needs its "
		    "%s: %s",
		    row->name, row->argument, row->help);
	if (row != NULL)
		return grey_fail(err, GREY_INVALID,
		    "option '--%s' takes no value", row->name);
	if (optopt == 0)
		return unknown_long(known, typed, where, err);
	return grey_fail(err, GREY_INVALID, "unknown option '-%c': %s", optopt,
	    where);
}

static enum grey_status
parse(struct invocation *run, const struct known *known, int argc, char *argv[],
    const char *where, struct grey_error *err)
{
	int answer;

	opterr = 0;
	optind = 0; /* glibc: forget the line before */
	while ((answer = getopt_long(argc, argv, known->shorts, known->longs,
		    NULL)) != -1) {
		if (answer == '?' || answer == ':')
			return refuse(known, answer, argv[optind - 1], where,
			    err);
		if (run->given_count == OPTIONS_GIVEN_MAX)
			return grey_fail(err, GREY_INVALID, "too many options");
		run->given[run->given_count++] =
		    (struct option_given){ row_of(known, answer),
			    optarg != NULL ? optarg : "" };
	}
	run->argc = argc - optind;
	run->argv = argv + optind;
	return GREY_OK;
}

enum grey_status
options_before(struct invocation *run, int argc, char *argv[],
    struct grey_error *err)
{
	/* "+": up to the command only; ":": tell what is missing. */
	struct known known = { .shorts = "+:" };

	add_rows(&known, global_rows);
	add_rows(&known, format_rows);
	return parse(run, &known, argc, argv,
	    "a command's own options stand after its name", err);
}

enum grey_status
options_of_command(struct invocation *run, struct grey_error *err)
{
	struct known known = { .shorts = ":" };
	char where[128];

	add_rows(&known, run->command->options);
	for (const struct option_group *group = option_groups;
	     group->rows != NULL; group++)
		if ((group->needs & run->command->needs) == group->needs)
			add_rows(&known, group->rows);
	(void)strlcpy(where, "see 'exigrey help ", sizeof(where));
	(void)strlcat(where, run->command->name, sizeof(where));
	(void)strlcat(where,
	    "' (an item that starts with '-' stands after "
	    "'--')",
	    sizeof(where));
	return parse(run, &known, run->argc, run->argv, where, err);
}

enum grey_status
options_global(struct invocation *run, struct grey_error *err)
{
	static const char *const names[] = { "text", "tab", "json" };
	const char *format = option_value(run, "format");

	run->quiet = option_given(run, "quiet");
	if (format == NULL)
		return GREY_OK;
	if ((run->command->needs & TAKES_FORMAT) == 0)
		return grey_fail(err, GREY_INVALID,
		    "'%s' has only one format: leave --format out",
		    run->command->name);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(format, names[i]) == 0) {
			run->format = (enum format)i;
			return GREY_OK;
		}
	return grey_fail(err, GREY_INVALID,
	    "--format: '%.64s' is neither text, tab nor json", format);
}

const char *
option_value(const struct invocation *run, const char *name)
{
	for (size_t i = run->given_count; i-- > 0;)
		if (strcmp(run->given[i].row->name, name) == 0)
			return run->given[i].value;
	return NULL;
}

bool
option_given(const struct invocation *run, const char *name)
{
	return option_value(run, name) != NULL;
}

int
option_count(const struct invocation *run, const char *name)
{
	int count = 0;

	for (size_t i = 0; i < run->given_count; i++)
		count += strcmp(run->given[i].row->name, name) == 0;
	return count;
}

bool
options_given_of(const struct invocation *run, unsigned needs)
{
	for (const struct option_group *group = option_groups;
	     group->rows != NULL; group++) {
		if (group->needs != needs)
			continue;
		for (const struct option_row *row = group->rows;
		     row->name != NULL; row++)
			if (option_given(run, row->name))
				return true;
	}
	return false;
}

enum grey_status
option_number(const struct invocation *run, const char *name, int64_t *value_r,
    struct grey_error *err)
{
	const char *text = option_value(run, name);
	long long number;
	char *end;

	if (text == NULL)
		return GREY_OK;
	errno = 0;
	number = strtoll(text, &end, 10);
	/* strtoll takes signs and blanks too. */
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0)
		return grey_fail(err, GREY_INVALID,
		    "--%s: '%.64s' is no "
		    "number from 0 to %lld",
		    name, text, (long long)INT64_MAX);
	*value_r = number;
	return GREY_OK;
}

/* Puts the option's name before what is wrong with its value. */
static enum grey_status
named(const char *name, enum grey_status status, struct grey_error *err)
{
	const struct grey_error why = *err;

	return grey_fail(err, status, "--%s: %.450s", name, why.text);
}

enum grey_status
option_duration(const struct invocation *run, const char *name,
    int64_t *value_r, struct grey_error *err)
{
	const char *text = option_value(run, name);
	enum grey_status status;

	if (text == NULL)
		return GREY_OK;
	status = grey_duration_parse(grey_bytes_of(text), value_r, err);
	return status == GREY_OK ? status : named(name, status, err);
}

enum grey_status
option_moment(const struct invocation *run, const char *name, int64_t *value_r,
    struct grey_error *err)
{
	const char *text = option_value(run, name);
	enum grey_status status;

	if (text == NULL)
		return GREY_OK;
	status = moment_parse(text, run->now, value_r, err);
	return status == GREY_OK ? status : named(name, status, err);
}
