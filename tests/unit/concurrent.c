/* 32 processes on one database: no count is lost, no call fails. */
#include "test.h"

#include <sys/mman.h>
#include <sys/wait.h>

#define PROCESSES 32
#define CALLS     250
#define ITEMS     10

/* Shared by all: the passes that were answered. */
struct tally {
	int passes[ITEMS];
	int suffix_passes;
	int failures;
	char error[512];
};

static void
call(struct test_db *test, struct tally *tally, int process, int i)
{
	struct greylist_request request = { .policy = grey_policy_default(),
		.now = 1000 };
	struct greylist_answer answer;
	struct grey_error err;
	char item[64];
	const int n = (process + i) % ITEMS;

	request.policy.delay = 0;
	request.policy.timeout = 60;
	if (i % 5 == 4) /* new to the file, which grows and splits */
		(void)snprintf(item, sizeof(item), "own %d %d", process, i);
	else
		(void)snprintf(item, sizeof(item), "shared %d", n);
	request.key.item = grey_bytes_of(item);
	if (i % 7 == 6)
		request.key.suffix = grey_bytes_of("friend");
	if (greylist_check(&test->session, &test->path, &request, &answer,
		&err) != GREY_OK) {
		if (__atomic_fetch_add(&tally->failures, 1, __ATOMIC_SEQ_CST) ==
		    0)
			memcpy(tally->error, err.text, sizeof(err.text));
	} else if (answer.pass && answer.reason == GREY_WHITELISTED)
		__atomic_fetch_add(&tally->suffix_passes, 1, __ATOMIC_SEQ_CST);
	else if (answer.pass && i % 5 != 4)
		__atomic_fetch_add(&tally->passes[n], 1, __ATOMIC_SEQ_CST);
}

static long long
stored_count(struct test_db *test, const char *item)
{
	const struct greydb_settings settings = { .timeout = 1 };
	struct greydb_value value = { 0 };
	struct grey_record record = { 0 };

	if (greylist_record(&test->session, &test->path, &settings,
		grey_bytes_of(item), &value, NULL) == GREY_OK)
		assert_int_equal(grey_record_parse(test_key(item),
				     greydb_value_bytes(&value), &record, NULL),
		    GREY_OK);
	greydb_value_free(&value);
	return (long long)record.count;
}

static void
no_count_is_lost(void **state)
{
	struct tally *tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct test_db test;
	char item[64];
	long long total = 0;

	(void)state;
	assert_true(tally != MAP_FAILED);
	test_db_begin(&test);
	for (int p = 0; p < PROCESSES; p++) {
		pid_t pid = fork();
		assert_true(pid != -1);
		if (pid == 0) {
			for (int i = 0; i < CALLS; i++)
				call(&test, tally, p, i);
			_exit(0);
		}
	}
	for (int p = 0; p < PROCESSES; p++) {
		int status;
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	if (tally->failures != 0)
		fail_msg("%d calls failed, the first: %s", tally->failures,
		    tally->error);
	for (int n = 0; n < ITEMS; n++) {
		(void)snprintf(item, sizeof(item), "shared %d", n);
		assert_int_equal(stored_count(&test, item), tally->passes[n]);
		total += tally->passes[n];
	}
	assert_true(total > PROCESSES * CALLS / 2);
	/* The pass that wrote "friend" has counted once without a hit. */
	assert_int_equal(stored_count(&test, "friend"),
	    tally->suffix_passes + 1);
	test_db_end(&test);
	(void)munmap(tally, sizeof(*tally));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
	    no_count_is_lost) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
