/*
 * Damage that libgdbm 1.23 does not see before it writes: it never comes back,
 * is aborted, or loses records without a word.  Our own look sees it first, and
 * the database is rebuilt with every record.
 */
#include "test.h"

#include <sys/wait.h>

#include <signal.h>

#include "gdbm_check.h"

#define KEYS    160 /* nearly all that a bucket holds */
#define MORE    400
#define SECONDS 5

/* Offsets in the file and in a bucket: GDBM 1.23, gdbmdefs.h. */
#define DIRECTORY    8
#define NEXT_BLOCK   32
#define SPACE_COUNT  44
#define SPACE        56
#define EXTENT_SIZE  16
#define BUCKET_BITS  104
#define BUCKET_COUNT 108
#define BUCKET_SPACE 8
#define ELEMENTS     112
#define ELEMENT_SIZE 24
#define ELEMENT_AT   8
#define ELEMENT_KEY  16 /* its size */

static void
put(int fd, off_t at, const void *bytes, size_t size)
{
	assert_int_equal(pwrite(fd, bytes, size, at), size);
}

static void
put32(int fd, off_t at, int32_t number)
{
	put(fd, at, &number, sizeof(number));
}

static void
put64(int fd, off_t at, int64_t number)
{
	put(fd, at, &number, sizeof(number));
}

static int64_t
get64(int fd, off_t at)
{
	int64_t number;

	assert_int_equal(pread(fd, &number, sizeof(number), at),
	    sizeof(number));
	return number;
}

static int32_t
get32(int fd, off_t at)
{
	int32_t number;

	assert_int_equal(pread(fd, &number, sizeof(number), at),
	    sizeof(number));
	return number;
}

/* The only bucket. */
static off_t
bucket_of(int fd)
{
	return get64(fd, get64(fd, DIRECTORY));
}

static void
add_space(int fd, int i, int32_t size, int64_t at)
{
	put32(fd, SPACE_COUNT, i + 1);
	put32(fd, SPACE + i * EXTENT_SIZE, size);
	put64(fd, SPACE + i * EXTENT_SIZE + 8, at);
}

static void
space_is_the_bucket(int fd)
{
	add_space(fd, 0, 4096, bucket_of(fd));
}

static void
space_is_told_of_twice(int fd)
{
	const int64_t end = get64(fd, NEXT_BLOCK);

	assert_int_equal(ftruncate(fd, end + 4096), 0);
	put64(fd, NEXT_BLOCK, end + 4096);
	add_space(fd, 0, 4096, end);
	add_space(fd, 1, 4096, end);
}

static void
space_is_the_directory(int fd)
{
	add_space(fd, 0, 4096, get64(fd, DIRECTORY));
}

static void
directory_leads_elsewhere(int fd)
{
	const int64_t directory = get64(fd, DIRECTORY);

	for (int i = 0; i < 256; i++)
		put64(fd, directory + i * 8, 4096);
}

static void
bucket_has_too_many_bits(int fd)
{
	put32(fd, bucket_of(fd) + BUCKET_BITS, 4);
}

static void
bucket_seems_full(int fd)
{
	put32(fd, bucket_of(fd) + BUCKET_COUNT, 166);
}

static void
bucket_seems_emptier(int fd)
{
	const off_t at = bucket_of(fd) + BUCKET_COUNT;

	put32(fd, at, get32(fd, at) - 60);
}

/* Number i, from 0, of the elements that are in use. */
static off_t
element_of(int fd, int i)
{
	off_t at = bucket_of(fd) + ELEMENTS;

	while (get32(fd, at) == -1 || i-- > 0)
		at += ELEMENT_SIZE;
	return at;
}

static void
two_records_are_one(int fd)
{
	put64(fd, element_of(fd, 1) + ELEMENT_AT,
	    get64(fd, element_of(fd, 0) + ELEMENT_AT));
}

static void
other_records_are_one(int fd)
{
	put64(fd, element_of(fd, 1) + ELEMENT_AT,
	    get64(fd, element_of(fd, 2) + ELEMENT_AT));
}

static void
record_is_free(int fd)
{
	put32(fd, bucket_of(fd), 1);
	put32(fd, bucket_of(fd) + BUCKET_SPACE, 20);
	put64(fd, bucket_of(fd) + BUCKET_SPACE + 8,
	    get64(fd, element_of(fd, 0) + ELEMENT_AT) + 10);
}

