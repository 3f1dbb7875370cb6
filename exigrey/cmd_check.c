#include <stdio.h>

#include "colour.h"
#include "command.h"
#include "complain.h"
#include "database.h"
#include "escape.h"
#include "key.h"
#include "progress.h"
#include "record.h"
#include "size.h"
#include "snapshot.h"

#define PROBLEMS_SHOWN 1000

struct check {
	const struct invocation *run;
	struct progress progress;
	int64_t problems;
	int64_t structure; /* of these, of the file */
};

static void
print_json(const char *what, struct grey_bytes key)
{
	(void)fputs("{\"problem\":", stdout);
	escape_json(stdout, grey_bytes_of(what));
	if (key.data != NULL) {
		(void)fputs(",\"key_hex\":\"", stdout);
		escape_hex(stdout, key);
		(void)putchar('"');
	}
	(void)puts("}");
}

/* key as it is in the database; without data if it is about no key. */
static void
tell(struct check *check, const char *what, struct grey_bytes key)
{
	const bool tab = check->run->format == FORMAT_TAB;

	if (++check->problems > PROBLEMS_SHOWN)
		return;
	progress_end(&check->progress);
	if (check->run->format == FORMAT_JSON) {
		print_json(what, key);
		return;
	}
	(void)fputs(tab ? "problem\t" : "problem: ", stdout);
	escape_text(stdout, grey_bytes_of(what));
	if (key.data != NULL || tab)
		(void)fputs(tab ? "\t" : ": ", stdout);
	if (key.data != NULL)
		escape_text(stdout, key);
	(void)putchar('\n');
}

static void
tell_structure(void *arg, const char *text)
{
	struct check *check = arg;

	check->structure++;
	tell(check, text, (struct grey_bytes){ NULL, 0 });
}

static void
step(void *arg, int64_t total)
{
	struct check *check = arg;

	(void)total;
	progress_step(&check->progress, 1);
}

static enum grey_status
check_record(void *arg, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	struct check *check = arg;
	struct grey_record record;
	struct grey_bytes item;

	progress_step(&check->progress, 1);
	if (!grey_item_of_key(key, &item))
		tell(check, "a key without a NUL at its end", key);
	else if (grey_record_parse(key, value, &record, err) != GREY_OK)
		tell(check, err->text,
		    check->run->format == FORMAT_TEXT ? item : key);
	return GREY_OK;
}

static void
tell_count(struct check *check, int64_t counted, int64_t recorded)
{
	char text[128];

	(void)snprintf(text, sizeof(text),
	    "the lock file counts %lld "
	    "records, the database has %lld",
	    (long long)recorded, (long long)counted);
	tell_structure(check, text);
}

/* What to do about it. */
static const char *
advice(const struct check *check)
{
	if (check->structure == 0)
		return "exigrey edit or delete mends it";
	return check->structure == check->problems ?
	    "see exigrey help repair" :
	    "see exigrey help repair, then help edit";
}

static void
sum_up(const struct check *check, const struct greydb_report *report)
{
	char size[SIZE_TEXT], unused[SIZE_TEXT];

	if (check->run->format != FORMAT_TEXT) {
		(void)printf(check->run->format == FORMAT_JSON ?
			"{\"records\":%lld,\"problems\":%lld,"
			"\"file_size\":%lld,\"free_space\":%lld,"
			"\"block_size\":%lld}\n" :
			"records\t%lld\nproblems\t%lld\nfile_size\t%lld\n"
			"free_space\t%lld\nblock_size\t%lld\n",
		    (long long)report->records, (long long)check->problems,
		    (long long)report->file_size, (long long)report->free_space,
		    (long long)report->block_size);
		return;
	}
	if (check->problems > PROBLEMS_SHOWN)
		(void)printf("... and %lld problems more\n",
		    (long long)(check->problems - PROBLEMS_SHOWN));
	if (check->run->quiet && check->problems == 0)
		return;
	(void)printf("%s%s%s: %lld records in %s, %s of it free; ",
	    check->problems == 0 ? "" : colour_of_problem(),
	    check->problems == 0 ? "sound" : "NOT SOUND",
	    check->problems == 0 ? "" : colour_end(),
	    (long long)report->records, size_text(report->file_size, size),
	    size_text(report->free_space, unused));
	if (check->problems == 0)
		(void)printf("nothing is wrong\n");
	else
		(void)printf("%lld problem%s: %s\n", (long long)check->problems,
		    check->problems == 1 ? "" : "s", advice(check));
}

/*
 * The structure first: a walk over a file that is not sound may miss records,
 * but it does no harm.
 */
static enum grey_status
check_snapshot(struct check *check, struct grey_snapshot *snapshot,
    struct grey_error *err)
{
	const struct greydb_watch watch = { .problem = tell_structure,
		.step = step,
		.arg = check };
	struct greydb_report report = { 0 };
	enum grey_status status;

	status = grey_snapshot_check(snapshot, true, &watch, &report, err);
	if (status == GREY_OK || status == GREY_DAMAGED) {
		if (report.problems == 0 &&
		    report.records != grey_snapshot_records(snapshot))
			tell_count(check, report.records,
			    grey_snapshot_records(snapshot));
		status = grey_snapshot_walk(snapshot, check_record, check, err);
	}
	progress_end(&check->progress);
	if (status == GREY_DAMAGED && check->problems == 0)
		tell_structure(check, err->text);
	if (status == GREY_OK || status == GREY_DAMAGED)
		sum_up(check, &report);
	return status;
}

static int
run_check(struct invocation *run)
{
	const struct greydb_settings settings = database_settings(run, false);
	struct check check = { .run = run };
	struct grey_snapshot *snapshot;
	struct grey_error err;
	enum grey_status status;

	status = grey_snapshot_open(&run->session, &run->path, &settings,
	    &snapshot, &err);
	if (status == GREY_NOT_FOUND)
		return database_missing(run, EXIT_DONE);
	if (status != GREY_OK)
		return database_failed(run, status, &err);
	progress_begin(&check.progress, "checking",
	    2 * grey_snapshot_records(snapshot), false);
	status = check_snapshot(&check, snapshot, &err);
	grey_snapshot_close(&snapshot);
	if (status != GREY_OK && status != GREY_DAMAGED)
		return database_failed(run, status, &err);
	return check.problems == 0 ? EXIT_DONE : EXIT_NOT_FOUND;
}

const struct command command_check = {
	.name = "check",
	.run = run_check,
	.max = 0,
	.needs = NEEDS_DATABASE | TAKES_FORMAT,
	.usage = "",
	.summary = "look whether the file and every record are sound",
	.help =
	    "Looks at a copy of the database, while mail goes on: does "
	    "every record\nparse, is every key where its hash says, does no "
	    "byte of the file have two\nowners, is the number of records "
	    "right?  Prints what is wrong; the exit\nstatus is 1 if anything "
	    "is.  What is wrong with the file, repair mends; a\nrecord that "
	    "does not parse, edit or delete.\n\n"
	    "    exigrey check\n",
};
