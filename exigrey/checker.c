#include "checker.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "identity.h"

#define CANNOT_EXECUTE 126 /* of sh and env */
#define CANNOT_FIND    127

/* A process that runs. */
struct check {
	pid_t pid;
	size_t number;    /* of the recipient */
	int64_t deadline; /* ns, monotonic */
};

struct checking {
	const struct checker *checker;
	const struct grey_bytes *recipients;
	size_t count, next;
	checker_told_fn *told;
	void *arg;
	struct check *checks;
	size_t running;
	sigset_t waited; /* for these signals */
	int ended;       /* by this one; 0: not */
};

enum grey_status
checker_allowed(const struct checker *checker, const struct grey_dbpath *path,
    struct grey_error *err)
{
	char owner[IDENTITY_NAME];

	if (geteuid() == 0)
		return grey_fail(err, GREY_FAILED,
		    "checker '%.200s' is not run as root: chown '%.200s' to "
		    "the user whom the database belongs to",
		    checker->program, path->directory);
	if (identity_differs(path, owner))
		return grey_fail(err, GREY_FAILED,
		    "checker '%.200s' is run as the database's owner only: run "
		    "this as root or as user '%s'",
		    checker->program, owner);
	return GREY_OK;
}

static int64_t
monotonic(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/*
 * A process group of its own, so that all of it can be killed; no signal is
 * blocked or ignored in it; nothing to read, and what it prints is nobody's.
 */
static bool
spawn(const char *program, char *recipient, pid_t *pid_r)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
			     "/usr/bin:/sbin:/bin";
	char *const environment[] = { path, NULL };
	char *name = (char *)(uintptr_t)program;
	char *const arguments[] = { name, recipient, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	bool started;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return false;
	if (posix_spawnattr_init(&attributes) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return false;
	}
	started = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO,
		      "/dev/null", O_RDONLY, 0) == 0 &&
	    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO,
		"/dev/null", O_WRONLY, 0) == 0 &&
	    posix_spawnattr_setsigmask(&attributes, &none) == 0 &&
	    posix_spawnattr_setsigdefault(&attributes, &all) == 0 &&
	    posix_spawnattr_setpgroup(&attributes, 0) == 0 &&
	    posix_spawnattr_setflags(&attributes,
		POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
		    POSIX_SPAWN_SETSIGDEF) == 0 &&
	    posix_spawn(pid_r, program, &actions, &attributes, arguments,
		environment) == 0;
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attributes);
	return started;
}

