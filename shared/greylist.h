/*
 * One greylisting check: lock, fetch, decide, store.  The only place where
 * the rules and the files meet.
 */
#ifndef GREYLIST_H
#define GREYLIST_H

#include <stdbool.h>
#include <stdint.h>

#include "dbpath.h"
#include "greydb.h"
#include "key.h"
#include "policy.h"
#include "session.h"
#include "status.h"
#include "verdict.h"

struct greylist_request {
	struct grey_key key;
	struct grey_policy policy;
	int64_t now;  /* seconds since 1970 */
	bool dry_run; /* decide, but store nothing */
};

struct greylist_answer {
	bool pass; /* true: "no", it is not unseen */
	enum grey_reason reason;
	int64_t wait;  /* seconds until a pass; 0: now */
	int64_t count; /* passes of what was judged */
};

/*
 * Decides about an item and stores what follows from it; with dry_run it takes
 * no lock and creates nothing.  A record that does not parse counts as
 * unknown, which is logged.
 * Returns GREY_OK with *answer_r; GREY_FULL if the item is new and
 * max_records is reached; else as greydb_open.  What a failure means for the
 * mail is for the caller to say (policy.defer_on_failure).
 */
enum grey_status greylist_check(struct grey_session *session,
    const struct grey_dbpath *path, const struct greylist_request *request,
    struct greylist_answer *answer_r, struct grey_error *err);

/* A short text for a debug line: "new", "passed" ...; it lives for ever. */
const char *greylist_reason_text(enum grey_reason reason);

/*
 * Fetches the record of an item as it is stored, without waiting for anybody
 * who writes; the caller frees the value with greydb_value_free.  One that
 * does not parse counts as unknown, which is logged.
 * Returns GREY_OK, GREY_NOT_FOUND, or as greydb_peek.
 */
enum grey_status
greylist_record(struct grey_session *session, const struct grey_dbpath *path,
    const struct greydb_settings *settings, struct grey_bytes item,
    struct greydb_value *value_r, struct grey_error *err);

#endif
