/*
 * A record as the administrator sees it, in one of three formats.
 */
#ifndef EXIGREY_ROW_H
#define EXIGREY_ROW_H

#include "command.h"
#include "entry.h"

/* Prints what stands above the rows, if the format has that. */
void row_print_header(enum format format);

/*
 * Prints a record: as text, aligned, with local times; as tab, the fields
 * item, state, created, used, count, flags between tabs; as JSON, an object
 * with these names.  With a verdict (else NULL), tab and JSON add unseen and
 * wait.
 */
void row_print(enum format format, const struct entry *entry,
    const struct grey_verdict *verdict);

/*
 * Prints bytes as JSON, "item":"..." by that name, or, where they are not
 * UTF-8, "item_hex":"...".
 */
void row_print_json_bytes(const char *name, struct grey_bytes bytes);

#endif
