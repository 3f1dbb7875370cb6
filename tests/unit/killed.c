/*
 * A writer that is killed before its k-th write, for every k of every
 * operation: the next call recovers by itself, completes what was announced
 * and has lost nothing.  The same where the disk is full from the k-th write
 * on.  EXIGREY_CRASH_OPERATIONS says how many operations.
 *
 * The same for a compaction and a repair, before each of their writes, syncs,
 * and changes of names.
 */
#include "test.h"

#include <sys/wait.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>

#include <gdbm.h>

#include "gdbm_file.h"
#include "journal.h"
#include "snapshot.h"
#define ONLY_WRITES
#include "writes.h"

/*
 * With blocks of 512 bytes a bucket has 16 records and the directory 64
 * entries at first: from so many records on it is about to be doubled.
 */
#define BLOCK_SIZE    512
#define FIRST_RECORDS 664
#define OPERATIONS    60
#define KEYS          4000
#define VALUE_SIZES   3

static long writes_left = -1; /* -1: no limit */
static bool disk_full;        /* then the database's writes fail instead */

static bool
may_change(enum change_kind kind)
{
	/* A sync changes nothing that a kill could cut off. */
	if (kind == CHANGE_SYNC)
		return true;
	if (disk_full) {
		/* What is written in place needs no space. */
		if (kind != CHANGE_MORE)
			return true;
		errno = ENOSPC;
		return writes_left == 0 ? false : writes_left-- != 0;
	}
	if (writes_left == 0)
		(void)kill(getpid(), SIGKILL);
	if (writes_left > 0)
		writes_left--;
	return true;
}

static void
was_written(int fd, off_t at, ssize_t size)
{
	(void)fd;
	(void)at;
	(void)size;
}

/* What the database must hold: a size of value for each key, 0: none. */
struct model {
	char keys[KEYS][24];
	int sizes[KEYS];
	int records;
};

static void
make_keys(struct model *model)
{
	for (int i = 0; i < KEYS; i++)
		(void)snprintf(model->keys[i], sizeof(model->keys[i]), "key %d",
		    i);
}

static struct grey_bytes
value_of(int key, int size, char buffer[96])
{
	(void)snprintf(buffer, 96, "%d %d", key, size);
	memset(buffer + strlen(buffer), 0, 96 - strlen(buffer));
	return (struct grey_bytes){ buffer, (size_t)size * 32 };
}

static void
apply(struct test_db *test, struct model *model, int key, int size)
{
	struct greydb *db = test_open(test);
	struct grey_error err;
	char buffer[96];
	enum grey_status status;

	status = size == 0 ?
	    greydb_delete(db, test_key(model->keys[key]), &err) :
	    greydb_store(db, test_key(model->keys[key]),
		value_of(key, size, buffer), &err);
	if (status != GREY_OK)
		fail_msg("%s", err.text);
	test_close(db);
}

static void
note(struct model *model, int key, int size)
{
	model->records += (size > 0) - (model->sizes[key] > 0);
	model->sizes[key] = size;
}

static enum grey_status
check_record(void *arg, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	const struct model *model = arg;
	char buffer[96];
	int i;

	(void)err;
	/* The value starts with the key's number. */
	i = atoi(value.data);
	if (i < 0 || i >= KEYS || strcmp(model->keys[i], key.data) != 0 ||
	    !grey_bytes_equal(value, value_of(i, model->sizes[i], buffer)))
		fail_msg("'%s' has the value '%s' of size %zu", key.data,
		    value.data, value.size);
	return GREY_OK;
}

/* Every record once, with its value; structure and count right. */
static void
check_all(struct test_db *test, struct model *model)
{
	const struct greydb_settings settings = { .timeout = 5 };
	struct greydb_report report;
	struct grey_snapshot *snapshot;
	struct grey_error err;

	if (grey_snapshot_open(&test->session, &test->path, &settings,
		&snapshot, &err) != GREY_OK)
		fail_msg("%s", err.text);
	assert_int_equal(grey_snapshot_records(snapshot), model->records);
	if (grey_snapshot_walk(snapshot, check_record, model, &err) != GREY_OK)
		fail_msg("%s", err.text);
	grey_snapshot_close(&snapshot);
	test_check(test, &report);
	assert_int_equal(report.records, model->records);
}

