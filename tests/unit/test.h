/*
 * What the unit tests share: a database in a directory of its own.  A test
 * that is run under a name with "-bdb" has one of Berkeley DB (Makefile).
 */
#ifndef TEST_H
#define TEST_H

#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "greydb_driver.h"
#include "greylist.h"

struct test_db {
	char directory[64];
	struct grey_dbpath path;
	struct grey_session session;
	char log[1024]; /* the last line */
	int lines;
};

static inline void
test_log(void *arg, const char *text)
{
	struct test_db *db = arg;

	(void)snprintf(db->log, sizeof(db->log), "%s", text);
	db->lines++;
}

static inline bool
test_is_bdb(void)
{
	return strstr(program_invocation_short_name, "-bdb") != NULL;
}

static inline void
test_db_begin(struct test_db *db)
{
	struct grey_error err;
	char name[96];

	memset(db, 0, sizeof(*db));
	(void)strcpy(db->directory, "/tmp/exigrey-unit-XXXXXX");
	assert_non_null(mkdtemp(db->directory));
	(void)snprintf(name, sizeof(name), "%s%s/seen",
	    test_is_bdb() ? "bdb:" : "", db->directory);
	if (grey_dbpath_resolve(name, "/nowhere", &db->path, &err) != GREY_OK)
		fail_msg("%s", err.text);
	grey_session_init(&db->session, test_log, db);
}

/*
 * False, with the reason printed, where a server keeps the locks of /tmp: there
 * nothing is said or claimed beside the lock (lockfile.c).  (skip() prints what
 * prove takes for a failure.)
 */
static inline bool
test_locks_are_local(void)
{
	struct statfs fs;

	assert_int_equal(statfs("/tmp", &fs), 0);
	if (fs.f_type != V9FS_MAGIC && fs.f_type != FUSE_SUPER_MAGIC &&
	    fs.f_type != NFS_SUPER_MAGIC)
		return true;
	print_message("# skipped: a server keeps the locks of /tmp\n");
	return false;
}

static inline void
test_db_end(struct test_db *db)
{
	DIR *dir = opendir(db->directory);
	const struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	(void)closedir(dir);
	assert_int_equal(rmdir(db->directory), 0);
	grey_session_end(&db->session);
}

/* Opens a file of the directory, for the caller to close. */
static inline int
test_file(const struct test_db *db, const char *file, int flags)
{
	char name[96];
	int fd;

	(void)snprintf(name, sizeof(name), "%s/%s", db->directory, file);
	fd = open(name, flags, 0600);
	assert_true(fd != -1);
	return fd;
}

/* How many files of the directory have text in their name? */
static inline int
test_files(const struct test_db *db, const char *text)
{
	DIR *dir = opendir(db->directory);
	const struct dirent *entry;
	int n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		n += strstr(entry->d_name, text) != NULL;
	(void)closedir(dir);
	return n;
}

/* The whole structure must be sound. */
static inline void
test_check(const struct test_db *db, struct greydb_report *report_r)
{
	int fd = test_file(db, "seen", O_RDONLY);
	const struct greydb_driver *driver;
	struct grey_start start;
	struct grey_error err;

	assert_int_equal(grey_start_read(fd, &start, &err), GREY_OK);
	driver = greydb_driver_of(&start, &db->path, &err);
	assert_non_null(driver);
	if (driver->check(fd, true, NULL, report_r, &err) != GREY_OK)
		fail_msg("not sound: %s", err.text);
	(void)close(fd);
}

static inline struct greydb *
test_open(struct test_db *test)
{
	const struct greydb_settings settings = { .timeout = 10,
		.now = 1000,
		.create = true };
	struct grey_error err;
	struct greydb *db;

	if (greydb_open(&test->session, &test->path, &settings, &db, &err) !=
	    GREY_OK)
		fail_msg("greydb_open: %s", err.text);
	return db;
}

static inline void
test_close(struct greydb *db)
{
	struct grey_error err;

	if (greydb_close(&db, &err) != GREY_OK)
		fail_msg("greydb_close: %s", err.text);
}

/* A C string with its NUL, as items are stored. */
static inline struct grey_bytes
test_key(const char *item)
{
	return (struct grey_bytes){ item, strlen(item) + 1 };
}

#endif
