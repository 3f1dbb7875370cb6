#include <stdio.h>

#include "command.h"
#include "complain.h"
#include "database.h"
#include "dump.h"
#include "filter.h"
#include "scan.h"

static enum grey_status
visit(void *arg, const struct entry *entry, struct grey_error *err)
{
	struct filter *filter = arg;

	/* Without a filter also what is no record: the dump is complete. */
	if (filter == NULL || filter_match(filter, entry))
		dump_entry(stdout, entry->key, entry->value);
	if (ferror(stdout))
		return grey_fail(err, GREY_FAILED, "cannot write the output");
	return GREY_OK;
}

static int
run_export(struct invocation *run)
{
	struct filter *filter = NULL;
	struct scan_counts counts;
	struct grey_policy policy;
	struct grey_error err;
	enum grey_status status;

	status = database_policy(run, &policy, &err);
	if (status == GREY_OK && filter_given(run))
		status = filter_begin(run, &filter, &err);
	if (status != GREY_OK) {
		complain("%s", err.text);
		return EXIT_FAILED;
	}
	dump_begin(stdout);
	status = scan_database(run, &policy, visit, filter, &counts, &err);
	if (status == GREY_OK && filter != NULL)
		status = filter_failed(filter, &err);
	filter_end(&filter);
	if (status == GREY_NOT_FOUND)
		return database_missing(run, EXIT_DONE);
	return status == GREY_OK ? EXIT_DONE :
				   database_failed(run, status, &err);
}

const struct command command_export = {
	.name = "export",
	.run = run_export,
	.max = 0,
	.needs = NEEDS_DATABASE | TAKES_FILTER | TAKES_LIFETIMES |
	    TAKES_OUTPUT | LISTS,
	.usage = "[FILTER]",
	.summary = "write records as text that import reads",
	.help =
	    "Writes the records as text, a line each, byte-exact for any "
	    "item and flag;\nwithout FILTER also what is no record.  The first "
	    "line tells the version.\n\n"
	    "    exigrey export --output /var/backups/grey.dump\n",
};
