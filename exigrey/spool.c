#include "spool.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "exim_program.h"

#define ANSWER "spool_directory = "

/*
 * Reads what Exim says up to its end.  Returns true with the directory, or
 * false with its first line.
 */
static bool
read_answer(FILE *output, char spool_r[PATH_MAX], char first[256])
{
	char line[PATH_MAX + sizeof(ANSWER)];
	bool found = false;

	first[0] = '\0';
	while (fgets(line, sizeof(line), output) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, ANSWER "/", sizeof(ANSWER)) == 0) {
			(void)strlcpy(spool_r, line + sizeof(ANSWER) - 1,
			    PATH_MAX);
			found = true;
		} else if (first[0] == '\0')
			(void)strlcpy(first, line, 256);
	}
	return found;
}

enum grey_status
spool_directory(char spool_r[PATH_MAX], struct grey_error *err)
{
	char exim[PATH_MAX], first[256] = "";
	const char *const argv[] = { exim, "-bP", "spool_directory", NULL };
	FILE *output = NULL;
	bool found = false;
	int error, status;
	pid_t pid = -1;

	if (!exim_program_exim(exim))
		return GREY_NOT_FOUND;
	error = exim_program_start(argv, &pid, &output);
	if (error != 0)
		return grey_fail(err, GREY_FAILED, "cannot run %s: %s", exim,
		    strerror(error));
	if (output != NULL) {
		found = read_answer(output, spool_r, first);
		(void)fclose(output);
	}
	status = exim_program_wait(pid);
	if (found)
		return GREY_OK;
	return grey_fail(err, GREY_FAILED,
	    "'%.128s -bP spool_directory' does not tell it: %s", exim,
	    first[0] != '\0' ? first :
		status != -1 ? "it says nothing" :
			       "it was killed");
}
