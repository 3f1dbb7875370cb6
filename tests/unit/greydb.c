/* The database by itself: what goes in comes out, and its bookkeeping. */
#include "test.h"

#include <sys/file.h>
#include <sys/wait.h>

#include <time.h>

#include "gdbm_check.h"
#include "journal.h"
#include "snapshot.h"

static struct grey_bytes
numbered(char buffer[64], const char *what, int i)
{
	int n = snprintf(buffer, 64, "%s %d at some.example", what, i);

	return (struct grey_bytes){ buffer, (size_t)n + 1 };
}

static void
store(struct greydb *db, struct grey_bytes key, struct grey_bytes value)
{
	struct grey_error err;

	if (greydb_store(db, key, value, &err) != GREY_OK)
		fail_msg("greydb_store: %s", err.text);
}

static void
expect_stored(struct greydb *db, struct grey_bytes key,
    const struct grey_bytes *want)
{
	struct greydb_value value = { 0 };
	enum grey_status status = greydb_fetch(db, key, &value, NULL);

	assert_int_equal(status, want != NULL ? GREY_OK : GREY_NOT_FOUND);
	if (want != NULL)
		assert_true(
		    grey_bytes_equal(greydb_value_bytes(&value), *want));
	greydb_value_free(&value);
}

/* The file's structure, and that it holds as many records as are counted. */
static void
expect_sound(struct test_db *test)
{
	struct greydb_report report;
	struct greydb *db;

	test_check(test, &report);
	db = test_open(test);
	assert_int_equal(greydb_records(db), report.records);
	test_close(db);
}

static void
stores_fetches_deletes(void **state)
{
	static const struct grey_bytes values[] = { { "", 0 }, { "x", 1 },
		{ "a\0b\377", 4 } };
	struct test_db test;
	struct greydb *db;
	char key[64], all[256];

	(void)state;
	test_db_begin(&test);
	db = test_open(&test);
	expect_stored(db, test_key("none"), NULL);
	assert_int_equal(greydb_delete(db, test_key("none"), NULL),
	    GREY_NOT_FOUND);
	for (int i = 0; i < 3; i++)
		store(db, numbered(key, "key", i), values[i]);
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	store(db, (struct grey_bytes){ all, 256 }, values[2]);
	store(db, (struct grey_bytes){ "", 0 }, values[1]);
	assert_int_equal(greydb_records(db), 5);
	test_close(db);
	db = test_open(&test);
	for (int i = 0; i < 3; i++)
		expect_stored(db, numbered(key, "key", i), &values[i]);
	expect_stored(db, (struct grey_bytes){ all, 256 }, &values[2]);
	expect_stored(db, (struct grey_bytes){ "", 0 }, &values[1]);
	/* A changed value is seen at once, in place or moved. */
	store(db, numbered(key, "key", 1), (struct grey_bytes){ "y", 1 });
	expect_stored(db, numbered(key, "key", 1),
	    &(struct grey_bytes){ "y", 1 });
	store(db, numbered(key, "key", 1), (struct grey_bytes){ "long", 4 });
	expect_stored(db, numbered(key, "key", 1),
	    &(struct grey_bytes){ "long", 4 });
	assert_int_equal(greydb_records(db), 5);
	assert_int_equal(greydb_delete(db, numbered(key, "key", 1), NULL),
	    GREY_OK);
	expect_stored(db, numbered(key, "key", 1), NULL);
	assert_int_equal(greydb_records(db), 4);
	test_close(db);
	expect_sound(&test);
	test_db_end(&test);
}

#define MANY 20000

static enum grey_status
count_visit(void *arg, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	char *seen = arg;
	int i = -1;

	(void)err;
	assert_int_equal(sscanf(key.data, "many %d", &i), 1);
	assert_true(i >= 0 && i < MANY);
	assert_int_equal(seen[i]++, 0);
	assert_int_equal(value.size, 32);
	return GREY_OK;
}

