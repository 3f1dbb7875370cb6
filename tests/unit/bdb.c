/*
 * Berkeley DB files that others made, or that are damaged: read, refused with
 * the reason, or made anew; never a crash, and never a wrong value from a file
 * with checksums.
 */
#include "test.h"

#include <sys/wait.h>

#include <db.h>

#include "bdb_file.h"
#include "bdb_pages.h"
#include "greydb_driver.h"

#define RECORDS 200
#define PAGE    4096
#define GROWTH  5000

static struct grey_bytes
numbered(char buffer[64], const char *what, int i)
{
	int n = snprintf(buffer, 64, "%s %d", what, i);

	return (struct grey_bytes){ buffer, (size_t)n + 1 };
}

/* Makes a file as another program would. */
static void
make(const struct test_db *test, DBTYPE type, uint32_t flags, int order)
{
	char name[96], key[64], value[64];
	DB *db;

	(void)snprintf(name, sizeof(name), "%s/seen", test->directory);
	assert_int_equal(db_create(&db, NULL, 0), 0);
	assert_int_equal(db->set_pagesize(db, PAGE), 0);
	if (flags == DB_ENCRYPT)
		assert_int_equal(db->set_encrypt(db, "secret", DB_ENCRYPT_AES),
		    0);
	else
		assert_int_equal(db->set_flags(db, flags), 0);
	if (order != 0)
		assert_int_equal(db->set_lorder(db, order), 0);
	assert_int_equal(db->open(db, NULL, name, NULL, type, DB_CREATE, 0600),
	    0);
	for (int i = 0; i < RECORDS; i++) {
		struct grey_bytes k = numbered(key, "key", i);
		struct grey_bytes v = numbered(value, "1 2", i);
		DBT to = { .data = key, .size = (uint32_t)k.size };
		DBT what = { .data = value, .size = (uint32_t)v.size };
		assert_int_equal(db->put(db, NULL, &to, &what, 0), 0);
	}
	assert_int_equal(db->close(db, 0), 0);
}

static void
expect_all(struct test_db *test)
{
	struct greydb *db = test_open(test);
	char key[64], wanted[64];

	assert_int_equal(greydb_records(db), RECORDS);
	for (int i = 0; i < RECORDS; i++) {
		struct greydb_value value = { 0 };
		assert_int_equal(greydb_fetch(db, numbered(key, "key", i),
				     &value, NULL),
		    GREY_OK);
		assert_true(grey_bytes_equal(greydb_value_bytes(&value),
		    numbered(wanted, "1 2", i)));
		greydb_value_free(&value);
	}
	test_close(db);
}

/* The name asks for no kind: the file tells. */
static void
begin(struct test_db *test)
{
	test_db_begin(test);
	test->path.kind = GREY_KIND_ANY;
}

/* Both are read and written where they lie, and stay what they are. */
static void
hash_and_btree(void **state)
{
	static const DBTYPE types[] = { DB_HASH, DB_BTREE };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct grey_bdb_file file;
		struct greydb_report report;
		struct grey_error err;
		struct test_db test;
		struct greydb *db;
		int fd;

		begin(&test);
		make(&test, types[i], 0, 0);
		expect_all(&test);
		db = test_open(&test);
		assert_int_equal(greydb_store(db, test_key("new"),
				     grey_bytes_of("value"), &err),
		    GREY_OK);
		assert_int_equal(greydb_delete(db, test_key("new"), &err),
		    GREY_OK);
		test_close(db);
		expect_all(&test);
		test_check(&test, &report);
		assert_int_equal(report.records, RECORDS);
		fd = test_file(&test, "seen", O_RDONLY);
		assert_int_equal(grey_bdb_header(fd, &file, &err), GREY_OK);
		assert_int_equal(file.is_btree, types[i] == DB_BTREE);
		(void)close(fd);
		assert_int_equal(test.lines, 0);
		test_db_end(&test);
	}
}

static void
read_file(const struct test_db *test, char *content, size_t size)
{
	int fd = test_file(test, "seen", O_RDONLY);

	memset(content, 0, size);
	assert_true(read(fd, content, size) > 0);
	(void)close(fd);
}

