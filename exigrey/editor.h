/*
 * The editor of whoever called.  A process is kept for it that does not become
 * the database's owner: the editor, its settings and its file are the
 * caller's.
 *
 *	editor_begin	before the user is changed
 *	editor_edit	as often as needed
 *	editor_end
 */
#ifndef EXIGREY_EDITOR_H
#define EXIGREY_EDITOR_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

struct editor {
	pid_t process; /* 0: there is none */
	int channel;   /* to it and from it */
};

/*
 * Starts the process, which runs VISUAL, else EDITOR, else "editor" or "vi".
 * Returns GREY_OK or GREY_FAILED.
 */
enum grey_status editor_begin(struct editor *editor, struct grey_error *err);

/*
 * Puts text into a file that only the caller can read, and lets it be edited.
 * With question (may be NULL) the caller is asked that first, and "no", or no
 * terminal to ask, is an answer.  The result is for the caller to free.
 * Returns GREY_OK; GREY_NOT_FOUND if it was abandoned: "no", or an editor that
 * failed, which is told; GREY_FAILED.
 */
enum grey_status
editor_edit(struct editor *editor, const char *question, const char *text,
    size_t size, char **text_r, size_t *size_r, struct grey_error *err);

/* Ends the process, and its file with it. */
void editor_end(struct editor *editor);

#endif
