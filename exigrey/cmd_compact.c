#include <sys/stat.h>

#include <limits.h>
#include <stdio.h>

#include "command.h"
#include "complain.h"
#include "database.h"
#include "options.h"
#include "progress.h"
#include "size.h"
#include "stopwatch.h"

/* Block sizes, in bytes. */
#define SMALLEST 512
#define LARGEST  65536

static const struct option_row compact_options[] = {
	{ "block-size", 'b', "N",
	    "from 512 to 65536, a power of two; 'exigrey "
	    "stats' advises (default: as it is)" },
	{ NULL, 0, NULL, NULL }
};

static int64_t
file_size(const struct invocation *run)
{
	char name[PATH_MAX + GREY_DB_NAME_MAX + 2];
	struct stat st;

	(void)snprintf(name, sizeof(name), "%s/%s", run->path.directory,
	    run->path.file);
	return lstat(name, &st) == 0 ? (int64_t)st.st_size : 0;
}

/* Sets *size_r, 0 if it is to stay.  Returns GREY_OK or GREY_INVALID. */
static enum grey_status
block_size(const struct invocation *run, size_t *size_r, struct grey_error *err)
{
	enum grey_status status;
	int64_t size = 0;

	status = option_number(run, "block-size", &size, err);
	*size_r = (size_t)size;
	if (status != GREY_OK || !option_given(run, "block-size"))
		return status;
	return size >= SMALLEST && size <= LARGEST && (size & (size - 1)) == 0 ?
	    GREY_OK :
	    grey_fail(err, GREY_INVALID,
		"--block-size: %lld is no power of "
		"two from %d to %d",
		(long long)size, SMALLEST, LARGEST);
}

static void
step(void *arg, int64_t total)
{
	struct progress *progress = arg;

	progress->total = total;
	progress_step(progress, 1);
}

static int
run_compact(struct invocation *run)
{
	const struct greydb_settings settings = database_settings(run, false);
	struct progress progress;
	struct greydb_rewrite rewrite = { .lose_nothing = true,
		.watch = { .step = step, .arg = &progress } };
	int64_t before, start, waited;
	char old[SIZE_TEXT], new[SIZE_TEXT];
	struct grey_error err;
	enum grey_status status;

	if (block_size(run, &rewrite.block_size, &err) != GREY_OK) {
		complain("%s", err.text);
		return EXIT_FAILED;
	}
	before = file_size(run);
	progress_begin(&progress, "compacting", 0, false);
	start = stopwatch();
	status = greydb_rewrite(&run->session, &run->path, &settings, &rewrite,
	    &err);
	waited = stopwatch() - start;
	progress_end(&progress);
	if (status == GREY_NOT_FOUND)
		return database_missing(run, EXIT_DONE);
	if (status != GREY_OK)
		return database_failed(run, status, &err);
	if (!run->quiet)
		(void)printf("%lld records: %s before, %s now; mail waited "
			     "%lld.%03lld s\n",
		    (long long)rewrite.records, size_text(before, old),
		    size_text(file_size(run), new), (long long)(waited / 1000),
		    (long long)(waited % 1000));
	return EXIT_DONE;
}

const struct command command_compact = {
	.name = "compact",
	.run = run_compact,
	.max = 0,
	.needs = NEEDS_DATABASE,
	.options = compact_options,
	.usage = "[--block-size N]",
	.summary = "give unused space back, or change the block size",
	.help =
	    "Writes the database anew without its unused space, with every "
	    "record, owner\nand mode as before.  Mail waits meanwhile (some "
	    "seconds for a million\nrecords), or passes after its timeout; it "
	    "says how long.  If any record\ncannot be read nothing is done.\n\n"
	    "    exigrey compact --block-size 8192\n",
};