static void
record_is_the_directory(int fd)
{
	put64(fd, element_of(fd, 1) + ELEMENT_AT, get64(fd, DIRECTORY));
}

static void
store(struct test_db *test, int from, int to)
{
	for (int i = from; i < to; i++) {
		struct greydb *db = test_open(test);
		struct grey_error err;
		char item[32];

		(void)snprintf(item, sizeof(item), "item %d", i);
		if (greydb_store(db, test_key(item),
			(struct grey_bytes){ "1 2 3", 6 }, &err) != GREY_OK)
			fail_msg("%s", err.text);
		test_close(db);
	}
}

static int64_t
count_records(struct test_db *test)
{
	struct greydb_report report;
	struct grey_error err;
	int fd = test_file(test, "seen", O_RDONLY);

	if (grey_gdbm_check(fd, true, NULL, &report, &err) != GREY_OK)
		fail_msg("not sound: %s", err.text);
	(void)close(fd);
	return report.records;
}

/* In a process of its own, which has not for ever. */
static void
go_on(struct test_db *test)
{
	pid_t pid = fork();
	int status;

	assert_true(pid != -1);
	if (pid == 0) {
		(void)alarm(SECONDS);
		store(test, KEYS, KEYS + MORE);
		_exit(test->lines == 1 ? 0 : 99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("%s %d",
		    WIFSIGNALED(status) ? "ended by signal" : "log lines:",
		    WIFSIGNALED(status) ? WTERMSIG(status) :
					  WEXITSTATUS(status));
}

static void
damage_is_seen_first(void **state)
{
	static const struct {
		const char *name;
		void (*harm)(int fd);
	} cases[] = { { "space is the bucket", space_is_the_bucket },
		{ "space is told of twice", space_is_told_of_twice },
		{ "space is the directory", space_is_the_directory },
		{ "directory leads elsewhere", directory_leads_elsewhere },
		{ "bucket has too many bits", bucket_has_too_many_bits },
		{ "bucket seems full", bucket_seems_full },
		{ "bucket seems emptier", bucket_seems_emptier } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct test_db test;
		int fd;

		print_message("# %s\n", cases[i].name);
		test_db_begin(&test);
		store(&test, 0, KEYS);
		fd = test_file(&test, "seen", O_RDWR);
		cases[i].harm(fd);
		(void)close(fd);
		go_on(&test);
		assert_int_equal(count_records(&test), KEYS + MORE);
		test_db_end(&test);
	}
}

/* The key of the first element. */
static size_t
first_key(int fd, char key_r[32])
{
	const off_t element = element_of(fd, 0);
	const size_t size = (size_t)get32(fd, element + ELEMENT_KEY);

	assert_true(size <= 32);
	assert_int_equal(pread(fd, key_r, size,
			     get64(fd, element + ELEMENT_AT)),
	    size);
	return size;
}

static void
damage_is_seen_before_a_delete(void **state)
{
	static const struct {
		const char *name;
		void (*harm)(int fd);
		int lost;
	} cases[] = { { "two records are one", two_records_are_one, 1 },
		{ "others are", other_records_are_one, 1 },
		{ "record is free", record_is_free, 0 },
		{ "record is the directory", record_is_the_directory, 1 },
		{ "bucket seems emptier", bucket_seems_emptier, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct grey_error err;
		struct grey_bytes key;
		struct test_db test;
		struct greydb *db;
		char text[32];
		int fd;

		print_message("# %s\n", cases[i].name);
		test_db_begin(&test);
		store(&test, 0, KEYS);
		fd = test_file(&test, "seen", O_RDWR);
		key = (struct grey_bytes){ text, first_key(fd, text) };
		cases[i].harm(fd);
		(void)close(fd);
		db = test_open(&test);
		assert_int_equal(greydb_delete(db, key, &err), GREY_OK);
		test_close(db);
		assert_int_equal(test.lines, 1);
		assert_int_equal(count_records(&test),
		    KEYS - 1 - cases[i].lost);
		test_db_end(&test);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damage_is_seen_first),
		cmocka_unit_test(damage_is_seen_before_a_delete),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
