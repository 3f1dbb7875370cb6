#include "record.h"

#include <stdio.h>
#include <string.h>

#include "number.h"

/* A number without a leading zero: Exim's ${eval} would read octal. */
static bool
read_number(struct grey_bytes text, size_t *at, int64_t *number_r)
{
	const size_t start = *at;

	return grey_number_read(text, at, number_r) &&
	    (*at == start + 1 || text.data[start] != '0');
}

static bool
read_space(struct grey_bytes text, size_t *at)
{
	if (*at >= text.size || text.data[*at] != ' ')
		return false;
	++*at;
	return true;
}

/*
 * Takes the next word off *flags, which are separated by single spaces.
 * Returns false at their end.
 */
static bool
next_flag(struct grey_bytes *flags, struct grey_bytes *flag_r)
{
	const char *space;

	if (flags->size == 0)
		return false;
	space = memchr(flags->data, ' ', flags->size);
	flag_r->data = flags->data;
	flag_r->size =
	    space == NULL ? flags->size : (size_t)(space - flags->data);
	flags->data += flag_r->size;
	flags->size -= flag_r->size;
	if (flags->size > 0) {
		flags->data++;
		flags->size--;
	}
	return true;
}

/* Printable, and neither empty nor with a space too many. */
static bool
flags_parse(struct grey_bytes flags)
{
	struct grey_bytes flag;

	if (flags.size > 0 && flags.data[flags.size - 1] == ' ')
		return false;
	while (next_flag(&flags, &flag)) {
		if (flag.size == 0 || flag.data[0] == '=')
			return false;
		for (size_t i = 0; i < flag.size; i++)
			if (flag.data[i] < 0x21 || flag.data[i] > 0x7e)
				return false;
	}
	return true;
}

static bool
is_padding(struct grey_bytes value, size_t from)
{
	for (size_t i = from; i < value.size; i++)
		if (value.data[i] != '\0')
			return false;
	return true;
}

/* FNV-1a of Fowler, Noll and Vo: a single byte that changes changes it. */
static uint32_t
hash(uint32_t from, struct grey_bytes bytes)
{
	for (size_t i = 0; i < bytes.size; i++)
		from = (from ^ (unsigned char)bytes.data[i]) * 0x01000193U;
	return from;
}

/* Folded to 28 bits; a byte with the top bit set is no NUL, nor of a text. */
static void
put_checksum(struct grey_bytes key, struct grey_bytes text, char *to)
{
	uint32_t sum = hash(hash(0x811c9dc5U, key), text);

	sum = sum >> 28 ^ (sum & 0xfffffffU);
	for (int i = 0; i < GREY_CHECKSUM_SIZE; i++)
		to[i] = (char)(0x80U | (sum >> (21 - 7 * i) & 0x7fU));
}

/*
 * What stands behind the text of a key's value, and its NUL.  What has not our
 * width is somebody else's.
 */
static enum grey_status
check_rest(struct grey_bytes key, struct grey_bytes value,
    struct grey_bytes text, struct grey_error *err)
{
	const size_t rest = text.size + 1, end = rest + GREY_CHECKSUM_SIZE;
	char sum[GREY_CHECKSUM_SIZE];

	if (value.size % GREY_VALUE_STEP != 0)
		return is_padding(value, text.size) ?
		    GREY_OK :
		    grey_fail(err, GREY_DAMAGED,
			"the value goes on after its NUL");
	put_checksum(key, text, sum);
	if (end <= value.size && is_padding(value, end) &&
	    memcmp(value.data + rest, sum, sizeof(sum)) == 0)
		return GREY_OK;
	return grey_fail(err, GREY_DAMAGED,
	    is_padding(value, text.size) ?
		"it has the width of ours, but no checksum" :
		"the checksum is not that of this item and value");
}

struct grey_bytes
grey_record_text(struct grey_bytes value)
{
	const char *end =
	    value.size == 0 ? NULL : memchr(value.data, '\0', value.size);

	if (end != NULL)
		value.size = (size_t)(end - value.data);
	return value;
}

enum grey_status
grey_record_parse(struct grey_bytes key, struct grey_bytes value,
    struct grey_record *record_r, struct grey_error *err)
{
	struct grey_bytes text = grey_record_text(value);
	struct grey_record record = { 0 };
	enum grey_status status;
	size_t at = 0;

