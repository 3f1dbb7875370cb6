#include "journal.h"

#include <sys/types.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "number.h"

#define MAGIC     "exigrey-lock"
#define VERSION   1
#define LINE_SIZE 128
#define PAGE      4096

static const char *const names[] = { "none", "store", "delete", "batch",
	"pages" };
#define OPERATIONS (sizeof(names) / sizeof(names[0]))

/* n is what the write returned: only -1 sets errno. */
static enum grey_status
write_failed(ssize_t n, struct grey_error *err)
{
	return grey_fail(err, GREY_FAILED, "cannot write the lock file: %s",
	    strerror(n == -1 ? errno : ENOSPC));
}

static bool
operation_named(struct grey_bytes name, enum grey_operation *operation_r)
{
	for (size_t i = 0; i < OPERATIONS; i++)
		if (grey_bytes_equal(name, grey_bytes_of(names[i]))) {
			*operation_r = (enum grey_operation)i;
			return true;
		}
	return false;
}

/* Takes the next word off a line; an empty one at its end. */
static struct grey_bytes
next_word(struct grey_bytes *line)
{
	const char *end = memchr(line->data, ' ', line->size);
	struct grey_bytes word = { line->data, line->size };

	if (end != NULL)
		word.size = (size_t)(end - line->data);
	line->data += word.size;
	line->size -= word.size;
	if (line->size > 0) {
		line->data++;
		line->size--;
	}
	return word;
}

static bool
parse_size(struct grey_bytes word, size_t *size_r)
{
	int64_t number;

	if (!grey_number_parse(word, &number))
		return false;
	*size_r = (size_t)number;
	return true;
}

/* What stands behind the version.  (sscanf is a twentieth of a call.) */
static bool
parse_journal(struct grey_bytes line, struct grey_journal *journal_r)
{
	const struct grey_bytes boot_id = next_word(&line);

	if (boot_id.size != GREY_BOOT_ID)
		return false;
	memcpy(journal_r->boot_id, boot_id.data, boot_id.size);
	journal_r->boot_id[boot_id.size] = '\0';
	return grey_number_parse(next_word(&line), &journal_r->records) &&
	    operation_named(next_word(&line), &journal_r->operation) &&
	    parse_size(next_word(&line), &journal_r->key_size) &&
	    parse_size(next_word(&line), &journal_r->value_size);
}

enum grey_status
grey_journal_read(int fd, struct grey_journal *journal_r,
    struct grey_error *err)
{
	char text[LINE_SIZE];
	struct grey_bytes line = { text, 0 };
	const char *newline;
	int64_t version = 0;
	ssize_t n;

	n = pread(fd, text, LINE_SIZE, 0);
	if (n == -1)
		return grey_fail(err, GREY_FAILED,
		    "cannot read the lock file: %s", strerror(errno));
	newline = memchr(text, '\n', (size_t)n);
	line.size = newline != NULL ? (size_t)(newline - text) : (size_t)n;
	if (!grey_bytes_equal(next_word(&line), grey_bytes_of(MAGIC)) ||
	    !grey_number_parse(next_word(&line), &version))
		return GREY_NOT_FOUND;
	if (version > VERSION)
		return grey_fail(err, GREY_INVALID,
		    "the lock file is of version %lld, from a later exigrey; "
		    "this one knows version %d",
		    (long long)version, VERSION);
	return n == LINE_SIZE && text[LINE_SIZE - 1] == '\n' &&
		version == VERSION && parse_journal(line, journal_r) ?
	    GREY_OK :
	    GREY_NOT_FOUND;
}

/* It fits: the words at their longest take 121 bytes. */
static void
format_line(const struct grey_journal *journal, char line[LINE_SIZE])
{
	char *at = stpcpy(line, MAGIC " ");

	at = grey_number_write(at, VERSION);
	at = stpcpy(stpcpy(at, " "), journal->boot_id);
	at = grey_number_write(stpcpy(at, " "), journal->records);
	at = stpcpy(stpcpy(at, " "), names[journal->operation]);
	at = grey_number_write(stpcpy(at, " "), (int64_t)journal->key_size);
	at = grey_number_write(stpcpy(at, " "), (int64_t)journal->value_size);
	(void)memset(at, ' ', (size_t)(line + LINE_SIZE - 1 - at));
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

	if (journal->key_size > GREY_JOURNAL_MAX ||
	    journal->value_size > GREY_JOURNAL_MAX)
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
