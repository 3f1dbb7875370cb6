/*
 * Where a bucket or a directory was is not written to before the file was
 * synced: until then it is what a power loss leaves.  While it is synced others
 * go on.
 */
#include "test.h"

#include "greydb.h"
#include "gdbm_file.h"
#include "writes.h"

#define INSERTS       6000
#define BLOCK         512
#define OTHERS        30  /* inserts during a sync */
#define INSERTS_AFTER 400 /* a rewrite */
#define VARIANTS      12

EXPORT int fstatfs64(int fd, struct statfs64 *fs);

/* Blocks that a bucket or the directory left since the last sync. */
static struct {
	struct test_db test;
	bool *left;
	bool *covered; /* of them, when the sync was begun */
	bool *used;    /* by a bucket or the directory, now */
	size_t blocks;
	ino_t inode;
	int fd;
	int number; /* of the next key */
	int syncs;
	bool syncing;
	int written; /* to the file, since the last sync was begun */
	int reused;  /* blocks that had been left and synced */
	bool on_a_server;
	void (*meanwhile)(void);
} world;

/* A server's file system, where an extra lock would be the lock itself. */
int
fstatfs64(int fd, struct statfs64 *fs)
{
	const int result = (int)syscall(SYS_fstatfs, fd, fs);

	if (world.on_a_server)
		fs->f_type = NFS_SUPER_MAGIC;
	return result;
}

static bool
is_database(int fd)
{
	struct stat st;

	return world.inode != 0 && fstat(fd, &st) == 0 &&
	    st.st_ino == world.inode;
}

/* fsync(2) does not say of which file here; only the database is synced. */
static bool
may_change(enum change_kind kind)
{
	if (kind != CHANGE_SYNC || world.inode == 0)
		return true;
	/* One at a time. */
	assert_false(world.syncing);
	world.syncing = true;
	memcpy(world.covered, world.left,
	    world.blocks * sizeof(*world.covered));
	if (world.meanwhile != NULL)
		world.meanwhile();
	world.written = 0;
	world.syncing = false;
	return true;
}

static void *
resized(void *array, size_t from, size_t to)
{
	bool *larger = realloc(array, to * sizeof(*larger));

	if (larger == NULL)
		abort();
	for (size_t i = from; i < to; i++)
		larger[i] = false;
	return larger;
}

/* Notes which blocks were left since the last look, by what the file says. */
static void
look(void)
{
	struct grey_gdbm_file file;
	struct grey_error err;
	size_t blocks, bytes;
	off_t *directory;
	bool *used;

	if (grey_gdbm_header(world.fd, &file, &err) != GREY_OK)
		fail_msg("%s", err.text);
	blocks = (size_t)file.size / BLOCK + 1;
	if (blocks < world.blocks)
		blocks = world.blocks;
	bytes = file.entries * sizeof(off_t);
	directory = malloc(bytes);
	used = calloc(blocks, sizeof(*used));
	if (directory == NULL || used == NULL)
		abort();
	world.left = resized(world.left, world.blocks, blocks);
	world.covered = resized(world.covered, world.blocks, blocks);
	assert_int_equal(pread(world.fd, directory, bytes, file.directory_at),
	    bytes);
	for (size_t i = 0; i < bytes / BLOCK; i++)
		used[(size_t)file.directory_at / BLOCK + i] = true;
	for (size_t i = 0; i < file.entries; i++)
		used[directory[i] / BLOCK] = true;
	for (size_t i = 0; i < world.blocks; i++)
		world.left[i] |= world.used[i] && !used[i];
	free(directory);
	free(world.used);
	world.used = used;
	world.blocks = blocks;
}

static void
was_written(int fd, off_t at, ssize_t size)
{
	if (!is_database(fd))
		return;
	world.written++;
	for (off_t i = at / BLOCK; i <= (at + size - 1) / BLOCK; i++) {
		if ((size_t)i >= world.blocks)
			break;
		if (world.left[i])
			fail_msg("block %lld is written to, and not synced",
			    (long long)i);
		world.reused += world.covered[i];
		world.covered[i] = false;
	}
	look();
}

static void
was_truncated(int fd)
{
	(void)fd;
}

static void
was_synced(int fd)
{
	if (!is_database(fd))
		return;
	for (size_t i = 0; i < world.blocks; i++)
		world.left[i] &= !world.covered[i];
	world.syncs++;
}

static void
was_renamed(const char *to)
{
	(void)to;
}

static void
store(struct greydb *db, int number, struct grey_bytes value)
{
	struct grey_error err;
	char key[64];

	(void)snprintf(key, sizeof(key), "%d%.*s", number, number % 40,
	    "........................................");
	if (greydb_store(db, test_key(key), value, &err) != GREY_OK)
		fail_msg("%s", err.text);
}

/* Returns what the open said. */
static enum grey_status
insert(int64_t timeout)
{
	const struct greydb_settings settings = { .timeout = timeout };
	enum grey_status status;
	struct grey_error err;
	struct greydb *db;

	status = greydb_open(&world.test.session, &world.test.path, &settings,
	    &db, &err);
	if (status != GREY_OK)
		return status;
	store(db, world.number++, (struct grey_bytes){ "value", 6 });
	assert_int_equal(greydb_close(&db, &err), GREY_OK);
	return GREY_OK;
}

/*
 * As a call that libgdbm is loaded for, and which splits buckets then: a record
 * gets a value of another size, and some are new.
 */
