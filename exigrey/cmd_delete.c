#include "commands.h"
#include "complain.h"
#include "database.h"
#include "deletion.h"
#include "filter.h"
#include "options.h"
#include "sweep.h"

static bool
match_all(void *arg, const struct entry *entry)
{
	(void)arg;
	(void)entry;
	return true;
}

static int
sweep(struct invocation *run, struct sweep *sweep)
{
	struct grey_error err;
	enum grey_status status;

	status = sweep_database(run, sweep, &err);
	if (status == GREY_NOT_FOUND)
		return database_missing(run, EXIT_DONE);
	if (status != GREY_OK)
		return database_failed(run, status, &err);
	sweep_print(run, sweep);
	return EXIT_DONE;
}

static int
delete_matching(struct invocation *run)
{
	struct sweep what = { .match = filter_match,
		.dry_run = option_given(run, "dry-run") };
	struct filter *filter = NULL;
	struct grey_error err;
	enum grey_status status;
	int result;

	status = database_policy(run, &what.policy, &err);
	if (status == GREY_OK)
		status = filter_begin(run, &filter, &err);
	if (status != GREY_OK)
		return database_failed(run, status, &err);
	what.arg = filter;
	result = sweep(run, &what);
	if (filter_failed(filter, &err) != GREY_OK)
		result = database_failed(run, GREY_INVALID, &err);
	filter_end(&filter);
	return result;
}

static int
delete_all(struct invocation *run)
{
	struct sweep what = { .match = match_all,
		.policy = grey_policy_default(),
		.dry_run = option_given(run, "dry-run") };

	return sweep(run, &what);
}

static int
delete_items(struct invocation *run)
{
	const struct deletion deletion = { .match = match_all,
		.dry_run = option_given(run, "dry-run"),
		.what = "items",
		.missing = "no such item" };

	return deletion_run(run, &deletion);
}

static int
run_delete(struct invocation *run)
{
	const bool all = option_given(run, "all"), some = filter_given(run);

	if (all + some + (run->argc > 0) == 1)
		return all ? delete_all(run) :
		    some   ? delete_matching(run) :
			     delete_items(run);
	if (run->argc == 0 && !all)
		complain("say what to delete: items, a filter, or --all (see "
			 "'exigrey help delete')");
	else
		complain("items, a filter and --all exclude each other: "
			 "nothing was deleted");
	return EXIT_FAILED;
}

static const struct option_row delete_options[] = {
	{ "all", 0, NULL, "every record, also those that do not parse" },
	{ "dry-run", 'n', NULL, "say how many, but delete nothing" },
	{ NULL, 0, NULL, NULL }
};

const struct command command_delete = {
	.name = "delete",
	.run = run_delete,
	.max = -1,
	.needs = NEEDS_DATABASE | TAKES_FORMAT | TAKES_FILTER | TAKES_LIFETIMES,
	.options = delete_options,
	.usage = "ITEM... | FILTER | --all [--dry-run]",
	.summary = "delete records by item, by filter, or all",
	.help =
	    "Deletes the records of the items given, or those that match "
	    "FILTER, or all. What was deleted is greylisted anew. A filter "
	    "never matches what does not parse. Try FILTER with 'list' first."
	    "\n\n"
	    "    exigrey delete --match '192.0.2.*'\n",
};
