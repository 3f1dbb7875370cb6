/* The overlay's vis.h warns of functions that are not used here. */
#define LIBBSD_NETBSD_VIS

#include "escape.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <vis.h>

#define VIS_FLAGS (VIS_OCTAL | VIS_TAB | VIS_NL | VIS_NOLOCALE)
#define VIS_STEP  1024 /* bytes at a time: each becomes up to four */

static bool
is_plain(struct grey_bytes bytes)
{
	for (size_t i = 0; i < bytes.size; i++)
		if (bytes.data[i] < 0x20 || bytes.data[i] > 0x7e ||
		    bytes.data[i] == '\\')
			return false;
	return true;
}

static void
write_vis(FILE *file, struct grey_bytes bytes, int flags)
{
	char text[VIS_STEP * 4 + 1];
	size_t n;

	for (; bytes.size > 0; bytes.data += n, bytes.size -= n) {
		n = bytes.size < VIS_STEP ? bytes.size : VIS_STEP;
		(void)strvisx(text, bytes.data, n, flags);
		(void)fputs(text, file);
	}
}

void
escape_text(FILE *file, struct grey_bytes bytes)
{
	/* Nearly all are, and vis(3) allocates. */
	if (is_plain(bytes))
		(void)fwrite(bytes.data, 1, bytes.size, file);
	else
		write_vis(file, bytes, VIS_FLAGS);
}

void
escape_message(FILE *file, const char *text)
{
	write_vis(file, grey_bytes_of(text), VIS_FLAGS | VIS_NOSLASH);
}

void
escape_hex(FILE *file, struct grey_bytes bytes)
{
	for (size_t i = 0; i < bytes.size; i++)
		(void)fprintf(file, "%02x", (unsigned char)bytes.data[i]);
}

/*
 * Reads one character at *at and moves on.  Returns its code point, or -1 if
 * it is not UTF-8: cut off, longer than need be, a surrogate, too large.
 */
static int32_t
next_character(struct grey_bytes bytes, size_t *at)
{
	static const int32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	unsigned char c = (unsigned char)bytes.data[*at];
	size_t more = c < 0x80 ? 0 :
	    c < 0xc0           ? 4 :
	    c < 0xe0           ? 1 :
	    c < 0xf0           ? 2 :
	    c < 0xf8           ? 3 :
				 4;
	int32_t code;

	if (more > 3 || bytes.size - *at <= more)
		return -1;
	code = more == 0 ? c : c & (0x3f >> more);
	for (size_t i = 1; i <= more; i++) {
		c = (unsigned char)bytes.data[*at + i];
		if ((c & 0xc0) != 0x80)
			return -1;
		code = code << 6 | (c & 0x3f);
	}
	*at += more + 1;
	return code < least[more] || code > 0x10ffff ||
		(code >= 0xd800 && code <= 0xdfff) ?
	    -1 :
	    code;
}

bool
escape_is_utf8(struct grey_bytes bytes)
{
	size_t at = 0;

	while (at < bytes.size)
		if (next_character(bytes, &at) <= 0)
			return false;
	return true;
}

void
escape_json(FILE *file, struct grey_bytes bytes)
{
	size_t at = 0, start;
	int32_t code;

	(void)fputc('"', file);
	while (at < bytes.size) {
		start = at;
		code = next_character(bytes, &at);
		if (code == '"' || code == '\\')
			(void)fprintf(file, "\\%c", (char)code);
		else if (code < 0x20 || (code >= 0x7f && code < 0xa0))
			(void)fprintf(file, "\\u%04x", (unsigned)code);
		else
			(void)fwrite(bytes.data + start, 1, at - start, file);
		if (code < 0)
			break;
	}
	(void)fputc('"', file);
}
