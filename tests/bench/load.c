/*
 * Processes that call unseen on one database, as an Exim's do:
 *
 *	load DB RECORDS PROCESSES RATE SECONDS
 *
 * RATE is the number of calls a second of all of them together, 0 as many as
 * go; SECONDS 0 is until the standard input ends.  Known items are asked for,
 * 0 to RECORDS - 1.  Prints one line of "NAME VALUE" pairs, times in us; least
 * is the part of the mean that the process with the fewest calls got.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define PROCESSES_MAX 256
#define CALLS_MAX     16000000 /* of all processes together */
#define SECONDS_MAX   600      /* it ends by itself */

/* Shared by all processes. */
struct shared {
	volatile bool go, stop;
	long calls[PROCESSES_MAX];
	long failures[PROCESSES_MAX];
	int64_t took[]; /* each process has its part */
};

struct load {
	struct grey_session session;
	struct grey_dbpath path;
	struct shared *shared;
	long records, processes, rate, seconds;
	long calls_max; /* of one process */
};

static bool
call(struct load *load)
{
	struct greylist_request request = { .policy = grey_policy_default(),
		.now = (int64_t)time(NULL) };
	struct greylist_answer answer;
	char buffer[BENCH_ITEM_MAX];
	struct grey_error err;

	request.key.item = bench_item(buffer, random() % load->records);
	if (greylist_check(&load->session, &load->path, &request, &answer,
		&err) == GREY_OK)
		return true;
	(void)fprintf(stderr, "load: %s\n", err.text);
	return false;
}

/* When call number i of a process is due, the processes taking turns. */
static int64_t
due(const struct load *load, long process, long i)
{
	return (i * load->processes + process) * 1000000000 / load->rate;
}

static void
sleep_until(int64_t when)
{
	const struct timespec ts = { .tv_sec = when / 1000000000,
		.tv_nsec = when % 1000000000 };

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static void
run_process(struct load *load, long process)
{
	struct shared *shared = load->shared;
	int64_t *took = shared->took + process * load->calls_max;
	int64_t start, begin;
	long i;

	srandom((unsigned int)getpid());
	while (!shared->go)
		(void)usleep(100);
	start = bench_now();
	for (i = 0; !shared->stop && i < load->calls_max; i++) {
		if (load->rate > 0)
			sleep_until(start + due(load, process, i));
		begin = bench_now();
		shared->failures[process] += !call(load);
		took[i] = bench_now() - begin;
		shared->calls[process] = i + 1;
		/* What was missed while it waited is not made up. */
		if (load->rate > 0 &&
		    bench_now() > start + due(load, process, i + 1))
			start = bench_now() - due(load, process, i + 1);
	}
}

static void
wait_for_end(const struct load *load)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	const int64_t end = bench_now() +
	    (load->seconds > 0 ? load->seconds : SECONDS_MAX) * 1000000000;
	char byte;

	while (bench_now() < end) {
		if (load->seconds > 0) {
			sleep_until(end);
			break;
		}
		if (poll(&input, 1, 1000) == 1 &&
		    read(STDIN_FILENO, &byte, 1) == 0)
			break;
	}
}

/* Starts all, lets them run, and waits for them; returns the seconds. */
static double
run(struct load *load)
{
	pid_t pids[PROCESSES_MAX];
	int64_t start;

	for (long i = 0; i < load->processes; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			run_process(load, i);
			_exit(0);
		}
	}
	start = bench_now();
	load->shared->go = true;
	wait_for_end(load);
	load->shared->stop = true;
	for (long i = 0; i < load->processes; i++)
		(void)waitpid(pids[i], NULL, 0);
	return (double)(bench_now() - start) / 1e9;
}

static double
microseconds(int64_t ns)
{
	return (double)ns / 1e3;
}

static int
report(struct load *load, double seconds)
{
	struct shared *shared = load->shared;
	int64_t *took = shared->took;
	long calls = 0, failures = 0, least = shared->calls[0];

	for (long i = 0; i < load->processes; i++) {
		memmove(took + calls, shared->took + i * load->calls_max,
		    (size_t)shared->calls[i] * sizeof(*took));
		calls += shared->calls[i];
		failures += shared->failures[i];
		least = shared->calls[i] < least ? shared->calls[i] : least;
	}
	if (calls == 0)
		return 1;
	bench_sort(took, calls);
	(void)printf("calls %ld failures %ld rate %.0f least %.3f p50 %.1f "
		     "p99 %.1f p99.9 %.1f max %.1f\n",
	    calls, failures, (double)calls / seconds,
	    (double)least * (double)load->processes / (double)calls,
	    microseconds(bench_quantile(took, calls, 0.5)),
	    microseconds(bench_quantile(took, calls, 0.99)),
	    microseconds(bench_quantile(took, calls, 0.999)),
	    microseconds(took[calls - 1]));
	return failures > 0;
}

int
main(int argc, char *argv[])
{
	struct load load = { 0 };
	struct grey_error err;
	int status;

	if (argc != 6 || (load.records = atol(argv[2])) <= 0 ||
	    (load.processes = atol(argv[3])) <= 0 ||
	    load.processes > PROCESSES_MAX || (load.rate = atol(argv[4])) < 0 ||
	    (load.seconds = atol(argv[5])) < 0 || load.seconds > SECONDS_MAX) {
		(void)fprintf(stderr,
		    "usage: load DB RECORDS PROCESSES RATE SECONDS\n");
		return 2;
	}
	if (grey_dbpath_resolve(argv[1], "/", &load.path, &err) != GREY_OK) {
		(void)fprintf(stderr, "load: %s\n", err.text);
		return 2;
	}
	load.calls_max = CALLS_MAX / load.processes;
	load.shared =
	    mmap(NULL, sizeof(*load.shared) + CALLS_MAX * sizeof(int64_t),
		PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (load.shared == MAP_FAILED) {
		perror("load: mmap");
		return 2;
	}
	grey_session_init(&load.session, NULL, NULL);
	status = report(&load, run(&load));
	grey_session_end(&load.session);
	return status;
}
