#include "dump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "key.h"

#define FIRST_LINE  "# exigrey dump "
#define FIELDS_MAX  6
#define RAW_KEY_MAX (1 << 30) /* below what GDBM counts */

void
dump_begin(FILE *file)
{
	(void)fprintf(file,
	    FIRST_LINE "%d\n"
		       "# item\tcreated\tused\tcount\tflags\n",
	    DUMP_VERSION);
}

/* A "#" at the start of a line would make it a comment. */
static void
put_first(FILE *file, struct grey_bytes bytes)
{
	if (bytes.size > 0 && bytes.data[0] == '#') {
		(void)fputs("\\043", file);
		bytes.data++;
		bytes.size--;
	}
	escape_text(file, bytes);
}

/* Can it be read back as a record?  What other programs store may not. */
static bool
is_readable(struct grey_bytes item, struct grey_bytes value,
    const struct grey_record *record)
{
	return item.size <= GREY_KEY_MAX &&
	    grey_record_text(value).size <= GREY_TEXT_MAX &&
	    grey_flags_check(record->flags, NULL) == GREY_OK;
}

void
dump_entry(FILE *file, struct grey_bytes key, struct grey_bytes value)
{
	struct grey_record record;
	struct grey_bytes item;

	if (grey_item_of_key(key, &item) &&
	    grey_record_parse(key, value, &record, NULL) == GREY_OK &&
	    is_readable(item, value, &record)) {
		put_first(file, item);
		(void)fprintf(file, "\t%lld\t%lld\t%lld\t%.*s\n",
		    (long long)record.created, (long long)record.used,
		    (long long)record.count, (int)record.flags.size,
		    record.flags.data);
		return;
	}
	put_first(file, key);
	(void)putc('\t', file);
	escape_text(file, value);
	(void)putc('\n', file);
}

/* Reads a line into reader->text, without its newline. */
static enum grey_status
read_line(struct dump_reader *reader, size_t *length_r, struct grey_error *err)
{
	ssize_t n = getline(&reader->text, &reader->size, reader->file);

	if (n == -1 && feof(reader->file))
		return GREY_NOT_FOUND;
	if (n == -1)
		return grey_fail(err, GREY_FAILED, "cannot read: %s",
		    strerror(errno));
	reader->line++;
	if (n > 0 && reader->text[n - 1] == '\n')
		reader->text[--n] = '\0';
	*length_r = (size_t)n;
	return GREY_OK;
}

static bool
read_number(const char *field, int64_t *number_r)
{
	int64_t n = 0;

	if (*field == '\0' || (*field == '0' && field[1] != '\0'))
		return false;
	for (; *field != '\0'; field++)
		if (*field < '0' || *field > '9' ||
		    __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, *field - '0', &n))
			return false;
	*number_r = n;
	return true;
}

enum grey_status
dump_reader_begin(struct dump_reader *reader, FILE *file,
    struct grey_error *err)
{
	enum grey_status status;
	int64_t version;
	size_t length;

	*reader = (struct dump_reader){ .file = file };
	status = read_line(reader, &length, err);
	if (status == GREY_FAILED)
		return status;
	if (status == GREY_NOT_FOUND ||
	    strncmp(reader->text, FIRST_LINE, strlen(FIRST_LINE)) != 0 ||
	    !read_number(reader->text + strlen(FIRST_LINE), &version))
		return grey_fail(err, GREY_INVALID,
		    "it is no dump: the first line must be '" FIRST_LINE "%d'",
		    DUMP_VERSION);
	if (version != DUMP_VERSION)
		return grey_fail(err, GREY_INVALID,
		    "it is a dump of version "
		    "%lld; this exigrey reads version %d",
		    (long long)version, DUMP_VERSION);
	return GREY_OK;
}

void
dump_reader_end(struct dump_reader *reader)
{
	free(reader->text);
	reader->text = NULL;
}

/* Reads three octal digits; returns -1 if there are none, or too much. */
static int
read_octal(const char *digits)
{
	int byte = 0;

	for (int i = 0; i < 3; i++) {
		if (digits[i] < '0' || digits[i] > '7')
			return -1;
		byte = byte * 8 + digits[i] - '0';
	}
	return byte <= 0xff ? byte : -1;
}

