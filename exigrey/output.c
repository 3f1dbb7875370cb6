#include "output.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "complain.h"

static bool
write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return false;
		data += n;
		size -= (size_t)n;
	}
	return true;
}

static bool
copy(int from, int to)
{
	char buffer[65536];
	ssize_t n;

	while ((n = read(from, buffer, sizeof(buffer))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 || !write_all(to, buffer, (size_t)n))
			return false;
	}
	return true;
}

/* Does the other side say that all of it was written? */
static bool
is_whole(int commit)
{
	char byte;

	return read(commit, &byte, 1) == 1;
}

/* The writer's life; returns its exit status. */
static int
write_file(const char *file, const char *temporary, int fd, int data,
    int commit)
{
	const mode_t mask = umask(0);

	(void)umask(mask);
	if (!copy(data, fd) || fchmod(fd, 0644 & ~mask) == -1 ||
	    fsync(fd) == -1) {
		complain("cannot write '%s': %s", temporary, strerror(errno));
		(void)unlink(temporary);
		return EXIT_FAILURE;
	}
	if (!is_whole(commit)) {
		(void)unlink(temporary);
		return EXIT_SUCCESS;
	}
	if (rename(temporary, file) == -1) {
		complain("cannot rename '%s' to '%s': %s", temporary, file,
		    strerror(errno));
		(void)unlink(temporary);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

/*
 * ^C and the like do not reach the writer, nor this process between making the
 * file and starting the writer: who writes ends, and the writer cleans up.
 */
static void
block_signals(sigset_t *old_r)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)sigaddset(&set, signals[i]);
	(void)sigprocmask(SIG_BLOCK, &set, old_r);
}

static enum grey_status
start_writer(struct output *output, const char *file, const char *temporary,
    int fd, struct grey_error *err)
{
	int data[2], commit[2];

	if (pipe2(data, O_CLOEXEC) == -1 || pipe2(commit, O_CLOEXEC) == -1)
		return grey_fail(err, GREY_FAILED, "cannot make a pipe: %s",
		    strerror(errno));
	output->writer = fork();
	if (output->writer == -1)
		return grey_fail(err, GREY_FAILED, "cannot fork: %s",
		    strerror(errno));
	if (output->writer == 0) {
		(void)close(data[1]);
		(void)close(commit[1]);
		_exit(write_file(file, temporary, fd, data[0], commit[0]));
	}
	(void)close(data[0]);
	(void)close(commit[0]);
	output->commit = commit[1];
	/* Should the writer fail, it is waited for, and says why. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (dup2(data[1], STDOUT_FILENO) == -1)
		return grey_fail(err, GREY_FAILED,
		    "cannot redirect the output: %s", strerror(errno));
	(void)close(data[1]);
	return GREY_OK;
}

enum grey_status
output_begin(struct output *output, const char *file, struct grey_error *err)
{
	char temporary[PATH_MAX];
	enum grey_status status;
	struct stat st;
	sigset_t mask;
	int fd;

	if (file[0] == '\0')
		return grey_fail(err, GREY_FAILED, "--output: name a file");
	/* A file takes its place, and /dev/null must stay what it is. */
	if (lstat(file, &st) == 0 && !S_ISREG(st.st_mode) &&
	    !S_ISLNK(st.st_mode))
		return grey_fail(err, GREY_FAILED,
		    "--output: '%s' is no file: use > instead", file);
	/* A collector of "*.prom" must not take the unfinished file. */
	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", file) >=
	    sizeof(temporary))
		return grey_fail(err, GREY_FAILED,
		    "--output: the name is too long");
	block_signals(&mask);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd == -1)
		status = grey_fail(err, GREY_FAILED,
		    "--output: cannot make '%s': %s", temporary,
		    strerror(errno));
	else {
		status = start_writer(output, file, temporary, fd, err);
		if (status != GREY_OK)
			(void)unlink(temporary);
		(void)close(fd);
	}
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	return status;
}

bool
output_end(struct output *output, bool keep)
{
	int status;

	if (output->writer <= 0)
		return true;
	if (keep)
		(void)write_all(output->commit, "k", 1);
	(void)close(output->commit);
	while (waitpid(output->writer, &status, 0) == -1)
		if (errno != EINTR)
			return false;
	output->writer = 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}
