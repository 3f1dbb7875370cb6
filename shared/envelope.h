/*
 * The whole policy, about one envelope: client, sender and recipients are
 * judged in one open of the database.  As greylist.h, a place where the rules
 * and the files meet.
 */
#ifndef GREY_ENVELOPE_H
#define GREY_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "dbpath.h"
#include "session.h"
#include "settings.h"
#include "status.h"
#include "whitelist.h"

/* Where a database of the policy lies on a machine without Exim. */
#define GREY_STATE_DIRECTORY "/var/lib/exigrey"

struct grey_envelope {
	struct grey_bytes client;     /* its address; empty: mail of our own */
	struct grey_bytes name;       /* its verified name, or empty */
	struct grey_bytes sender;     /* empty: the null sender */
	struct grey_bytes recipients; /* one, or several with "," between */
	bool lines;                   /* there is a newline between instead */
	int64_t now;                  /* seconds since 1970 */
	bool dry_run;                 /* decide, but store nothing */
};

enum grey_outcome {
	GREY_LOCAL,       /* there is no client */
	GREY_NULL_SENDER, /* not greylisted */
	GREY_LISTED,      /* in a whitelist */
	GREY_CLIENT_AUTO, /* the client has earned it */
	GREY_CLIENT_KEPT, /* it is whitelisted by the administrator */
	GREY_CLIENT_TRAPPED,
	GREY_MAIL_NEW,
	GREY_MAIL_EARLY,
	GREY_MAIL_PASSED,
	GREY_MAIL_KEPT /* the triplet is whitelisted by the administrator */
};

struct grey_answer {
	bool pass; /* false: defer */
	enum grey_outcome outcome;
	int64_t wait;  /* seconds until a pass; 0: now, or it is not known */
	int64_t count; /* passes of the mail so far */
	bool first_pass;
	int64_t waited;            /* seconds that a first pass took */
	struct grey_listed listed; /* where, if it is in a whitelist */
};

/* Room for what grey_answer_text writes, its NUL included. */
#define GREY_ANSWER_TEXT 320

/*
 * Where the settings' database lies; spool is Exim's spool directory, or NULL
 * where there is no Exim.
 * Returns GREY_OK, or GREY_INVALID as grey_dbpath_resolve.
 */
enum grey_status grey_settings_path(const struct grey_settings *settings,
    const char *spool, struct grey_dbpath *path_r, struct grey_error *err);

/*
 * Judges an envelope and stores what follows; with dry_run it takes no lock and
 * creates nothing.  Of several recipients the one that must wait longest
 * decides; one that is whitelisted only if all are.  whitelist is what
 * grey_whitelist_read made, or NULL.  Settings.observe is the caller's to heed.
 * Returns GREY_OK with *answer_r; GREY_INVALID for a client that is no
 * address, or addresses that are too long; GREY_FULL; else as greydb_open.
 */
enum grey_status grey_envelope_check(struct grey_session *session,
    const struct grey_dbpath *path, const struct grey_settings *settings,
    const struct grey_whitelist *whitelist,
    const struct grey_envelope *envelope, struct grey_answer *answer_r,
    struct grey_error *err);

/*
 * Looks into the whitelists only.  Returns GREY_OK with *listed_r,
 * GREY_NOT_FOUND, or GREY_INVALID as grey_envelope_check.
 */
enum grey_status grey_envelope_listed(const struct grey_settings *settings,
    const struct grey_whitelist *whitelist,
    const struct grey_envelope *envelope, struct grey_listed *listed_r,
    struct grey_error *err);

/* Writes an answer as "why" gives it: "new", "early 287" ...  Returns text. */
const char *
grey_answer_text(const struct grey_answer *answer, char text[GREY_ANSWER_TEXT]);

#endif
