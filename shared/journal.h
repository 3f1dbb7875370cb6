/*
 * What the lock file holds: the boot id, the number of records, and the
 * operation that a writer has begun.  Whoever gets the lock and finds one
 * there knows that its writer died.
 *
 *	exigrey-lock 1 BOOTID RECORDS OPERATION KEYSIZE VALUESIZE\n
 *
 * is a line padded with spaces to 128 bytes; key and value follow it.  The
 * operation is none, store, delete, batch (many, without key and value), or
 * pages (the value is what a driver is about to write).
 * Only the holder of the lock reads or writes it.
 */
#ifndef GREY_JOURNAL_H
#define GREY_JOURNAL_H

#include <stdint.h>

#include "bytes.h"
#include "session.h"
#include "status.h"

#define GREY_JOURNAL_MAX (64 << 20) /* bytes of a value or a key */

enum grey_operation {
	GREY_OP_NONE,
	GREY_OP_STORE,
	GREY_OP_DELETE,
	GREY_OP_BATCH,
	GREY_OP_PAGES
};

struct grey_journal {
	char boot_id[GREY_BOOT_ID + 1];
	int64_t records;
	enum grey_operation operation;
	size_t key_size;
	size_t value_size;
};

/*
 * Reads the line.  Returns GREY_OK; GREY_NOT_FOUND if there is none that
 * parses (a new or foreign file: nothing is known about the database);
 * GREY_INVALID for a later version; GREY_FAILED.
 */
enum grey_status grey_journal_read(int fd, struct grey_journal *journal_r,
    struct grey_error *err);

/*
 * Writes the line without an operation.  Returns GREY_OK or GREY_FAILED.
 */
enum grey_status grey_journal_clear(int fd, struct grey_journal *journal,
    struct grey_error *err);

/*
 * Writes the line with the operation, its key and value.  Should the process
 * be killed within, either all of it is found or nothing.
 * Returns GREY_OK or GREY_FAILED.
 */
enum grey_status grey_journal_begin(int fd, struct grey_journal *journal,
    enum grey_operation operation, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err);

/*
 * Reads key and value of the operation.  *memory_r holds both; the caller
 * frees it.  Returns GREY_OK, GREY_NOT_FOUND if they are not there whole,
 * GREY_FAILED.
 */
enum grey_status
grey_journal_pending(int fd, const struct grey_journal *journal,
    char **memory_r, struct grey_bytes *key_r, struct grey_bytes *value_r,
    struct grey_error *err);

#endif