static void
a_snapshot_has_each_record_once(void **state)
{
	const struct greydb_settings settings = { .timeout = 5, .now = 1 };
	struct grey_snapshot *snapshot;
	struct grey_error err;
	struct test_db test;
	struct greydb *db;
	char key[64], value[32] = "1 1 0", *seen = calloc(1, MANY);

	(void)state;
	test_db_begin(&test);
	assert_int_equal(grey_snapshot_open(&test.session, &test.path,
			     &settings, &snapshot, &err),
	    GREY_NOT_FOUND);
	assert_int_equal(test_files(&test, "seen"), 0);
	db = test_open(&test);
	assert_int_equal(greydb_batch(db, &err), GREY_OK);
	for (int i = 0; i < MANY; i++)
		store(db, numbered(key, "many", i),
		    (struct grey_bytes){ value, sizeof(value) });
	test_close(db);
	expect_sound(&test);
	if (grey_snapshot_open(&test.session, &test.path, &settings, &snapshot,
		&err) != GREY_OK)
		fail_msg("%s", err.text);
	assert_int_equal(grey_snapshot_records(snapshot), MANY);
	/* What changes now is not in it. */
	db = test_open(&test);
	for (int i = 0; i < MANY; i += 2)
		assert_int_equal(greydb_delete(db, numbered(key, "many", i),
				     &err),
		    GREY_OK);
	test_close(db);
	if (grey_snapshot_walk(snapshot, count_visit, seen, &err) != GREY_OK)
		fail_msg("%s", err.text);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(seen[i], 1);
	grey_snapshot_close(&snapshot);
	assert_null(snapshot);
	expect_sound(&test);
	free(seen);
	test_db_end(&test);
}

#define OLD 100

static void
store_old(struct test_db *test)
{
	struct greydb *db = test_open(test);
	char key[64];

	for (int i = 0; i < OLD; i++)
		store(db, numbered(key, "old", i),
		    (struct grey_bytes){ "v", 1 });
	test_close(db);
}

/* As writers that die would leave it, again and again, but not for ever. */
static void
let_writers_die(const struct test_db *test, int deaths)
{
	int fd = test_file(test, "seen.lock", O_RDWR);
	char line[129] = "", *none;

	(void)alarm(20);
	while (deaths > 0) {
		if (pread(fd, line, 128, 0) != 128)
			_exit(1);
		none = strstr(line, " none 0 0 ");
		if (none == NULL)
			continue;
		memcpy(none, " batch 0 0", 10);
		if (pwrite(fd, line, 128, 0) != 128)
			_exit(1);
		deaths--;
	}
	_exit(0);
}

