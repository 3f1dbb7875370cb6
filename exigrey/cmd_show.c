#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "colour.h"
#include "complain.h"
#include "database.h"
#include "escape.h"
#include "key.h"
#include "moment.h"
#include "options.h"
#include "row.h"

struct showing {
	struct invocation *run;
	struct grey_policy policy;
	bool judge; /* --delay was given */
};

static void
print_moment(const struct showing *showing, const char *name, int64_t moment)
{
	char text[MOMENT_TEXT], distance[MOMENT_TEXT];

	(void)printf("%-8s  %s  (%s)\n", name, moment_text(moment, text),
	    moment_distance(moment, showing->run->now, distance));
}

static struct grey_verdict
judge(const struct showing *showing, const struct grey_record *record)
{
	struct grey_verdict verdict;

	/* Only as a suffix an item is trapped. */
	if (grey_judge_suffix(record, &showing->policy, showing->run->now,
		&verdict) &&
	    verdict.reason == GREY_TRAPPED)
		return verdict;
	grey_judge_item(record, false, NULL, &showing->policy,
	    showing->run->now, &verdict);
	return verdict;
}

static void
print_verdict(const struct showing *showing, const struct grey_record *record)
{
	static const char *const reasons[] = { [GREY_NEW] =
						   "yes: it has expired",
		[GREY_EARLY] = "yes: too early",
		[GREY_PASSED] = "no: the delay is over",
		[GREY_KEPT] = "no: whitelisted by hand",
		[GREY_WHITELISTED] = "no: whitelisted",
		[GREY_TRAPPED] = "yes: trapped" };
	const struct grey_verdict verdict = judge(showing, record);
	const int64_t now = showing->run->now;
	char distance[MOMENT_TEXT];

	(void)printf("unseen    %s", reasons[verdict.reason]);
	if (!verdict.pass)
		(void)printf("; it would pass %s",
		    moment_distance(now + verdict.wait, now, distance));
	(void)putchar('\n');
}

static void
print_text(const struct showing *showing, const struct entry *entry)
{
	const struct grey_record *record = &entry->record;
	int64_t expires;

	(void)fputs("item      ", stdout);
	escape_text(stdout, entry->item);
	(void)printf("\nstate     %s%s%s\n", colour_of_state(entry->state),
	    grey_state_name(entry->state), colour_end());
	print_moment(showing, "created", record->created);
	print_moment(showing, "used", record->used);
	(void)printf("count     %lld\nflags     %.*s\n",
	    (long long)record->count,
	    record->flags.size > 0 ? (int)record->flags.size : 4,
	    record->flags.size > 0 ? record->flags.data : "none");
	if (grey_record_expires(record, &expires))
		print_moment(showing, "expires", expires);
	if (showing->judge)
		print_verdict(showing, record);
}

static void
print_broken_text(const struct entry *entry, const char *why)
{
	(void)fputs("item      ", stdout);
	escape_text(stdout, entry->item);
	(void)printf("\nstate     broken: %s\nvalue     ", why);
	escape_text(stdout, entry->value);
	(void)putchar('\n');
}

/* The fields of a row as far as there are any, and the value as it is. */
static void
print_broken(enum format format, const struct entry *entry)
{
	struct grey_record unwanted;
	struct grey_error why = { .text = "" };

	(void)grey_record_parse(entry->key, entry->value, &unwanted, &why);
	if (format == FORMAT_TEXT) {
		print_broken_text(entry, why.text);
	} else if (format == FORMAT_TAB) {
		escape_text(stdout, entry->item);
		(void)fputs("\tbroken\t\t\t\t", stdout);
		escape_text(stdout, entry->value);
		(void)putchar('\n');
	} else {
		(void)putchar('{');
		row_print_json_bytes("item", entry->item);
		(void)fputs(",\"state\":\"broken\",\"error\":", stdout);
		escape_json(stdout, grey_bytes_of(why.text));
		(void)fputs(",\"value_hex\":\"", stdout);
		escape_hex(stdout, entry->value);
		(void)puts("\"}");
	}
}