static void
copy_file(const struct test_db *from, const struct test_db *to,
    const char *name)
{
	static char buffer[1 << 20];
	char path[96];
	ssize_t n;
	int in, out;

	(void)snprintf(path, sizeof(path), "%s/%s", from->directory, name);
	in = open(path, O_RDONLY);
	(void)snprintf(path, sizeof(path), "%s/%s", to->directory, name);
	out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(in != -1 && out != -1);
	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		assert_int_equal(write(out, buffer, (size_t)n), n);
	(void)close(in);
	(void)close(out);
}

static void
copy_database(const struct test_db *from, const struct test_db *to)
{
	copy_file(from, to, "seen");
	copy_file(from, to, "seen.lock");
}

/* Runs the operation in a process that dies before write number limit. */
static bool
dies(struct test_db *test, struct model *model, int key, int size, long limit)
{
	int status;
	pid_t pid = fork();

	assert_true(pid != -1);
	if (pid == 0) {
		writes_left = limit;
		apply(test, model, key, size);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return true;
	}
	assert_int_equal(status, 0);
	return false;
}

/*
 * The recovery is a writer too: let it die before each of its writes, and
 * look at last whether the database is right.
 */
static void
recover_with_deaths(struct test_db *test, struct model *model, bool with_deaths)
{
	for (long limit = 0; with_deaths && limit < 1000; limit++) {
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			writes_left = limit;
			test_close(test_open(test));
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSIGNALED(status))
			break;
	}
	test_close(test_open(test));
	check_all(test, model);
}

/* An insert, a delete or a change of size, the inserts in a majority. */
static int
choose(struct model *model, int operation, int *size_r)
{
	static uint32_t random = 12345;
	int key;

	random = random * 1103515245 + 12345;
	key = operation % 3 != 2 ?
	    FIRST_RECORDS + operation :
	    (int)(random >> 16) % (FIRST_RECORDS + operation);
	*size_r = model->sizes[key] == 0 ?
	    1 + (int)(random >> 8) % VALUE_SIZES :
	    operation % 2 == 0 ? 0 :
				 1 + model->sizes[key] % VALUE_SIZES;
	return key;
}

/* The database that all starts with. */
static void
fill(struct test_db *base, struct model *model)
{
	const struct greydb_settings settings = { .timeout = 1, .now = 1000 };
	struct greydb_rewrite rewrite = { .block_size = BLOCK_SIZE };
	struct grey_error err;

	make_keys(model);
	test_close(test_open(base));
	if (greydb_rewrite(&base->session, &base->path, &settings, &rewrite,
		&err) != GREY_OK)
		fail_msg("%s", err.text);
	for (int i = 0; i < FIRST_RECORDS; i++) {
		apply(base, model, i, 1);
		note(model, i, 1);
	}
}

/*
 * Did the operations split buckets until the directory had to be doubled?
 * (Berkeley DB, which has none, splits one at a time.)
 */
static int64_t
size_of_directory(const struct test_db *test)
{
	struct greydb_report report;

	test_check(test, &report);
	return test_is_bdb() ? report.buckets : report.directory;
}

/* Did a writer that died announce what it was at? */
static bool
was_announced(const struct test_db *test)
{
	int fd = test_file(test, "seen.lock", O_RDONLY);
	struct grey_journal journal;
	struct grey_error err;

	assert_int_equal(grey_journal_read(fd, &journal, &err), GREY_OK);
	(void)close(fd);
	return journal.operation != GREY_OP_NONE;
}

/*
 * Was it done before its writer died?  One that had split a bucket may after
 * that have been about to let space be used again.
 */
static bool
was_done(struct test_db *test, const struct model *model, int key, int size)
{
	const struct greydb_settings settings = { .timeout = 5,
		.read_only = true };
	const struct grey_bytes wanted = test_key(model->keys[key]);
	struct greydb_value value;
	struct grey_error err;
	char buffer[96];
	bool done;

	if (greydb_peek(&test->session, &test->path, &settings, &wanted, 1,
		&value, &err) != GREY_OK)
		fail_msg("%s", err.text);
	done = size == 0 ? value.data == NULL :
			   value.data != NULL &&
		grey_bytes_equal(greydb_value_bytes(&value),
		    value_of(key, size, buffer));
	greydb_value_free(&value);
	return done;
}

