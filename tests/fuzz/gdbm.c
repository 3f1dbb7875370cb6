/*
 * A GDBM file of any bytes, through the driver: what reads it may find
 * anything, what writes to it too.  libgdbm is not built with the sanitizers,
 * but its crashes show.
 */
#include "fuzz.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "greydb_driver.h"

#define KEYS    24
#define GROWTH  (4 << 20) /* bytes that so few keys may cost */
#define LONGEST (1 << 18) /* of an input */

static enum grey_status
visit(void *arg, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	unsigned *sum = arg;

	(void)err;
	for (size_t i = 0; i < key.size; i++)
		*sum += (unsigned char)key.data[i];
	for (size_t i = 0; i < value.size; i++)
		*sum += (unsigned char)value.data[i];
	return GREY_OK;
}

static void
problem(void *arg, const char *text)
{
	require(text[0] != '\0');
	++*(unsigned *)arg;
}

static int
file_of(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	require(fd != -1);
	require(write(fd, data, size) == (ssize_t)size);
	return fd;
}

static void
read_all(int fd)
{
	struct greydb_walk walk = { .total = 0 };
	struct greydb_report report;
	struct grey_start start;
	struct grey_error err;
	unsigned sum = 0;

	require(grey_start_read(fd, &start, &err) == GREY_OK);
	(void)greydb_gdbm.recognizes(&start);
	(void)greydb_gdbm.block_size(fd);
	(void)greydb_gdbm.check(fd, true, NULL, &report, &err);
	walk.watch = (struct greydb_watch){ .problem = problem, .arg = &sum };
	(void)greydb_gdbm.check(fd, true, &walk.watch, &report, &err);
	(void)greydb_gdbm.walk(fd, false, visit, &sum, &walk, &err);
	(void)greydb_gdbm.walk(fd, true, visit, &sum, &walk, &err);
}

/* The i-th key: some of those that the corpus has, some that it has not. */
static struct grey_bytes
key_of(int i, char buffer[16])
{
	return (struct grey_bytes){ buffer,
		(size_t)snprintf(buffer, 16, "key %d", i) + 1 };
}

static enum grey_status
change(void *handle, int i, struct grey_error *err)
{
	struct greydb_value old = { 0 };
	char name[16], value[128] = "5 6 7";
	const struct grey_bytes key = key_of(i, name);
	enum grey_status status;

	status = greydb_gdbm.fetch(handle, key, &old, err);
	greydb_value_free(&old);
	if (status == GREY_OK && i % 3 == 0)
		return greydb_gdbm.remove(handle, key, i % 2 == 0, err);
	if (status == GREY_NOT_FOUND)
		status = greydb_gdbm.admit(handle, key, KEYS, err);
	if (status != GREY_OK)
		return status;
	return greydb_gdbm.store(handle, key,
	    (struct grey_bytes){ value, 32 + (size_t)(i % 4) * 32 }, err);
}

static void
write_all(int fd)
{
	struct grey_error err;
	enum grey_status status = GREY_OK;
	struct stat before, after;
	struct grey_start start;
	int64_t records;
	void *handle;

	require(fstat(fd, &before) == 0);
	require(grey_start_read(fd, &start, &err) == GREY_OK);
	/* As greydb does it: closed after a failure, then settled. */
	if (greydb_gdbm.open(fcntl(fd, F_DUPFD_CLOEXEC, 0), &start,
		GREYDB_WRITE, &handle, &err) == GREY_OK) {
		for (int i = 0; i < KEYS && status == GREY_OK; i++)
			status = change(handle, i, &err);
		(void)greydb_gdbm.close(handle, -1, &err);
	}
	(void)greydb_gdbm.settle(fd, &records, &err);
	require(fstat(fd, &after) == 0);
	require(after.st_size < before.st_size + GROWTH);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd;

	if (size > LONGEST)
		return 0;
	fd = file_of(data, size);
	read_all(fd);
	write_all(fd);
	read_all(fd);
	(void)close(fd);
	return 0;
}
