/*
 * What our own code finds, replaces and inserts in a GDBM file is what libgdbm
 * finds there, and what libgdbm wrote our own code finds.
 */
#include "test.h"

#include <gdbm.h>

#include "gdbm_check.h"
#include "gdbm_find.h"
#include "gdbm_insert.h"

#define KEYS              3000
#define OPERATIONS        20000
#define SIZES             4
#define MANY              70000
#define DIRECTORY_SIZE_AT 16
#define SMALL             3000 /* records; the directory has 8 entries */

/* Where the header's table of free space is: GDBM 1.23, gdbmdefs.h. */
#define HEADER_SPACE_AT 40

/* Where a bucket's elements are, and how large one is. */
#define ELEMENTS_AT  112
#define ELEMENT_SIZE 24

struct model {
	struct test_db test;
	int version[KEYS]; /* 0: not there */
	int records;
};

static struct grey_bytes
key_of(int i, char buffer[64])
{
	/*
	 * Of many lengths, some shorter than what a bucket notes of a key, and
	 * of all kinds of bytes: the hash takes them as chars.
	 */
	(void)snprintf(buffer, 64, "%x%.*s", i, i % 40,
	    "..\x80.....\xff..........\xe9.................");
	return test_key(buffer);
}

static struct grey_bytes
value_of(int i, int version, char buffer[32 * SIZES])
{
	memset(buffer, 0, 32 * SIZES);
	(void)snprintf(buffer, 32, "%d %d", i, version);
	return (
	    struct grey_bytes){ buffer, (size_t)(32 + version % SIZES * 32) };
}

/* One call: mostly inserts and replaces in place, as mail is. */
static void
operate(struct model *model, int i, int version)
{
	struct greydb *db = test_open(&model->test);
	char key[64], value[32 * SIZES];
	struct grey_error err;
	enum grey_status status;

	status = version == 0 ?
	    greydb_delete(db, key_of(i, key), &err) :
	    greydb_store(db, key_of(i, key), value_of(i, version, value), &err);
	if (status != GREY_OK)
		fail_msg("%s", err.text);
	model->records += (version != 0) - (model->version[i] != 0);
	model->version[i] = version;
	test_close(db);
}

static void
look(struct model *model, GDBM_FILE library, int i)
{
	char key[64], expected[32 * SIZES];
	struct grey_bytes wanted = key_of(i, key);
	datum value = gdbm_fetch(library,
	    (datum){ .dptr = key, .dsize = (int)wanted.size });

	if (model->version[i] == 0) {
		assert_null(value.dptr);
		return;
	}
	wanted = value_of(i, model->version[i], expected);
	assert_non_null(value.dptr);
	assert_int_equal(value.dsize, (int)wanted.size);
	assert_memory_equal(value.dptr, wanted.data, wanted.size);
	free(value.dptr);
}

/* libgdbm finds all of it; our check finds nothing wrong. */
static void
compare(struct model *model)
{
	struct greydb_report report;
	struct grey_error err;
	gdbm_count_t count = 0;
	GDBM_FILE library;
	int fd;

	fd = test_file(&model->test, "seen", O_RDONLY);
	if (grey_gdbm_check(fd, true, NULL, &report, &err) != GREY_OK)
		fail_msg("not sound: %s", err.text);
	assert_int_equal(report.records, model->records);
	library = gdbm_fd_open(fd, "seen", 0, GDBM_READER | GDBM_NOLOCK, NULL);
	assert_non_null(library);
	assert_int_equal(gdbm_count(library, &count), 0);
	assert_int_equal(count, model->records);
	for (int i = 0; i < KEYS; i++)
		look(model, library, i);
	(void)gdbm_close(library);
}

