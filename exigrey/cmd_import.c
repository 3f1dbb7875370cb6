#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "complain.h"
#include "database.h"
#include "dump.h"
#include "escape.h"
#include "foreign.h"
#include "load.h"
#include "options.h"

#define MISTAKES_SHOWN 20

static const struct option_row import_options[] = {
	{ "replace", 0, NULL,
	    "overwrite records that exist (default: they "
	    "stay as they are)" },
	{ "dry-run", 'n', NULL, "read and check all, but write nothing" },
	{ "from", 0, "KIND",
	    "what FILE is: exim-grey, exim-seen, postgrey, greylistd, spamdb, "
	    "policy-greylist, graylist" },
	{ "delay", 0, "TIME",
	    "with --from: who came again after it has passed (default: 5m)" },
	{ "assume-passed", 0, NULL,
	    "with --from: take for passed what does not tell" },
	{ NULL, 0, NULL, NULL }
};

struct import {
	FILE *file;
	const char *name;
	int64_t lines; /* records in the dump */
	int64_t mistakes;
	struct load load;
};

typedef enum grey_status entry_fn(struct import *import,
    const struct dump_entry *entry, struct grey_error *err);

static bool
copy_all(FILE *in, FILE *out)
{
	char buffer[65536];
	size_t n;

	while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0)
		if (fwrite(buffer, 1, n, out) != n)
			return false;
	return !ferror(in) && fflush(out) == 0;
}

/*
 * What came from a pipe is kept, so that it can be read twice.  NULL, and
 * errno, if it cannot be.
 */
static FILE *
seekable(FILE *in)
{
	FILE *copy;
	int error;

	if (fseeko(in, 0, SEEK_CUR) == 0)
		return in;
	copy = tmpfile();
	if (copy != NULL && !copy_all(in, copy)) {
		error = errno;
		(void)fclose(copy);
		errno = error;
		return NULL;
	}
	return copy;
}

static void
tell_mistake(struct import *import, long line, const struct grey_error *err)
{
	if (++import->mistakes <= MISTAKES_SHOWN)
		complain("%s: line %ld: %s", import->name, line, err->text);
}

/*
 * Reads the whole dump and calls use for each entry.  Mistakes are told and
 * counted; only what makes no sense to go on after is returned.
 */
static enum grey_status
read_dump(struct import *import, entry_fn *use, struct grey_error *err)
{
	struct dump_reader reader;
	struct dump_entry entry;
	enum grey_status status;

	rewind(import->file);
	status = dump_reader_begin(&reader, import->file, err);
	while (status == GREY_OK) {
		status = dump_read(&reader, &entry, err);
		if (status == GREY_OK)
			status = use(import, &entry, err);
		else if (status == GREY_INVALID) {
			tell_mistake(import, reader.line, err);
			status = GREY_OK;
		}
	}
	dump_reader_end(&reader);
	return status == GREY_NOT_FOUND ? GREY_OK : status;
}

static enum grey_status
count_entry(struct import *import, const struct dump_entry *entry,
    struct grey_error *err)
{
	(void)entry;
	(void)err;
	import->lines++;
	return GREY_OK;
}

static enum grey_status
add_entry(struct import *import, const struct dump_entry *entry,
    struct grey_error *err)
{
	return load_add(&import->load, entry->key, entry->value,
	    entry->is_record, err);
}

static enum grey_status
import_all(struct invocation *run, struct import *import,
    struct grey_error *err)
{
	load_begin(&import->load, run, "importing", import->lines);
	return load_end(&import->load, read_dump(import, add_entry, err), err);
}

static int
refuse(const struct import *import)
{
	if (import->mistakes > MISTAKES_SHOWN)
		complain("... and %lld mistakes more",
		    (long long)(import->mistakes - MISTAKES_SHOWN));
	complain("%s: %lld mistake%s: nothing was written", import->name,
	    (long long)import->mistakes, import->mistakes == 1 ? "" : "s");
	return EXIT_FAILED;
}

static int
import_file(struct invocation *run, struct import *import)
{
	const struct load *load = &import->load;
	struct grey_error err;
	enum grey_status status;

	status = read_dump(import, count_entry, &err);
	if (status != GREY_OK) {
		complain("%s: %s", import->name, err.text);
		return EXIT_FAILED;
	}
	if (import->mistakes > 0)
		return refuse(import);
	if (option_given(run, "dry-run")) {
		if (!run->quiet)
			(void)printf("%lld records, no mistake; nothing was "
				     "written\n",
			    (long long)import->lines);
		return EXIT_DONE;
	}
	status = import_all(run, import, &err);
	if (status == GREY_OK && import->mistakes > 0)
		status = grey_fail(&err, GREY_INVALID,
		    "%s changed while it "
		    "was read",
		    import->name);
	/* After a failure too: the batches before it are written. */
	if (!run->quiet &&
	    (status == GREY_OK || load->added + load->replaced > 0))
		load_sum_up(load);
	return status == GREY_OK ? EXIT_DONE :
				   database_failed(run, status, &err);
}

