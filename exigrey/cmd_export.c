#include <limits.h>
#include <stdio.h>

#include "command.h"
#include "complain.h"
#include "database.h"
#include "dump.h"
#include "exim_dbm.h"
#include "filter.h"
#include "options.h"
#include "output.h"
#include "scan.h"

static const struct option_row export_options[] = {
	{ "exim-dbm", 0, "FILE",
	    "make a database for Exim's own lookups, in the "
	    "format of this Exim" },
	{ NULL, 0, NULL, NULL }
};

struct export
{
	struct filter *filter; /* or NULL */
	bool exim_dbm;
	int64_t left_out;
};

static enum grey_status
visit(void *arg, const struct entry *entry, struct grey_error *err)
{
	struct export *export = arg;

	/* Without a filter also what is no record: the dump is complete. */
	if (export->filter != NULL && !filter_match(export->filter, entry))
		return GREY_OK;
	if (!export->exim_dbm)
		dump_entry(stdout, entry->key, entry->value);
	else if (!exim_dbm_write(stdout, entry->key, entry->value))
		export->left_out++;
	if (ferror(stdout))
		return grey_fail(err, GREY_FAILED, "cannot write the output");
	return GREY_OK;
}

/* Written by whoever called, as --output's file is. */
static enum grey_status
begin_dbm(struct invocation *run, struct grey_error *err)
{
	const char *file = option_value(run, "exim-dbm");
	char builder[PATH_MAX];

	if (file == NULL)
		return GREY_OK;
	if (option_given(run, "output"))
		return grey_fail(err, GREY_INVALID,
		    "--output and --exim-dbm do not go together");
	if (!exim_dbm_find(builder))
		return grey_fail(err, GREY_FAILED,
		    "--exim-dbm: there is no exim_dbmbuild here (it comes with "
		    "Exim)");
	return output_begin(&run->output, "exim-dbm", file, builder, err);
}

/* What a snapshot for Exim has not. */
static int
tell_left_out(const struct invocation *run, const struct export *export)
{
	if (export->left_out > 0 && !run->quiet)
		complain("%lld record%s left out, whose items exim_dbmbuild "
			 "does not take (longer than 255 bytes, or no item)",
		    (long long)export->left_out,
		    export->left_out == 1 ? "" : "s");
	return EXIT_DONE;
}

static int
run_export(struct invocation *run)
{
	struct export export = { .exim_dbm = option_given(run, "exim-dbm") };
	struct scan_counts counts;
	struct grey_policy policy;
	struct grey_error err;
	enum grey_status status;

	status = database_policy(run, &policy, &err);
	if (status == GREY_OK && filter_given(run))
		status = filter_begin(run, &export.filter, &err);
	if (status != GREY_OK) {
		complain("%s", err.text);
		return EXIT_FAILED;
	}
	if (!export.exim_dbm)
		dump_begin(stdout);
	status = scan_database(run, &policy, visit, &export, &counts, &err);
	if (status == GREY_OK && export.filter != NULL)
		status = filter_failed(export.filter, &err);
	filter_end(&export.filter);
	/* Without a database there is no old one to be put aside either. */
	if (status == GREY_NOT_FOUND)
		return database_missing(run,
		    export.exim_dbm ? EXIT_FAILED : EXIT_DONE);
	return status == GREY_OK ? tell_left_out(run, &export) :
				   database_failed(run, status, &err);
}

const struct command command_export = {
	.name = "export",
	.run = run_export,
	.before = begin_dbm,
	.max = 0,
	.needs = NEEDS_DATABASE | TAKES_FILTER | TAKES_LIFETIMES |
	    TAKES_OUTPUT | LISTS,
	.options = export_options,
	.usage = "[--exim-dbm FILE] [FILTER]",
	.summary = "write records as text that import reads",
	.help =
	    "Writes the records as text, a line each, byte-exact for any "
	    "item and flag;\nwithout FILTER also what is no record.  The first "
	    "line tells the version.\n\n"
	    "    exigrey export --output /var/backups/grey.dump\n\n"
	    "With --exim-dbm FILE becomes a database that Exim's own lookups "
	    "read, whatever\nformat this Exim has: made by exim_dbmbuild, and "
	    "renamed into place when it is\nwhole.\n\n"
	    "    exigrey export --exim-dbm /var/spool/exim4/grey-lookup\n",
};
