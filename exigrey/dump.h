/*
 * The text form of a database, for export, import and edit.
 *
 *	# exigrey dump 1
 *	ITEM TAB created TAB used TAB count TAB flags
 *	KEY TAB VALUE
 *
 * A line each.  The second form has the bytes as they stand, for what is no
 * record (a key without a NUL at its end, a value that does not parse) or one
 * that this program would not make.  A backslash, and bytes that do not print,
 * are \ooo.  Empty lines and lines that start with "#" are comments; an item
 * that does is written with \043.  The tab before empty flags may be missing:
 * editors remove blanks at the end of a line.
 */
#ifndef EXIGREY_DUMP_H
#define EXIGREY_DUMP_H

#include <stdio.h>

#include "record.h"

#define DUMP_VERSION 1

/* One line that was read; everything in it lives until the next. */
struct dump_entry {
	struct grey_bytes key;   /* with its NUL */
	struct grey_bytes value; /* as it will be stored, padded */
	bool is_record;
	struct grey_record record; /* if it is one */
};

/* A dump that is being read. */
struct dump_reader {
	FILE *file;
	long line;  /* the number of the last one read */
	char *text; /* the line, and room for its parts */
	size_t size;
	char value[GREY_VALUE_MAX];
};

/* Writes the first line. */
void dump_begin(FILE *file);

/* Writes a key and its value; check the file for errors at the end. */
void dump_entry(FILE *file, struct grey_bytes key, struct grey_bytes value);

/*
 * Starts to read a dump, from its first line on; file stays the caller's.
 * dump_reader_end frees what it took, after a failure too.
 * Returns GREY_OK; GREY_INVALID if it is no dump, or of a later version.
 */
enum grey_status dump_reader_begin(struct dump_reader *reader, FILE *file,
    struct grey_error *err);
void dump_reader_end(struct dump_reader *reader);

/*
 * Reads the next entry.  Returns GREY_OK; GREY_NOT_FOUND at the end;
 * GREY_INVALID with an error that says what is wrong in line reader->line (it
 * may be called again for the next); GREY_FAILED.
 */
enum grey_status dump_read(struct dump_reader *reader,
    struct dump_entry *entry_r, struct grey_error *err);

#endif
