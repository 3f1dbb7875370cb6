#include "journal.h"

#include <sys/types.h>
#include <sys/uio.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERSION   1
#define LINE_SIZE 128
#define BODY_MAX  (1 << 20)
#define PAGE      4096

static const char *const names[] = { "none", "store", "delete", "batch" };
#define OPERATIONS (sizeof(names) / sizeof(names[0]))

/* n is what the write returned: only -1 sets errno. */
static enum grey_status
write_failed(ssize_t n, struct grey_error *err)
{
	return grey_fail(err, GREY_FAILED, "cannot write the lock file: %s",
	    strerror(n == -1 ? errno : ENOSPC));
}

static bool
operation_named(const char *name, enum grey_operation *operation_r)
{
	for (size_t i = 0; i < OPERATIONS; i++)
		if (strcmp(names[i], name) == 0) {
			*operation_r = (enum grey_operation)i;
			return true;
		}
	return false;
}

enum grey_status
grey_journal_read(int fd, struct grey_journal *journal_r,
    struct grey_error *err)
{
	char line[LINE_SIZE + 1], name[8];
	int version = 0;
	ssize_t n;

	n = pread(fd, line, LINE_SIZE, 0);
	if (n == -1)
		return grey_fail(err, GREY_FAILED,
		    "cannot read the lock file: %s", strerror(errno));
	line[n] = '\0';
	if (sscanf(line, "exigrey-lock %d ", &version) == 1 &&
	    version > VERSION)
		return grey_fail(err, GREY_INVALID,
		    "the lock file is of version %d, from a later exigrey; "
		    "this one knows version %d",
		    version, VERSION);
	if (n != LINE_SIZE || line[LINE_SIZE - 1] != '\n' ||
	    version != VERSION ||
	    sscanf(line, "exigrey-lock %*d %36s %" SCNd64 " %7s %zu %zu",
		journal_r->boot_id, &journal_r->records, name,
		&journal_r->key_size, &journal_r->value_size) != 5 ||
	    strlen(journal_r->boot_id) != GREY_BOOT_ID ||
	    journal_r->records < 0 ||
	    !operation_named(name, &journal_r->operation))
		return GREY_NOT_FOUND;
	return GREY_OK;
}

static void
format_line(const struct grey_journal *journal, char line[LINE_SIZE])
{
	int n = snprintf(line, LINE_SIZE,
	    "exigrey-lock %d %s %" PRId64 " %s %zu %zu", VERSION,
	    journal->boot_id, journal->records, names[journal->operation],
	    journal->key_size, journal->value_size);

	(void)memset(line + n, ' ', LINE_SIZE - 1 - (size_t)n);
	line[LINE_SIZE - 1] = '\n';
}

enum grey_status
grey_journal_clear(int fd, struct grey_journal *journal, struct grey_error *err)
{
	char line[LINE_SIZE];
	ssize_t n;

	journal->operation = GREY_OP_NONE;
	journal->key_size = journal->value_size = 0;
	format_line(journal, line);
	n = pwrite(fd, line, sizeof(line), 0);
	return n == LINE_SIZE ? GREY_OK : write_failed(n, err);
}

static struct iovec
vector(const char *data, size_t size)
{
	/* iovec serves readers too, and so is not const; this one writes. */
	union {
		const char *from;
		void *to;
	} base = { .from = data };

	return (struct iovec){ .iov_base = base.to, .iov_len = size };
}

enum grey_status
grey_journal_begin(int fd, struct grey_journal *journal,
    enum grey_operation operation, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	char line[LINE_SIZE];
	struct iovec parts[3];
	const ssize_t body = (ssize_t)(key.size + value.size);
	ssize_t whole = LINE_SIZE + body, n;

	journal->operation = operation;
	journal->key_size = key.size;
	journal->value_size = value.size;
	format_line(journal, line);
	parts[0] = vector(line, LINE_SIZE);
	parts[1] = vector(key.data, key.size);
	parts[2] = vector(value.data, value.size);
	/*
	 * A kill can cut a write only between two pages.  What does not fit
	 * in the first page is written before the line that announces it.
	 */
	if (whole > PAGE) {
		n = pwritev(fd, parts + 1, 2, LINE_SIZE);
		if (n != body)
			return write_failed(n, err);
		whole = LINE_SIZE;
	}
	n = pwritev(fd, parts, whole == LINE_SIZE ? 1 : 3, 0);
	return n == whole ? GREY_OK : write_failed(n, err);
}

enum grey_status
grey_journal_pending(int fd, const struct grey_journal *journal,
    char **memory_r, struct grey_bytes *key_r, struct grey_bytes *value_r,
    struct grey_error *err)
{
	size_t size;
	char *memory;

	if (journal->key_size > BODY_MAX || journal->value_size > BODY_MAX)
		return GREY_NOT_FOUND;
	size = journal->key_size + journal->value_size;
	memory = malloc(size + 1);
	if (memory == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	if (pread(fd, memory, size, LINE_SIZE) != (ssize_t)size) {
		free(memory);
		return GREY_NOT_FOUND;
	}
	*memory_r = memory;
	*key_r = (struct grey_bytes){ memory, journal->key_size };
	*value_r = (struct grey_bytes){ memory + journal->key_size,
		journal->value_size };
	return GREY_OK;
}