#define FOREIGN_DELAY 300 /* seconds */

/* Says what was read of another program's data, and what was not taken. */
static void
tell_foreign(const struct foreign *foreign)
{
	(void)printf("%lld read, %lld taken\n", (long long)foreign->read,
	    (long long)foreign->taken);
	for (size_t i = 0; i < FOREIGN_REASONS; i++)
		if (foreign->reasons[i].count > 0)
			(void)printf("%lld left: %s\n",
			    (long long)foreign->reasons[i].count,
			    foreign->reasons[i].text);
}

/* Reads all of it, and makes a dump of that. */
static enum grey_status
read_foreign(struct invocation *run, const struct foreign_kind *kind,
    struct grey_error *err)
{
	struct foreign foreign = { .now = run->now,
		.delay = FOREIGN_DELAY,
		.assume_passed = option_given(run, "assume-passed") };
	enum grey_status status =
	    option_duration(run, "delay", &foreign.delay, err);

	if (status == GREY_OK)
		status = kind->read(&foreign, run->argv[0], err);
	if (status == GREY_OK) {
		run->input = tmpfile();
		if (run->input == NULL)
			status = grey_fail(err, GREY_FAILED,
			    "cannot make a temporary file: %s",
			    strerror(errno));
	}
	if (status == GREY_OK) {
		foreign_dump(&foreign, run->input);
		if (fflush(run->input) != 0)
			status = grey_fail(err, GREY_FAILED,
			    "cannot write a temporary file: %s",
			    strerror(errno));
	}
	if (status == GREY_OK && !run->quiet)
		tell_foreign(&foreign);
	foreign_end(&foreign);
	return status;
}

/* Opened while still whoever called: the file is theirs. */
static enum grey_status
open_input(struct invocation *run, struct grey_error *err)
{
	const char *name = run->argc > 0 ? run->argv[0] : "-";
	const char *from = option_value(run, "from");
	const struct foreign_kind *kind = NULL;

	if (from == NULL &&
	    (option_given(run, "delay") || option_given(run, "assume-passed")))
		return grey_fail(err, GREY_INVALID,
		    "--delay and --assume-passed go with --from");
	if (from != NULL) {
		if (run->argc == 0)
			return grey_fail(err, GREY_INVALID,
			    "--from needs the file or directory to read");
		kind = foreign_kind(from, err);
		return kind != NULL ? read_foreign(run, kind, err) :
				      GREY_INVALID;
	}
	run->input = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	return run->input != NULL ?
	    GREY_OK :
	    grey_fail(err, GREY_FAILED, "cannot open '%s': %s", name,
		strerror(errno));
}

static int
run_import(struct invocation *run)
{
	struct import *import = calloc(1, sizeof(*import));
	int result = EXIT_FAILED;

	if (import == NULL) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	import->name = run->argc > 0 && strcmp(run->argv[0], "-") != 0 ?
	    run->argv[0] :
	    "standard input";
	import->load.replace = option_given(run, "replace");
	import->file = seekable(run->input);
	if (import->file == NULL)
		complain("cannot keep a copy of %s: %s", import->name,
		    strerror(errno));
	else
		result = import_file(run, import);
	if (import->file != NULL && import->file != run->input)
		(void)fclose(import->file);
	if (run->input != stdin)
		(void)fclose(run->input);
	free(import);
	return result;
}

const struct command command_import = {
	.name = "import",
	.run = run_import,
	.before = open_input,
	.max = 1,
	.needs = NEEDS_DATABASE,
	.options = import_options,
	.usage = "[--replace] [--dry-run] [--from KIND] [FILE]",
	.summary = "read records that export, or another program, wrote",
	.help =
	    "Reads records as export writes them, from FILE or standard "
	    "input.  All lines\nare checked before any is written; then they "
	    "are written in batches, so that\nmail need not wait.  Should it be "
	    "killed meanwhile, do it again: what is there\nalready stays.\n\n"
	    "    exigrey export -d seen | exigrey import -d seen2\n\n"
	    "With --from it takes over what another greylisting program has "
	    "learnt, and says\nwhat it does not take and why.  Who sent to "
	    "whom becomes <SENDER>:<RECIPIENT>, a\nhost that came back is "
	    "whitelisted: what the ACL in README looks for.  Nothing is\n"
	    "taken for passed that may only have waited.\n\n"
	    "    exigrey import --from postgrey --dry-run /var/lib/postgrey\n",
};
