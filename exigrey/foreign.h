/*
 * What other greylisting programs have learnt, read for import: all of it is
 * gathered, entries for one item are made one, and it is written as a dump.
 *
 * A sender and recipient become the item <SENDER>:<RECIPIENT>, a host that has
 * come back the item of its address with the flag auto: what the ACL in README
 * looks for.
 */
#ifndef EXIGREY_FOREIGN_H
#define EXIGREY_FOREIGN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "record.h"
#include "status.h"

#define FOREIGN_REASONS 12

/* Why entries were not taken, and how many. */
struct foreign_reason {
	const char *text; /* lives for ever */
	int64_t count;
};

struct foreign_entry {
	struct grey_bytes key;   /* with its NUL; owned */
	struct grey_bytes value; /* other than a record: as it is; owned */
	struct grey_record record;
	bool is_auto;
	bool is_raw;
};

struct foreign {
	/* How to read: */
	int64_t now;
	int64_t delay;      /* seconds that tell a retry from a pass */
	bool assume_passed; /* of what does not tell */
	/* What was read: */
	int64_t read;  /* entries in the source */
	int64_t taken; /* of these */
	struct foreign_reason reasons[FOREIGN_REASONS];
	/* What it makes: */
	struct foreign_entry *entries;
	size_t count, room;
};

/* A kind of source. */
struct foreign_kind {
	const char *name;
	/* Returns GREY_OK, GREY_INVALID, GREY_DAMAGED or GREY_FAILED. */
	enum grey_status (*read)(struct foreign *foreign, const char *path,
	    struct grey_error *err);
};

/* Returns the kind of that name, or NULL with an error that lists all. */
const struct foreign_kind *
foreign_kind(const char *name, struct grey_error *err);

/* The names of all kinds, separated by spaces; it lives for ever. */
const char *foreign_kinds(void);

/*
 * Writes what was read as a dump (dump.h), an item once: the earliest created,
 * the latest used, the sum of the counts.
 */
void foreign_dump(struct foreign *foreign, FILE *file);

/* Frees all. */
void foreign_end(struct foreign *foreign);

/*
 * For the readers.  An entry was read and is not taken, or is taken as one or
 * more of the following, which return GREY_OK or GREY_FAILED.
 */
void foreign_skip(struct foreign *foreign, const char *reason);
enum grey_status foreign_item(struct foreign *foreign, struct grey_bytes item,
    const struct grey_record *record, struct grey_error *err);
enum grey_status foreign_pair(struct foreign *foreign, struct grey_bytes sender,
    struct grey_bytes recipient, const struct grey_record *record,
    struct grey_error *err);
enum grey_status foreign_host(struct foreign *foreign, struct grey_bytes host,
    int64_t created, int64_t used, int64_t count, struct grey_error *err);
enum grey_status foreign_raw(struct foreign *foreign, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err);

/* Is it an address of a host, IPv4 or IPv6? */
bool foreign_is_host(struct grey_bytes text);

/*
 * Takes the next part off a text, up to a separator, which is dropped.
 * Returns false if the separator is not there: the part is then all of it.
 */
bool foreign_part(struct grey_bytes *rest, char separator,
    struct grey_bytes *part_r);

/* Readers of text, one file for each format. */
enum grey_status foreign_read_greylistd(struct foreign *foreign,
    const char *path, struct grey_error *err);
enum grey_status foreign_read_spamdb(struct foreign *foreign, const char *path,
    struct grey_error *err);

/* Readers of database files. */
enum grey_status foreign_read_exim_grey(struct foreign *foreign,
    const char *path, struct grey_error *err);
enum grey_status foreign_read_exim_seen(struct foreign *foreign,
    const char *path, struct grey_error *err);
enum grey_status foreign_read_postgrey(struct foreign *foreign,
    const char *path, struct grey_error *err);
enum grey_status foreign_read_policy_greylist(struct foreign *foreign,
    const char *path, struct grey_error *err);
enum grey_status foreign_read_graylist(struct foreign *foreign,
    const char *path, struct grey_error *err);

#endif
