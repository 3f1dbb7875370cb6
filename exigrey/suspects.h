/*
 * Who of those that wait looks like a spammer, by the rules of section trap of
 * exigrey.conf.  Only records that never passed count, and of them those that
 * tell of mail and of the client that it came from last (triplet.h).
 *
 *	suspects_find
 *	suspects_free
 */
#ifndef EXIGREY_SUSPECTS_H
#define EXIGREY_SUSPECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command.h"
#include "names.h"
#include "status.h"
#include "trap.h"
#include "waiting.h"
#include "whitelist.h"

struct suspect {
	struct grey_network address;
	bool passed;  /* some mail of it has: it is no suspect */
	bool trusted; /* nor is this one: whitelisted, or trapped already */
	char *reason; /* owned; NULL: there is none */
};

/* Zeroed at first. */
struct suspects {
	struct suspect *clients; /* all that were met, by number */
	size_t room;
	struct names addresses; /* of them */
	struct names trusted;   /* items of addresses and networks */
	struct names domains;   /* of senders, in lower case */
	struct names recipients;
	struct waiting waiting;
	struct grey_whitelist_file traps_file; /* trap_recipients */
	/* The rest is what suspects_find gives. */
	struct trap
	    *traps; /* by address, without an end; the notes are reasons */
	size_t trap_count;
	int64_t records;    /* in the database */
	int64_t left_alone; /* wait, or do not parse, and tell no client */
	int64_t mail;       /* that waits */
	int64_t waits;      /* clients whose mail that is */
	int64_t skipped;    /* of them: passed or trusted */
	int64_t recipients_asked;   /* about, of the checker */
	int64_t recipients_unknown; /* which it could not say */
	int64_t domains_asked;      /* about, in DNS */
	int64_t domains_unknown;    /* no answer, or none that tells */
};

/* Is nothing held against the client, and nothing for it, so far? */
bool suspects_is_free(const struct suspect *client);

/* Holds it against the client, unless something is already. */
void suspects_accuse(struct suspect *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Of bytes from strangers in a reason, for "%.*s". */
#define SUSPECTS_QUOTED(text) \
	(text).size < 150 ? (int)(text).size : 150, (text).data

/*
 * Reads the database and applies the rules; with suspects_free to end it, also
 * after a failure.
 * Returns GREY_OK with the traps to set; GREY_NOT_FOUND (no database);
 * GREY_INVALID or GREY_FAILED for what the settings name; GREY_BUSY if SIGTERM
 * or SIGINT came; or as scan_database.
 */
enum grey_status suspects_find(struct invocation *run,
    struct suspects *suspects, struct grey_error *err);

void suspects_free(struct suspects *suspects);

#endif
