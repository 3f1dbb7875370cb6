/*
 * The decision: what to answer, and what to store.  Pure: it knows no file
 * and no clock.  The rules are Exim::Grey's, with lifetimes, flags and a
 * clock that is set back added; doc/design.md lists what differs.
 */
#ifndef GREY_VERDICT_H
#define GREY_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "policy.h"
#include "record.h"

enum grey_reason {
	GREY_NEW,         /* unknown or expired: wait */
	GREY_EARLY,       /* known, but the delay is not over: wait */
	GREY_PASSED,      /* the delay is over */
	GREY_KEPT,        /* whitelisted by the administrator */
	GREY_WHITELISTED, /* its suffix is whitelisted */
	GREY_TRAPPED      /* its suffix is trapped: wait */
};

struct grey_verdict {
	enum grey_reason reason;
	bool pass;    /* "no" from unseen */
	int64_t wait; /* seconds until a pass; 0: now */
	bool store_item;
	bool store_suffix;
	struct grey_record item;   /* flags borrowed from the */
	struct grey_record suffix; /* records that were judged */
};

/* What an item or suffix is, for people. */
enum grey_state {
	GREY_STATE_GREY,
	GREY_STATE_PASSED,
	GREY_STATE_AUTO,
	GREY_STATE_KEPT,
	GREY_STATE_TRAPPED,
	GREY_STATE_EXPIRED
};
#define GREY_STATES 6

/* Flags with a meaning here. */
#define GREY_FLAG_AUTO    "auto"    /* by the program */
#define GREY_FLAG_KEEP    "keep"    /* by the administrator */
#define GREY_FLAG_EXPIRES "expires" /* expires=T */
#define GREY_FLAG_TRAP    "trap"    /* defers, unless with keep */

/*
 * Returns when the record ends, in seconds since 1970: at expires=T, else,
 * without keep, at created + grey if it never passed, at used + passed if it
 * did.  A lifetime of 0 does not end: INT64_MAX.
 */
int64_t
grey_end(const struct grey_record *record, const struct grey_policy *policy);

/* Returns true if the record has ended. */
bool grey_expired(const struct grey_record *record,
    const struct grey_policy *policy, int64_t now);

enum grey_state grey_state(const struct grey_record *record,
    const struct grey_policy *policy, int64_t now);

/* Returns the name of a state ("grey", "passed" ...); it lives for ever. */
const char *grey_state_name(enum grey_state state);

/*
 * Judges by the suffix alone (NULL: it has no record).  Returns true if that
 * decides; false if the item must be judged.
 */
bool grey_judge_suffix(const struct grey_record *suffix,
    const struct grey_policy *policy, int64_t now,
    struct grey_verdict *verdict_r);

/*
 * Judges by the item (NULL: it has no record), after grey_judge_suffix said
 * false.  has_suffix: there is a suffix that a pass may whitelist; suffix is
 * its record or NULL.
 */
void grey_judge_item(const struct grey_record *item, bool has_suffix,
    const struct grey_record *suffix, const struct grey_policy *policy,
    int64_t now, struct grey_verdict *verdict_r);

#endif
