/*
 * Where a bucket or a directory was is not written to before the file was
 * synced: until then it is what a power loss leaves.
 */
#include "test.h"

#include "gdbm_insert.h"
#include "writes.h"

#define INSERTS 6000
#define BLOCK   512

/* Blocks that a bucket or the directory left since the last sync. */
static struct {
	bool *left;
	bool *used; /* by a bucket or the directory, now */
	size_t blocks;
	int fd;
	int syncs;
} world = { .fd = -1 };

static bool
may_change(enum change_kind kind)
{
	(void)kind;
	return true;
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
	bytes = file.entries * sizeof(off_t);
	directory = malloc(bytes);
	used = calloc(blocks, sizeof(*used));
	world.left = realloc(world.left, blocks * sizeof(*world.left));
	if (directory == NULL || used == NULL || world.left == NULL)
		abort();
	for (size_t i = world.blocks; i < blocks; i++)
		world.left[i] = false;
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
	if (fd != world.fd)
		return;
	for (off_t i = at / BLOCK; i <= (at + size - 1) / BLOCK; i++)
		if ((size_t)i < world.blocks && world.left[i])
			fail_msg("block %lld is written to, and not synced",
			    (long long)i);
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
	if (fd != world.fd)
		return;
	memset(world.left, 0, world.blocks * sizeof(*world.left));
	world.syncs++;
}

static void
was_renamed(const char *to)
{
	(void)to;
}

static void
is_not_written_to(void **state)
{
	const struct greydb_settings settings = { .timeout = 1 };
	struct greydb_rewrite rewrite = { .block_size = BLOCK };
	struct grey_gdbm_file file;
	struct test_db test;
	struct grey_error err;
	char key[64];
	int bits;

	(void)state;
	test_db_begin(&test);
	test_close(test_open(&test));
	assert_int_equal(greydb_rewrite(&test.session, &test.path, &settings,
			     &rewrite, &err),
	    GREY_OK);
	world.fd = test_file(&test, "seen", O_RDWR);
	assert_int_equal(grey_gdbm_header(world.fd, &file, &err), GREY_OK);
	assert_int_equal(file.block_size, BLOCK);
	bits = file.bits;
	look();
	for (int i = 0; i < INSERTS; i++) {
		(void)snprintf(key, sizeof(key), "%d%.*s", i, i % 40,
		    "........................................");
		if (grey_gdbm_insert(&file, test_key(key),
			(struct grey_bytes){ "value", 6 }, &err) != GREY_OK)
			fail_msg("number %d was not inserted", i);
	}
	assert_true(file.bits > bits);
	/* Some hundred buckets were split. */
	print_message("# %d syncs\n", world.syncs);
	assert_in_range(world.syncs, 5, INSERTS / 50);
	(void)close(world.fd);
	grey_gdbm_end(&file);
	free(world.left);
	free(world.used);
	test_db_end(&test);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
	    is_not_written_to) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
