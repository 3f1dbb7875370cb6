/*
 * Runs a command in a terminal of its own, which answers for whoever would sit
 * there:
 *
 *	pty [EXPECT ANSWER]... -- COMMAND [ARGUMENT]...
 *
 * Once EXPECT has appeared on the terminal, ANSWER is typed, then the next
 * pair's turn comes.  What appears goes to standard output; the exit status is
 * the command's, 128 and the signal's number, or 124 after 30 seconds.
 */
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT 30

static void
die(const char *what)
{
	(void)fprintf(stderr, "pty: %s: %s\n", what, strerror(errno));
	exit(125);
}

static pid_t
start(int terminal, char *command[])
{
	const struct winsize size = { .ws_row = 24, .ws_col = 80 };
	const char *name = ptsname(terminal);
	pid_t child = fork();
	int fd;

	if (child == -1 || name == NULL)
		die("cannot start");
	if (child > 0)
		return child;
	(void)setsid();
	fd = open(name, O_RDWR);
	if (fd == -1 || ioctl(fd, TIOCSCTTY, 0) == -1)
		die(name);
	(void)ioctl(fd, TIOCSWINSZ, &size);
	for (int i = 0; i <= STDERR_FILENO; i++)
		(void)dup2(fd, i);
	if (fd > STDERR_FILENO)
		(void)close(fd);
	(void)close(terminal);
	(void)execvp(command[0], command);
	die(command[0]);
	return 0;
}

/* What appeared since the last answer. */
struct seen {
	char text[65536];
	size_t size;
};

static bool
appeared(struct seen *seen, const char *new, size_t size, const char *expect)
{
	if (size > sizeof(seen->text) - seen->size)
		seen->size = 0;
	memcpy(seen->text + seen->size, new, size);
	seen->size += size;
	if (memmem(seen->text, seen->size, expect, strlen(expect)) == NULL)
		return false;
	seen->size = 0;
	return true;
}

/* Until the other side is closed; false if that took too long. */
static bool
talk(int terminal, char **pairs)
{
	static struct seen seen;
	const time_t end = time(NULL) + TIMEOUT;
	struct pollfd wait = { .fd = terminal, .events = POLLIN };
	char buffer[4096];
	ssize_t n;

	while (time(NULL) < end) {
		if (poll(&wait, 1, 1000) <= 0)
			continue;
		n = read(terminal, buffer, sizeof(buffer));
		if (n <= 0)
			return true;
		if (write(STDOUT_FILENO, buffer, (size_t)n) != n)
			die("cannot write");
		if (strcmp(*pairs, "--") == 0 ||
		    !appeared(&seen, buffer, (size_t)n, pairs[0]))
			continue;
		if (write(terminal, pairs[1], strlen(pairs[1])) == -1)
			die("cannot type");
		pairs += 2;
	}
	return false;
}

int
main(int argc, char *argv[])
{
	int terminal, status, separator = 1;
	pid_t child;

	while (separator < argc && strcmp(argv[separator], "--") != 0)
		separator += 2;
	if (separator + 1 >= argc) {
		(void)fprintf(stderr,
		    "usage: pty [EXPECT ANSWER]... -- "
		    "COMMAND [ARGUMENT]...\n");
		return 125;
	}
	terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal == -1 || grantpt(terminal) == -1 ||
	    unlockpt(terminal) == -1)
		die("no terminal");
	child = start(terminal, argv + separator + 1);
	if (!talk(terminal, argv + 1)) {
		(void)kill(child, SIGKILL);
		(void)waitpid(child, &status, 0);
		return 124;
	}
	if (waitpid(child, &status, 0) == -1)
		die("cannot wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
