/*
 * Who works for long gives way to those who wait for the lock; what one process
 * may be at beside it.
 */
#include "test.h"

#include <sys/wait.h>

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "lockfile.h"

#define MILLISECOND 1000000LL
#define GIVES_WAY   (900 * MILLISECOND / 1000) /* ns; at most, and in turn 0 */

static int64_t
now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 * MILLISECOND + ts.tv_nsec;
}

/* The lock, or -1. */
static int
try_to_take(struct test_db *db, int64_t timeout)
{
	struct grey_directory directory;
	struct grey_error err;
	int lock = -1;

	if (grey_directory_open(&db->path, false, &directory, &err) != GREY_OK)
		return -1;
	(void)grey_lock_acquire(&db->session, &db->path, &directory,
	    GREY_LOCK_EXCLUSIVE, timeout, &lock, &err);
	(void)close(directory.fd);
	return lock;
}

static int
take(struct test_db *db, int64_t timeout)
{
	const int lock = try_to_take(db, timeout);

	assert_true(lock != -1);
	return lock;
}

/* As who waits says it; the caller closes it. */
static int
wait_beside(const struct test_db *db)
{
	struct flock waits = { .l_type = F_RDLCK,
		.l_whence = SEEK_SET,
		.l_len = 1 };
	const int fd = test_file(db, "seen.lock", O_RDWR);

	assert_int_equal(fcntl(fd, F_OFD_SETLK, &waits), 0);
	return fd;
}

/* Does anybody say it? */
static bool
somebody_waits(int fd)
{
	struct flock wanted = { .l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_len = 1 };

	assert_int_equal(fcntl(fd, F_OFD_GETLK, &wanted), 0);
	return wanted.l_type != F_UNLCK;
}

static int64_t
time_of(const struct test_db *db, unsigned turn)
{
	const int64_t before = now();

	grey_lock_give_way(&db->path, turn);
	return now() - before;
}

/* The shortest of some: a busy machine makes others longer. */
static int64_t
shortest(const struct test_db *db, unsigned turn)
{
	int64_t time, least = INT64_MAX;

	for (int i = 0; i < 50; i++) {
		time = time_of(db, turn);
		if (time < least)
			least = time;
	}
	return least;
}

static void
gives_way_to_who_waits(void **state)
{
	struct test_db db;
	int waits;

	(void)state;
	if (!test_locks_are_local())
		return;
	test_db_begin(&db);
	(void)close(take(&db, 0));
	assert_true(shortest(&db, 1) < GIVES_WAY / 2);
	waits = wait_beside(&db);
	assert_true(shortest(&db, 1) >= GIVES_WAY);
	(void)close(waits);
	assert_true(shortest(&db, 1) < GIVES_WAY / 2);
	test_db_end(&db);
}

static void
gives_way_to_others_now_and_then(void **state)
{
	struct test_db db;
	int64_t longest = 0;

	(void)state;
	test_db_begin(&db);
	(void)close(take(&db, 0));
	assert_true(shortest(&db, 0) >= GIVES_WAY);
	for (unsigned turn = 1; turn <= 64 && longest < GIVES_WAY; turn++)
		longest = shortest(&db, turn);
	assert_true(longest >= GIVES_WAY);
	test_db_end(&db);
}

static void
says_that_it_waits(void **state)
{
	struct test_db db;
	int held, fd, status;
	pid_t child;

	(void)state;
	if (!test_locks_are_local())
		return;
	test_db_begin(&db);
	held = take(&db, 0);
	fd = test_file(&db, "seen.lock", O_RDWR);
	assert_false(somebody_waits(fd));
	child = fork();
	if (child == 0) {
		(void)close(held);
		_exit(try_to_take(&db, 60) == -1);
	}
	assert_true(child > 0);
	while (!somebody_waits(fd))
		assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	(void)close(held);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_false(somebody_waits(fd));
	(void)close(fd);
	test_db_end(&db);
}

static void
needs_no_lock_file(void **state)
{
	struct test_db db;
	int claim;

	(void)state;
	test_db_begin(&db);
	assert_true(time_of(&db, 1) >= GIVES_WAY);
	assert_int_equal(grey_lock_claim(&db.path, &claim), GREY_BUSY);
	test_db_end(&db);
}

/* Whoever has the lock, and whoever waits for it. */
static void
is_claimed_by_one(void **state)
{
	struct test_db db;
	int held, waiting, claim, other;

	(void)state;
	if (!test_locks_are_local())
		return;
	test_db_begin(&db);
	held = take(&db, 1);
	waiting = wait_beside(&db);
	assert_int_equal(grey_lock_claim(&db.path, &claim), GREY_OK);
	assert_int_equal(grey_lock_claim(&db.path, &other), GREY_BUSY);
	assert_int_equal(other, -1);
	(void)close(waiting);
	assert_false(somebody_waits(held));
	grey_lock_release(&claim);
	assert_int_equal(grey_lock_claim(&db.path, &other), GREY_OK);
	grey_lock_release(&other);
	(void)close(held);
	test_db_end(&db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_way_to_who_waits),
		cmocka_unit_test(gives_way_to_others_now_and_then),
		cmocka_unit_test(says_that_it_waits),
		cmocka_unit_test(needs_no_lock_file),
		cmocka_unit_test(is_claimed_by_one),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
