/*
 * Which clients are trusted: what the records about an address or a network
 * say, and how a network earns it.  Pure, as verdict.h.
 *
 * Each triplet that passes for the first time gives its client's network a
 * credit, one an hour at most: a record with flag "credit", whose count is the
 * credits and whose time of use the last of them.  With enough of them its
 * flag becomes "auto".
 */
#ifndef GREY_TRUST_H
#define GREY_TRUST_H

#include <stdbool.h>
#include <stdint.h>

#include "verdict.h"

#define GREY_FLAG_CREDIT  "credit"
#define GREY_FLAG_NOTE    "note"
#define GREY_NOTE_MAX     256  /* bytes of a note that are kept */
#define GREY_CREDIT_EVERY 3600 /* seconds (postgrey's --auto-whitelist) */

enum grey_trust {
	GREY_TRUST_UNKNOWN,
	GREY_TRUST_AUTO,   /* it has earned it */
	GREY_TRUST_KEPT,   /* by the administrator */
	GREY_TRUST_TRAPPED /* not to pass until then */
};

/* What a client's record (NULL: there is none) says. */
enum grey_trust grey_trust_of(const struct grey_record *record,
    const struct grey_policy *policy, int64_t now);

/*
 * Gives the network of record (NULL: there is none) a credit; needed (above 0)
 * of them make it trusted.
 * Returns true with the record to store, or false if there is none to give: an
 * hour is not over, or the record is of another kind.
 */
bool grey_trust_credit(const struct grey_record *record,
    const struct grey_policy *policy, int64_t needed, int64_t now,
    struct grey_record *record_r);

/*
 * Traps the client of record (NULL: there is none) until expires, in seconds
 * since 1970: what had it trusted goes, other flags of a live record stay.
 * note is any text, or empty: then one that is there stays.  buffer is for the
 * flags.
 * Returns GREY_OK with the record to store, or GREY_INVALID if its flags would
 * be too long.
 */
enum grey_status grey_trust_trap(const struct grey_record *record,
    const struct grey_policy *policy, int64_t now, int64_t expires,
    struct grey_bytes note, char buffer[GREY_VALUE_MAX],
    struct grey_record *record_r, struct grey_error *err);

#endif
