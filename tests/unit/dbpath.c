#include "test.h"

#include "dbpath.h"

static void
names_are_resolved(void **state)
{
	static const struct {
		const char *name, *directory, *file; /* NULL: refused */
		enum grey_kind kind;
	} table[] = { { "seen", "/spool/grey", "seen", GREY_KIND_ANY },
		{ "bdb:seen", "/spool/grey", "seen", GREY_KIND_BDB },
		{ "gdbm:/x/seen", "/x", "seen", GREY_KIND_GDBM },
		{ "bdb:./seen", ".", "seen", GREY_KIND_BDB },
		{ "bdb:bdb:x", "/spool/grey", "bdb:x", GREY_KIND_BDB },
		{ "other:seen", "/spool/grey", "other:seen", GREY_KIND_ANY },
		{ "bdb:", NULL, NULL, GREY_KIND_ANY },
		{ "bdb:a/b", NULL, NULL, GREY_KIND_ANY },

		{ "a.b_c-d", "/spool/grey", "a.b_c-d", GREY_KIND_ANY },
		{ "/var/x/seen", "/var/x", "seen", GREY_KIND_ANY },
		{ "/seen", "/", "seen", GREY_KIND_ANY },
		{ "./seen", ".", "seen", GREY_KIND_ANY },
		{ "./a/seen", "./a", "seen", GREY_KIND_ANY },
		{ "/a/../seen", "/a/..", "seen", GREY_KIND_ANY },
		{ "", NULL, NULL, GREY_KIND_ANY },
		{ ".", NULL, NULL, GREY_KIND_ANY },
		{ "..", NULL, NULL, GREY_KIND_ANY },
		{ "a/b", NULL, NULL, GREY_KIND_ANY },
		{ "../seen", NULL, NULL, GREY_KIND_ANY },
		{ "/", NULL, NULL, GREY_KIND_ANY },
		{ "./", NULL, NULL, GREY_KIND_ANY },
		{ "/x/", NULL, NULL, GREY_KIND_ANY },
		{ "/x/..", NULL, NULL, GREY_KIND_ANY },
		{ "seen.lock", NULL, NULL, GREY_KIND_ANY },
		{ "/x/seen.lock", NULL, NULL, GREY_KIND_ANY },
		{ "seen.lock-new", NULL, NULL, GREY_KIND_ANY },
		{ "seen.corrupt-1", NULL, NULL, GREY_KIND_ANY },
		{ "a..b", NULL, NULL, GREY_KIND_ANY },
		{ "a\nb", NULL, NULL, GREY_KIND_ANY },
		{ "a\033b", NULL, NULL, GREY_KIND_ANY },
		{ "a\177", NULL, NULL, GREY_KIND_ANY } };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct grey_error err = { .text = "" };
		struct grey_dbpath got;
		enum grey_status status =
		    grey_dbpath_resolve(table[i].name, "/spool", &got, &err);
		if (table[i].file == NULL) {
			if (status != GREY_INVALID ||
			    strstr(err.text, "DB") == NULL)
				fail_msg("'%s' is taken: %s", table[i].name,
				    err.text);
			continue;
		}
		if (status != GREY_OK)
			fail_msg("'%s': %s", table[i].name, err.text);
		assert_string_equal(got.directory, table[i].directory);
		assert_string_equal(got.file, table[i].file);
		assert_int_equal(got.kind, table[i].kind);
	}
}

static void
lengths_are_limited(void **state)
{
	char name[6000];
	struct grey_dbpath got;
	struct grey_error err;

	(void)state;
	memset(name, 'x', sizeof(name));
	name[GREY_DB_NAME_MAX] = '\0';
	assert_int_equal(grey_dbpath_resolve(name, "/s", &got, &err), GREY_OK);
	name[GREY_DB_NAME_MAX] = 'x';
	name[GREY_DB_NAME_MAX + 1] = '\0';
	assert_int_equal(grey_dbpath_resolve(name, "/s", &got, &err),
	    GREY_INVALID);
	memset(name, '/', sizeof(name));
	(void)strcpy(name + GREY_DB_DIRECTORY_MAX - 1, "/x");
	assert_int_equal(grey_dbpath_resolve(name, "/s", &got, &err), GREY_OK);
	assert_int_equal(strlen(got.directory), GREY_DB_DIRECTORY_MAX - 1);
	(void)strcpy(name + GREY_DB_DIRECTORY_MAX, "/x");
	assert_int_equal(grey_dbpath_resolve(name, "/s", &got, &err),
	    GREY_INVALID);
	assert_non_null(strstr(err.text, "is longer than 1023 bytes"));
	/* The spool directory, and "/grey" behind it. */
	name[GREY_DB_DIRECTORY_MAX - 6] = '\0';
	assert_int_equal(grey_dbpath_resolve("x", name, &got, &err), GREY_OK);
	assert_int_equal(strlen(got.directory), GREY_DB_DIRECTORY_MAX - 1);
	(void)strcpy(name + GREY_DB_DIRECTORY_MAX - 6, "/");
	assert_int_equal(grey_dbpath_resolve("x", name, &got, &err),
	    GREY_INVALID);
	assert_string_equal(err.text,
	    "DB 'x': its directory is longer than 1023 bytes");
}

static void
the_spool_directory_gets_its_grey(void **state)
{
	struct grey_directory directory;
	struct grey_dbpath path;
	struct grey_error err;
	struct test_db test;
	struct stat st, made;
	char name[96];

	(void)state;
	test_db_begin(&test);
	assert_int_equal(grey_dbpath_resolve("seen", test.directory, &path,
			     &err),
	    GREY_OK);
	assert_int_equal(grey_directory_open(&path, false, &directory, &err),
	    GREY_NOT_FOUND);
	/* As Debian's spool: mode 2750 would not be taken over whole. */
	assert_int_equal(chmod(test.directory, 0750), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(test.directory, 1, 2), 0);
	if (grey_directory_open(&path, true, &directory, &err) != GREY_OK)
		fail_msg("%s", err.text);
	(void)close(directory.fd);
	(void)snprintf(name, sizeof(name), "%s/grey", test.directory);
	assert_int_equal(stat(test.directory, &st), 0);
	assert_int_equal(stat(name, &made), 0);
	assert_int_equal(made.st_mode & 07777, 0750);
	assert_int_equal(made.st_uid, st.st_uid);
	assert_int_equal(made.st_gid, st.st_gid);
	assert_int_equal(directory.mode, 0640);
	assert_int_equal(directory.uid, st.st_uid);
	assert_int_equal(test_files(&test, "grey"), 1);
	assert_int_equal(rmdir(name), 0);
	/* A path of its own is never made. */
	(void)snprintf(name, sizeof(name), "%s/none/seen", test.directory);
	assert_int_equal(grey_dbpath_resolve(name, "/", &path, &err), GREY_OK);
	assert_int_equal(grey_directory_open(&path, true, &directory, &err),
	    GREY_NOT_FOUND);
	assert_non_null(strstr(err.text, "none"));
	test_db_end(&test);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
						names_are_resolved),
		cmocka_unit_test(lengths_are_limited),
		cmocka_unit_test(the_spool_directory_gets_its_grey) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
