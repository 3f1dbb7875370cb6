/*
 * Many processes on one database, each making random calls, some of them
 * killed; then the history of each key is judged.
 *
 *	stress [-p PROCESSES] [-s SECONDS] [-u] EXIGREY DB
 *
 * -u: without the lock, to show that this is found.  Prints figures, a name
 * and a number on each line.  Exit status: 0 if nothing was wrong, 1 if
 * something was, 2 if it could not be tried.
 */
#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "judge.h"
#include "worker.h"

#define SECOND        1000000000LL /* in ns */
#define PAUSE         5000000      /* ns at most between two kills */
#define LONGEST_CALL  15000        /* ns, of one that need not wait */
#define LAST_CALLS    30           /* seconds */
#define SCHEDULING    1            /* seconds, where all have two processors */
#define COMMAND_TRIES 16

static pid_t pids[PROCESSES];

/* Kills, and the calls that were under way then. */
static int kills, interrupted;

static void
start(const struct stress *stress, int process)
{
	const pid_t pid = fork();

	if (pid == 0) {
		/* A group of its own, to which its commands belong too. */
		(void)setpgid(0, 0);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		worker_run(stress, process);
		_exit(0);
	}
	if (pid > 0)
		(void)setpgid(pid, pid);
	pids[process] = pid;
}

static void
nap(int64_t ns)
{
	const struct timespec ts = { .tv_sec = ns / SECOND,
		.tv_nsec = ns % SECOND };

	(void)nanosleep(&ts, NULL);
}

static bool
runs_command(const struct history *history, int process)
{
	const size_t n =
	    __atomic_load_n(&history->used[process], __ATOMIC_ACQUIRE);
	const struct call *call = &history->calls[process][n > 0 ? n - 1 : 0];

	return call->outcome == UNDER_WAY && is_command(call->kind);
}

/* The next process to get the lock, a moment later. */
static int
next_to_lock(const struct history *history)
{
	const unsigned before = history->locks;
	const int64_t end = history_clock() + PAUSE / 10;
	const int64_t moment = rand() % LONGEST_CALL;
	int64_t since = 0;
	int process;

	while (__atomic_load_n(&history->locks, __ATOMIC_ACQUIRE) == before)
		if (history_clock() > end)
			break;
	process = __atomic_load_n(&history->last_to_lock, __ATOMIC_RELAXED);
	for (since = history_clock(); history_clock() < since + moment;)
		;
	return process;
}

/* Half of them have just got the lock, a quarter run a command. */
static int
choose(const struct stress *stress)
{
	const int how = rand() % 4;
	int process = rand() % stress->processes;

	if (how < 2)
		return next_to_lock(stress->history);
	for (int i = 0; how == 2 && i < COMMAND_TRIES &&
	     !runs_command(stress->history, process);
	     i++)
		process = rand() % stress->processes;
	return process;
}

static void
note_interrupted(const struct stress *stress, int process)
{
	struct call *call = history_interrupted(stress->history, process);

	if (call == NULL)
		return;
	interrupted++;
	if (is_command(call->kind))
		call->now_to = (uint32_t)time(NULL);
	history_end(call, KILLED);
}

