/*
 * Calls unseen as mail does, a given number of times a second, until its
 * standard input ends; then prints how long the calls took.
 *
 *	caller DB RATE RECORDS
 *
 * The items are those that tests/bench/commands made, 0 to RECORDS - 1.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "greylist.h"

#define CALLS_MAX 2000000 /* it ends by itself */

static int64_t
microseconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int
compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool
input_ended(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char byte;

	return poll(&input, 1, 0) == 1 && read(STDIN_FILENO, &byte, 1) == 0;
}

static bool
call(struct grey_session *session, const struct grey_dbpath *path, long i)
{
	struct greylist_request request = { .policy = grey_policy_default(),
		.now = (int64_t)time(NULL) };
	struct greylist_answer answer;
	struct grey_error err;
	char item[80];

	request.key.item.data = item;
	request.key.item.size = (size_t)snprintf(item, sizeof(item),
	    "<s%07ld@sender.example>:<u%02ld@rcpt.example.org>", i / 16,
	    i % 16);
	if (greylist_check(session, path, &request, &answer, &err) == GREY_OK)
		return true;
	(void)fprintf(stderr, "caller: %s\n", err.text);
	return false;
}

static void
report(int64_t *took, long calls, long failures)
{
	qsort(took, (size_t)calls, sizeof(*took), compare);
	(void)printf("calls %ld failures %ld p50 %" PRId64 " p99.9 %" PRId64
		     " max %" PRId64 "\n",
	    calls, failures, took[calls / 2], took[calls - 1 - calls / 1000],
	    took[calls - 1]);
}

/* Calls until the input ends; returns the number of calls. */
static long
call_for_a_while(struct grey_session *session, const struct grey_dbpath *path,
    long rate, long records, int64_t *took, long *failures)
{
	int64_t start = microseconds(), begin;
	long calls = 0;

	while (calls < CALLS_MAX && !input_ended()) {
		begin = microseconds();
		*failures += !call(session, path, rand() % records);
		took[calls++] = microseconds() - begin;
		begin = start + calls * 1000000 / rate - microseconds();
		if (begin > 0)
			(void)usleep((useconds_t)begin);
		else /* what was missed while it waited is not made up */
			start = microseconds() - calls * 1000000 / rate;
	}
	return calls;
}

int
main(int argc, char *argv[])
{
	static int64_t took[CALLS_MAX];
	long calls, failures = 0, rate, records;
	struct grey_session session;
	struct grey_dbpath path;
	struct grey_error err;

	if (argc != 4 || (rate = atol(argv[2])) <= 0 ||
	    (records = atol(argv[3])) <= 0) {
		(void)fprintf(stderr, "usage: caller DB RATE RECORDS\n");
		return 2;
	}
	if (grey_dbpath_resolve(argv[1], "/", &path, &err) != GREY_OK) {
		(void)fprintf(stderr, "caller: %s\n", err.text);
		return 2;
	}
	grey_session_init(&session, NULL, NULL);
	calls =
	    call_for_a_while(&session, &path, rate, records, took, &failures);
	if (calls > 0)
		report(took, calls, failures);
	return failures > 0;
}