static void
every_write_of_every_operation(void **state)
{
	const char *wanted = getenv("EXIGREY_CRASH_OPERATIONS");
	int operations = wanted != NULL ? atoi(wanted) : OPERATIONS;
	static struct model model;
	struct test_db base, test;
	long deaths = 0, undone = 0;
	int64_t entries;

	(void)state;
	test_db_begin(&base);
	test_db_begin(&test);
	fill(&base, &model);
	entries = size_of_directory(&base);
	for (int i = 0; i < operations && FIRST_RECORDS + i < KEYS; i++) {
		int size, key = choose(&model, i, &size);
		int before = model.sizes[key];

		for (long limit = 0;; limit++) {
			copy_database(&base, &test);
			if (!dies(&test, &model, key, size, limit))
				break;
			deaths++;
			/* Only a death before the announcement undoes it. */
			if (was_announced(&test) ||
			    was_done(&test, &model, key, size))
				note(&model, key, size);
			else
				undone++;
			recover_with_deaths(&test, &model, i % 20 == 0);
			note(&model, key, before);
		}
		note(&model, key, size);
		check_all(&test, &model);
		copy_database(&test, &base);
	}
	assert_true(deaths > operations * 4);
	/* What is longer than a page is announced with two writes. */
	assert_true(undone >= operations &&
	    undone <= (test_is_bdb() ? 2 : 1) * operations);
	assert_true(size_of_directory(&base) > entries);
	print_message("# %d operations, %ld deaths, %d records at the end\n",
	    operations, deaths, model.records);
	test_db_end(&base);
	test_db_end(&test);
}

/*
 * A batch, as an edit makes it: most keys are deleted, which touches all buckets
 * again and again and frees more space than their tables hold; then new ones
 * take some of it.  (The first that needs libgdbm ends what goes without.)
 */
#define BATCH   FIRST_RECORDS
#define DELETED (BATCH * 3 / 4)

static int
key_of_batch(int i)
{
	return i < DELETED ? i : FIRST_RECORDS + i;
}

static void
apply_batch(struct test_db *test, const struct model *model)
{
	struct greydb *db = test_open(test);
	struct grey_error err;
	enum grey_status status = greydb_batch(db, &err);
	char buffer[96];

	for (int i = 0; i < BATCH && status == GREY_OK; i++) {
		const int key = key_of_batch(i);
		const struct grey_bytes bytes = test_key(model->keys[key]);

		status = key < FIRST_RECORDS ?
		    greydb_delete(db, bytes, &err) :
		    greydb_store(db, bytes, value_of(key, 1, buffer), &err);
	}
	if (status != GREY_OK)
		fail_msg("%s", err.text);
	test_close(db);
}

/* Returns true if it died before write number limit. */
static bool
batch_dies(struct test_db *test, const struct model *model, long limit)
{
	int status;
	pid_t pid = fork();

	assert_true(pid != -1);
	if (pid == 0) {
		writes_left = limit;
		apply_batch(test, model);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status))
		assert_int_equal(status, 0);
	return WIFSIGNALED(status);
}

/* Of a batch that died each key is as before or as it was to be. */
static int
note_batch(struct test_db *test, struct model *model)
{
	struct greydb *db = test_open(test);
	int done = 0;

	for (int i = 0; i < BATCH; i++) {
		const int key = key_of_batch(i);
		struct greydb_value value = { 0 };
		const int size = greydb_fetch(db, test_key(model->keys[key]),
				     &value, NULL) == GREY_OK;

		greydb_value_free(&value);
		done += size != model->sizes[key];
		note(model, key, size);
	}
	test_close(db);
	return done;
}

static enum grey_status
count_tables(void *arg, bool is_table, struct grey_gdbm_extent extent,
    struct grey_error *err)
{
	(void)extent;
	(void)err;
	*(int *)arg += is_table;
	return GREY_OK;
}

