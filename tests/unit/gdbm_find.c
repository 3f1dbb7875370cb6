/*
 * Finding a key where its directory entry leads to another bucket, as it does
 * for whoever read the entry before a split and the bucket after it: that is
 * damage, never an unknown key.
 */
#include "test.h"

#include "gdbm_file.h"
#include "gdbm_find.h"

#define KEYS 300

static void
make_key(int i, char item[24])
{
	(void)snprintf(item, 24, "key %d", i);
}

static void
fill(struct test_db *test)
{
	struct greydb *db = test_open(test);
	struct grey_error err;
	char item[24];

	for (int i = 0; i < KEYS; i++) {
		make_key(i, item);
		if (greydb_store(db, test_key(item), grey_bytes_of("1 1 0"),
			&err) != GREY_OK)
			fail_msg("%s", err.text);
	}
	test_close(db);
}

/* Makes all entries lead where the first one does. */
static void
mislead(int fd)
{
	struct grey_gdbm_file file;
	struct grey_error err;
	off_t bucket;

	assert_int_equal(grey_gdbm_begin(fd, &file, &err), GREY_OK);
	bucket = file.directory[0];
	assert_int_not_equal(file.directory[0],
	    file.directory[file.entries - 1]);
	for (size_t i = 0; i < file.entries; i++)
		assert_int_equal(pwrite(fd, &bucket, sizeof(bucket),
				     file.directory_at +
					 (off_t)(i * sizeof(bucket))),
		    sizeof(bucket));
	grey_gdbm_end(&file);
}

/* Looks for all keys; returns how many were led astray. */
static int
count_damaged(int fd)
{
	struct grey_gdbm_file file;
	struct grey_bytes value;
	struct grey_error err;
	enum grey_status status;
	char item[24];
	int damaged = 0;

	for (int i = 0; i < KEYS; i++) {
		make_key(i, item);
		assert_int_equal(grey_gdbm_header(fd, &file, &err), GREY_OK);
		status = grey_gdbm_find(&file, test_key(item), &value, &err);
		if (status == GREY_NOT_FOUND)
			fail_msg("'%s' is taken for unknown", item);
		damaged += status == GREY_DAMAGED;
		grey_gdbm_end(&file);
	}
	return damaged;
}

static void
another_bucket_is_damage(void **state)
{
	struct test_db test;
	int fd, damaged;

	(void)state;
	test_db_begin(&test);
	fill(&test);
	fd = test_file(&test, "seen", O_RDWR);
	assert_int_equal(count_damaged(fd), 0);
	mislead(fd);
	damaged = count_damaged(fd);
	/* Those of the first bucket are found. */
	assert_in_range(damaged, 1, KEYS - 1);
	(void)close(fd);
	test_db_end(&test);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
	    another_bucket_is_damage) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
