#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "complain.h"
#include "database.h"
#include "escape.h"
#include "options.h"
#include "progress.h"
#include "snapshot.h"
#include "stopwatch.h"

#define LOSSES_SHOWN 1000

static const struct option_row repair_options[] = {
	{ "force", 'f', NULL, "also where nothing seems to be wrong" },
	{ NULL, 0, NULL, NULL }
};

/* Is anything wrong?  Sets *sound_r; a missing database is GREY_NOT_FOUND. */
static enum grey_status
look(struct invocation *run, const struct greydb_settings *settings,
    bool *sound_r, struct grey_error *err)
{
	struct grey_snapshot *snapshot;
	struct greydb_report report;
	enum grey_status status;

	status = grey_snapshot_open(&run->session, &run->path, settings,
	    &snapshot, err);
	if (status != GREY_OK)
		return status;
	status = grey_snapshot_check(snapshot, true, NULL, &report, err);
	*sound_r = status == GREY_OK &&
	    report.records == grey_snapshot_records(snapshot);
	grey_snapshot_close(&snapshot);
	return status == GREY_DAMAGED ? GREY_OK : status;
}

/* Told under the lock, so kept: whoever reads what we print may be slow. */
struct losses {
	int64_t count;
	FILE *text;
	struct progress progress;
};

static void
step(void *arg, int64_t total)
{
	struct losses *losses = arg;

	losses->progress.total = total;
	progress_step(&losses->progress, 1);
}

static void
keep_loss(void *arg, const char *text)
{
	struct losses *losses = arg;

	if (++losses->count > LOSSES_SHOWN)
		return;
	(void)fputs("lost: ", losses->text);
	escape_text(losses->text, grey_bytes_of(text));
	(void)putc('\n', losses->text);
}

static void
sum_up(const struct invocation *run, const struct greydb_rewrite *rewrite,
    int64_t waited)
{
	if (rewrite->lost > LOSSES_SHOWN)
		(void)printf("... and %lld places more\n",
		    (long long)(rewrite->lost - LOSSES_SHOWN));
	if (run->quiet)
		return;
	(void)printf("repaired: %lld", (long long)rewrite->records);
	if (rewrite->lost > 0 && rewrite->records < rewrite->expected)
		(void)printf(" of %lld", (long long)rewrite->expected);
	(void)printf(
	    " records are in the new file, %lld place%s "
	    "could not be read;\nmail waited %lld.%03lld s; the old file is "
	    "kept as '%s/%s'\n",
	    (long long)rewrite->lost, rewrite->lost == 1 ? "" : "s",
	    (long long)(waited / 1000), (long long)(waited % 1000),
	    run->path.directory, rewrite->kept);
}

static int
repair(struct invocation *run, const struct greydb_settings *settings)
{
	struct losses losses = { 0 };
	struct greydb_rewrite rewrite = { .keep_old = true,
		.watch = { keep_loss, step, &losses } };
	const int64_t start = stopwatch();
	struct grey_error err;
	enum grey_status status;
	char *text = NULL;
	size_t size;

	losses.text = open_memstream(&text, &size);
	if (losses.text == NULL) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	progress_begin(&losses.progress, "repairing", 0, false);
	status =
	    greydb_rewrite(&run->session, &run->path, settings, &rewrite, &err);
	progress_end(&losses.progress);
	/* That nothing could be read was not told. */
	if (status == GREY_OK && rewrite.lost > losses.count)
		keep_loss(&losses, rewrite.why.text);
	(void)fclose(losses.text);
	if (status == GREY_OK) {
		(void)fputs(text, stdout);
		sum_up(run, &rewrite, stopwatch() - start);
	}
	free(text);
	return status == GREY_OK ? EXIT_DONE :
				   database_failed(run, status, &err);
}

static int
run_repair(struct invocation *run)
{
	const struct greydb_settings settings = database_settings(run, false);
	struct grey_error err;
	enum grey_status status;
	bool sound = false;

	status = look(run, &settings, &sound, &err);
	if (status == GREY_NOT_FOUND)
		return database_missing(run, EXIT_DONE);
	if (status != GREY_OK)
		return database_failed(run, status, &err);
	if (sound && !option_given(run, "force")) {
		if (!run->quiet)
			(void)puts("the file is sound, so nothing was done "
				   "(--force does it all the same)");
		return EXIT_DONE;
	}
	return repair(run, &settings);
}

const struct command command_repair = {
	.name = "repair",
	.run = run_repair,
	.max = 0,
	.needs = NEEDS_DATABASE,
	.options = repair_options,
	.usage = "[--force]",
	.summary = "save every readable record into a new file",
	.help =
	    "Saves every record that can be read into a new file, and "
	    "keeps the old one\nbeside it as FILE.corrupt-TIME.  Prints what "
	    "was lost.  Mail waits meanwhile\n(some seconds for a million "
	    "records), or passes after its timeout.  A writer\nthat died "
	    "needs no repair: the next call recovers by itself.\n\n"
	    "    exigrey check || exigrey repair\n",
};
