/*
 * Bytes from strangers, made fit to print.  No control byte, and no byte above
 * 0x7e, is ever written as it is.
 */
#ifndef EXIGREY_ESCAPE_H
#define EXIGREY_ESCAPE_H

#include <stdio.h>

#include "bytes.h"

/*
 * Writes bytes as text: a backslash, and what is not printable ASCII, as \ooo
 * (three octal digits).  strunvis(3) restores them.
 */
void escape_text(FILE *file, struct grey_bytes bytes);

/* The same for a message, in which a backslash stays as it is. */
void escape_message(FILE *file, const char *text);

/* Writes UTF-8 (valid: see escape_is_utf8) as a JSON string in quotes. */
void escape_json(FILE *file, struct grey_bytes bytes);

/* Writes bytes as hexadecimal digits, two for each. */
void escape_hex(FILE *file, struct grey_bytes bytes);

/*
 * Returns true if bytes are valid UTF-8 (RFC 3629) without a NUL, which many
 * that read JSON cannot take.
 */
bool escape_is_utf8(struct grey_bytes bytes);

#endif
