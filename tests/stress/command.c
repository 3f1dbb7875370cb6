#include "command.h"

#include <sys/wait.h>

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model.h"

#define ARGUMENTS_MAX 16

extern char **environ;

/* Of many lengths, so that the places in the file are too. */
void
command_item(int32_t key, char item[ITEM_SIZE])
{
	if (key >= KEYS - HOSTS)
		(void)snprintf(item, ITEM_SIZE, "host-%d.example", key);
	else
		(void)snprintf(item, ITEM_SIZE, "<s%d@%0*d.example>:<u@h>", key,
		    1 + key % 60, 0);
}

/* The key of an item, or -1 if it is none of ours. */
static int32_t
key_of(const char *item)
{
	char own[ITEM_SIZE];
	int32_t key;

	if (sscanf(item, "<s%d@", &key) != 1 &&
	    sscanf(item, "host-%d.", &key) != 1)
		return -1;
	if (key < 0 || key >= KEYS)
		return -1;
	command_item(key, own);
	return strcmp(item, own) == 0 ? key : -1;
}

void
command_read_record(void *arg, char *line)
{
	struct command_reading *reading = arg;
	char *item, *rest = line;
	int32_t key;

	if (line[0] == '#')
		return;
	item = strsep(&rest, "\t");
	if (reading->has_state && rest != NULL)
		(void)strsep(&rest, "\t");
	key = key_of(item);
	if (key == -1)
		return;
	for (char *p = rest; p != NULL && *p != '\0'; p++)
		if (*p == '\t')
			*p = ' ';
	/* An item that is listed twice is no less wrong. */
	if (rest == NULL || reading->content[key].flags != 0 ||
	    !model_parse(rest, &reading->content[key]))
		reading->misread++;
}

static void
read_lines(int fd, command_line_fn *line, void *arg)
{
	FILE *file = fdopen(fd, "r");
	char *text = NULL;
	size_t size = 0;
	ssize_t n;

	while ((n = getline(&text, &size, file)) > 0) {
		text[n - 1] = '\0';
		if (line != NULL)
			line(arg, text);
	}
	free(text);
	(void)fclose(file);
}

/* The last line says why it failed; before it may be what it noticed. */
static void
read_error(int fd, char error_r[ERROR_SIZE])
{
	const off_t end = lseek(fd, 0, SEEK_END);
	const off_t from = end < ERROR_SIZE ? 0 : end - ERROR_SIZE + 1;
	const ssize_t n = pread(fd, error_r, ERROR_SIZE - 1, from);
	const char *last;

	error_r[n > 0 ? n - 1 : 0] = '\0';
	last = strrchr(error_r, '\n');
	if (last != NULL)
		memmove(error_r, last + 1, strlen(last));
}

static pid_t
spawn(const struct stress *stress, const char *const *arguments, int out,
    int err)
{
	const char *argv[ARGUMENTS_MAX + 1] = { "exigrey", "-d", stress->name };
	posix_spawn_file_actions_t actions;
	int argc = 3, failed;
	pid_t pid;

	while (argc < ARGUMENTS_MAX && *arguments != NULL)
		argv[argc++] = *arguments++;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
	failed = posix_spawn(&pid, stress->exigrey, &actions, NULL,
	    (char *const *)(uintptr_t)argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return failed ? -1 : pid;
}

int
command_run(const struct stress *stress, const char *const *arguments,
    command_line_fn *line, void *arg, char error_r[ERROR_SIZE])
{
	int out[2], status = -1;
	/* A file: it may say more than a pipe holds. */
	const int err = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	pid_t pid = -1;

	error_r[0] = '\0';
	if (err == -1 || pipe2(out, O_CLOEXEC) == -1)
		return -1;
	pid = spawn(stress, arguments, out[1], err);
	(void)close(out[1]);
	read_lines(out[0], line, arg);
	if (pid != -1)
		(void)waitpid(pid, &status, 0);
	read_error(err, error_r);
	(void)close(err);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
