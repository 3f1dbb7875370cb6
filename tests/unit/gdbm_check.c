/* Each kind of damage to a GDBM file's structure is found, and named. */
#include "test.h"

#include "gdbm_check.h"

#define RECORDS 1000

/* Byte offsets in a bucket and its elements: GDBM 1.23, gdbmdefs.h. */
#define BUCKET_BITS  104
#define BUCKET_COUNT 108
#define SPACE_COUNT  0
#define FIRST_SPACE  8 /* int size, off_t at */
#define ELEMENTS     112
#define ELEMENT_SIZE 24
#define ELEMENT_AT   8
#define ELEMENT_KEY  16 /* its size */

struct damage {
	struct test_db test;
	struct grey_gdbm_file file;
	off_t bucket;  /* the first one */
	off_t element; /* a full place in it */
	off_t other;   /* and another */
	int fd;
};

static void
put32(struct damage *d, off_t at, int32_t value)
{
	assert_int_equal(pwrite(d->fd, &value, 4, at), 4);
}

static int32_t
get32(struct damage *d, off_t at)
{
	int32_t value;

	assert_int_equal(pread(d->fd, &value, 4, at), 4);
	return value;
}

static void
put64(struct damage *d, off_t at, int64_t value)
{
	assert_int_equal(pwrite(d->fd, &value, 8, at), 8);
}

static int64_t
get64(struct damage *d, off_t at)
{
	int64_t value;

	assert_int_equal(pread(d->fd, &value, 8, at), 8);
	return value;
}

static void
begin(struct damage *d)
{
	struct grey_error err;
	struct greydb *db;
	char key[32];

	test_db_begin(&d->test);
	db = test_open(&d->test);
	for (int i = 0; i < RECORDS; i++) {
		(void)snprintf(key, sizeof(key), "key %d", i);
		assert_int_equal(greydb_store(db, test_key(key),
				     (struct grey_bytes){ "value", 6 }, &err),
		    GREY_OK);
	}
	test_close(db);
	d->fd = test_file(&d->test, "seen", O_RDWR);
	assert_int_equal(grey_gdbm_begin(d->fd, &d->file, &err), GREY_OK);
	d->bucket = d->file.directory[0];
	d->element = d->other = 0;
	for (uint32_t i = 0; d->other == 0; i++) {
		off_t at = d->bucket + ELEMENTS + (off_t)i * ELEMENT_SIZE;
		if (get32(d, at) == -1)
			continue;
		d->other = d->element != 0 ? at : 0;
		d->element = d->element != 0 ? d->element : at;
	}
}

static void
end(struct damage *d)
{
	grey_gdbm_end(&d->file);
	(void)close(d->fd);
	test_db_end(&d->test);
}

static void
misplace(struct damage *d)
{
	/* Swap the buckets of the two halves of the directory. */
	for (size_t i = 0; i < d->file.entries; i++)
		put64(d, d->file.directory_at + (off_t)i * 8,
		    d->file.directory[(i + d->file.entries / 2) %
			d->file.entries]);
}

static void
wrong_span(struct damage *d)
{
	put32(d, d->bucket + BUCKET_BITS,
	    get32(d, d->bucket + BUCKET_BITS) + 1);
}

static void
wrong_count(struct damage *d)
{
	put32(d, d->bucket + BUCKET_COUNT,
	    get32(d, d->bucket + BUCKET_COUNT) - 1);
}

static void
wrong_hash(struct damage *d)
{
	/* Within the same bucket: only reading the key shows it. */
	put32(d, d->element, get32(d, d->element) ^ 1);
}

static void
shared_record(struct damage *d)
{
	put64(d, d->element + ELEMENT_AT, get64(d, d->other + ELEMENT_AT));
}

static void
record_outside(struct damage *d)
{
	put64(d, d->element + ELEMENT_AT, d->file.size - 3);
}

static void
huge_record(struct damage *d)
{
	put32(d, d->element + ELEMENT_KEY, INT32_MAX);
}

static void
used_space_free(struct damage *d)
{
	put32(d, d->bucket + SPACE_COUNT, 1);
	put32(d, d->bucket + FIRST_SPACE, 5);
	put64(d, d->bucket + FIRST_SPACE + 8,
	    get64(d, d->element + ELEMENT_AT));
}

static void
space_outside(struct damage *d)
{
	put32(d, d->bucket + SPACE_COUNT, 1);
	put32(d, d->bucket + FIRST_SPACE, 100);
	put64(d, d->bucket + FIRST_SPACE + 8, d->file.size - 50);
}

static void
space_count(struct damage *d)
{
	put32(d, d->bucket + SPACE_COUNT, 7);
}

static void
bucket_outside(struct damage *d)
{
	put64(d, d->file.directory_at, d->file.size + 4096);
}

static void
bucket_in_directory(struct damage *d)
{
	put64(d, d->file.directory_at, d->file.directory_at);
}

static void
bucket_in_record(struct damage *d)
{
	/* A record that starts within the bucket itself. */
	put64(d, d->element + ELEMENT_AT, d->bucket + 8);
}

