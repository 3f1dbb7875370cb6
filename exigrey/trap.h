/*
 * Trapping clients: 'trap add' does it by hand, 'trap scan' to those who look
 * like spammers.  A trapped client is a record under its address,
 *
 *	TRAPPED TRAPPED 0 trap expires=UNTIL note=WHY
 *
 * and defers until then, whatever else is known but keep and the whitelists.
 */
#ifndef EXIGREY_TRAP_H
#define EXIGREY_TRAP_H

#include <stdbool.h>
#include <stdint.h>

#include "command.h"
#include "network.h"
#include "status.h"
#include "triplet.h"
#include "trust.h"
#include "whitelist.h"

/* What becomes of a client that is to be trapped. */
enum trap_outcome {
	TRAP_DONE,    /* it is trapped; in a dry run: it would be */
	TRAP_ALREADY, /* it was: nothing changes, unless by hand */
	TRAP_AUTO,    /* it has earned trust: so do nothing, unless by hand */
	TRAP_KEPT,    /* whitelisted by hand: nothing changes */
	TRAP_LISTED   /* in the file of whitelisted clients: the same */
};

/* A client that is to be trapped, and what became of it. */
struct trap {
	struct grey_network client; /* an address */
	int64_t expires;            /* seconds since 1970 */
	const char *note;           /* any bytes; "" or NULL: none; borrowed;
			     * cut at GREY_NOTE_MAX */
	enum trap_outcome outcome;
	char keeper[GREY_NETWORK_TEXT]; /* TRAP_KEPT: item of that record */
	struct grey_listed listed;      /* TRAP_LISTED: its line */
};

/* How it is done. */
struct trap_order {
	bool by_hand; /* also over what was trapped or has earned trust */
	bool dry_run; /* look, but store nothing; then traps may be repeated */
};

/* When a trap of now ends, in seconds since 1970, if nothing else is said. */
int64_t trap_end(const struct invocation *run);

/*
 * Traps clients, each judged again under the lock, BATCH_MAX at a time, and
 * tells each one's outcome.  run: USES_POLICY, its database begun; its -d, its
 * prefixes, whitelists and lifetimes hold.  A database that is missing is made
 * unless in a dry run, where all of it is unknown then.
 * Returns GREY_OK, or as batch_keys: the outcomes are then undefined, and some
 * may be trapped.
 */
enum grey_status trap_clients(struct invocation *run, struct trap *traps,
    size_t count, const struct trap_order *order, struct grey_error *err);

/*
 * Prints, in the format of run, what became of a client (not of TRAP_ALREADY
 * and TRAP_AUTO in text), unless quiet; what kept it from being trapped is
 * complained of.
 */
void trap_print(const struct invocation *run, const struct trap *trap,
    const struct trap_order *order);

#endif
