/*
 * What an edit is about: the records that were shown, what became of them in
 * the editor, and the changes that follow.
 *
 *	edit_show for each record; edit_read the edited text, as often as it
 *	has mistakes; edit_apply
 */
#ifndef EXIGREY_EDIT_H
#define EXIGREY_EDIT_H

#include <stdio.h>

#include "command.h"
#include "dump.h"

struct edit;

struct edit_result {
	int64_t added;
	int64_t changed;
	int64_t deleted;
	int64_t refused; /* changed meanwhile by somebody else */
};

/* Returns a new edit, or NULL without memory; edit_end frees it. */
struct edit *edit_begin(void);
void edit_end(struct edit **edit);

/* Remembers a record that is shown.  Returns GREY_OK or GREY_FAILED. */
enum grey_status edit_show(struct edit *edit, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err);

/*
 * Reads the edited text; what an earlier call read is forgotten.  Each mistake
 * is told and, in *marked_r, stands in a comment before its line; the caller
 * frees that text.  Such comments are taken out of text, which lines are then
 * counted in.
 * Returns GREY_OK; GREY_INVALID with the number of mistakes in the error;
 * GREY_FAILED.
 */
enum grey_status edit_read(struct edit *edit, char *text, size_t size,
    char **marked_r, size_t *marked_size_r, struct grey_error *err);

/* Returns true if something was added, changed or deleted. */
bool edit_has_changes(const struct edit *edit);

/*
 * Makes the changes.  A record that is not as it was shown is left alone,
 * counted and told.  Returns GREY_OK, or as greydb_open.
 */
enum grey_status edit_apply(struct edit *edit, struct invocation *run,
    struct edit_result *result_r, struct grey_error *err);

#endif
