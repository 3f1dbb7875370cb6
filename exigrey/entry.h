/* What a command sees of one key and value of the database. */
#ifndef EXIGREY_ENTRY_H
#define EXIGREY_ENTRY_H

#include <stdint.h>

#include "bytes.h"
#include "policy.h"
#include "record.h"
#include "verdict.h"

enum entry_kind {
	ENTRY_RECORD, /* an item and its record */
	ENTRY_BROKEN, /* an item whose value does not parse */
	ENTRY_FOREIGN /* a key that does not end in NUL: no item */
};

/* Everything points into the key and value that were read. */
struct entry {
	enum entry_kind kind;
	struct grey_bytes key;
	struct grey_bytes value;
	struct grey_bytes item;    /* not of ENTRY_FOREIGN */
	struct grey_record record; /* and state: of ENTRY_RECORD only */
	enum grey_state state;
};

/* Reads key and value; the policy says what is expired at now. */
void entry_read(struct grey_bytes key, struct grey_bytes value,
    const struct grey_policy *policy, int64_t now, struct entry *entry_r);

#endif
