/* A file that is not in memory is brought there. */
#include "test.h"

#include <sys/mman.h>

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "prefetch.h"

#define PAGES 700 /* more than one step, and no multiple of it */

static long page_size;

static int
in_memory(const void *map)
{
	unsigned char is_there[PAGES];
	int count = 0;

	assert_int_equal(mincore((void *)(uintptr_t)map,
			     (size_t)(PAGES * page_size), is_there),
	    0);
	for (int i = 0; i < PAGES; i++)
		count += is_there[i] & 1;
	return count;
}

static void
comes_into_memory(void **state)
{
	/* A disk; tmpfs would have it in memory all the time. */
	char name[] = "/var/tmp/exigrey-prefetch-XXXXXX";
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	const int fd = mkstemp(name);
	char *page, *map;
	int before;

	(void)state;
	page_size = sysconf(_SC_PAGESIZE);
	page = calloc(1, (size_t)page_size);
	assert_true(fd != -1 && page != NULL && unlink(name) == 0);
	for (int i = 0; i < PAGES; i++)
		assert_int_equal(write(fd, page, (size_t)page_size), page_size);
	assert_int_equal(fsync(fd), 0);
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	map = mmap(NULL, (size_t)(PAGES * page_size), PROT_READ, MAP_SHARED, fd,
	    0);
	assert_true(map != MAP_FAILED);
	before = in_memory(map);
	if (before == PAGES)
		print_message("# /var/tmp keeps files in memory\n");
	grey_prefetch(fd);
	for (int i = 0; i < 1000 && in_memory(map) < PAGES; i++)
		(void)nanosleep(&pause, NULL);
	assert_int_equal(in_memory(map), PAGES);
	(void)munmap(map, (size_t)(PAGES * page_size));
	(void)close(fd);
	free(page);
}

static void
takes_what_is_no_file(void **state)
{
	int ends[2];

	(void)state;
	grey_prefetch(-1);
	assert_int_equal(pipe(ends), 0);
	grey_prefetch(ends[0]);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_into_memory),
		cmocka_unit_test(takes_what_is_no_file),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
