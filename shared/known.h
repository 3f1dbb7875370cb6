/*
 * What is known of one key: its value as the database has it, and the record
 * in it.
 *
 *	grey_known_init		makes the database's key
 *	grey_known_fetch	or grey_known_take, of a value fetched before
 *	grey_known_store	another record in its place
 *	grey_known_free
 */
#ifndef GREY_KNOWN_H
#define GREY_KNOWN_H

#include "greydb.h"
#include "key.h"
#include "record.h"

struct grey_known {
	struct grey_item_key key;
	struct greydb_value value; /* what the record points into */
	size_t width; /* bytes that a stored value has at least; 0: any */
	struct grey_record memory;
	struct grey_record *record; /* NULL: unknown */
};

/* Returns GREY_OK, or GREY_FAILED without memory. */
enum grey_status grey_known_init(struct grey_known *known,
    struct grey_bytes item, struct grey_error *err);

/*
 * Takes over a value, which grey_known_free frees.  One that does not parse
 * counts as unknown, which is logged.
 */
void grey_known_take(struct grey_known *known, struct grey_session *session,
    const struct grey_dbpath *path, struct greydb_value value);

/* Fetches it.  Returns GREY_OK, also if there is none, or as greydb_fetch. */
enum grey_status
grey_known_fetch(struct grey_known *known, struct grey_session *session,
    const struct grey_dbpath *path, struct greydb *db, struct grey_error *err);

/* Stores a record; known stays as it was.  Returns as greydb_store. */
enum grey_status
grey_known_store(const struct grey_known *known, struct greydb *db,
    const struct grey_record *record, struct grey_error *err);

/*
 * Is there room for a record under max_records (0: no limit)?  Where there is
 * one already, always.  Returns GREY_OK, or GREY_FULL.
 */
enum grey_status
grey_known_room(const struct grey_known *known, const struct grey_dbpath *path,
    const struct greydb *db, int64_t max_records, struct grey_error *err);

/* Harmless on one that is zeroed. */
void grey_known_free(struct grey_known *known);

#endif
