/*
 * A large database whose writer died, while eight processes ask: one of them
 * recovers it, the others wait no longer than their deadline, and afterwards
 * every record is as it was.  EXIGREY_RECOVERY_RECORDS says how many.
 */
#include "test.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <signal.h>
#include <time.h>

#include "gdbm_file.h"
#include "journal.h"
#include "snapshot.h"
#define ONLY_WRITES
#define SYNC_TAKES_TIME
#include "writes.h"

#define RECORDS   50000
#define CALLERS   8
#define TOLERANCE 500 /* ms */
#define NOW       1795230000

/* The header's table of free space: GDBM 1.23, gdbmdefs.h. */
#define SPACE_COUNT 44
#define SPACE       56

/* What the callers saw. */
struct shared {
	int ready;
	int recovered;
	int passed, busy, failed;
	int64_t recovery; /* ms, of who did it */
	int64_t longest;  /* of the others */
	char error[512];
};

static struct {
	struct test_db test;
	int records;
	int more; /* stored by writers that died */
} world;

static bool
may_change(enum change_kind kind)
{
	(void)kind;
	return true;
}

static void
was_written(int fd, off_t at, ssize_t size)
{
	(void)fd;
	(void)at;
	(void)size;
}

static int64_t
milliseconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static struct grey_bytes
key_of(int i, char buffer[64])
{
	(void)snprintf(buffer, 64, "<sender-%d@some.example>:<you@example.org>",
	    i);
	return test_key(buffer);
}

static struct grey_bytes
value_of(int i, struct grey_bytes key, char buffer[GREY_VALUE_MAX])
{
	const struct grey_record record = { NOW, NOW + i, 1, { "", 0 } };
	struct grey_bytes value;
	struct grey_error err;

	assert_int_equal(grey_record_format(&record, key, 0, buffer, &value,
			     &err),
	    GREY_OK);
	return value;
}

static void
store_one(struct greydb *db, int i)
{
	char item[64], value[GREY_VALUE_MAX];
	const struct grey_bytes key = key_of(i, item);
	struct grey_error err;

	if (greydb_store(db, key, value_of(i, key, value), &err) != GREY_OK)
		fail_msg("%s", err.text);
}

static void
fill(void)
{
	const struct greydb_settings settings = { .timeout = 1,
		.create = true,
		.expected = world.records };
	struct grey_error err;
	struct greydb *db;

	if (greydb_open(&world.test.session, &world.test.path, &settings, &db,
		&err) != GREY_OK)
		fail_msg("%s", err.text);
	assert_int_equal(greydb_batch(db, &err), GREY_OK);
	for (int i = 0; i < world.records; i++)
		store_one(db, i);
	test_close(db);
}

/* A writer announces a new record and dies. */
static void
die_announced(void)
{
	int fd = test_file(&world.test, "seen.lock", O_RDWR);
	struct grey_journal journal;
	struct grey_error err;
	char item[64], value[GREY_VALUE_MAX];
	const int i = world.records + world.more++;
	const struct grey_bytes key = key_of(i, item);

	assert_int_equal(grey_journal_read(fd, &journal, &err), GREY_OK);
	assert_int_equal(grey_journal_begin(fd, &journal, GREY_OP_STORE, key,
			     value_of(i, key, value), &err),
	    GREY_OK);
	(void)close(fd);
}

/*
 * The same, and the header is from another time than the rest, as a part of one
 * larger than a page can be: it tells of a bucket as free space.
 */
static void
die_with_old_header(void)
{
	int fd = test_file(&world.test, "seen", O_RDWR);
	struct grey_gdbm_file file;
	struct grey_error err;
	int32_t count = 1, size;
	off_t bucket;

	assert_int_equal(grey_gdbm_header(fd, &file, &err), GREY_OK);
	size = (int32_t)file.bucket_size;
	assert_int_equal(pread(fd, &bucket, sizeof(bucket), file.directory_at),
	    sizeof(bucket));
	assert_int_equal(pwrite(fd, &count, sizeof(count), SPACE_COUNT),
	    sizeof(count));
	assert_int_equal(pwrite(fd, &size, sizeof(size), SPACE), sizeof(size));
	assert_int_equal(pwrite(fd, &bucket, sizeof(bucket), SPACE + 8),
	    sizeof(bucket));
	(void)close(fd);
	die_announced();
}