/* The next writer may die before the one that takes a snapshot has the lock. */
static void
a_snapshot_outlasts_several_deaths(void **state)
{
	const struct greydb_settings settings = { .timeout = 5, .now = 1 };
	struct grey_snapshot *snapshot;
	struct grey_error err;
	struct test_db test;
	pid_t pid;
	int status;

	(void)state;
	test_db_begin(&test);
	store_old(&test);
	pid = fork();
	if (pid == 0)
		let_writers_die(&test, 5);
	while (test.lines < 5) {
		if (grey_snapshot_open(&test.session, &test.path, &settings,
			&snapshot, &err) != GREY_OK)
			fail_msg("'%s'", err.text);
		assert_int_equal(grey_snapshot_records(snapshot), OLD);
		grey_snapshot_close(&snapshot);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	expect_sound(&test);
	test_db_end(&test);
}

/* Either who writes next finds that a writer died, or who takes a snapshot. */
static void
a_batch_that_dies_is_recovered_from(void **state)
{
	const struct greydb_settings settings = { .timeout = 5, .now = 1 };
	struct grey_snapshot *snapshot;
	struct grey_error err;
	struct test_db test;
	struct greydb *db;
	char key[64];
	int status, recoveries;
	pid_t pid;

	(void)state;
	test_db_begin(&test);
	store_old(&test);
	pid = fork();
	if (pid == 0) {
		db = test_open(&test);
		(void)greydb_batch(db, &err);
		for (int i = 0; i < 100; i++)
			store(db, numbered(key, "new", i),
			    (struct grey_bytes){ "v", 1 });
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	test.lines = 0;
	if (grey_snapshot_open(&test.session, &test.path, &settings, &snapshot,
		&err) != GREY_OK)
		fail_msg("%s", err.text);
	assert_true(grey_snapshot_records(snapshot) >= 100 &&
	    grey_snapshot_records(snapshot) <= 200);
	grey_snapshot_close(&snapshot);
	/* Berkeley DB's pages were kept back: there is nothing to recover. */
	recoveries = test_is_bdb() ? 0 : 1;
	assert_int_equal(test.lines, recoveries);
	if (recoveries > 0)
		assert_non_null(strstr(test.log, "a writer had died"));
	db = test_open(&test);
	assert_int_equal(test.lines, recoveries);
	for (int i = 0; i < 100; i++)
		expect_stored(db, numbered(key, "old", i),
		    &(struct grey_bytes){ "v", 1 });
	test_close(db);
	expect_sound(&test);
	assert_int_equal(test_files(&test, "corrupt"), 0);
	assert_int_equal(test_files(&test, "-new"), 0);
	test_db_end(&test);
}

/* Lets two entries of the directory change places: no record is lost. */
static const char *
damage_gdbm(const struct test_db *test)
{
	int fd = test_file(test, "seen", O_RDWR);
	struct grey_gdbm_file file;
	struct grey_error err;
	off_t last, first;

	assert_int_equal(grey_gdbm_begin(fd, &file, &err), GREY_OK);
	last = file.directory[file.entries - 1];
	first = file.directory[0];
	assert_true(last != first);
	assert_int_equal(pwrite(fd, &last, sizeof(last), file.directory_at),
	    sizeof(last));
	grey_gdbm_end(&file);
	(void)close(fd);
	return "recovered";
}

/* Spoils a byte in the middle of a page. */
static const char *
damage_bdb(const struct test_db *test)
{
	int fd = test_file(test, "seen", O_RDWR);

	assert_int_equal(pwrite(fd, "#", 1, 2 * 4096 + 4000), 1);
	(void)close(fd);
	return "records were saved";
}

/* After a boot the structure is checked once, and the records are counted. */
static void
another_boot_checks_the_structure(void **state)
{
	struct grey_journal journal;
	struct grey_error err;
	struct test_db test;
	struct greydb *db;
	char key[64], name[96];
	const char *said;
	int fd;

	(void)state;
	test_db_begin(&test);
	db = test_open(&test);
	for (int i = 0; i < 1000; i++)
		store(db, numbered(key, "old", i),
		    (struct grey_bytes){ "v", 1 });
	test_close(db);
	memset(test.session.boot_id, 'b', GREY_BOOT_ID);
	test.lines = 0;
	db = test_open(&test);
	assert_int_equal(greydb_records(db), 1000);
	test_close(db);
	assert_int_equal(test.lines, 0);
	fd = test_file(&test, "seen.lock", O_RDONLY);
	assert_int_equal(grey_journal_read(fd, &journal, &err), GREY_OK);
	assert_string_equal(journal.boot_id, test.session.boot_id);
	assert_int_equal(journal.records, 1000);
	(void)close(fd);

	/* The lock file's loss is met in the same way. */
	(void)snprintf(name, sizeof(name), "%s/seen.lock", test.directory);
	assert_int_equal(unlink(name), 0);
	db = test_open(&test);
	assert_int_equal(greydb_records(db), 1000);
	test_close(db);

	said = test_is_bdb() ? damage_bdb(&test) : damage_gdbm(&test);
	memset(test.session.boot_id, 'c', GREY_BOOT_ID);
	test.lines = 0;
	db = test_open(&test);
	assert_int_equal(test.lines, 1);
	assert_non_null(strstr(test.log, said));
	test_close(db);
	expect_sound(&test);
	test_db_end(&test);
}

/*
 * An announcement of before a boot is not carried out: the lock file may be
 * older than the database by then.
 */
static void
an_old_announcement_is_dropped(void **state)
{
	const struct greydb_settings settings = { .timeout = 1, .now = 1 };
	const struct grey_bytes old = { "old", 3 }, new = { "new", 3 };

	(void)state;
	for (int i = 0; i < 4; i++) {
		const bool rewrites = i % 2 == 1;
		struct greydb_rewrite rewrite = { 0 };
		struct grey_journal journal;
		struct grey_error err;
		struct test_db test;
		struct greydb *db;
		int fd;

		test_db_begin(&test);
		db = test_open(&test);
		store(db, test_key("k"), new);
		test_close(db);
		fd = test_file(&test, "seen.lock", O_RDWR);
		assert_int_equal(grey_journal_read(fd, &journal, &err),
		    GREY_OK);
		assert_int_equal(grey_journal_begin(fd, &journal,
				     i < 2 ? GREY_OP_STORE : GREY_OP_DELETE,
				     test_key("k"), old, &err),
		    GREY_OK);
		(void)close(fd);
		memset(test.session.boot_id, 'b', GREY_BOOT_ID);
		if (rewrites &&
		    greydb_rewrite(&test.session, &test.path, &settings,
			&rewrite, &err) != GREY_OK)
			fail_msg("%s", err.text);
		db = test_open(&test);
		expect_stored(db, test_key("k"), &new);
		assert_int_equal(greydb_records(db), 1);
		test_close(db);
		expect_sound(&test);
		test_db_end(&test);
	}
}

static void
write_lock(const struct test_db *test, const char *content, size_t size)
{
	int fd = test_file(test, "seen.lock", O_RDWR | O_CREAT | O_TRUNC);

	assert_int_equal(write(fd, content, size), (ssize_t)size);
	(void)close(fd);
}

static void
a_later_version_is_refused(void **state)
{
	static const char *const later[] = { "exigrey-lock 2 something else\n",
		"exigrey-lock 2\n", "exigrey-lock 2147483647 x",
		"exigrey-lock 99999999999 x" };
	const struct greydb_settings settings = { .timeout = 1,
		.create = true };

	(void)state;
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		struct grey_error err;
		struct test_db test;
		struct greydb *db;
		char now[64] = "";
		int fd;

		test_db_begin(&test);
		test_close(test_open(&test));
		write_lock(&test, later[i], strlen(later[i]));
		if (greydb_open(&test.session, &test.path, &settings, &db,
			&err) != GREY_FAILED)
			fail_msg("'%s' is not refused", later[i]);
		if (strstr(err.text, "from a later exigrey") == NULL)
			fail_msg("'%s': %s", later[i], err.text);
		fd = test_file(&test, "seen.lock", O_RDONLY);
		assert_true(read(fd, now, sizeof(now) - 1) > 0);
		assert_string_equal(now, later[i]);
		(void)close(fd);
		test_db_end(&test);
	}
}

/* The start of a line that has the session's boot id. */
#define LINE_START "exigrey-lock 1 %s "

/*
 * Whatever the lock file holds, the database is used, and what is in it stays:
 * a line that does not parse says nothing, and the file is checked.
 */
static void
garbage_in_the_lock_file_does_no_harm(void **state)
{
	static const struct {
		const char *name, *line;
		size_t length; /* of the file; 0: the line's 128 bytes */
	} table[] = { { "empty", "", 0 }, { "short", "exigrey-lock", 12 },
		{ "no newline", LINE_START "1 none 0 0", 60 },
		{ "other text", "root:x:0:0:root:/root:/bin/sh", 0 },
		{ "version 0", "exigrey-lock 0 %s 3 none 0 0", 0 },
		{ "version -1", "exigrey-lock -1 %s 3 none 0 0", 0 },
		{ "no number", "exigrey-lock one %s 3 none 0 0", 0 },
		{ "short boot id", "exigrey-lock 1 abc 3 none 0 0", 0 },
		{ "-1 records", LINE_START "-1 none 0 0", 0 },
		{ "too many records",
		    LINE_START "99999999999999999999 none 0 0", 0 },
		{ "unknown word", LINE_START "3 rename 0 0", 0 },
		{ "long word", LINE_START "3 storestorestore 0 0", 0 },
		{ "no sizes", LINE_START "3 store", 0 },
		{ "negative size", LINE_START "3 store -1 5", 0 },
		{ "negative sizes", LINE_START "3 delete -9 -9", 0 },
		{ "sizes that add up to 4",
		    LINE_START "3 store 18446744073709551615 5", 0 },
		{ "huge sizes", LINE_START "3 store 1048576 1048576", 0 },
		{ "too large sizes",
		    LINE_START "3 store 99999999999999999999999 1", 0 },
		{ "truncated key", LINE_START "3 store 100 32", 0 },
		{ "truncated delete", LINE_START "3 delete 7 0", 0 },
		{ "batch with sizes", LINE_START "3 batch 7 7", 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char key[64], line[256];
		struct test_db test;
		struct greydb *db;

		test_db_begin(&test);
		db = test_open(&test);
		for (int j = 0; j < 3; j++)
			store(db, numbered(key, "key", j),
			    (struct grey_bytes){ "v", 1 });
		test_close(db);
		memset(line, ' ', sizeof(line));
		/* The formats are this table's. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		line[snprintf(line, sizeof(line), table[i].line,
		    test.session.boot_id)] = ' ';
#pragma GCC diagnostic pop
		line[127] = '\n';
		write_lock(&test, line,
		    table[i].length != 0         ? table[i].length :
			table[i].line[0] != '\0' ? 128 :
						   0);
		db = test_open(&test);
		if (greydb_records(db) != 3)
			fail_msg("%s: %lld records", table[i].name,
			    (long long)greydb_records(db));
		for (int j = 0; j < 3; j++)
			expect_stored(db, numbered(key, "key", j),
			    &(struct grey_bytes){ "v", 1 });
		store(db, test_key("more"), (struct grey_bytes){ "w", 1 });
		test_close(db);
		expect_sound(&test);
		assert_int_equal(test_files(&test, "corrupt"), 0);
		test_db_end(&test);
	}
}

/* Random bytes, alone or after a line that is as it should be. */
static void
random_bytes_in_the_lock_file_do_no_harm(void **state)
{
	struct test_db test;
	struct greydb *db;
	char key[64];

	(void)state;
	srand(4);
	test_db_begin(&test);
	db = test_open(&test);
	for (int j = 0; j < 100; j++)
		store(db, numbered(key, "key", j),
		    (struct grey_bytes){ "v", 1 });
	test_close(db);
	for (int i = 0; i < 300; i++) {
		char bytes[1024];
		int start = i % 3 == 0 ?
		    0 :
		    snprintf(bytes, sizeof(bytes),
			i % 3 == 1 ? "exigrey-lock 1 " :
				     "exigrey-lock 1 %s %d store ",
			test.session.boot_id, i);

		for (size_t j = (size_t)start; j < sizeof(bytes); j++)
			bytes[j] = (char)rand();
		if (i % 2 == 0)
			bytes[127] = '\n';
		write_lock(&test, bytes, (size_t)rand() % sizeof(bytes));
		db = test_open(&test);
		assert_int_equal(greydb_records(db), 100);
		for (int j = 0; j < 100; j++)
			expect_stored(db, numbered(key, "key", j),
			    &(struct grey_bytes){ "v", 1 });
		test_close(db);
	}
	expect_sound(&test);
	assert_int_equal(test_files(&test, "corrupt"), 0);
	test_db_end(&test);
}

/*
 * A database of ours, as its lock file says, that cannot be read any more: set
 * aside, a new one started.
 */
static void
what_cannot_be_read_is_set_aside(void **state)
{
	static const struct {
		const char *name, *content;
		size_t size;
	} table[] = { { "empty", "", 0 }, { "a byte", "x", 1 },
		{ "text",
		    "This is no database, or is it?  It is long enough "
		    "to hold a header.",
		    67 } };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct test_db test;
		struct greydb *db;
		int fd;

		test_db_begin(&test);
		test_close(test_open(&test));
		fd = test_file(&test, "seen", O_RDWR | O_TRUNC);
		assert_int_equal(write(fd, table[i].content, table[i].size),
		    (ssize_t)table[i].size);
		(void)close(fd);
		db = test_open(&test);
		assert_int_equal(greydb_records(db), 0);
		store(db, test_key("k"), (struct grey_bytes){ "v", 1 });
		test_close(db);
		assert_int_equal(test_files(&test, "seen.corrupt-1000"), 1);
		expect_sound(&test);
		test_db_end(&test);
	}
}

/* What exigrey did not make it does not touch: DB may be a mistake. */
static void
a_file_of_another_kind_is_left_alone(void **state)
{
	const struct greydb_settings settings = { .timeout = 1,
		.create = true };
	char sqlite[4096] = "SQLite format 3", berkeley[4096] = "";
	char text[4096] = "127.0.0.1 localhost";
	const uint32_t magic = 0x061561;
	const char *const contents[] = { sqlite, berkeley, text };
	const char *const names[] = { "SQLite", "Berkeley DB",
		"nothing says that exigrey made it" };

	(void)state;
	memcpy(berkeley + 12, &magic, sizeof(magic));
	/* One of Berkeley DB's own, but encrypted, is no less foreign. */
	if (test_is_bdb())
		berkeley[24] = 1;
	for (size_t i = test_is_bdb() ? 1 : 0; i < 3; i++) {
		char now[4096];
		struct grey_error err;
		struct test_db test;
		struct greydb *db;
		int fd;

		test_db_begin(&test);
		fd = test_file(&test, "seen", O_RDWR | O_CREAT);
		assert_int_equal(write(fd, contents[i], 4096), 4096);
		(void)close(fd);
		assert_int_equal(greydb_open(&test.session, &test.path,
				     &settings, &db, &err),
		    GREY_FAILED);
		if (strstr(err.text, names[i]) == NULL)
			fail_msg("%s: %s", names[i], err.text);
		assert_int_equal(test_files(&test, "corrupt"), 0);
		fd = test_file(&test, "seen", O_RDONLY);
		assert_int_equal(read(fd, now, sizeof(now)), 4096);
		assert_memory_equal(now, contents[i], 4096);
		(void)close(fd);
		test_db_end(&test);
	}
}

/* An empty file that somebody made is as good as none. */
static void
an_empty_file_becomes_a_database(void **state)
{
	struct test_db test;
	int fd;

	(void)state;
	test_db_begin(&test);
	fd = test_file(&test, "seen", O_RDWR | O_CREAT);
	(void)close(fd);
	test_close(test_open(&test));
	assert_int_equal(test_files(&test, "corrupt"), 0);
	expect_sound(&test);
	test_db_end(&test);
}

static int64_t
milliseconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * Opens each of count databases in turn, whose locks are held, a hundred times
 * in all.  Returns how many of these calls lasted a whole timeout.  (The others
 * last half a millisecond, or as long as a busy machine makes them.)
 */
static int
whole_timeouts(struct test_db *tests, int count)
{
	const struct greydb_settings settings = { .timeout = 1,
		.create = true };
	int timeouts = 0;

	for (int i = 0; i < 100; i++) {
		const int64_t start = milliseconds();
		const struct grey_dbpath *path = &tests[i % count].path;
		struct grey_error err;
		struct greydb *db;

		assert_int_equal(greydb_open(&tests[0].session, path, &settings,
				     &db, &err),
		    GREY_BUSY);
		assert_non_null(strstr(err.text, "seen.lock"));
		timeouts += milliseconds() - start >= 1000;
	}
	return timeouts;
}

/* A lock that is stuck costs one timeout, not one for each call. */
static void
a_stuck_lock_costs_one_timeout(void **state)
{
	struct test_db test;
	int fd;

	(void)state;
	test_db_begin(&test);
	test_close(test_open(&test));
	fd = test_file(&test, "seen.lock", O_RDWR);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(whole_timeouts(&test, 1), 1);
	(void)close(fd);
	test_close(test_open(&test));
	test_db_end(&test);
}

/* Nor do several that are stuck, used in turn. */
static void
two_stuck_locks_cost_two_timeouts(void **state)
{
	struct test_db test[2];
	int fds[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		char name[96];

		test_db_begin(&test[i]);
		(void)snprintf(name, sizeof(name), "%s/seen.lock",
		    test[i].directory);
		fds[i] = open(name, O_RDWR | O_CREAT, 0600);
		assert_int_equal(flock(fds[i], LOCK_EX), 0);
	}
	assert_int_equal(whole_timeouts(test, 2), 2);
	for (int i = 0; i < 2; i++) {
		(void)close(fds[i]);
		test_db_end(&test[i]);
	}
}

/* Who holds a lock file that was deleted writes nothing more. */
static void
a_deleted_lock_stops_the_writer(void **state)
{
	struct grey_error err;
	struct test_db test;
	struct greydb *db;
	char name[96];

	(void)state;
	test_db_begin(&test);
	db = test_open(&test);
	(void)snprintf(name, sizeof(name), "%s/seen.lock", test.directory);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(greydb_store(db, test_key("k"),
			     (struct grey_bytes){ "v", 1 }, &err),
	    GREY_FAILED);
	assert_non_null(strstr(err.text, "lock file"));
	test_close(db);
	expect_sound(&test);
	test_db_end(&test);
}

/* What killed processes left goes, what others are just making stays. */
static void
leftovers_are_removed(void **state)
{
	static const struct {
		const char *name;
		time_t age;
		bool goes;
	} table[] = { { "seen.lock-new", 0, true },
		{ "seen.lock-4711", 3700, true },
		{ "seen.lock-4712", 60, false }, { "seen.lock-", 9999, false },
		{ "seen.lock-47x", 9999, false },
		{ "seen.corrupt-4711", 9999, false },
		{ "seen2.lock-4711", 9999, false },
		{ "other.lock-new", 9999, false } };
	const time_t now = 1795230000;
	const struct greydb_settings settings = { .timeout = 1, .now = now };
	struct grey_error err;
	struct test_db test;

	(void)state;
	test_db_begin(&test);
	test_close(test_open(&test));
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct timespec then = { .tv_sec = now - table[i].age };
		int fd = test_file(&test, table[i].name, O_RDWR | O_CREAT);

		assert_int_equal(futimens(fd,
				     (struct timespec[]){ then, then }),
		    0);
		(void)close(fd);
	}
	if (greydb_tidy(&test.session, &test.path, &settings, &err) != GREY_OK)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (test_files(&test, table[i].name) == table[i].goes)
			fail_msg("%s", table[i].name);
	expect_sound(&test);
	test_db_end(&test);
}

static void
strange_files_are_refused(void **state)
{
	const struct greydb_settings settings = { .timeout = 1,
		.create = true };

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct grey_error err = { .text = "" };
		struct test_db test;
		struct greydb *db;
		char name[96];

		test_db_begin(&test);
		(void)snprintf(name, sizeof(name), "%s/seen%s", test.directory,
		    i < 3 ? "" : ".lock");
		if (i == 0)
			assert_int_equal(symlink("/etc/passwd", name), 0);
		else if (i == 1)
			assert_int_equal(mkfifo(name, 0600), 0);
		else
			assert_int_equal(mkdir(name, 0700), 0);
		if (greydb_open(&test.session, &test.path, &settings, &db,
			&err) != GREY_FAILED)
			fail_msg("case %d is opened", i);
		assert_non_null(strstr(err.text, "seen"));
		if (i >= 2)
			assert_int_equal(rmdir(name), 0);
		test_db_end(&test);
	}
}

/* Who may not write the lock file is told so, and changes nothing. */
static void
an_unwritable_lock_file_is_named(void **state)
{
	const struct greydb_settings settings = { .timeout = 1,
		.create = true };
	struct test_db test;
	char name[96];
	int status;
	pid_t pid;

	(void)state;
	test_db_begin(&test);
	test_close(test_open(&test));
	(void)snprintf(name, sizeof(name), "%s/seen.lock", test.directory);
	assert_int_equal(chmod(name, 0400), 0);
	assert_int_equal(chmod(test.directory, 0755), 0);
	pid = fork();
	if (pid == 0) {
		struct grey_error err = { .text = "" };
		struct greydb *db;

		if (geteuid() == 0 && setuid(54321) == -1)
			_exit(2);
		_exit(greydb_open(&test.session, &test.path, &settings, &db,
			  &err) != GREY_FAILED ||
		    strstr(err.text, "seen.lock") == NULL ||
		    strstr(err.text, "Permission denied") == NULL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(chmod(name, 0600), 0);
	test_close(test_open(&test));
	expect_sound(&test);
	test_db_end(&test);
}

static void
a_world_writable_directory_is_refused(void **state)
{
	const struct greydb_settings settings = { .timeout = 1,
		.create = true };
	struct grey_error err;
	struct test_db test;
	struct greydb *db;

	(void)state;
	test_db_begin(&test);
	assert_int_equal(chmod(test.directory, 0777), 0);
	assert_int_equal(greydb_open(&test.session, &test.path, &settings, &db,
			     &err),
	    GREY_FAILED);
	assert_non_null(strstr(err.text, "everybody"));
	assert_int_equal(chmod(test.directory, 0750), 0);
	test_close(test_open(&test));
	{
		struct stat st;
		char name[96];

		/* The file's mode is the directory's, the lock's its own. */
		(void)snprintf(name, sizeof(name), "%s/seen", test.directory);
		assert_int_equal(stat(name, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0640);
		(void)strcat(name, ".lock");
		assert_int_equal(stat(name, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	test_db_end(&test);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
						stores_fetches_deletes),
		cmocka_unit_test(a_snapshot_has_each_record_once),
		cmocka_unit_test(a_snapshot_outlasts_several_deaths),
		cmocka_unit_test(a_batch_that_dies_is_recovered_from),
		cmocka_unit_test(another_boot_checks_the_structure),
		cmocka_unit_test(an_old_announcement_is_dropped),
		cmocka_unit_test(a_later_version_is_refused),
		cmocka_unit_test(garbage_in_the_lock_file_does_no_harm),
		cmocka_unit_test(random_bytes_in_the_lock_file_do_no_harm),
		cmocka_unit_test(what_cannot_be_read_is_set_aside),
		cmocka_unit_test(a_file_of_another_kind_is_left_alone),
		cmocka_unit_test(an_empty_file_becomes_a_database),
		cmocka_unit_test(a_stuck_lock_costs_one_timeout),
		cmocka_unit_test(two_stuck_locks_cost_two_timeouts),
		cmocka_unit_test(a_deleted_lock_stops_the_writer),
		cmocka_unit_test(leftovers_are_removed),
		cmocka_unit_test(strange_files_are_refused),
		cmocka_unit_test(an_unwritable_lock_file_is_named),
		cmocka_unit_test(a_world_writable_directory_is_refused) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
