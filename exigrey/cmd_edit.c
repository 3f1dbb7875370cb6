#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "complain.h"
#include "database.h"
#include "edit.h"
#include "editor.h"
#include "escape.h"
#include "filter.h"
#include "scan.h"

/* What is being shown. */
struct showing {
	struct edit *edit;
	struct filter *filter;
	FILE *text;
};

static enum grey_status
show(void *arg, const struct entry *entry, struct grey_error *err)
{
	struct showing *showing = arg;

	/* Without a filter also what is no record, so that it can be mended. */
	if (showing->filter != NULL && !filter_match(showing->filter, entry))
		return GREY_OK;
	dump_entry(showing->text, entry->key, entry->value);
	return edit_show(showing->edit, entry->key, entry->value, err);
}

static void
explain(FILE *text, const struct invocation *run)
{
	dump_begin(text);
	(void)fputs("#\n# ", text);
	escape_text(text, grey_bytes_of(run->path.directory));
	(void)fputs("/", text);
	escape_text(text, grey_bytes_of(run->path.file));
	(void)fprintf(text,
	    "\n#\n"
	    "# A line is a record.  Change a line to change the record, add one to\n"
	    "# add it, remove one to delete it.  Fields are separated by tabs; times\n"
	    "# are seconds since 1970 (now: %lld).  Flags: keep, auto, trap,\n"
	    "# expires=T, note=TEXT.  Save and leave the editor; nothing is written\n"
	    "# if a line has a mistake.  Lines that start with # do not count.\n"
	    "#\n",
	    (long long)run->now);
}

/*
 * Editors look for settings in a text's first and last lines (vi's modelines,
 * five of them); what a stranger wrote must not stand there.
 */
static void
end_text(FILE *text)
{
	(void)fputs("#\n#\n# This is the end of the records.\n#\n#\n", text);
}

/* Makes the text of all records that match. */
static enum grey_status
make_text(struct invocation *run, struct edit *edit, char **text_r,
    size_t *size_r, struct grey_error *err)
{
	struct showing showing = { .edit = edit };
	struct scan_counts counts;
	struct grey_policy policy;
	enum grey_status status;

	status = database_policy(run, &policy, err);
	if (status == GREY_OK && filter_given(run))
		status = filter_begin(run, &showing.filter, err);
	if (status != GREY_OK)
		return status;
	showing.text = open_memstream(text_r, size_r);
	if (showing.text == NULL)
		status = grey_fail(err, GREY_FAILED, "out of memory");
	else {
		explain(showing.text, run);
		status =
		    scan_database(run, &policy, show, &showing, &counts, err);
		end_text(showing.text);
		(void)fclose(showing.text);
	}
	if (status == GREY_OK && showing.filter != NULL)
		status = filter_failed(showing.filter, err);
	filter_end(&showing.filter);
	/* Records may be added to a database that is not there yet. */
	return status == GREY_NOT_FOUND ? GREY_OK : status;
}

/*
 * Lets the text be edited until it has no mistake, or is given up.  Takes the
 * text over.
 */
static enum grey_status
edit_text(struct editor *editor, struct edit *edit, char *text, size_t size,
    struct grey_error *err)
{
	const char *question = NULL;
	char *edited = NULL, *marked = NULL;
	enum grey_status status;
	size_t edited_size, marked_size;

	for (;;) {
		status = editor_edit(editor, question, text, size, &edited,
		    &edited_size, err);
		free(text);
		if (status != GREY_OK)
			return status;
		status = edit_read(edit, edited, edited_size, &marked,
		    &marked_size, err);
		free(edited);
		text = marked;
		size = marked_size;
		marked = NULL;
		if (status != GREY_INVALID)
			break;
		question = "Back to the editor?  [Y/n] ";
	}
	free(text);
	return status;
}

static void
report(const struct invocation *run, const struct edit_result *result)
{
	if (run->quiet)
		return;
	(void)printf("%lld added, %lld changed, %lld deleted",
	    (long long)result->added, (long long)result->changed,
	    (long long)result->deleted);
	if (result->refused > 0)
		(void)printf(", %lld left as they are",
		    (long long)result->refused);
	(void)printf("\n");
}

static int
edit_records(struct invocation *run, struct edit *edit)
{
	struct edit_result result;
	struct grey_error err;
	enum grey_status status;
	char *text = NULL;
	size_t size = 0;

	status = make_text(run, edit, &text, &size, &err);
	if (status == GREY_OK)
		status = edit_text(&run->editor, edit, text, size, &err);
	else
		free(text);
	if (status == GREY_NOT_FOUND) {
		complain("given up: nothing was changed");
		return EXIT_FAILED;
	}
	if (status == GREY_OK && !edit_has_changes(edit)) {
		if (!run->quiet)
			(void)puts("nothing was changed");
		return EXIT_DONE;
	}
	if (status == GREY_OK) {
		status = edit_apply(edit, run, &result, &err);
		/* After a failure too: some may be done. */
		report(run, &result);
	}
	if (status != GREY_OK)
		return database_failed(run, status, &err);
	return result.refused > 0 ? EXIT_FAILED : EXIT_DONE;
}

static enum grey_status
start_editor(struct invocation *run, struct grey_error *err)
{
	return editor_begin(&run->editor, err);
}

static int
run_edit(struct invocation *run)
{
	struct edit *edit = edit_begin();
	int result = EXIT_FAILED;

	if (edit == NULL)
		complain("out of memory");
	else
		result = edit_records(run, edit);
	edit_end(&edit);
	editor_end(&run->editor);
	return result;
}

const struct command command_edit = {
	.name = "edit",
	.run = run_edit,
	.before = start_editor,
	.max = 0,
	.needs = NEEDS_DATABASE | TAKES_FILTER | TAKES_LIFETIMES,
	.usage = "[FILTER]",
	.summary = "change records in your editor",
	.help =
	    "Puts the records, or those that match FILTER, as text into "
	    "$VISUAL or $EDITOR.\nLines that you change, add or remove are "
	    "changed, added or deleted in the\ndatabase, once no line has a "
	    "mistake; what somebody else changed meanwhile is\nleft alone and "
	    "named.  The records that are shown are kept in memory.\n\n"
	    "    exigrey edit --match '*@example.org*'\n",
};
