/* Copies a database into one of another kind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "complain.h"
#include "database.h"
#include "load.h"
#include "options.h"
#include "snapshot.h"

static const struct option_row convert_options[] = {
	{ "replace", 0, NULL,
	    "overwrite what differs in TARGET (default: it "
	    "stays as it is)" },
	{ NULL, 0, NULL, NULL }
};

struct convert {
	struct load load;
	struct grey_dbpath target;
};

static enum grey_status
add(void *arg, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	struct convert *convert = arg;

	return load_add(&convert->load, key, value, false, err);
}

static bool
is_same_file(const struct grey_dbpath *a, const struct grey_dbpath *b)
{
	return strcmp(a->directory, b->directory) == 0 &&
	    strcmp(a->file, b->file) == 0;
}

/* run->path is the source, and then the target. */
static enum grey_status
convert_all(struct invocation *run, struct convert *convert,
    struct grey_error *err)
{
	const struct greydb_settings settings = database_settings(run, false);
	struct grey_snapshot *snapshot;
	enum grey_status status;

	status = grey_snapshot_open(&run->session, &run->path, &settings,
	    &snapshot, err);
	if (status != GREY_OK)
		return status;
	run->path = convert->target;
	load_begin(&convert->load, run, "converting",
	    grey_snapshot_records(snapshot));
	status = grey_snapshot_walk(snapshot, add, convert, err);
	status = load_end(&convert->load, status, err);
	grey_snapshot_close(&snapshot);
	return status;
}

static int
run_convert(struct invocation *run)
{
	struct convert *convert = calloc(1, sizeof(*convert));
	struct grey_error err;
	enum grey_status status;
	int result = EXIT_FAILED;

	if (convert == NULL) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	convert->load.replace = option_given(run, "replace");
	status = database_resolve(run, run->argv[1], &convert->target, &err);
	if (status == GREY_OK)
		status = database_begin_named(run, run->argv[0], &err);
	if (status == GREY_OK && is_same_file(&run->path, &convert->target)) {
		database_end(run);
		status = grey_fail(&err, GREY_INVALID,
		    "source and target are the same file");
	}
	if (status != GREY_OK)
		complain("%s", err.text);
	else {
		status = convert_all(run, convert, &err);
		result = status == GREY_OK ? EXIT_DONE :
					     database_failed(run, status, &err);
		if (!run->quiet &&
		    (status == GREY_OK ||
			convert->load.added + convert->load.replaced > 0))
			load_sum_up(&convert->load);
		database_end(run);
	}
	free(convert);
	return result;
}

const struct command command_convert = {
	.name = "convert",
	.run = run_convert,
	.min = 2,
	.max = 2,
	.options = convert_options,
	.usage = "[--replace] SOURCE TARGET",
	.summary = "copy a database into one of another kind",
	.help =
	    "Copies every key and value, byte for byte, from one database "
	    "into another.  A new\nTARGET is GDBM, or Berkeley DB if its name "
	    "starts with bdb:.  SOURCE stays as it\nis; mail goes on "
	    "meanwhile.  What is in TARGET already stays too, so it can be "
	    "done\nagain, for what came meanwhile.\n\n"
	    "    exigrey convert seen bdb:seen-bdb\n",
};