static void
kill_one(const struct stress *stress, int process)
{
	int status = 0;

	(void)kill(-pids[process], SIGKILL);
	if (waitpid(pids[process], &status, 0) != pids[process] ||
	    !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		history_failure(stress->history,
		    "process %d ended by itself, status %x", process,
		    (unsigned)status);
	/* Its command, which is ours now. */
	while (waitpid(-pids[process], NULL, 0) > 0)
		;
	kills++;
	note_interrupted(stress, process);
	start(stress, process);
}

/* The rest go on to the end of their calls. */
static void
end_all(const struct stress *stress)
{
	const int64_t end = history_clock() + LAST_CALLS * SECOND;
	int status;

	__atomic_store_n(&stress->history->stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < stress->processes; i++) {
		while (waitpid(pids[i], &status, WNOHANG) == 0 &&
		    history_clock() < end)
			nap(SECOND / 100);
		if (history_clock() >= end) {
			(void)kill(-pids[i], SIGKILL);
			history_failure(stress->history,
			    "process %d does not end", i);
		} else if (status != 0)
			history_failure(stress->history,
			    "process %d ended with status %x", i,
			    (unsigned)status);
	}
}

static void
run(const struct stress *stress, int seconds)
{
	const int64_t end = history_clock() + seconds * SECOND;

	for (int i = 0; i < stress->processes; i++)
		start(stress, i);
	while (history_clock() < end) {
		nap(rand() % PAUSE);
		kill_one(stress, choose(stress));
	}
	end_all(stress);
}

struct figures {
	int64_t calls, by_kind[KINDS], longest[KINDS];
	int64_t late;
};

static void
count_call(const struct call *call, struct figures *figures)
{
	const int64_t took = call->returned - call->invoked;

	figures->calls++;
	figures->by_kind[call->kind]++;
	if (call->outcome == KILLED || call->outcome == UNDER_WAY)
		return;
	if (took > figures->longest[call->kind])
		figures->longest[call->kind] = took;
	if (!is_command(call->kind))
		figures->late += took > (TIMEOUT + SCHEDULING) * SECOND;
}

static void
print_calls(const struct stress *stress, int seconds)
{
	static const char *const names[KINDS] = { "check", "wait", "record",
		"set", "delete", "exigrey unseen/seen", "exigrey set",
		"exigrey delete", "exigrey purge", "exigrey list",
		"exigrey export", "exigrey check", "exigrey compact" };
	const struct history *history = stress->history;
	struct figures figures = { 0 };

	for (int i = 0; i < stress->processes; i++)
		for (size_t n = 0; n < history->used[i]; n++)
			count_call(&history->calls[i][n], &figures);
	(void)printf("processes: %d\nseconds: %d\nkeys: %d\n",
	    stress->processes, seconds, KEYS);
	(void)printf("calls: %" PRId64 "\ncalls per second: %" PRId64 "\n",
	    figures.calls, figures.calls / seconds);
	for (int kind = 0; kind < KINDS; kind++)
		(void)printf("%s: %" PRId64 ", longest %" PRId64 " ms\n",
		    names[kind], figures.by_kind[kind],
		    figures.longest[kind] / 1000000);
	(void)printf("kills: %d\nkilled within a call: %d\nrecoveries: %d\n",
	    kills, interrupted, history->recoveries);
	(void)printf("over the deadline of %d s: %" PRId64 "\n", TIMEOUT,
	    figures.late);
	if (figures.late > 0)
		history_failure(stress->history, "calls over the deadline");
}

static void
print_judgement(const struct stress *stress, const struct call *end)
{
	struct judgement judgement;

	if (end == NULL)
		history_failure(stress->history, "no export at the end");
	if (!judge_history(stress->history, stress->processes, end,
		&judgement)) {
		history_failure(stress->history, "out of memory");
		return;
	}
	(void)printf("operations judged: %zu\nkeys against their history: %d\n"
		     "keys undecided: %d\ncounters: %d\ncounters wrong: %d\n",
	    judgement.operations, judgement.contradictions, judgement.undecided,
	    judgement.counts, judgement.wrong_counts);
	if (judgement.contradictions + judgement.wrong_counts > 0)
		history_failure(stress->history, "%s", judgement.first);
	if (judgement.undecided > 0)
		history_failure(stress->history, "too much at once to judge");
}

static bool
begin(struct stress *stress, const char *exigrey, const char *db)
{
	struct grey_error err = { .text = "out of memory" };

	stress->exigrey = exigrey;
	stress->name = db;
	stress->history = history_new();
	if (stress->history != NULL &&
	    grey_dbpath_resolve(db, "/", &stress->path, &err) == GREY_OK &&
	    prctl(PR_SET_CHILD_SUBREAPER, 1) == 0)
		return true;
	(void)fprintf(stderr, "stress: %s\n", err.text);
	return false;
}

int
main(int argc, char *argv[])
{
	struct stress stress = { .processes = 16 };
	int option, seconds = 5;

	while ((option = getopt(argc, argv, "p:s:u")) != -1)
		switch (option) {
		case 'p':
			stress.processes = atoi(optarg);
			break;
		case 's':
			seconds = atoi(optarg);
			break;
		case 'u':
			stress.without_lock = true;
			break;
		default:
			return 2;
		}
	if (argc - optind != 2 || stress.processes < 1 ||
	    stress.processes > PROCESSES || seconds < 1) {
		(void)fprintf(stderr,
		    "usage: stress [-p PROCESSES] [-s SECONDS] [-u] EXIGREY "
		    "DB\n");
		return 2;
	}
	if (!begin(&stress, argv[optind], argv[optind + 1]))
		return 2;
	run(&stress, seconds);
	print_calls(&stress, seconds);
	print_judgement(&stress, worker_export(&stress));
	(void)printf("failures: %d\n", stress.history->failures);
	if (stress.history->failures > 0)
		(void)printf("the first: %s\n", stress.history->error);
	return stress.history->failures > 0;
}
