#include <string.h>

#include "commands.h"
#include "complain.h"
#include "database.h"
#include "filter.h"
#include "options.h"
#include "row.h"
#include "rows.h"
#include "scan.h"

#define BROKEN_NAMED 10 /* of the entries that are no records */

struct listing {
	const struct invocation *run;
	struct filter *filter;
	struct rows *rows; /* with --sort; NULL: print at once */
	int64_t limit;
	int64_t shown;
	int64_t named; /* entries that are no records */
};

static const char *const orders[] = { [ROW_ITEM] = "item",
	[ROW_STATE] = "state",
	[ROW_CREATED] = "created",
	[ROW_USED] = "used",
	[ROW_COUNT] = "count" };

static enum grey_status
parse_order(const char *name, enum row_order *order_r, struct grey_error *err)
{
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (strcmp(orders[i], name) == 0) {
			*order_r = (enum row_order)i;
			return GREY_OK;
		}
	return grey_fail(err, GREY_INVALID,
	    "--sort: '%.64s' is none of "
	    "item, state, created, used, count",
	    name);
}

/* Names the first few; the rest is counted. */
static void
name_broken(struct listing *listing, const struct entry *entry)
{
	struct grey_record unwanted;
	struct grey_error why;

	if (listing->run->quiet || ++listing->named > BROKEN_NAMED)
		return;
	if (entry->kind == ENTRY_FOREIGN)
		complain_about(entry->key,
		    "no item: the key does not end in NUL");
	else if (grey_record_parse(entry->key, entry->value, &unwanted, &why) !=
	    GREY_OK)
		complain_about(entry->item, why.text);
}

static enum grey_status
visit(void *arg, const struct entry *entry, struct grey_error *err)
{
	struct listing *listing = arg;

	if (entry->kind != ENTRY_RECORD) {
		name_broken(listing, entry);
		return GREY_OK;
	}
	if (!filter_match(listing->filter, entry))
		return GREY_OK;
	if (listing->rows != NULL)
		return rows_add(listing->rows, entry, err);
	if (listing->shown == listing->limit)
		return GREY_FULL; /* enough */
	if (listing->shown++ == 0)
		row_print_header(listing->run->format);
	row_print(listing->run->format, entry, NULL);
	return GREY_OK;
}

static void
count_broken(const struct invocation *run, const struct scan_counts *counts)
{
	if (run->quiet || counts->broken + counts->foreign == 0)
		return;
	complain(
	    "left out of '%s/%s': %lld whose value does not parse, %lld "
	    "whose key is no item; they count as unknown (exigrey show ITEM, "
	    "exigrey delete ITEM)",
	    run->path.directory, run->path.file, (long long)counts->broken,
	    (long long)counts->foreign);
}

static enum grey_status
prepare(struct listing *listing, enum row_order *order_r,
    struct grey_policy *policy_r, struct grey_error *err)
{
	const struct invocation *run = listing->run;
	const char *sort = option_value(run, "sort");
	enum grey_status status;

	if (sort == NULL && option_given(run, "reverse"))
		return grey_fail(err, GREY_INVALID,
		    "--reverse needs --sort: add, say, --sort created");
	status = option_number(run, "limit", &listing->limit, err);
	if (status == GREY_OK && sort != NULL)
		status = parse_order(sort, order_r, err);
	if (status == GREY_OK)
		status = database_policy(run, policy_r, err);
	if (status == GREY_OK)
		status = filter_begin(run, &listing->filter, err);
	if (status != GREY_OK || sort == NULL)
		return status;
	listing->rows = rows_new();
	return listing->rows != NULL ?
	    GREY_OK :
	    grey_fail(err, GREY_FAILED, "out of memory");
}

static int
list(struct invocation *run, struct listing *listing,
    const struct grey_policy *policy, enum row_order order)
{
	struct scan_counts counts;
	struct grey_error err;
	enum grey_status status;

	status = scan_database(run, policy, visit, listing, &counts, &err);
	if (status == GREY_NOT_FOUND)
		return database_missing(run, EXIT_DONE);
	if (status == GREY_FULL)
		status = GREY_OK;
	if (status == GREY_OK && listing->rows != NULL) {
		rows_sort(listing->rows, order, option_given(run, "reverse"));
		rows_print(listing->rows, run->format, listing->limit);
	} else if (status == GREY_OK && listing->shown == 0)
		row_print_header(run->format);
	count_broken(run, &counts);
	if (status == GREY_OK)
		status = filter_failed(listing->filter, &err);
	return status == GREY_OK ? EXIT_DONE :
				   database_failed(run, status, &err);
}

static int
run_list(struct invocation *run)
{
	struct listing listing = { .run = run, .limit = INT64_MAX };
	enum row_order order = ROW_ITEM;
	struct grey_policy policy;
	struct grey_error err;
	enum grey_status status;
	int result;

	status = prepare(&listing, &order, &policy, &err);
	result = status == GREY_OK ? list(run, &listing, &policy, order) :
				     database_failed(run, status, &err);
	rows_free(listing.rows);
	filter_end(&listing.filter);
	return result;
}

static const struct option_row list_options[] = {
	{ "sort", 0, "FIELD",
	    "by item, state, created, used or count; holds "
	    "all rows in memory, some 200 bytes each" },
	{ "reverse", 0, NULL, "the other way round" },
	{ "limit", 0, "N", "the first N only" }, { NULL, 0, NULL, NULL }
};

const struct command command_list = {
	.name = "list",
	.run = run_list,
	.max = 0,
	.needs = NEEDS_DATABASE | TAKES_FORMAT | TAKES_FILTER |
	    TAKES_LIFETIMES | LISTS,
	.options = list_options,
	.usage = "[FILTER] [--sort FIELD] [--reverse] [--limit N]",
	.summary = "list records, all or those that match a filter",
	.help =
	    "Lists the records, in no order unless --sort is given.\n\n"
	    "  STATE    grey: has not passed yet; passed; auto: whitelisted by"
	    "\n"
	    "           exigrey.so; kept: by you, with 'allow'; trapped: not to"
	    "\n"
	    "           pass until its end; expired: counts as unknown\n"
	    "  CREATED  when it was first seen\n"
	    "  USED     when it last passed\n"
	    "  COUNT    how often it passed\n\n"
	    "Tab gives item, state, created, used, count, flags, with times in"
	    " seconds since 1970. Text and tab write a backslash, and bytes "
	    "that do not print, as \\ooo. JSON is an object a line; an item "
	    "that is not UTF-8 is item_hex in it.\n\n"
	    "    exigrey list --state grey --older-than 1h --sort created\n",
};