	if (value.size > GREY_VALUE_MAX)
		return grey_fail(err, GREY_DAMAGED,
		    "the value is longer than %d bytes", GREY_VALUE_MAX);
	if (!read_number(text, &at, &record.created) ||
	    !read_space(text, &at) || !read_number(text, &at, &record.used) ||
	    !read_space(text, &at) || !read_number(text, &at, &record.count))
		return grey_fail(err, GREY_DAMAGED,
		    "the value is not 'created used count'");
	record.flags = (struct grey_bytes){ text.data + at, 0 };
	if (at < text.size) {
		if (!read_space(text, &at) || at == text.size)
			return grey_fail(err, GREY_DAMAGED,
			    "the count is not a number, or a space too many");
		record.flags.data = text.data + at;
		record.flags.size = text.size - at;
		if (!flags_parse(record.flags))
			return grey_fail(err, GREY_DAMAGED,
			    "the flags do not parse");
	}
	status = check_rest(key, value, text, err);
	if (status == GREY_OK)
		*record_r = record;
	return status;
}

enum grey_status
grey_record_format(const struct grey_record *record, struct grey_bytes key,
    size_t old_size, char buffer[GREY_VALUE_MAX], struct grey_bytes *value_r,
    struct grey_error *err)
{
	struct grey_bytes text = { buffer, 0 };
	char *end = grey_number_write(buffer, record->created);
	size_t length, width;

	end = grey_number_write(stpcpy(end, " "), record->used);
	end = grey_number_write(stpcpy(end, " "), record->count);
	if (record->flags.size > 0)
		end = stpcpy(end, " ");
	if (record->flags.size > (size_t)(buffer + GREY_TEXT_MAX - end))
		return grey_fail(err, GREY_INVALID,
		    "the flags are longer than a record holds (%d bytes)",
		    GREY_VALUE_MAX);
	if (record->flags.size > 0)
		end = mempcpy(end, record->flags.data, record->flags.size);
	*end = '\0';
	text.size = (size_t)(end - buffer);
	length = text.size + 1 + GREY_CHECKSUM_SIZE;
	width =
	    old_size > length && old_size <= GREY_VALUE_MAX ? old_size : length;
	width =
	    (width + GREY_VALUE_STEP - 1) / GREY_VALUE_STEP * GREY_VALUE_STEP;
	put_checksum(key, text, buffer + text.size + 1);
	memset(buffer + length, 0, width - length);
	*value_r = (struct grey_bytes){ buffer, width };
	return GREY_OK;
}

void
grey_record_count(struct grey_record *record)
{
	if (record->count < INT64_MAX)
		record->count++;
}

/* Is the flag called name? */
static bool
flag_is(struct grey_bytes flag, const char *name)
{
	size_t length = strlen(name);

	return flag.size >= length && memcmp(flag.data, name, length) == 0 &&
	    (flag.size == length || flag.data[length] == '=');
}

bool
grey_record_flag(const struct grey_record *record, const char *name,
    struct grey_bytes *value_r)
{
	struct grey_bytes flags = record->flags, flag;

	while (next_flag(&flags, &flag)) {
		if (!flag_is(flag, name))
			continue;
		if (value_r != NULL) {
			size_t skip = strlen(name);
			skip += flag.size > skip;
			value_r->data = flag.data + skip;
			value_r->size = flag.size - skip;
		}
		return true;
	}
	return false;
}

bool
grey_record_expires(const struct grey_record *record, int64_t *time_r)
{
	struct grey_bytes value;
	size_t at = 0;

	return grey_record_flag(record, "expires", &value) &&
	    read_number(value, &at, time_r) && at == value.size;
}

static bool
name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* Returns its value, or -1. */
static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Does an escape %XX stand there? */
static bool
is_escape(struct grey_bytes value, size_t at)
{
	return value.data[at] == '%' && value.size - at >= 3 &&
	    hex_digit(value.data[at + 1]) != -1 &&
	    hex_digit(value.data[at + 2]) != -1;
}

static bool
flag_value_ok(struct grey_bytes value)
{
	for (size_t i = 0; i < value.size; i++) {
		if (value.data[i] < 0x21 || value.data[i] > 0x7e)
			return false;
		if (value.data[i] == '%' && !is_escape(value, i))
			return false;
	}
	return true;
}

