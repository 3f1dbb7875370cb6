/*
 * Mail addresses as MAIL FROM and RCPT TO carry them, without the angle
 * brackets: RFC 5321 section 4.1.2, with the UTF-8 of RFC 6531.
 *
 * Strict but for what real servers send and these RFCs bear:
 *
 * - A local part may have more than 64 bytes: "objects larger than these sizes
 *   SHOULD be avoided" (4.5.3.1), but a forwarder that rewrites senders cannot.
 * - A domain may have "_" where RFC 5321 has letters and digits: RFC 5322's
 *   dot-atom does, and so do names of hosts.
 */
#ifndef EXIGREY_MAILBOX_H
#define EXIGREY_MAILBOX_H

#include <stdbool.h>

#include "bytes.h"

/* The parts; they point into what was parsed. */
struct mailbox {
	struct grey_bytes local;  /* quotes included */
	struct grey_bytes domain; /* brackets included */
	bool literal;             /* the domain is an address in brackets */
};

/*
 * Parses an address; no text at all, the null sender, is one too, without a
 * local part and a domain.
 * Returns true with *mailbox_r, or false if it is none.
 */
bool mailbox_parse(struct grey_bytes text, struct mailbox *mailbox_r);

/* Is it a domain, or an address in brackets? */
bool mailbox_domain(struct grey_bytes text);

#endif
