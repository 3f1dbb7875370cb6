/*
 * Eight writers on one database, one of which is killed at a random instant,
 * again and again: what was answered is there, the structure is sound.
 * EXIGREY_CRASH_KILLS says how often.
 */
#include "test.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <signal.h>
#include <time.h>

#define WRITERS      8
#define KILLS        300
#define KEYS         40     /* of each writer */
#define LONGEST_LIFE 300000 /* ns, after its first answer */

/* Shared: what each writer was told of each of its keys. */
struct told {
	int64_t passes;   /* calls that were answered "no" */
	int64_t doubtful; /* killed while one was under way */
	int asking;
};

struct shared {
	struct told told[WRITERS][KEYS];
	int answers[WRITERS]; /* since the writer's start */
	int failures;
	char error[512];
};

static void
write_for_ever(struct test_db *test, struct shared *shared, int writer)
{
	unsigned int seed = (unsigned int)getpid();

	for (;;) {
		struct greylist_request request = { .policy =
							grey_policy_default(),
			.now = 1000 };
		struct greylist_answer answer;
		struct grey_error err;
		int key = rand_r(&seed) % KEYS;
		struct told *told = &shared->told[writer][key];
		char item[128];

		/* Long items, so that the file grows and buckets split. */
		(void)snprintf(item, sizeof(item), "%d %d %060d", writer, key,
		    key);
		request.key.item = grey_bytes_of(item);
		request.policy.delay = 0;
		request.policy.timeout = 60;
		__atomic_store_n(&told->asking, 1, __ATOMIC_SEQ_CST);
		if (greylist_check(&test->session, &test->path, &request,
			&answer, &err) != GREY_OK) {
			if (__atomic_fetch_add(&shared->failures, 1,
				__ATOMIC_SEQ_CST) == 0)
				memcpy(shared->error, err.text,
				    sizeof(err.text));
		} else if (answer.pass)
			told->passes++;
		__atomic_store_n(&told->asking, 0, __ATOMIC_SEQ_CST);
		shared->answers[writer]++;
	}
}

static pid_t
start(struct test_db *test, struct shared *shared, int writer)
{
	pid_t pid;

	shared->answers[writer] = 0;
	pid = fork();
	assert_true(pid != -1);
	if (pid == 0) {
		write_for_ever(test, shared, writer);
		_exit(1);
	}
	return pid;
}

static void
end(struct shared *shared, int writer, pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	for (int key = 0; key < KEYS; key++) {
		struct told *told = &shared->told[writer][key];
		told->doubtful += told->asking;
		told->asking = 0;
	}
}

/* Every count is what was answered, or one more for each kill under way. */
static void
check_counts(struct test_db *test, const struct shared *shared)
{
	struct greydb *db = test_open(test);
	char item[128];

	for (int writer = 0; writer < WRITERS; writer++)
		for (int key = 0; key < KEYS; key++) {
			const struct told *told = &shared->told[writer][key];
			struct greydb_value value = { 0 };
			struct grey_record record = { 0 };
			struct grey_error err;

			(void)snprintf(item, sizeof(item), "%d %d %060d",
			    writer, key, key);
			if (greydb_fetch(db, test_key(item), &value, &err) ==
			    GREY_OK)
				assert_int_equal(grey_record_parse(test_key(
								       item),
						     greydb_value_bytes(&value),
						     &record, &err),
				    GREY_OK);
			greydb_value_free(&value);
			if (record.count < told->passes ||
			    record.count > told->passes + told->doubtful)
				fail_msg("'%s': %lld answered, %lld in doubt, "
					 "but %lld stored",
				    item, (long long)told->passes,
				    (long long)told->doubtful,
				    (long long)record.count);
		}
	test_close(db);
}

static void
check_structure(struct test_db *test)
{
	struct greydb_report report;
	struct greydb *db;

	db = test_open(test);
	test_check(test, &report);
	assert_int_equal(report.records, greydb_records(db));
	test_close(db);
}

static void
nothing_is_lost(void **state)
{
	const char *wanted = getenv("EXIGREY_CRASH_KILLS");
	const int kills = wanted != NULL ? atoi(wanted) : KILLS;
	struct shared *shared = mmap(NULL, sizeof(*shared),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct test_db test;
	pid_t pids[WRITERS];

	(void)state;
	assert_true(shared != MAP_FAILED);
	test_db_begin(&test);
	test_close(test_open(&test));
	for (int i = 0; i < WRITERS; i++)
		pids[i] = start(&test, shared, i);
	for (int i = 0; i < kills; i++) {
		const struct timespec life = { .tv_nsec =
						   rand() % LONGEST_LIFE };
		const int writer = i % WRITERS;

		while (__atomic_load_n(&shared->answers[writer],
			   __ATOMIC_SEQ_CST) == 0)
			(void)usleep(50);
		(void)nanosleep(&life, NULL);
		end(shared, writer, pids[writer]);
		pids[writer] = start(&test, shared, writer);
	}
	for (int i = 0; i < WRITERS; i++)
		end(shared, i, pids[i]);
	if (shared->failures != 0)
		fail_msg("%d calls failed, the first: %s", shared->failures,
		    shared->error);
	check_counts(&test, shared);
	check_structure(&test);
	assert_int_equal(test_files(&test, "corrupt"), 0);
	print_message("# %d kills\n", kills);
	test_db_end(&test);
	(void)munmap(shared, sizeof(*shared));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_is_lost) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