/* How many tables of free space has the file beside the header's? */
static int
tables_of(const struct test_db *test)
{
	int fd = test_file(test, "seen", O_RDONLY), tables = 0;
	struct grey_gdbm_file file;
	struct grey_error err;

	if (grey_gdbm_begin(fd, &file, &err) != GREY_OK ||
	    grey_gdbm_free_space(&file, count_tables, &tables, &err) != GREY_OK)
		fail_msg("%s", err.text);
	grey_gdbm_end(&file);
	(void)close(fd);
	return tables;
}

static void
every_write_of_a_batch(void **state)
{
	const bool all = getenv("EXIGREY_CRASH_OPERATIONS") != NULL;
	static struct model model, after;
	struct greydb_report before, now;
	struct test_db base, test;
	long deaths = 0;
	int half_done = 0;

	(void)state;
	test_db_begin(&base);
	test_db_begin(&test);
	fill(&base, &model);
	for (long limit = 0;; limit += all ? 1 : 5) {
		int done;

		copy_database(&base, &test);
		if (!batch_dies(&test, &model, limit))
			break;
		deaths++;
		test_close(test_open(&test));
		after = model;
		done = note_batch(&test, &after);
		half_done += done > 0 && done < BATCH;
		check_all(&test, &after);
	}
	after = model;
	assert_int_equal(note_batch(&test, &after), BATCH);
	check_all(&test, &after);
	if (!test_is_bdb()) {
		assert_true(half_done > 10);
		assert_true(tables_of(&test) > tables_of(&base));
		/* What was removed is free, but for what the tables take. */
		test_check(&base, &before);
		test_check(&test, &now);
		assert_true(now.free_space - before.free_space >
		    (model.records - after.records) * 32);
	}
	print_message("# a batch of %d: %ld deaths, %d of them half-way\n",
	    BATCH, deaths, half_done);
	test_db_end(&base);
	test_db_end(&test);
}

/* What compact and repair do. */
static const struct {
	const char *name;
	struct greydb_rewrite rewrite;
} rewrites[] = { { "compact", { .lose_nothing = true } },
	{ "compact --block-size 4096",
	    { .lose_nothing = true, .block_size = 4096 } },
	{ "repair", { .keep_old = true } } };

/*
 * Rewrites the database in a process that dies before write number limit (-1:
 * it does not).  Returns how many it made before, -1 if it died.
 */
static long
rewrite_dies(struct test_db *test, int kind, long limit)
{
	const struct greydb_settings settings = { .timeout = 1, .now = 1000 };
	struct greydb_rewrite rewrite = rewrites[kind].rewrite;
	long *left = mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct grey_error err;
	long made;
	int status;
	pid_t pid;

	assert_true(left != MAP_FAILED);
	pid = fork();
	assert_true(pid != -1);
	if (pid == 0) {
		writes_left = limit == -1 ? LONG_MAX : limit;
		if (greydb_rewrite(&test->session, &test->path, &settings,
			&rewrite, &err) != GREY_OK)
			fail_msg("%s", err.text);
		*left = writes_left;
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status))
		assert_int_equal(status, 0);
	made =
	    WIFSIGNALED(status) ? -1 : (limit == -1 ? LONG_MAX : limit) - *left;
	(void)munmap(left, sizeof(*left));
	return made;
}

/*
 * Afterwards it is the old file or the new one, with every record, and what
 * the dead process left is gone after the next purge.
 */
static void
look_after_rewrite(struct test_db *test, struct model *model, const char *name)
{
	const struct greydb_settings settings = { .timeout = 1, .now = 1000 };
	struct grey_error err;

	test->lines = 0;
	test_close(test_open(test));
	if (test->lines > 0)
		fail_msg("%s: %s", name, test->log);
	check_all(test, model);
	if (greydb_tidy(&test->session, &test->path, &settings, &err) !=
	    GREY_OK)
		fail_msg("%s", err.text);
	assert_int_equal(test_files(test, "seen.lock-"), 0);
}

