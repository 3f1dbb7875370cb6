/*
 * The mail that waits, by client: how much of it there is, of how many senders
 * and of how many domains.  Only numbers are kept of each record.
 *
 *	waiting_add	again and again, in any order
 *	waiting_next	until it returns false
 *	waiting_free
 */
#ifndef EXIGREY_WAITING_H
#define EXIGREY_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "settings.h"

#define WAITING_NONE UINT32_MAX /* no domain, no recipient */

/* One record. */
struct waiting_mail {
	uint64_t sender; /* its hash; 0: not known */
	uint32_t client;
	uint32_t domain; /* of the sender */
	uint32_t recipient;
};

/* Zeroed at first. */
struct waiting {
	struct waiting_mail *mail;
	size_t count, room;
	bool sorted;
};

/* The mail of one client. */
struct waiting_client {
	uint32_t client;
	const struct waiting_mail *mail; /* as many as tuples */
	int64_t tuples;
	int64_t senders;
	int64_t domains;
};

/* Returns true, or false without memory. */
bool waiting_add(struct waiting *waiting, const struct waiting_mail *mail);

/*
 * Goes to the next client, whose first mail is number *at, 0 at first.
 * Returns false at the end.
 */
bool waiting_next(struct waiting *waiting, size_t *at,
    struct waiting_client *client_r);

/* What its numbers say of a client. */
enum waiting_verdict {
	WAITING_FINE,
	WAITING_DOMAINS, /* it sends from too many */
	WAITING_SENDERS  /* too many to what waits */
};

enum waiting_verdict waiting_judge(const struct waiting_client *client,
    const struct grey_trap_settings *settings);

void waiting_free(struct waiting *waiting);

#endif
