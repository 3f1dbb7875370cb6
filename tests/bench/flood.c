/*
 * A flood of keys that come once:
 *
 *	flood DB STEP RECORDS	new keys until there are RECORDS; after each
 *				STEP a line: records, bytes of the file, and of
 *				new, known and refused calls p50, p99 and the
 *				longest, in ns
 *	flood DB		the same line as it is now
 *
 * Known is a whitelisted client, refused a new key that max_records stops.
 * The keys are two days old, so that a purge takes them all.
 */
#include <sys/stat.h>

#include "bench.h"

#define AGE      (2 * 86400)
#define SAMPLES  20000 /* of known and refused calls, and of new ones at last */
#define STEP_MAX 1000000

struct target {
	struct grey_session session;
	struct grey_dbpath path;
	long made; /* new keys so far */
};

enum kind { NEW, KNOWN, REFUSED };

static const char host[] = "192.0.2.1";

/* One call; its time, or -1 if its answer is wrong. */
static int64_t
call(struct target *target, enum kind kind)
{
	struct greylist_request request = { .policy = grey_policy_default(),
		.now = (int64_t)time(NULL) - (kind == NEW ? AGE : 0) };
	struct greylist_answer answer = { .pass = false };
	char buffer[BENCH_ITEM_MAX];
	enum grey_status status;
	struct grey_error err;
	int64_t start;

	request.key.item = bench_item(buffer, target->made);
	request.key.suffix = grey_bytes_of(kind == KNOWN ? host : "");
	if (kind == REFUSED)
		request.policy.max_records = 1;
	start = bench_now();
	status = greylist_check(&target->session, &target->path, &request,
	    &answer, &err);
	start = bench_now() - start;
	target->made += kind == NEW;
	if (status == (kind == REFUSED ? GREY_FULL : GREY_OK) &&
	    answer.pass == (kind == KNOWN))
		return start;
	(void)fprintf(stderr, "flood: %s\n",
	    status == GREY_OK ? "wrong answer" : err.text);
	return -1;
}

/* Prints the quantiles of so many calls.  Returns false if one fails. */
static bool
measure(struct target *target, enum kind kind, long calls)
{
	static int64_t took[STEP_MAX];

	for (long i = 0; i < calls; i++) {
		took[i] = call(target, kind);
		if (took[i] == -1)
			return false;
	}
	bench_sort(took, calls);
	(void)printf(" %" PRId64 " %" PRId64 " %" PRId64,
	    bench_quantile(took, calls, 0.5), bench_quantile(took, calls, 0.99),
	    took[calls - 1]);
	return true;
}

static bool
step(struct target *target, const char *db, long calls)
{
	struct stat st;

	if (!measure(target, NEW, calls) || !measure(target, KNOWN, SAMPLES) ||
	    !measure(target, REFUSED, SAMPLES) || stat(db, &st) == -1)
		return false;
	(void)printf(" %ld %lld\n", target->made, (long long)st.st_size);
	return fflush(stdout) == 0;
}

int
main(int argc, char *argv[])
{
	const bool grows = argc == 4;
	const long size = grows ? atol(argv[2]) : SAMPLES;
	const long records = grows ? atol(argv[3]) : SAMPLES;
	struct target target = { .made = 0 };
	struct grey_error err;
	bool ok = true;

	if ((argc != 2 && argc != 4) || size <= 0 || size > STEP_MAX) {
		(void)fprintf(stderr, "usage: flood DB [STEP RECORDS]\n");
		return 2;
	}
	if (grey_dbpath_resolve(argv[1], "/", &target.path, &err) != GREY_OK) {
		(void)fprintf(stderr, "flood: %s\n", err.text);
		return 2;
	}
	grey_session_init(&target.session, NULL, NULL);
	if (!grows) /* keys that the others were not */
		target.made = 1L << 40;
	for (long i = 0; ok && i < records; i += size)
		ok = step(&target, argv[1], size);
	grey_session_end(&target.session);
	return ok ? 0 : 1;
}