static void
endless_directory(struct damage *d)
{
	for (size_t i = 0; i < d->file.entries; i++)
		put64(d, d->file.directory_at + (off_t)i * 8,
		    d->file.directory[i % 2 == 0 ? 0 : d->file.entries - 1]);
}

static void
wild_end(struct damage *d)
{
	put64(d, 32, INT64_MAX / 2);
}

static void
late_end(struct damage *d)
{
	put64(d, 32, d->file.size + 4096);
}

static void
wrong_block_size(struct damage *d)
{
	put32(d, 4, 1 << 30);
}

static void
wrong_directory(struct damage *d)
{
	put64(d, 8, d->file.size - 8);
}

static void
chain_to_itself(struct damage *d)
{
	/* The header's table says where the next one lies: let it be a
	 * piece of zeros, then of itself. */
	put64(d, 40 + 8, d->file.size - 4096);
	for (off_t at = d->file.size - 4096; at < d->file.size; at += 8)
		put64(d, at, 0);
	put64(d, d->file.size - 4096 + 8, d->file.size - 4096);
}

static const struct {
	const char *name;
	void (*make)(struct damage *);
	const char *want; /* in the error */
	bool keys;        /* only when keys are read */
} cases[] = { { "records in the wrong bucket", misplace, "hash does not lead",
		  false },
	{ "a bucket of the wrong width", wrong_span, "wrong places", false },
	{ "a wrong count", wrong_count, "miscounts", false },
	{ "a key with another hash", wrong_hash, "has not the hash", true },
	{ "two records in one place", shared_record, "shares space", false },
	{ "a record beyond the end", record_outside, "outside the file",
	    false },
	{ "a record of 2 GB", huge_record, "outside the file", false },
	{ "free space in use", used_space_free, "in use too", false },
	{ "free space beyond the end", space_outside, "outside the file",
	    false },
	{ "too many stretches of free space", space_count, "wrong size",
	    false },
	{ "a bucket beyond the end", bucket_outside, "outside the file",
	    false },
	{ "a bucket in the directory", bucket_in_directory, "", false },
	{ "a record in a bucket", bucket_in_record, "shares space", false },
	{ "an endless directory", endless_directory, "", false },
	{ "a wild end", wild_end, "not the file's", false },
	{ "an end beyond the file's", late_end, "does not end where", false },
	{ "a wrong block size", wrong_block_size, "block size", false },
	{ "a directory beyond the end", wrong_directory, "outside the file",
	    false },
	{ "a chain that comes back", chain_to_itself, "", false } };

static void
count_problem(void *arg, const char *text)
{
	int *problems = arg;

	assert_true(text[0] != '\0');
	++*problems;
}

static void
finds_each_damage(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct greydb_report report;
		struct grey_error err;
		struct damage d;
		int problems = 0;
		const struct greydb_watch watch = { .problem = count_problem,
			.arg = &problems };

		begin(&d);
		assert_int_equal(grey_gdbm_check(d.fd, true, NULL, &report,
				     &err),
		    GREY_OK);
		assert_int_equal(report.records, RECORDS);
		cases[i].make(&d);
		if (grey_gdbm_check(d.fd, cases[i].keys, NULL, &report, &err) !=
		    GREY_DAMAGED)
			fail_msg("%s: not found", cases[i].name);
		if (strstr(err.text, cases[i].want) == NULL)
			fail_msg("%s: got '%s', want '%s'", cases[i].name,
			    err.text, cases[i].want);
		if ((grey_gdbm_check(d.fd, false, NULL, &report, &err) ==
			GREY_OK) != cases[i].keys)
			fail_msg("%s: without reading keys", cases[i].name);
		/* All of them, to the end. */
		assert_int_equal(grey_gdbm_check(d.fd, true, &watch, &report,
				     &err),
		    GREY_DAMAGED);
		if (problems != report.problems || problems == 0)
			fail_msg("%s: %d problems told, %lld counted",
			    cases[i].name, problems,
			    (long long)report.problems);
		end(&d);
	}
}

/* The next call makes each of these files usable again. */
static void
each_damage_is_recovered_from(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct greydb_report report;
		struct grey_error err;
		struct greydb *db;
		struct damage d;
		int fd;

		begin(&d);
		cases[i].make(&d);
		memset(d.test.session.boot_id, 'b', GREY_BOOT_ID);
		db = test_open(&d.test);
		assert_int_equal(greydb_store(db, test_key("new"),
				     (struct grey_bytes){ "value", 6 }, &err),
		    GREY_OK);
		test_close(db);
		fd = test_file(&d.test, "seen", O_RDONLY);
		/* What only reading every key shows is left to "check". */
		if (grey_gdbm_check(fd, !cases[i].keys, NULL, &report, &err) !=
		    GREY_OK)
			fail_msg("%s: %s", cases[i].name, err.text);
		if (report.records > RECORDS + 1)
			fail_msg("%s: %lld records", cases[i].name,
			    (long long)report.records);
		(void)close(fd);
		end(&d);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(finds_each_damage),
		cmocka_unit_test(each_damage_is_recovered_from) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