static void
every_write_of_a_rewrite(void **state)
{
	const bool all = getenv("EXIGREY_CRASH_OPERATIONS") != NULL;
	static struct model model;
	struct test_db base;

	(void)state;
	test_db_begin(&base);
	fill(&base, &model);
	for (int kind = 0; kind < 3; kind++) {
		long made = 0, deaths = 0, left = 0;
		struct test_db test;

		test_db_begin(&test);
		copy_database(&base, &test);
		made = rewrite_dies(&test, kind, -1);
		test_db_end(&test);
		/* In the middle it is a record like the next. */
		for (long i = 0; i < made;
		     i += all || i < 20 || i > made - 20 ? 1 : 40) {
			test_db_begin(&test);
			copy_database(&base, &test);
			assert_int_equal(rewrite_dies(&test, kind, i), -1);
			deaths++;
			left += test_files(&test, "seen.lock-");
			look_after_rewrite(&test, &model, rewrites[kind].name);
			test_db_end(&test);
		}
		assert_true(left > deaths / 2 && left < deaths);
		print_message("# %s: %ld writes, %ld deaths, %ld left a new "
			      "file behind\n",
		    rewrites[kind].name, made, deaths, left);
	}
	test_db_end(&base);
}

/* Tries the operation on a disk that is full from a write on. */
static enum grey_status
try_full(struct test_db *test, struct model *model, int key, int size,
    long limit)
{
	const struct greydb_settings settings = { .timeout = 10,
		.now = 1000,
		.create = true };
	struct grey_error err = { .text = "" };
	enum grey_status status, closed;
	struct greydb *db;
	char buffer[96];

	writes_left = limit;
	disk_full = true;
	status = greydb_open(&test->session, &test->path, &settings, &db, &err);
	if (status == GREY_OK) {
		status = size == 0 ?
		    greydb_delete(db, test_key(model->keys[key]), &err) :
		    greydb_store(db, test_key(model->keys[key]),
			value_of(key, size, buffer), &err);
		closed = greydb_close(&db, NULL);
		status = status == GREY_OK ? closed : status;
	}
	writes_left = -1;
	disk_full = false;
	if (status != GREY_OK && strstr(err.text, "No space") == NULL)
		fail_msg("'%s' does not say why", err.text);
	return status;
}

static bool
holds(struct test_db *test, struct model *model, int key, int size)
{
	struct greydb *db = test_open(test);
	struct greydb_value value = { 0 };
	enum grey_status status;
	bool is_so;

	status = greydb_fetch(db, test_key(model->keys[key]), &value, NULL);
	is_so = status == (size > 0 ? GREY_OK : GREY_NOT_FOUND) &&
	    value.size == (size_t)size * 32;
	greydb_value_free(&value);
	test_close(db);
	return is_so;
}

static void
a_full_disk_at_every_write(void **state)
{
	static struct model model;
	struct test_db base, test;
	long failures = 0, recoveries = 0;

	(void)state;
	test_db_begin(&base);
	test_db_begin(&test);
	fill(&base, &model);
	for (int i = 0; i < OPERATIONS; i++) {
		int size, key = choose(&model, i, &size);
		int before = model.sizes[key];

		for (long limit = 0;; limit++) {
			copy_database(&base, &test);
			test.lines = 0;
			if (try_full(&test, &model, key, size, limit) ==
			    GREY_OK)
				break;
			failures++;
			/* Done or not, but nothing in between. */
			if (!holds(&test, &model, key, before))
				note(&model, key, size);
			check_all(&test, &model);
			note(&model, key, before);
			recoveries += test.lines > 0;
		}
		note(&model, key, size);
		check_all(&test, &model);
		copy_database(&test, &base);
	}
	assert_true(failures > OPERATIONS * 2);
	/* Most failures leave the file whole: nobody has to recover. */
	print_message("# %ld failures, %ld recoveries\n", failures, recoveries);
	assert_true(recoveries < failures / 2);
	test_db_end(&base);
	test_db_end(&test);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
						every_write_of_every_operation),
		cmocka_unit_test(every_write_of_a_batch),
		cmocka_unit_test(every_write_of_a_rewrite),
		cmocka_unit_test(a_full_disk_at_every_write) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
