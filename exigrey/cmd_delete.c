#include <stdio.h>
#include <stdlib.h>

#include "batch.h"
#include "commands.h"
#include "complain.h"
#include "database.h"
#include "filter.h"
#include "options.h"
#include "sweep.h"

/* What became of each argument. */
struct deletion {
	bool dry_run;
	bool *found; /* one for each */
};

static enum grey_status
delete_item(void *arg, size_t number, struct greydb *db, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	const struct deletion *deletion = arg;

	if (value.data == NULL)
		return GREY_OK;
	deletion->found[number] = true;
	return deletion->dry_run ? GREY_OK : greydb_delete(db, key, err);
}

/* Names those that were not there.  Returns the exit status. */
static int
report_items(const struct invocation *run, const struct deletion *deletion)
{
	int64_t deleted = 0;

	for (int i = 0; i < run->argc; i++) {
		deleted += deletion->found[i];
		if (!deletion->found[i])
			complain_about(grey_bytes_of(run->argv[i]),
			    "no such item");
	}
	if (run->quiet)
		;
	else if (run->format == FORMAT_JSON)
		(void)printf("{\"dry_run\":%s,\"deleted\":%lld}\n",
		    deletion->dry_run ? "true" : "false", (long long)deleted);
	else if (run->format == FORMAT_TAB)
		(void)printf("deleted\t%lld\n", (long long)deleted);
	else
		(void)printf("%s %lld of %d items of %s/%s\n",
		    deletion->dry_run ? "would delete" : "deleted",
		    (long long)deleted, run->argc, run->path.directory,
		    run->path.file);
	return deleted == run->argc ? EXIT_DONE : EXIT_NOT_FOUND;
}

static int
delete_items(struct invocation *run)
{
	struct deletion deletion = { .dry_run = option_given(run, "dry-run") };
	struct grey_error err;
	enum grey_status status;
	int result;

	deletion.found = calloc((size_t)run->argc, sizeof(bool));
	if (deletion.found == NULL)
		status = grey_fail(&err, GREY_FAILED, "out of memory");
	else
		status = batch_items(run, false, delete_item, &deletion, &err);
	if (status == GREY_OK)
		result = report_items(run, &deletion);
	else if (status == GREY_NOT_FOUND)
		result = database_missing(run, EXIT_NOT_FOUND);
	else
		result = database_failed(run, status, &err);
	free(deletion.found);
	return result;
}

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