const char *
grey_flag_escape(struct grey_bytes text, char *buffer)
{
	char *to = buffer;

	for (size_t i = 0; i < text.size; i++) {
		const unsigned char c = (unsigned char)text.data[i];

		if (c > 0x20 && c < 0x7f && c != '%')
			*to++ = (char)c;
		else
			to += sprintf(to, "%%%02X", c);
	}
	*to = '\0';
	return buffer;
}

struct grey_bytes
grey_flag_unescape(struct grey_bytes value, char *buffer)
{
	struct grey_bytes text = { buffer, 0 };

	for (size_t i = 0; i < value.size; i++) {
		char c = value.data[i];

		if (is_escape(value, i)) {
			c = (char)(hex_digit(value.data[i + 1]) << 4 |
			    hex_digit(value.data[i + 2]));
			i += 2;
		}
		buffer[text.size++] = c;
	}
	return text;
}

enum grey_status
grey_flags_check(struct grey_bytes flags, struct grey_error *err)
{
	struct grey_record record = { .flags = flags };
	struct grey_bytes flag;
	int64_t expires;

	if (!flags_parse(flags))
		return grey_fail(err, GREY_INVALID,
		    "'%.*s' are no flags: "
		    "words separated by single spaces, as in 'keep note=x'",
		    (int)flags.size, flags.data);
	while (next_flag(&flags, &flag)) {
		size_t i = 0;
		while (i < flag.size && name_byte(flag.data[i]))
			i++;
		if (i < flag.size && flag.data[i] == '=')
			i++;
		else if (i < flag.size)
			goto bad;
		if (!flag_value_ok(
			(struct grey_bytes){ flag.data + i, flag.size - i }))
			goto bad;
	}
	if (grey_record_flag(&record, "expires", NULL) &&
	    !grey_record_expires(&record, &expires))
		return grey_fail(err, GREY_INVALID,
		    "flag expires needs seconds since 1970, as in expires=%lld",
		    2000000000LL);
	return GREY_OK;
bad:
	return grey_fail(err, GREY_INVALID,
	    "'%.*s' is no flag: a name of "
	    "letters, digits, '-', '_', '.', then maybe =VALUE, where '%%' "
	    "and bytes that do not print are written %%XX",
	    (int)flag.size, flag.data);
}

/* Copies the flags but for those called name; returns the length. */
static size_t
copy_without(struct grey_bytes flags, const char *name,
    char buffer[GREY_VALUE_MAX])
{
	struct grey_bytes flag;
	size_t used = 0;

	while (next_flag(&flags, &flag)) {
		if (flag_is(flag, name) ||
		    used + 1 + flag.size > GREY_VALUE_MAX)
			continue;
		if (used > 0)
			buffer[used++] = ' ';
		memcpy(buffer + used, flag.data, flag.size);
		used += flag.size;
	}
	return used;
}

enum grey_status
grey_flags_set(struct grey_bytes flags, const char *name, const char *value,
    char buffer[GREY_VALUE_MAX], struct grey_bytes *flags_r,
    struct grey_error *err)
{
	size_t used, room;
	int n;

	if (flags.size >= GREY_VALUE_MAX)
		goto large;
	used = copy_without(flags, name, buffer);
	room = GREY_VALUE_MAX - used;
	n = snprintf(buffer + used, room, "%s%s%s%s", used > 0 ? " " : "", name,
	    value != NULL ? "=" : "", value != NULL ? value : "");
	if (n < 0 || (size_t)n >= room)
		goto large;
	*flags_r = (struct grey_bytes){ buffer, used + (size_t)n };
	return GREY_OK;
large:
	return grey_fail(err, GREY_INVALID,
	    "with flag '%s' the record would be too long", name);
}

enum grey_status
grey_flags_remove(struct grey_bytes flags, const char *name,
    char buffer[GREY_VALUE_MAX], struct grey_bytes *flags_r,
    struct grey_error *err)
{
	if (flags.size >= GREY_VALUE_MAX)
		return grey_fail(err, GREY_INVALID, "the flags are too long");
	*flags_r =
	    (struct grey_bytes){ buffer, copy_without(flags, name, buffer) };
	return GREY_OK;
}
