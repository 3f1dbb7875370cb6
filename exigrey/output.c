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
#include "exim_dbm.h"

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

struct writer {
	const char *file;
	const char *builder; /* or NULL */
	char temporary[PATH_MAX];
	char built[PATH_MAX];
	int fd;     /* of temporary */
	int data;   /* what to write */
	int commit; /* whether all of it came */
};

/* The mode and the bytes of what is to be put in place. */
static bool
make_lasting(int fd)
{
	const mode_t mask = umask(0);

	(void)umask(mask);
	return fchmod(fd, 0644 & ~mask) == 0 && fsync(fd) == 0;
}

/* Lets the builder make its file of ours. */
static bool
build(const struct writer *writer)
{
	bool done;
	int fd;

	if (!exim_dbm_build(writer->builder, writer->temporary, writer->built))
		return false;
	fd = open(writer->built, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	done = fd != -1 && make_lasting(fd);
	if (!done)
		complain("cannot write '%s': %s", writer->built,
		    strerror(errno));
	if (fd != -1)
		(void)close(fd);
	return done;
}

/* Returns true if all was written, and is put in place if it shall be. */
static bool
write_and_rename(const struct writer *writer)
{
	const char *made =
	    writer->builder != NULL ? writer->built : writer->temporary;

	if (!copy(writer->data, writer->fd) || !make_lasting(writer->fd)) {
		complain("cannot write '%s': %s", writer->temporary,
		    strerror(errno));
		return false;
	}
	if (!is_whole(writer->commit))
		return true;
	if (writer->builder != NULL && !build(writer))
		return false;
	if (rename(made, writer->file) == 0)
		return true;
	complain("cannot rename '%s' to '%s': %s", made, writer->file,
	    strerror(errno));
	return false;
}

/* The writer's life; returns its exit status. */
static int
write_file(const struct writer *writer)
{
	const bool done = write_and_rename(writer);

	/* What was renamed is no longer there. */
	(void)unlink(writer->temporary);
	if (writer->builder != NULL)
		(void)unlink(writer->built);
	return done ? EXIT_SUCCESS : EXIT_FAILURE;
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
start_writer(struct output *output, struct writer *writer,
    struct grey_error *err)
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
		writer->data = data[0];
		writer->commit = commit[0];
		_exit(write_file(writer));
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

/* Names the temporary files.  Returns GREY_OK or GREY_FAILED. */
static enum grey_status
name_files(struct writer *writer, const char *option, struct grey_error *err)
{
	struct stat st;

	if (writer->file[0] == '\0')
		return grey_fail(err, GREY_FAILED, "--%s: name a file", option);
	/* A file takes its place, and /dev/null must stay what it is. */
	if (lstat(writer->file, &st) == 0 && !S_ISREG(st.st_mode) &&
	    !S_ISLNK(st.st_mode))
		return grey_fail(err, GREY_FAILED, "--%s: '%s' is no file%s",
		    option, writer->file,
		    writer->builder == NULL ? ": use > instead" : "");
	/* A collector of "*.prom" must not take the unfinished file. */
	if (snprintf(writer->temporary, sizeof(writer->temporary), "%s.XXXXXX",
		writer->file) >= PATH_MAX - 8)
		return grey_fail(err, GREY_FAILED, "--%s: the name is too long",
		    option);
	return GREY_OK;
}

enum grey_status
output_begin(struct output *output, const char *option, const char *file,
    const char *builder, struct grey_error *err)
{
	struct writer writer = { .file = file, .builder = builder };
	enum grey_status status = name_files(&writer, option, err);
	sigset_t mask;

	if (status != GREY_OK)
		return status;
	block_signals(&mask);
	writer.fd = mkostemp(writer.temporary, O_CLOEXEC);
	if (writer.fd == -1)
		status =
		    grey_fail(err, GREY_FAILED, "--%s: cannot make '%s': %s",
			option, writer.temporary, strerror(errno));
	else {
		(void)strlcpy(writer.built, writer.temporary, PATH_MAX);
		(void)strlcat(writer.built, "-dbm", PATH_MAX);
		status = start_writer(output, &writer, err);
		if (status != GREY_OK)
			(void)unlink(writer.temporary);
		(void)close(writer.fd);
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
