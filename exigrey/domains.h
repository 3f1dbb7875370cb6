/*
 * Can a domain be mailed to?  Asked of the DNS with c-ares, many at once.
 */
#ifndef EXIGREY_DOMAINS_H
#define EXIGREY_DOMAINS_H

#include <stddef.h>

#include "status.h"

enum domain_verdict {
	DOMAIN_OK,      /* it has an MX, A or AAAA record */
	DOMAIN_NO_MAIL, /* it has none, or does not exist, or cannot */
	DOMAIN_NULL_MX, /* it says that it has no mail (RFC 7505) */
	DOMAIN_UNKNOWN  /* no answer, or one that tells nothing */
};

struct domains_settings {
	int sockets;        /* domains that are asked for at once */
	int timeout;        /* seconds that a server's answer may take */
	const char *server; /* ADDRESS[:PORT], several with commas between;
	                     * NULL: those of resolv.conf */
};

/* Told of a domain, by its number, once. */
typedef void
domain_told_fn(void *arg, size_t number, enum domain_verdict verdict);

/*
 * Asks for each of these domains, which are to be distinct, and tells of each
 * what is known of it then.  A name that is no ASCII is DOMAIN_UNKNOWN.  When
 * nobody has answered for long, the rest is not asked for, and unknown.
 * Returns GREY_OK; GREY_INVALID for a server that is none, and GREY_FAILED, no
 * domain then told of; GREY_BUSY where a signal is to end the process
 * (signals.h), some told of.
 */
enum grey_status domains_ask(const char *const *domains, size_t count,
    const struct domains_settings *settings, domain_told_fn *told, void *arg,
    struct grey_error *err);

#endif
