/*
 * --output FILE: what goes to standard output becomes a file, whole or not at
 * all.  It belongs to whoever called, so a process is kept for it that does
 * not become the database's owner.
 *
 *	output_begin	before the user is changed: stdout leads to the process
 *	output_end	the file is renamed into place, or forgotten
 */
#ifndef EXIGREY_OUTPUT_H
#define EXIGREY_OUTPUT_H

#include <sys/types.h>

#include <stdbool.h>

#include "status.h"

struct output {
	pid_t writer; /* 0: there is none */
	int commit;   /* tells the writer that all is well */
};

/*
 * Starts the writer of a file, which is made beside it under another name; for
 * the messages, option is what named it.  builder is NULL, or the path of
 * exim_dbmbuild: the file is then what that makes of our output (exim_dbm.h).
 * Returns GREY_OK or GREY_FAILED with an error that names the file.
 */
enum grey_status output_begin(struct output *output, const char *option,
    const char *file, const char *builder, struct grey_error *err);

/*
 * Ends it, after stdout was closed; with keep the file is put in place (mode
 * 0644 less the umask), else there is none.  Harmless without a writer.
 * Returns true, or false after a failure, which the writer has told.
 */
bool output_end(struct output *output, bool keep);

#endif