static void
change_with_libgdbm(int key, int size, int inserts)
{
	static const char longer[] = "a value that is longer than it was";
	const struct greydb_settings settings = { .timeout = 1 };
	struct grey_error err;
	struct greydb *db;

	assert_int_equal(greydb_open(&world.test.session, &world.test.path,
			     &settings, &db, &err),
	    GREY_OK);
	store(db, key, (struct grey_bytes){ longer, (size_t)size });
	for (int i = 0; i < inserts; i++)
		store(db, world.number++, (struct grey_bytes){ "value", 6 });
	assert_int_equal(greydb_close(&db, &err), GREY_OK);
}

/* A file with small blocks, so that they are split all the time. */
static void
begin(void (*meanwhile)(void), bool on_a_server)
{
	const struct greydb_settings settings = { .timeout = 1 };
	struct greydb_rewrite rewrite = { .block_size = BLOCK };
	struct test_db *test = &world.test;
	struct grey_error err;
	struct stat st;

	memset(&world, 0, sizeof(world));
	test_db_begin(test);
	test_close(test_open(test));
	assert_int_equal(greydb_rewrite(&test->session, &test->path, &settings,
			     &rewrite, &err),
	    GREY_OK);
	world.fd = test_file(test, "seen", O_RDWR);
	assert_int_equal(fstat(world.fd, &st), 0);
	look();
	world.inode = st.st_ino;
	world.meanwhile = meanwhile;
	world.on_a_server = on_a_server;
}

static void
end(void)
{
	struct greydb_report report;

	world.inode = 0;
	test_check(&world.test, &report);
	assert_int_equal(report.records, world.number);
	assert_string_equal(world.test.log, "");
	(void)close(world.fd);
	free(world.left);
	free(world.covered);
	free(world.used);
	test_db_end(&world.test);
}

static void
insert_many(void)
{
	while (world.number < INSERTS)
		assert_int_equal(insert(1), GREY_OK);
	/* Some hundred buckets were split. */
	print_message("# %d syncs, %d blocks used again\n", world.syncs,
	    world.reused);
	assert_in_range(world.syncs, 5, INSERTS / 50);
	assert_in_range(world.reused, world.syncs, INSERTS);
}

static void
is_not_written_to(void **state)
{
	(void)state;
	begin(NULL, false);
	insert_many();
	end();
}

/* They split buckets too. */
static void
insert_some(void)
{
	for (int i = 0; i < OTHERS; i++)
		assert_int_equal(insert(0), GREY_OK);
}

static void
others_go_on_meanwhile(void **state)
{
	(void)state;
	if (!test_locks_are_local())
		return;
	begin(insert_some, false);
	insert_many();
	end();
}

static void
find_it_locked(void)
{
	assert_int_equal(insert(0), GREY_BUSY);
}

static void
others_wait_where_nothing_can_be_claimed(void **state)
{
	(void)state;
	begin(find_it_locked, true);
	insert_many();
	end();
}

static int
directory_bits(void)
{
	struct grey_gdbm_file file;
	struct grey_error err;

	assert_int_equal(grey_gdbm_header(world.fd, &file, &err), GREY_OK);
	return file.bits;
}

/*
 * It knows nothing of what is held, and takes space of several blocks to
 * pieces: where a directory was that has just been doubled.
 */
static void
libgdbm_takes_what_the_directory_left(void **state)
{
	struct greydb_report report;
	int bits, due;

	(void)state;
	for (int variant = 0; variant < VARIANTS; variant++) {
		begin(NULL, false);
		world.inode = 0; /* it writes after a sync */
		bits = directory_bits();
		due = -1;
		while (world.number < INSERTS) {
			assert_int_equal(insert(1), GREY_OK);
			if (world.number % 100 == 0)
				test_check(&world.test, &report);
			if (directory_bits() != bits) {
				bits = directory_bits();
				due = variant * 7 % 30;
			}
			if (due-- == 0)
				change_with_libgdbm(1, 20 + bits % 9,
				    (variant + 1) * 17 % 60);
		}
		end();
	}
}

static void
rewrite_it(void)
{
	const struct greydb_settings settings = { .timeout = 0 };
	struct greydb_rewrite rewrite = { .block_size = BLOCK };
	const ino_t inode = world.inode;
	struct grey_error err;
	struct stat st;

	world.inode = 0; /* what becomes of it counts no more */
	assert_int_equal(greydb_rewrite(&world.test.session, &world.test.path,
			     &settings, &rewrite, &err),
	    GREY_OK);
	(void)close(world.fd);
	world.fd = test_file(&world.test, "seen", O_RDWR);
	assert_int_equal(fstat(world.fd, &st), 0);
	assert_int_not_equal(st.st_ino, inode);
	world.meanwhile = NULL;
	/* So that as many blocks are held in it, some of them the same. */
	for (int i = 0; i < INSERTS_AFTER; i++)
		assert_int_equal(insert(0), GREY_OK);
	world.inode = st.st_ino;
}

/* What was listed is of the old file. */
static void
a_file_that_was_rewritten_is_let_alone(void **state)
{
	(void)state;
	if (!test_locks_are_local())
		return;
	begin(rewrite_it, false);
	while (world.meanwhile != NULL)
		assert_int_equal(insert(1), GREY_OK);
	assert_int_equal(world.written, 0);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_not_written_to),
		cmocka_unit_test(others_go_on_meanwhile),
		cmocka_unit_test(others_wait_where_nothing_can_be_claimed),
		cmocka_unit_test(libgdbm_takes_what_the_directory_left),
		cmocka_unit_test(a_file_that_was_rewritten_is_let_alone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
