#include "spool.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define USUAL_PATH "/usr/sbin:/usr/local/sbin:/usr/exim/bin"
#define ANSWER     "spool_directory = "

extern char **environ;

/* Looks for a program in a list of directories.  Returns true if found. */
static bool
find_in(const char *directories, const char *name, char path_r[PATH_MAX])
{
	const char *start = directories, *end;
	struct stat st;

	for (; start != NULL; start = *end == ':' ? end + 1 : NULL) {
		end = start + strcspn(start, ":");
		/* An empty entry, the current directory, is not for root. */
		if (*start != '/' ||
		    snprintf(path_r, PATH_MAX, "%.*s/%s", (int)(end - start),
			start, name) >= PATH_MAX)
			continue;
		if (access(path_r, X_OK) == 0 && stat(path_r, &st) == 0 &&
		    S_ISREG(st.st_mode))
			return true;
	}
	return false;
}

static bool
find_exim(char path_r[PATH_MAX])
{
	static const char *const names[] = { "exim4", "exim" };
	const char *path = getenv("PATH");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((path != NULL && find_in(path, names[i], path_r)) ||
		    find_in(USUAL_PATH, names[i], path_r))
			return true;
	return false;
}

/* Starts Exim, its output and complaints into a pipe.  An errno, or 0. */
static int
start(const char *exim, pid_t *pid_r, FILE **output_r)
{
	const char *const argv[] = { exim, "-bP", "spool_directory", NULL };
	posix_spawn_file_actions_t actions;
	int ends[2], error;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return errno;
	error = posix_spawn_file_actions_init(&actions);
	if (error == 0) {
		(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null",
		    O_RDONLY, 0);
		(void)posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
		(void)posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
		error = posix_spawn(pid_r, exim, &actions, NULL,
		    (char *const *)argv, environ);
		(void)posix_spawn_file_actions_destroy(&actions);
	}
	(void)close(ends[1]);
	*output_r = error == 0 ? fdopen(ends[0], "r") : NULL;
	if (*output_r == NULL)
		(void)close(ends[0]);
	return error;
}

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
	bool found = false;
	FILE *output = NULL;
	int error, ended = 0;
	pid_t pid = -1;

	if (!find_exim(exim))
		return GREY_NOT_FOUND;
	error = start(exim, &pid, &output);
	if (error != 0)
		return grey_fail(err, GREY_FAILED, "cannot run %s: %s", exim,
		    strerror(error));
	if (output != NULL) {
		found = read_answer(output, spool_r, first);
		(void)fclose(output);
	}
	while (waitpid(pid, &ended, 0) == -1 && errno == EINTR)
		;
	if (found)
		return GREY_OK;
	return grey_fail(err, GREY_FAILED,
	    "'%.128s -bP spool_directory' "
	    "does not tell it: %s",
	    exim,
	    first[0] != '\0'     ? first :
		WIFEXITED(ended) ? "it says nothing" :
				   "it was killed");
}