static void
show_entry(const struct showing *showing, const struct entry *entry)
{
	const enum format format = showing->run->format;
	struct grey_verdict verdict;

	if (entry->kind != ENTRY_RECORD)
		print_broken(format, entry);
	else if (format == FORMAT_TEXT)
		print_text(showing, entry);
	else if (showing->judge) {
		verdict = judge(showing, &entry->record);
		row_print(format, entry, &verdict);
	} else
		row_print(format, entry, NULL);
}

/* Shows what was fetched for each argument.  Returns the exit status. */
static int
show_values(const struct showing *showing, const struct grey_bytes *keys,
    const struct greydb_value *values)
{
	const struct invocation *run = showing->run;
	int result = EXIT_DONE, shown = 0;
	struct entry entry;

	for (int i = 0; i < run->argc; i++) {
		if (values[i].data == NULL) {
			complain_about(grey_bytes_of(run->argv[i]),
			    "no such item");
			result = EXIT_NOT_FOUND;
			continue;
		}
		if (shown++ > 0 && run->format == FORMAT_TEXT)
			(void)putchar('\n');
		entry_read(keys[i], greydb_value_bytes(&values[i]),
		    &showing->policy, run->now, &entry);
		show_entry(showing, &entry);
	}
	return result;
}

/* Fetches all at once, so that they are of one instant. */
static int
show(const struct showing *showing, struct grey_item_key *keys,
    struct grey_bytes *bytes, struct greydb_value *values)
{
	struct invocation *run = showing->run;
	const struct greydb_settings settings = database_settings(run, false);
	enum grey_status status = GREY_OK;
	struct grey_error err;

	for (int i = 0; i < run->argc && status == GREY_OK; i++) {
		status = grey_item_key_init(&keys[i],
		    grey_bytes_of(run->argv[i]), &err);
		bytes[i] = keys[i].bytes;
	}
	if (status == GREY_OK)
		status = greydb_peek(&run->session, &run->path, &settings,
		    bytes, (size_t)run->argc, values, &err);
	if (status == GREY_NOT_FOUND)
		return database_missing(run, EXIT_NOT_FOUND);
	return status == GREY_OK ? show_values(showing, bytes, values) :
				   database_failed(run, status, &err);
}

static int
show_arguments(const struct showing *showing)
{
	const size_t count = (size_t)showing->run->argc;
	struct grey_item_key *keys = calloc(count, sizeof(*keys));
	struct grey_bytes *bytes = calloc(count, sizeof(*bytes));
	struct greydb_value *values = calloc(count, sizeof(*values));
	int result = EXIT_FAILED;

	if (keys != NULL && bytes != NULL && values != NULL)
		result = show(showing, keys, bytes, values);
	else
		complain("out of memory");
	for (size_t i = 0; i < count; i++) {
		if (keys != NULL)
			grey_item_key_free(&keys[i]);
		if (values != NULL)
			greydb_value_free(&values[i]);
	}
	free(values);
	free(bytes);
	free(keys);
	return result;
}

static int
run_show(struct invocation *run)
{
	struct showing showing = { .run = run,
		.judge = option_given(run, "delay") };
	struct grey_error err;
	enum grey_status status;

	status = database_policy(run, &showing.policy, &err);
	if (status == GREY_OK)
		status =
		    option_duration(run, "delay", &showing.policy.delay, &err);
	if (status == GREY_OK && showing.judge)
		status = grey_policy_check(&showing.policy, &err);
	return status == GREY_OK ? show_arguments(&showing) :
				   database_failed(run, status, &err);
}

static const struct option_row show_options[] = {
	{ "delay", 0, "D",
	    "tell also what 'unseen' would answer with this "
	    "delay" },
	{ NULL, 0, NULL, NULL }
};

const struct command command_show = {
	.name = "show",
	.run = run_show,
	.min = 1,
	.max = -1,
	.needs = NEEDS_DATABASE | TAKES_FORMAT | TAKES_LIFETIMES,
	.options = show_options,
	.usage = "ITEM... [--delay D]",
	.summary = "show all that is known of some items",
	.help =
	    "Shows the whole record of each ITEM, or the bytes of one that"
	    " does not parse. With --delay it tells also what 'unseen' would "
	    "answer for ITEM now, whatever its suffix.\n\n"
	    "    exigrey show '<a@example.org>' --delay 10m\n",
};
