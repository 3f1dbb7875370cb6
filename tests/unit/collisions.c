/*
 * Keys that are made to have the same hash: a client chooses his sender
 * addresses, and GDBM's hash is linear (bytes i and i + 24 weigh the same).
 */
#include "test.h"

#include "gdbm_check.h"
#include "journal.h"

#define SWAPS 24 /* pairs of bytes that may change places */

/* Keys number 0 to 2^24 - 1: all have the same hash. */
static struct grey_bytes
alike(unsigned int number, char key[2 * SWAPS + 1])
{
	for (int i = 0; i < SWAPS; i++) {
		const bool swap = (number >> i & 1) != 0;
		key[i] = swap ? 'b' : 'a';
		key[SWAPS + i] = swap ? 'a' : 'b';
	}
	key[2 * SWAPS] = '\0';
	return (struct grey_bytes){ key, 2 * SWAPS + 1 };
}

static void
they_are_alike(void **state)
{
	char a[2 * SWAPS + 1], b[2 * SWAPS + 1];

	(void)state;
	assert_int_equal(grey_gdbm_hash(alike(0, a)),
	    grey_gdbm_hash(alike(0x5a5a5a, b)));
	assert_string_not_equal(a, b);
}

static off_t
file_size(const struct test_db *test)
{
	char name[96];
	struct stat st;

	(void)snprintf(name, sizeof(name), "%s/seen", test->directory);
	assert_int_equal(stat(name, &st), 0);
	return st.st_size;
}

static void
a_bucket_of_them_is_enough(void **state)
{
	const struct grey_bytes value = { "value", 6 };
	struct grey_error err = { .text = "" };
	char key[2 * SWAPS + 1];
	struct test_db test;
	struct greydb *db;
	int taken = 0;

	(void)state;
	test_db_begin(&test);
	db = test_open(&test);
	for (unsigned int i = 0; i < 400; i++) {
		enum grey_status status =
		    greydb_store(db, alike(i, key), value, &err);
		assert_true(status == GREY_OK || status == GREY_FULL);
		taken += status == GREY_OK;
	}
	assert_int_equal(taken, 166); /* a bucket of 4096 bytes */
	assert_non_null(strstr(err.text, "alike"));
	/* Others are not hindered, and the file is no larger for it. */
	assert_int_equal(greydb_store(db, test_key("other"), value, &err),
	    GREY_OK);
	/* One of them makes room for another. */
	assert_int_equal(greydb_delete(db, alike(7, key), &err), GREY_OK);
	assert_int_equal(greydb_store(db, alike(300, key), value, &err),
	    GREY_OK);
	test_close(db);
	assert_true(file_size(&test) < 100000);
	test_db_end(&test);
}

/* A writer that was about to store one too many, and died. */
static void
one_that_was_announced_keeps_nobody_out(void **state)
{
	const struct grey_bytes value = { "value", 6 };
	struct grey_journal journal;
	char key[2 * SWAPS + 1];
	struct grey_error err;
	struct test_db test;
	struct greydb *db;
	int fd;

	(void)state;
	test_db_begin(&test);
	db = test_open(&test);
	for (unsigned int i = 0; i < 166; i++)
		assert_int_equal(greydb_store(db, alike(i, key), value, &err),
		    GREY_OK);
	test_close(db);
	fd = test_file(&test, "seen.lock", O_RDWR);
	assert_int_equal(grey_journal_read(fd, &journal, &err), GREY_OK);
	assert_int_equal(grey_journal_begin(fd, &journal, GREY_OP_STORE,
			     alike(1000, key), value, &err),
	    GREY_OK);
	(void)close(fd);
	test.lines = 0;
	db = test_open(&test);
	assert_int_equal(greydb_records(db), 166);
	test_close(db);
	assert_int_equal(test.lines, 2); /* dropped, recovered */
	test_close(test_open(&test));
	assert_int_equal(test.lines, 2);
	test_db_end(&test);
}

/* Random keys are never refused, however many. */
static void
honest_keys_are_all_taken(void **state)
{
	const struct grey_bytes value = { "value", 6 };
	struct grey_error err;
	struct test_db test;
	struct greydb *db;
	char key[64];

	(void)state;
	test_db_begin(&test);
	db = test_open(&test);
	assert_int_equal(greydb_batch(db, &err), GREY_OK);
	for (int i = 0; i < 200000; i++) {
		(void)snprintf(key, sizeof(key),
		    "<user%d@example.com>:<x%d@example.org>", i / 7, i % 7);
		if (greydb_store(db, test_key(key), value, &err) != GREY_OK)
			fail_msg("%s: %s", key, err.text);
	}
	test_close(db);
	test_db_end(&test);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(they_are_alike),
		cmocka_unit_test(a_bucket_of_them_is_enough),
		cmocka_unit_test(one_that_was_announced_keeps_nobody_out),
		cmocka_unit_test(honest_keys_are_all_taken) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