/*
 * Undoes the escapes in place: \ooo, and \\ of those who write by hand.
 * (strunvis(3) takes much else for an escape, and mistakes for none.)
 */
static bool
restore(char *field, struct grey_bytes *bytes_r)
{
	const char *from = field;
	char *to = field;
	int byte;

	while (*from != '\0') {
		if (*from != '\\') {
			*to++ = *from++;
			continue;
		}
		byte = from[1] == '\\' ? '\\' : read_octal(from + 1);
		if (byte == -1)
			return false;
		from += from[1] == '\\' ? 2 : 4;
		*to++ = (char)byte;
	}
	*bytes_r = (struct grey_bytes){ field, (size_t)(to - field) };
	return true;
}

/* ITEM created used count flags */
static enum grey_status
understand_record(struct dump_reader *reader, char **fields,
    struct dump_entry *entry, struct grey_error *err)
{
	static const char *const names[] = { "created", "used", "count" };
	struct grey_record *record = &entry->record;
	int64_t *numbers[] = { &record->created, &record->used,
		&record->count };
	enum grey_status status;

	if (!restore(fields[0], &entry->key))
		return grey_fail(err, GREY_INVALID,
		    "the item has a wrong escape: write \\ooo, three octal "
		    "digits");
	if (entry->key.size > GREY_KEY_MAX)
		return grey_fail(err, GREY_INVALID,
		    "the item is longer than %d bytes", GREY_KEY_MAX);
	/* Field 0 ended in a tab: there is room for the key's NUL. */
	fields[0][entry->key.size++] = '\0';
	for (int i = 0; i < 3; i++)
		if (!read_number(fields[i + 1], numbers[i]))
			return grey_fail(err, GREY_INVALID,
			    "%s is '%.40s', not a number", names[i],
			    fields[i + 1]);
	record->flags = grey_bytes_of(fields[4]);
	status = grey_flags_check(record->flags, err);
	if (status == GREY_OK)
		status = grey_record_format(record, entry->key, 0,
		    reader->value, &entry->value, err);
	entry->is_record = true;
	return status;
}

/* KEY VALUE, as they stand */
static enum grey_status
understand_raw(char **fields, struct dump_entry *entry, struct grey_error *err)
{
	entry->is_record = false;
	if (!restore(fields[0], &entry->key) ||
	    !restore(fields[1], &entry->value))
		return grey_fail(err, GREY_INVALID,
		    "a wrong escape: write "
		    "\\ooo, three octal digits");
	if (entry->key.size > RAW_KEY_MAX || entry->value.size > RAW_KEY_MAX)
		return grey_fail(err, GREY_INVALID,
		    "key or value is longer than %d bytes", RAW_KEY_MAX);
	return GREY_OK;
}

static enum grey_status
understand(struct dump_reader *reader, size_t length, struct dump_entry *entry,
    struct grey_error *err)
{
	char *fields[FIELDS_MAX], *rest = reader->text;
	int count = 0;

	if (strlen(reader->text) != length)
		return grey_fail(err, GREY_INVALID,
		    "the line holds a NUL: write \\000");
	while (rest != NULL && count < FIELDS_MAX)
		fields[count++] = strsep(&rest, "\t");
	if (count == 4)
		fields[count++] = reader->text + length; /* no flags */
	if (count == 5)
		return understand_record(reader, fields, entry, err);
	if (count == 2)
		return understand_raw(fields, entry, err);
	return grey_fail(err, GREY_INVALID,
	    "it has %d field%s: want item, "
	    "created, used, count and flags, with tabs between them",
	    count, count == 1 ? "" : "s");
}

enum grey_status
dump_read(struct dump_reader *reader, struct dump_entry *entry_r,
    struct grey_error *err)
{
	enum grey_status status;
	size_t length;

	do {
		status = read_line(reader, &length, err);
		if (status != GREY_OK)
			return status;
	} while (length == 0 || reader->text[0] == '#');
	*entry_r = (struct dump_entry){ .is_record = false };
	return understand(reader, length, entry_r, err);
}