static enum grey_status
start_next(struct checking *checking, struct grey_error *err)
{
	const size_t number = checking->next++;
	const struct grey_bytes recipient = checking->recipients[number];
	struct check *check = &checking->checks[checking->running];
	char *argument;
	bool started;

	argument = calloc(recipient.size + 1, 1);
	if (argument == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	if (recipient.size > 0)
		memcpy(argument, recipient.data, recipient.size);
	started = strlen(argument) == recipient.size &&
	    spawn(checking->checker->program, argument, &check->pid);
	free(argument);
	if (!started) {
		checking->told(checking->arg, number, CHECKER_UNKNOWN);
		return GREY_OK;
	}
	check->number = number;
	if (__builtin_mul_overflow(checking->checker->timeout,
		INT64_C(1000000000), &check->deadline) ||
	    __builtin_add_overflow(check->deadline, monotonic(),
		&check->deadline))
		check->deadline = INT64_MAX;
	checking->running++;
	return GREY_OK;
}

static enum checker_verdict
verdict_of(int status)
{
	if (!WIFEXITED(status))
		return CHECKER_UNKNOWN;
	switch (WEXITSTATUS(status)) {
	case 0:
		return CHECKER_GOOD;
	case EX_TEMPFAIL:
	case CANNOT_EXECUTE:
	case CANNOT_FIND:
		return CHECKER_UNKNOWN;
	default:
		return CHECKER_BAD;
	}
}

static void
kill_check(const struct check *check)
{
	pid_t pid;

	(void)kill(-check->pid, SIGKILL);
	do {
		pid = waitpid(check->pid, NULL, 0);
	} while (pid == -1 && errno == EINTR);
}

/* Has it ended, or was its time over?  Then it is told. */
static bool
is_over(struct checking *checking, const struct check *check, int64_t now)
{
	enum checker_verdict verdict = CHECKER_UNKNOWN;
	int status = 0;
	const pid_t pid = waitpid(check->pid, &status, WNOHANG);

	if (pid == check->pid)
		verdict = verdict_of(status);
	else if (pid == 0 && now < check->deadline)
		return false;
	else if (pid == 0)
		kill_check(check);
	checking->told(checking->arg, check->number, verdict);
	return true;
}

/* Waits until one has ended, one's time is over, or we are to end. */
static void
wait_for_one(struct checking *checking)
{
	const int64_t now = monotonic();
	int64_t left = INT64_MAX;
	struct timespec timeout;
	int got;

	for (size_t i = 0; i < checking->running; i++)
		if (checking->checks[i].deadline - now < left)
			left = checking->checks[i].deadline - now;
	if (left < 0)
		left = 0;
	timeout.tv_sec = left / 1000000000;
	timeout.tv_nsec = left % 1000000000;
	got = sigtimedwait(&checking->waited, NULL, &timeout);
	if (got == SIGTERM || got == SIGINT)
		checking->ended = got;
}

static void
take_ended(struct checking *checking)
{
	const int64_t now = monotonic();

	for (size_t i = checking->running; i-- > 0;)
		if (is_over(checking, &checking->checks[i], now))
			checking->checks[i] =
			    checking->checks[--checking->running];
}

static enum grey_status
run_all(struct checking *checking, struct grey_error *err)
{
	enum grey_status status = GREY_OK;

	while (status == GREY_OK && checking->ended == 0 &&
	    (checking->next < checking->count || checking->running > 0)) {
		while (status == GREY_OK && checking->next < checking->count &&
		    checking->running < (size_t)checking->checker->processes)
			status = start_next(checking, err);
		if (checking->running > 0)
			wait_for_one(checking);
		take_ended(checking);
	}
	while (checking->running > 0)
		kill_check(&checking->checks[--checking->running]);
	return status;
}

/* The signals are waited for, not delivered. */
static enum grey_status
run_undisturbed(struct checking *checking, struct grey_error *err)
{
	const struct sigaction plain = { .sa_handler = SIG_DFL };
	struct sigaction before;
	enum grey_status status;
	sigset_t mask;

	(void)sigemptyset(&checking->waited);
	(void)sigaddset(&checking->waited, SIGCHLD);
	(void)sigaddset(&checking->waited, SIGTERM);
	(void)sigaddset(&checking->waited, SIGINT);
	/* Were it ignored, no child could be waited for. */
	(void)sigaction(SIGCHLD, &plain, &before);
	(void)sigprocmask(SIG_BLOCK, &checking->waited, &mask);
	status = run_all(checking, err);
	(void)sigaction(SIGCHLD, &before, NULL);
	if (checking->ended != 0) {
		(void)raise(checking->ended);
		if (status == GREY_OK)
			status = grey_fail(err, GREY_BUSY, "stopped");
	}
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	return status;
}

enum grey_status
checker_ask(const struct checker *checker, const struct grey_bytes *recipients,
    size_t count, checker_told_fn *told, void *arg, struct grey_error *err)
{
	struct checking checking = { .checker = checker,
		.recipients = recipients,
		.count = count,
		.told = told,
		.arg = arg };
	enum grey_status status;

	checking.checks =
	    calloc((size_t)checker->processes, sizeof(*checking.checks));
	if (checking.checks == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	status = run_undisturbed(&checking, err);
	free(checking.checks);
	return status;
}