static void
both_agree(void **state)
{
	static struct model model;
	uint32_t random = 1;

	(void)state;
	test_db_begin(&model.test);
	for (int n = 0; n < OPERATIONS; n++) {
		random = random * 1103515245 + 12345;
		const int i = (int)(random >> 8) % KEYS;
		const int old = model.version[i];
		operate(&model, i,
		    old == 0        ? 1 + n % SIZES :
			n % 16 == 0 ? 0 :
			n % 8 == 1  ? old + 1 :
				      old + SIZES);
		if (n % (OPERATIONS / 4) == 0)
			compare(&model);
	}
	compare(&model);
	assert_int_equal(model.test.lines, 0);
	test_db_end(&model.test);
}

/* Deletes in batches, as a purge does, then inserts into what became free. */
static void
batches_agree(void **state)
{
	static struct model model;
	struct grey_error err;
	char key[64];

	(void)state;
	test_db_begin(&model.test);
	for (int round = 0; round < 6; round++) {
		for (int i = 0; i < KEYS; i++)
			if (model.version[i] == 0)
				operate(&model, i, SIZES * (round + 1));
		for (int i = round % 2; i < KEYS;) {
			struct greydb *db = test_open(&model.test);
			assert_int_equal(greydb_batch(db, &err), GREY_OK);
			for (int n = 0; n < 256 && i < KEYS; n++, i += 2) {
				if (greydb_delete(db, key_of(i, key), &err) !=
				    GREY_OK)
					fail_msg("%s", err.text);
				model.version[i] = 0;
				model.records--;
			}
			test_close(db);
		}
		compare(&model);
	}
	assert_int_equal(model.test.lines, 0);
	test_db_end(&model.test);
}

/* Opens the file beside greydb, for one function of ours. */
static void
begin(struct test_db *test, struct grey_gdbm_file *file)
{
	struct grey_error err;
	char key[64];

	test_db_begin(test);
	for (int i = 0; i < 10; i++) {
		struct greydb *db = test_open(test);
		assert_int_equal(greydb_store(db, key_of(i, key),
				     (struct grey_bytes){ "value", 6 }, &err),
		    GREY_OK);
		test_close(db);
	}
	assert_int_equal(grey_gdbm_header(test_file(test, "seen", O_RDWR), file,
			     &err),
	    GREY_OK);
}

static void
end(struct test_db *test, struct grey_gdbm_file *file)
{
	(void)close(file->fd);
	grey_gdbm_end(file);
	test_db_end(test);
}

/*
 * Else what this is for, that libgdbm need not be opened, would be lost.  So
 * many split buckets, and double the directory.
 */
static void
inserts_need_no_library(void **state)
{
	struct grey_gdbm_file file;
	struct greydb_report report;
	struct test_db test;
	struct grey_error err;
	gdbm_count_t count;
	GDBM_FILE gdbm;
	char key[64];
	int bits, fd;

	(void)state;
	begin(&test, &file);
	bits = file.bits;
	for (int i = 10; i < MANY; i++)
		if (grey_gdbm_insert(&file, key_of(i, key),
			(struct grey_bytes){ "value", 6 }, &err) != GREY_OK)
			fail_msg("number %d was not inserted", i);
	assert_true(file.bits > bits);
	fd = dup(file.fd);
	if (grey_gdbm_check(fd, true, NULL, &report, &err) != GREY_OK)
		fail_msg("%s", err.text);
	assert_int_equal(report.records, MANY);
	(void)lseek(fd, 0, SEEK_SET);
	gdbm = gdbm_fd_open(fd, "seen", 0, GDBM_READER | GDBM_NOLOCK, NULL);
	assert_non_null(gdbm);
	assert_int_equal(gdbm_count(gdbm, &count), 0);
	assert_int_equal(count, MANY);
	for (int i = 0; i < MANY; i++) {
		const struct grey_bytes wanted = key_of(i, key);

		assert_int_equal(gdbm_exists(gdbm,
				     (datum){ key, (int)wanted.size }),
		    1);
	}
	assert_int_equal(gdbm_close(gdbm), 0);
	end(&test, &file);
}

