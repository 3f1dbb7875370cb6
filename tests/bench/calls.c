/*
 * What a call costs, beside what the same file costs without any logic:
 *
 *	calls DB RECORDS CALLS [KIND]
 *
 * makes CALLS calls of each kind, or of one, and prints "KIND P50 P99" in ns.  The items 0
 * to RECORDS - 1 are known, and the suffix "198.51.100.N" is whitelisted for
 * each N below 250 (tests/lib/Bench.pm).
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define PAGE 4096

struct target {
	struct grey_session session;
	struct grey_dbpath path;
	char copy[PATH_MAX]; /* for the floor: a file of the same size */
	off_t pages;
	long records;
	long made; /* new items so far */
};

typedef bool call_fn(struct target *target);

static bool
floor_call(struct target *target)
{
	const off_t at = random() % target->pages * PAGE;
	int fd = open(target->copy, O_RDWR | O_CLOEXEC);
	char page[PAGE];
	bool ok;

	ok = fd != -1 && flock(fd, LOCK_EX) == 0 &&
	    pread(fd, page, PAGE, at) == PAGE &&
	    pwrite(fd, page, PAGE, at) == PAGE;
	(void)close(fd);
	return ok;
}

static bool
unseen(struct target *target, struct grey_bytes item, struct grey_bytes suffix,
    bool pass)
{
	struct greylist_request request = { .policy = grey_policy_default(),
		.key = { .item = item, .suffix = suffix },
		.now = (int64_t)time(NULL) };
	struct greylist_answer answer;
	struct grey_error err;

	if (greylist_check(&target->session, &target->path, &request, &answer,
		&err) == GREY_OK)
		return answer.pass == pass;
	(void)fprintf(stderr, "calls: %s\n", err.text);
	return false;
}

static bool
known_call(struct target *target)
{
	char buffer[BENCH_ITEM_MAX];

	return unseen(target, bench_item(buffer, random() % target->records),
	    grey_bytes_of(""), true);
}

static bool
new_call(struct target *target)
{
	char buffer[BENCH_ITEM_MAX];
	const int n = snprintf(buffer, sizeof(buffer),
	    "<new%010ld.%ld@sender.example>:<u@rcpt.example.org>",
	    target->made++, (long)getpid());

	return unseen(target, (struct grey_bytes){ buffer, (size_t)n },
	    grey_bytes_of(""), false);
}

static bool
suffix_call(struct target *target)
{
	char suffix[32];

	(void)snprintf(suffix, sizeof(suffix), "198.51.100.%ld",
	    random() % 250);
	return unseen(target, grey_bytes_of("<never@seen>:<before@x>"),
	    grey_bytes_of(suffix), true);
}

static bool
record_call(struct target *target)
{
	const struct greydb_settings settings = { .timeout = 5 };
	char buffer[BENCH_ITEM_MAX];
	struct greydb_value value = { 0 };
	struct grey_error err;
	enum grey_status status;

	status = greylist_record(&target->session, &target->path, &settings,
	    bench_item(buffer, random() % target->records), &value, &err);
	greydb_value_free(&value);
	return status == GREY_OK;
}

static const struct kind {
	const char *name;
	call_fn *call;
} kinds[] = { { "floor", floor_call }, { "known", known_call },
	{ "new", new_call }, { "suffix", suffix_call },
	{ "record", record_call } };

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int
measure(struct target *target, const struct kind *kind, int64_t *took,
    long calls)
{
	for (long i = -calls / 10; i < calls; i++) {
		const int64_t start = bench_now();

		if (!kind->call(target)) {
			(void)fprintf(stderr, "calls: %s: wrong answer\n",
			    kind->name);
			return 1;
		}
		if (i >= 0) /* the first ones only warm up */
			took[i] = bench_now() - start;
	}
	bench_sort(took, calls);
	(void)printf("%s %" PRId64 " %" PRId64 "\n", kind->name,
	    bench_quantile(took, calls, 0.5),
	    bench_quantile(took, calls, 0.99));
	return 0;
}

/* A file with as many pages as the database. */
static bool
make_copy(struct target *target, const char *db)
{
	const char page[PAGE] = { 1 };
	struct stat st;
	int fd;

	(void)snprintf(target->copy, sizeof(target->copy), "%s.floor", db);
	if (stat(db, &st) == -1)
		return false;
	target->pages = st.st_size / PAGE;
	fd = open(target->copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	for (off_t i = 0; fd != -1 && i < target->pages; i++)
		if (write(fd, page, PAGE) != PAGE)
			return false;
	return fd != -1 && close(fd) == 0;
}

int
main(int argc, char *argv[])
{
	struct target target = { .records = argc > 2 ? atol(argv[2]) : 0 };
	const long calls = argc > 3 ? atol(argv[3]) : 0;
	struct grey_error err;
	int64_t *took;
	int failed = 0;

	if (argc < 4 || argc > 5 || target.records <= 0 || calls < 10) {
		(void)fprintf(stderr, "usage: calls DB RECORDS CALLS [KIND]\n");
		return 2;
	}
	srandom((unsigned int)getpid());
	took = calloc((size_t)calls, sizeof(*took));
	if (took == NULL || !make_copy(&target, argv[1]) ||
	    grey_dbpath_resolve(argv[1], "/", &target.path, &err) != GREY_OK) {
		(void)fprintf(stderr, "calls: cannot use '%s'\n", argv[1]);
		free(took);
		return 2;
	}
	grey_session_init(&target.session, NULL, NULL);
	for (size_t i = 0; i < KINDS && !failed; i++)
		if (argc < 5 || strcmp(argv[4], kinds[i].name) == 0)
			failed = measure(&target, &kinds[i], took, calls);
	grey_session_end(&target.session);
	(void)unlink(target.copy);
	free(took);
	return failed;
}
