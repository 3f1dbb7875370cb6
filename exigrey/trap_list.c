#include "trap_list.h"

#include <stdio.h>
#include <stdlib.h>

#include "complain.h"
#include "database.h"
#include "escape.h"
#include "moment.h"
#include "row.h"
#include "scan.h"
#include "trust.h"

static void
print_header(const struct invocation *run)
{
	if (run->format == FORMAT_TEXT)
		(void)printf("%-19s  %-19s  %-15s  %s\n", "TRAPPED", "UNTIL",
		    "CLIENT", "NOTE");
}

static void
print_text(const struct entry *entry, int64_t until, struct grey_bytes note)
{
	char trapped[MOMENT_TEXT], end[MOMENT_TEXT];

	(void)printf("%-19s  %-19s  ",
	    moment_text(entry->record.created, trapped),
	    until != INT64_MAX ? moment_text(until, end) : "-");
	escape_text(stdout, entry->item);
	(void)printf("%*s  ",
	    entry->item.size < 15 ? 15 - (int)entry->item.size : 0, "");
	escape_text(stdout, note);
	(void)putchar('\n');
}

static void
print_trap(const struct invocation *run, const struct grey_policy *policy,
    const struct entry *entry)
{
	const int64_t until = grey_end(&entry->record, policy);
	char text[GREY_VALUE_MAX];
	struct grey_bytes note = { "", 0 };

	if (grey_record_flag(&entry->record, GREY_FLAG_NOTE, &note))
		note = grey_flag_unescape(note, text);
	if (run->format == FORMAT_TEXT) {
		print_text(entry, until, note);
	} else if (run->format == FORMAT_TAB) {
		escape_text(stdout, entry->item);
		(void)printf("\t%lld\t%lld\t", (long long)entry->record.created,
		    (long long)until);
		escape_text(stdout, note);
		(void)putchar('\n');
	} else {
		(void)putchar('{');
		row_print_json_bytes("client", entry->item);
		(void)printf(",\"trapped\":%lld,\"expires\":%lld,",
		    (long long)entry->record.created, (long long)until);
		row_print_json_bytes("note", note);
		(void)puts("}");
	}
}

struct listing {
	const struct invocation *run;
	struct grey_policy policy;
	bool *found; /* one for each argument */
	int64_t shown;
};

/* Was it asked for?  Without arguments everything is. */
static bool
is_wanted(struct listing *listing, struct grey_bytes item)
{
	const struct invocation *run = listing->run;
	bool wanted = run->argc == 0;

	for (int i = 0; i < run->argc; i++)
		if (grey_bytes_equal(item, grey_bytes_of(run->argv[i])))
			wanted = listing->found[i] = true;
	return wanted;
}

static enum grey_status
list_one(void *arg, const struct entry *entry, struct grey_error *err)
{
	struct listing *listing = arg;

	(void)err;
	if (entry->kind != ENTRY_RECORD || entry->state != GREY_STATE_TRAPPED ||
	    !is_wanted(listing, entry->item))
		return GREY_OK;
	if (listing->shown++ == 0)
		print_header(listing->run);
	print_trap(listing->run, &listing->policy, entry);
	return GREY_OK;
}

static int
list_traps(struct listing *listing, struct invocation *run)
{
	struct scan_counts counts;
	struct grey_error err;
	enum grey_status status;
	int result = EXIT_DONE;

	status = database_policy(run, &listing->policy, &err);
	if (status == GREY_OK)
		status = scan_database(run, &listing->policy, list_one, listing,
		    &counts, &err);
	if (status == GREY_NOT_FOUND)
		return database_missing(run,
		    run->argc > 0 ? EXIT_NOT_FOUND : EXIT_DONE);
	if (status != GREY_OK)
		return database_failed(run, status, &err);
	if (listing->shown == 0)
		print_header(run);
	for (int i = 0; i < run->argc; i++)
		if (!listing->found[i]) {
			complain_about(grey_bytes_of(run->argv[i]),
			    "not trapped");
			result = EXIT_NOT_FOUND;
		}
	return result;
}

int
trap_list(struct invocation *run)
{
	struct listing listing = { .run = run };
	int result;

	listing.found = calloc((size_t)run->argc + 1, sizeof(bool));
	if (listing.found == NULL) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	result = list_traps(&listing, run);
	free(listing.found);
	return result;
}