/* Asks again and again until somebody has recovered the database. */
static void
ask(struct shared *shared, int caller, int64_t timeout)
{
	struct greylist_request request = { .policy = grey_policy_default(),
		.now = NOW + 1000 };
	struct greylist_answer answer;
	struct grey_error err;
	enum grey_status status;
	int64_t took;
	char key[64];

	request.key.item = grey_bytes_of(key_of(caller, key).data);
	request.policy.timeout = timeout;
	world.test.lines = 0;
	__atomic_fetch_add(&shared->ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) < CALLERS)
		(void)usleep(1000);
	do {
		took = milliseconds();
		status = greylist_check(&world.test.session, &world.test.path,
		    &request, &answer, &err);
		took = milliseconds() - took;
		if (status == GREY_BUSY)
			__atomic_fetch_add(&shared->busy, 1, __ATOMIC_SEQ_CST);
		else if (status == GREY_OK && answer.pass)
			__atomic_fetch_add(&shared->passed, 1,
			    __ATOMIC_SEQ_CST);
		else if (__atomic_fetch_add(&shared->failed, 1,
			     __ATOMIC_SEQ_CST) == 0)
			memcpy(shared->error, err.text, sizeof(err.text));
		if (world.test.lines > 0) {
			shared->recovery = took;
			shared->recovered = 1;
			return;
		}
		if (took > shared->longest)
			shared->longest = took;
		(void)usleep(10000);
	} while (__atomic_load_n(&shared->recovered, __ATOMIC_SEQ_CST) == 0);
}

static void
ask_together(struct shared *shared, int64_t timeout)
{
	pid_t pids[CALLERS];
	int status;

	memset(shared, 0, sizeof(*shared));
	for (int i = 0; i < CALLERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] != -1);
		if (pids[i] == 0) {
			ask(shared, i, timeout);
			_exit(0);
		}
	}
	for (int i = 0; i < CALLERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	if (shared->failed != 0)
		fail_msg("%d calls failed, the first: %s", shared->failed,
		    shared->error);
	assert_true(shared->recovered);
	if (shared->longest > timeout * 1000 + TOLERANCE)
		fail_msg("somebody waited %lld ms", (long long)shared->longest);
}

static enum grey_status
look_at(void *arg, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	char *seen = arg, buffer[GREY_VALUE_MAX];
	int i = -1;

	(void)err;
	if (sscanf(key.data, "<sender-%d@", &i) != 1 || i < 0 ||
	    i >= world.records + world.more || seen[i]++ != 0 ||
	    !grey_bytes_equal(key, key_of(i, buffer)))
		fail_msg("'%s' is there twice, or wrong", key.data);
	/* What was asked for has another count by now. */
	if (i >= CALLERS && !grey_bytes_equal(value, value_of(i, key, buffer)))
		fail_msg("'%s' has the value '%s'", key.data, value.data);
	return GREY_OK;
}

static void
expect_all(void)
{
	const struct greydb_settings settings = { .timeout = 10 };
	const int records = world.records + world.more;
	char *seen = calloc(1, (size_t)records);
	struct grey_snapshot *snapshot;
	struct greydb_report report;
	struct grey_error err;

	assert_non_null(seen);
	if (grey_snapshot_open(&world.test.session, &world.test.path, &settings,
		&snapshot, &err) != GREY_OK ||
	    grey_snapshot_walk(snapshot, look_at, seen, &err) != GREY_OK)
		fail_msg("%s", err.text);
	assert_int_equal(grey_snapshot_records(snapshot), records);
	grey_snapshot_close(&snapshot);
	for (int i = 0; i < records; i++)
		assert_int_equal(seen[i], 1);
	test_check(&world.test, &report);
	assert_int_equal(report.records, records);
	assert_int_equal(test_files(&world.test, "corrupt"), 0);
	free(seen);
}

static ino_t
inode(void)
{
	int fd = test_file(&world.test, "seen", O_RDONLY);
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	(void)close(fd);
	return st.st_ino;
}

static void
run(struct shared *shared, int64_t timeout, bool rebuild)
{
	const ino_t before = inode();

	if (rebuild)
		die_with_old_header();
	else
		die_announced();
	ask_together(shared, timeout);
	expect_all();
	assert_int_equal(inode() != before, rebuild);
	print_message("# %d records, %s, timeout %lld s: %lld ms; the "
		      "others waited %lld ms\n#   at most; %d passed, "
		      "%d were answered by the policy\n",
	    world.records, rebuild ? "rebuilt" : "checked", (long long)timeout,
	    (long long)shared->recovery, (long long)shared->longest,
	    shared->passed, shared->busy);
}

static void
others_wait_for_their_deadline_at_most(void **state)
{
	const char *wanted = getenv("EXIGREY_RECOVERY_RECORDS");
	struct shared *shared = mmap(NULL, sizeof(*shared),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(shared != MAP_FAILED);
	world.records = wanted != NULL ? atoi(wanted) : RECORDS;
	test_db_begin(&world.test);
	fill();
	for (int rebuild = 0; rebuild < 2; rebuild++) {
		run(shared, 1, rebuild == 1);
		run(shared, 5, rebuild == 1);
	}
	test_db_end(&world.test);
	(void)munmap(shared, sizeof(*shared));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
	    others_wait_for_their_deadline_at_most) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
