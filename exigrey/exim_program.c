#include "exim_program.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define USUAL_PATH "/usr/sbin:/usr/local/sbin:/usr/exim/bin"

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

bool
exim_program_find(const char *const names[], char path_r[PATH_MAX])
{
	const char *path = getenv("PATH");

	for (; *names != NULL; names++)
		if ((path != NULL && find_in(path, *names, path_r)) ||
		    find_in(USUAL_PATH, *names, path_r))
			return true;
	return false;
}

bool
exim_program_exim(char path_r[PATH_MAX])
{
	static const char *const names[] = { "exim4", "exim", NULL };

	return exim_program_find(names, path_r);
}

int
exim_program_start(const char *const argv[], pid_t *pid_r, FILE **output_r)
{
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
		error = posix_spawn(pid_r, argv[0], &actions, NULL,
		    (char *const *)argv, environ);
		(void)posix_spawn_file_actions_destroy(&actions);
	}
	(void)close(ends[1]);
	*output_r = error == 0 ? fdopen(ends[0], "r") : NULL;
	if (*output_r == NULL)
		(void)close(ends[0]);
	return error;
}

int
exim_program_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