/* What libgdbm must store in a file that is filled costs nothing that we did. */
static void
a_rewrite_keeps_what_is_large(void **state)
{
	const struct greydb_settings settings = { .timeout = 1 };
	struct greydb_rewrite rewrite = { .lose_nothing = true };
	static char large[6000];
	struct greydb_report report;
	struct test_db test;
	struct grey_error err;
	char key[64];

	(void)state;
	test_db_begin(&test);
	for (int i = 0; i < 2000; i++) {
		struct greydb *db = test_open(&test);

		if (greydb_store(db, key_of(i, key),
			(struct grey_bytes){ large,
			    i % 300 == 100 ? sizeof(large) : 32 },
			&err) != GREY_OK)
			fail_msg("%s", err.text);
		test_close(db);
	}
	if (greydb_rewrite(&test.session, &test.path, &settings, &rewrite,
		&err) != GREY_OK)
		fail_msg("%s", err.text);
	test_check(&test, &report);
	assert_int_equal(report.records, 2000);
	assert_int_equal(rewrite.lost, 0);
	test_db_end(&test);
}

static void
no_room_writes_nothing(void **state)
{
	static char large[8192];
	struct grey_gdbm_file file;
	struct grey_bytes value;
	struct test_db test;
	struct stat before, after;
	struct grey_error err;
	char key[64];

	(void)state;
	begin(&test, &file);
	assert_int_equal(fstat(file.fd, &before), 0);
	assert_int_equal(grey_gdbm_insert(&file, key_of(99, key),
			     (struct grey_bytes){ large, sizeof(large) }, &err),
	    GREY_NOT_FOUND);
	assert_int_equal(fstat(file.fd, &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	assert_int_equal(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
	assert_int_equal(grey_gdbm_find(&file, key_of(99, key), &value, &err),
	    GREY_NOT_FOUND);
	end(&test, &file);
}

static void
patch(int fd, off_t at, const void *bytes, size_t size)
{
	assert_int_equal(pwrite(fd, bytes, size, at), size);
}

/* In a bucket's own table and in the header's. */
static void
space_in_the_header_is_damage(void **state)
{
	static const off_t places[] = { 8, 4096 };
	static const int count = 1, size = 500;
	struct grey_gdbm_file file;
	struct grey_gdbm_bucket bucket;
	struct test_db test;
	struct grey_error err;
	char key[64];
	off_t at;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		begin(&test, &file);
		assert_int_equal(grey_gdbm_bucket_of(&file,
				     grey_gdbm_hash(key_of(99, key)), &bucket,
				     &err),
		    GREY_OK);
		at = i % 2 == 0 ? bucket.at : HEADER_SPACE_AT;
		patch(file.fd, i % 2 == 0 ? at : at + 4, &count, sizeof(count));
		at += i % 2 == 0 ? 8 : 16;
		patch(file.fd, at, &size, sizeof(size));
		patch(file.fd, at + 8, &places[i / 2], sizeof(off_t));
		file.has_current = false;
		assert_int_equal(grey_gdbm_insert(&file, key_of(99, key),
				     (struct grey_bytes){ "value", 6 }, &err),
		    GREY_DAMAGED);
		assert_non_null(strstr(err.text, "free space lies in"));
		end(&test, &file);
	}
}

/*
 * An empty place of the current bucket behind the first that is in use, at
 * which no look for this hash comes by.
 */
static uint32_t
place_aside(const struct grey_gdbm_file *file, uint32_t hash)
{
	struct grey_gdbm_element unwanted;
	struct grey_error err;
	const uint32_t n = file->elements;
	bool empty[512] = { false }, used = false;
	uint32_t next = hash % n; /* where the look ends */

	assert_true(n <= 512);
	for (uint32_t i = 0; i < n; i++)
		empty[i] = grey_gdbm_element(file, i, &unwanted, &err) ==
		    GREY_NOT_FOUND;
	while (!empty[next])
		next = (next + 1) % n;
	for (uint32_t i = 0; i < n; i++) {
		used |= !empty[i];
		if (used && empty[i] && i != next)
			return i;
	}
	fail_msg("no such place");
	return 0;
}

/*
 * What is taken from the header's table is compared with all of the bucket's
 * elements, of which nobody has looked at most: numbers too large to be added.
 */
static void
a_wild_element_does_no_harm(void **state)
{
	static const struct {
		int hash;
		char key_start[4];
		off_t at;
		int key_size, value_size;
	} wild[] = { { 1, "", INT64_MIN, -1, -1 },
		{ 1, "", INT64_MAX, INT32_MAX, INT32_MAX },
		{ -2, "", -1, INT32_MIN, INT32_MIN } };
	const int none = 0; /* of its own free space */

	(void)state;
	_Static_assert(sizeof(wild[0]) == ELEMENT_SIZE, "as libgdbm writes it");
	for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		struct grey_gdbm_file file;
		struct grey_gdbm_bucket bucket;
		struct grey_bytes found, key;
		struct test_db test;
		struct grey_error err;
		char buffer[64];
		off_t end_before;

		begin(&test, &file);
		key = key_of(99, buffer);
		assert_int_equal(grey_gdbm_bucket_of(&file, grey_gdbm_hash(key),
				     &bucket, &err),
		    GREY_OK);
		patch(file.fd, bucket.at, &none, sizeof(none));
		patch(file.fd,
		    bucket.at + ELEMENTS_AT +
			(off_t)place_aside(&file, grey_gdbm_hash(key)) *
			    ELEMENT_SIZE,
		    &wild[i], sizeof(wild[i]));
		file.has_current = false;
		end_before = file.next_block;
		if (grey_gdbm_insert(&file, key,
			(struct grey_bytes){ "value", 6 }, &err) != GREY_OK)
			fail_msg("%s", err.text);
		/* Else it was not the header's table that it came from. */
		assert_int_equal(file.next_block, end_before);
		assert_int_equal(grey_gdbm_find(&file, key, &found, &err),
		    GREY_OK);
		end(&test, &file);
	}
}

/*
 * The header may tell of a directory that is smaller than a block, which libgdbm
 * never makes: to double it is not for us.
 */
static void
a_small_directory_is_not_doubled(void **state)
{
	const int size = 8 * sizeof(off_t), bits = 3;
	struct greydb_report report;
	struct test_db test;
	struct greydb *db;
	struct grey_error err;
	char key[32];
	int fd;

	(void)state;
	test_db_begin(&test);
	test_close(test_open(&test));
	fd = test_file(&test, "seen", O_WRONLY);
	patch(fd, DIRECTORY_SIZE_AT, &size, sizeof(size));
	patch(fd, DIRECTORY_SIZE_AT + 4, &bits, sizeof(bits));
	(void)close(fd);
	db = test_open(&test);
	for (int i = 0; i < SMALL; i++) {
		(void)snprintf(key, sizeof(key), "%d", i);
		if (greydb_store(db, test_key(key),
			(struct grey_bytes){ "value", 6 }, &err) != GREY_OK)
			fail_msg("number %d: %s", i, err.text);
	}
	test_close(db);
	test_check(&test, &report);
	assert_int_equal(report.records, SMALL);
	/* libgdbm did not want it either, and it was made anew. */
	assert_non_null(strstr(test.log, "was recovered"));
	test_db_end(&test);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(both_agree),
		cmocka_unit_test(batches_agree),
		cmocka_unit_test(inserts_need_no_library),
		cmocka_unit_test(a_rewrite_keeps_what_is_large),
		cmocka_unit_test(no_room_writes_nothing),
		cmocka_unit_test(space_in_the_header_is_damage),
		cmocka_unit_test(a_wild_element_does_no_harm),
		cmocka_unit_test(a_small_directory_is_not_doubled) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
