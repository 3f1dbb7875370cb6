/*
 * Addresses of clients and the networks they lie in.  An IPv4-mapped IPv6
 * address (::ffff:192.0.2.1, RFC 4291 section 2.5.5.2) is the IPv4 address.
 */
#ifndef GREY_NETWORK_H
#define GREY_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

/* Room for an address as text, its NUL included. */
#define GREY_ADDRESS_TEXT 48

/* An address or network; the bits behind the prefix are 0. */
struct grey_network {
	bool ipv4;         /* then four of the bytes count */
	uint8_t bytes[16]; /* in network order */
	unsigned int prefix;
};

/*
 * Parses an address; a zone behind "%" and, as Exim's "[...]", brackets are
 * left out.  The prefix is then 32 or 128.
 * Returns true, or false if it is none.
 */
bool grey_address_parse(struct grey_bytes text, struct grey_network *network_r);

/* The same for an address that may have a prefix length behind a "/". */
bool grey_network_parse(struct grey_bytes text, struct grey_network *network_r);

/* Returns the network of that address with the prefix of its family. */
struct grey_network grey_network_of(const struct grey_network *address,
    unsigned int ipv4_prefix, unsigned int ipv6_prefix);

/* Does the address lie in the network? */
bool grey_network_holds(const struct grey_network *network,
    const struct grey_network *address);

/* Writes the address without its prefix, as inet_ntop(3).  Returns text. */
const char *grey_address_text(const struct grey_network *network,
    char text[GREY_ADDRESS_TEXT]);

#endif