/* What is refused is told apart, and not touched. */
static void
what_is_not_ours_to_read(void **state)
{
	static char before[1 << 17], after[1 << 17];
	static const struct {
		DBTYPE type;
		uint32_t flags;
		int order;
		off_t at; /* of a byte that is set */
		char byte;
		const char *said;
	} table[] = { { DB_HASH, DB_ENCRYPT, 0, 0, 0, "encrypted" },
		{ DB_HASH, 0, 4321, 0, 0, "another byte order" },
		{ DB_BTREE, 0, 4321, 0, 0, "another byte order" },
		{ DB_HASH, DB_DUP, 0, 0, 0, "several values" },
		{ DB_BTREE, DB_DUP, 0, 0, 0, "several values" },
		{ DB_HASH, 0, 0, 16, 7, "older Berkeley DB" },
		{ DB_BTREE, 0, 0, 16, 10, "later Berkeley DB" } };
	const struct greydb_settings settings = { .timeout = 1,
		.create = true };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct grey_error err = { .text = "" };
		struct test_db test;
		struct greydb *db;

		begin(&test);
		make(&test, table[i].type, table[i].flags, table[i].order);
		if (table[i].at != 0) {
			int fd = test_file(&test, "seen", O_RDWR);
			assert_int_equal(pwrite(fd, &table[i].byte, 1,
					     table[i].at),
			    1);
			(void)close(fd);
		}
		read_file(&test, before, sizeof(before));
		assert_int_equal(greydb_open(&test.session, &test.path,
				     &settings, &db, &err),
		    GREY_FAILED);
		if (strstr(err.text, table[i].said) == NULL)
			fail_msg("case %zu: %s", i, err.text);
		read_file(&test, after, sizeof(after));
		assert_memory_equal(before, after, sizeof(before));
		assert_int_equal(test_files(&test, "corrupt"), 0);
		test_db_end(&test);
	}
}

/* A process that only reads what there is; its exit status tells. */
enum { UNHARMED, DAMAGE_SEEN, WRONG_VALUE };

static int
read_damaged(struct test_db *test)
{
	const struct greydb_settings settings = { .timeout = 1,
		.read_only = true };
	int result = UNHARMED;

	for (int i = 0; i < RECORDS; i++) {
		struct greydb_value value = { 0 };
		char key[64], wanted[64];
		struct grey_bytes bytes = numbered(key, "key", i);
		enum grey_status status = greydb_peek(&test->session,
		    &test->path, &settings, &bytes, 1, &value, NULL);

		if (status != GREY_OK || value.data == NULL)
			result = result == UNHARMED ? DAMAGE_SEEN : result;
		else if (!grey_bytes_equal(greydb_value_bytes(&value),
			     numbered(wanted, "1 2", i)))
			result = WRONG_VALUE;
		greydb_value_free(&value);
	}
	return result;
}

/*
 * Spoils a few bytes, many times over, and reads; counts[3] is crashes.
 */
