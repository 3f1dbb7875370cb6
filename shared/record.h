/*
 * The record: what the database knows about an item.
 *
 *	created SP used SP count [SP flag]... NUL checksum [NUL padding]
 *
 * Times are decimal seconds since 1970, the count is decimal and saturates, no
 * number has a leading zero (Exim's ${eval} would read octal).  A flag is
 * NAME or NAME=VALUE; bytes of a value outside 0x21-0x7e and "%" are written
 * %XX.  Unknown flags are kept.  The form is that of the Perl module
 * Exim::Grey, so that ${lookup{ITEM}dbm{FILE}} shows "created used count".
 *
 * The checksum is the FNV-1a hash of key and text, 32 bits that are folded to
 * 28, seven in each of four bytes with the top bit set, the highest first:
 * after a power loss a bucket may lead to what were another record's bytes.
 * A value of another width was written by others; it has none, and nothing
 * but NULs behind the text.
 */
#ifndef GREY_RECORD_H
#define GREY_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "status.h"

/* No value is longer, padding included: it fits in one block of the file. */
#define GREY_VALUE_MAX     4096
#define GREY_CHECKSUM_SIZE 4
/* Nor is a text that we write. */
#define GREY_TEXT_MAX (GREY_VALUE_MAX - 1 - GREY_CHECKSUM_SIZE)
/*
 * A value's size is a multiple of this, so that nearly every update has the
 * size of what it replaces: the path that cannot damage the file.
 */
#define GREY_VALUE_STEP 32

struct grey_record {
	int64_t created;         /* first seen */
	int64_t used;            /* last passed, or created */
	int64_t count;           /* passes */
	struct grey_bytes flags; /* "auto note=x"; borrowed */
};

/*
 * Parses the value of a key into a record whose flags point into it.
 * Returns GREY_OK, or GREY_DAMAGED with what is wrong.
 */
enum grey_status
grey_record_parse(struct grey_bytes key, struct grey_bytes value,
    struct grey_record *record_r, struct grey_error *err);

/*
 * Formats the record as the value of a key: text, NUL, checksum, padding to a
 * multiple of GREY_VALUE_STEP that is not below old_size, the size of the value
 * that it replaces (0: none).  *value_r points into buffer.
 * Returns GREY_OK, or GREY_INVALID if the flags are too long.
 */
enum grey_status grey_record_format(const struct grey_record *record,
    struct grey_bytes key, size_t old_size, char buffer[GREY_VALUE_MAX],
    struct grey_bytes *value_r, struct grey_error *err);

/* Returns the part of a value that ${lookup dbm} shows: up to its NUL. */
struct grey_bytes grey_record_text(struct grey_bytes value);

/* Counts one more pass; stays at INT64_MAX once there. */
void grey_record_count(struct grey_record *record);

/*
 * Looks for flag NAME.  Returns true if it is there; *value_r (may be NULL) is
 * then what follows its "=", as written, or empty; it points into the flags.
 */
bool grey_record_flag(const struct grey_record *record, const char *name,
    struct grey_bytes *value_r);

/*
 * The time of flag expires=T.  Returns false if there is none or it is not a
 * time.
 */
bool grey_record_expires(const struct grey_record *record, int64_t *time_r);

/*
 * Checks flags that somebody typed: words separated by single spaces, each a
 * name of letters, digits, "-", "_" and "." with or without "=VALUE".
 * Returns GREY_OK, or GREY_INVALID with an error that quotes the flag.
 */
enum grey_status
grey_flags_check(struct grey_bytes flags, struct grey_error *err);

/*
 * Writes text as the value of a flag, "%" and what does not print as %XX, with
 * a NUL, into buffer, which has room for three times its size and that.
 * Returns buffer.
 */
const char *grey_flag_escape(struct grey_bytes text, char *buffer);

/*
 * The reverse, into buffer, which has the value's size; a "%" that is no
 * escape stays.  Returns the text.
 */
struct grey_bytes grey_flag_unescape(struct grey_bytes value, char *buffer);

/*
 * Writes flags with NAME set to value (NULL: a flag without a value) or, with
 * remove, without NAME, into buffer; the other flags keep their order.
 * Returns GREY_OK, or GREY_INVALID if they do not fit.
 */
enum grey_status grey_flags_set(struct grey_bytes flags, const char *name,
    const char *value, char buffer[GREY_VALUE_MAX], struct grey_bytes *flags_r,
    struct grey_error *err);
enum grey_status grey_flags_remove(struct grey_bytes flags, const char *name,
    char buffer[GREY_VALUE_MAX], struct grey_bytes *flags_r,
    struct grey_error *err);

#endif