static void
spoil(struct test_db *test, int times, int counts[4])
{
	static char good[1 << 17];
	unsigned int seed = 1;
	struct stat st;
	int fd;

	read_file(test, good, sizeof(good));
	fd = test_file(test, "seen", O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_size <= (off_t)sizeof(good));
	for (int i = 0; i < times; i++) {
		int status;
		pid_t pid;

		for (int n = 1 + rand_r(&seed) % 4; n > 0; n--) {
			const char byte = (char)rand_r(&seed);
			assert_int_equal(pwrite(fd, &byte, 1,
					     rand_r(&seed) % st.st_size),
			    1);
		}
		pid = fork();
		if (pid == 0) {
			(void)alarm(20);
			_exit(read_damaged(test));
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		counts[WIFEXITED(status) ? WEXITSTATUS(status) : 3]++;
		assert_int_equal(pwrite(fd, good, (size_t)st.st_size, 0),
		    st.st_size);
	}
	(void)close(fd);
}

static int
times(void)
{
	const char *wanted = getenv("EXIGREY_DAMAGES");

	return wanted != NULL ? atoi(wanted) : 60;
}

/* One that exigrey made has checksums. */
static void
damage_is_seen(void **state)
{
	int counts[4] = { 0 };
	char key[64], value[64];
	struct grey_error err;
	struct test_db test;
	struct greydb *db;

	(void)state;
	test_db_begin(&test);
	test.path.kind = GREY_KIND_BDB;
	db = test_open(&test);
	for (int i = 0; i < RECORDS; i++)
		assert_int_equal(greydb_store(db, numbered(key, "key", i),
				     numbered(value, "1 2", i), &err),
		    GREY_OK);
	test_close(db);
	spoil(&test, times(), counts);
	print_message("# with checksums: %d unharmed, %d seen, %d wrong, "
		      "%d crashes\n",
	    counts[0], counts[1], counts[2], counts[3]);
	assert_int_equal(counts[WRONG_VALUE], 0);
	assert_int_equal(counts[3], 0);
	assert_true(counts[DAMAGE_SEEN] > times() / 2);
	test_db_end(&test);
}

/* One that Perl made has none: what that means is counted and printed. */
static void
damage_without_checksums(void **state)
{
	int counts[4] = { 0 };
	struct test_db test;

	(void)state;
	if (getenv("EXIGREY_PRELOAD") != NULL) {
		print_message("# built with sanitizers: they would find that "
			      "the library reads beyond such pages\n");
		return;
	}
	begin(&test);
	make(&test, DB_HASH, 0, 0);
	expect_all(&test);
	spoil(&test, times(), counts);
	print_message("# without: %d unharmed, %d seen, %d wrong, "
		      "%d crashes\n",
	    counts[0], counts[1], counts[2], counts[3]);
	assert_true(counts[DAMAGE_SEEN] + counts[UNHARMED] > times() / 4);
	test_db_end(&test);
}

/* Others wrote after a writer had died: its pages must not be written. */
static void
a_replay_overwrites_nobody(void **state)
{
	struct grey_bdb_pages pages = { 0 };
	struct grey_bytes blocks;
	struct grey_error err;
	struct test_db test;
	char page[PAGE], *copy;
	bool single;
	int fd;

	(void)state;
	begin(&test);
	fd = test_file(&test, "file", O_RDWR | O_CREAT);
	memset(page, 'a', sizeof(page));
	assert_int_equal(pwrite(fd, page, PAGE, 0), PAGE);
	memset(page, 'b', sizeof(page));
	assert_true(grey_bdb_pages_write(&pages, page, PAGE, 0));
	assert_true(grey_bdb_pages_write(&pages, page, PAGE, 5 * PAGE));
	assert_int_equal(grey_bdb_pages_collect(&pages, fd, &blocks, &single,
			     &err),
	    GREY_OK);
	assert_false(single);
	copy = malloc(blocks.size);
	assert_non_null(copy);
	memcpy(copy, blocks.data, blocks.size);
	blocks.data = copy;
	grey_bdb_pages_end(&pages);

	/* As it was, half done, done: it is done. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(grey_bdb_pages_replay(fd, blocks, &err),
		    GREY_OK);
		assert_int_equal(pread(fd, page, PAGE, 5 * PAGE), PAGE);
		assert_int_equal(page[0], 'b');
		memset(page, 'a', sizeof(page));
		assert_int_equal(pwrite(fd, page, PAGE, 0), PAGE);
		if (i == 1)
			assert_int_equal(ftruncate(fd, PAGE), 0);
	}
	memset(page, 'c', sizeof(page));
	assert_int_equal(pwrite(fd, page, PAGE, 0), PAGE);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	assert_int_equal(grey_bdb_pages_replay(fd, blocks, &err), GREY_DAMAGED);
	assert_int_equal(lseek(fd, 0, SEEK_END), PAGE);
	/* Nor is what makes no sense. */
	blocks.size -= 1;
	assert_int_equal(grey_bdb_pages_replay(fd, blocks, &err), GREY_DAMAGED);
	free(copy);
	(void)close(fd);
	test_db_end(&test);
}

/* A kind that the file has not. */
static void
the_name_must_fit(void **state)
{
	const struct greydb_settings settings = { .timeout = 1,
		.create = true };
	struct grey_error err;
	struct test_db test;
	struct greydb *db;

	(void)state;
	begin(&test);
	make(&test, DB_HASH, 0, 0);
	test.path.kind = GREY_KIND_GDBM;
	assert_int_equal(greydb_open(&test.session, &test.path, &settings, &db,
			     &err),
	    GREY_FAILED);
	assert_non_null(strstr(err.text, "Berkeley DB"));
	assert_non_null(strstr(err.text, "'gdbm:'"));
	test_db_end(&test);
}

/*
 * Whatever a store does to the file, splits of pages and the freeing of the
 * last one included, it does not before it has been announced.
 */
static void
nothing_is_written_before_its_announcement(void **state)
{
	struct test_db test;
	struct grey_error err;
	struct stat before, after;
	char key[96];
	void *handle;

	(void)state;
	test_db_begin(&test);
	make(&test, DB_HASH, DB_CHKSUM, 0);
	for (int i = 0; i < GROWTH; i++) {
		const int fd = test_file(&test, "seen", O_RDWR);
		struct grey_start start;
		struct grey_bytes blocks;
		bool single;

		(void)snprintf(key, sizeof(key), "%d %060d", i % 7, i / 7);
		assert_int_equal(grey_start_read(fd, &start, &err), GREY_OK);
		assert_int_equal(greydb_bdb.open(fd, &start, GREYDB_WRITE,
				     &handle, &err),
		    GREY_OK);
		assert_int_equal(fstat(fd, &before), 0);
		assert_int_equal(greydb_bdb.store(handle, test_key(key),
				     (struct grey_bytes){ key, 32 }, &err),
		    GREY_OK);
		assert_int_equal(greydb_bdb.collect(handle, &blocks, &single,
				     &err),
		    GREY_OK);
		assert_int_equal(fstat(fd, &after), 0);
		assert_int_equal(after.st_size, before.st_size);
		assert_memory_equal(&after.st_mtim, &before.st_mtim,
		    sizeof(after.st_mtim));
		if (greydb_bdb.commit(handle, false, &err) != GREY_OK)
			fail_msg("%d: %s", i, err.text);
		assert_int_equal(greydb_bdb.close(handle,
				     test.session.sync_sink, &err),
		    GREY_OK);
	}
	test_db_end(&test);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(hash_and_btree),
		cmocka_unit_test(what_is_not_ours_to_read),
		cmocka_unit_test(damage_is_seen),
		cmocka_unit_test(damage_without_checksums),
		cmocka_unit_test(a_replay_overwrites_nobody),
		cmocka_unit_test(the_name_must_fit),
		cmocka_unit_test(nothing_is_written_before_its_announcement) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
