/*
 * The items of the whole policy (greylist, not unseen):
 *
 *	C/S/R  C//  C/S/  /@DOMAIN/  /S/R	about mail
 *	192.0.2.1  192.0.2.0%2F24		about a client or its network
 *
 * C is an address without prefix length.  "/", "%" and bytes outside
 * 0x21-0x7e within a part are written %XX.  What is about mail has exactly two
 * slashes, what is about a client none: each splits back without doubt.
 */
#ifndef GREY_TRIPLET_H
#define GREY_TRIPLET_H

#include <stdbool.h>

#include "bytes.h"
#include "key.h"
#include "network.h"
#include "record.h"
#include "status.h"

/* What mail is told apart by. */
enum grey_triplet_kind {
	GREY_KEY_TRIPLET,         /* C/S/R */
	GREY_KEY_CLIENT,          /* C// */
	GREY_KEY_CLIENT_SENDER,   /* C/S/ */
	GREY_KEY_SENDER_DOMAIN,   /* /@DOMAIN/ */
	GREY_KEY_SENDER_RECIPIENT /* /S/R */
};

/* The parts, not escaped; an empty one is left out or the null sender. */
struct grey_triplet {
	struct grey_bytes client, sender, recipient;
};

/*
 * Writes the item of that kind, from parts as they are, into buffer.
 * Returns GREY_OK, or GREY_INVALID if it does not fit.
 */
enum grey_status grey_triplet_item(enum grey_triplet_kind kind,
    const struct grey_triplet *triplet, char *buffer, size_t size,
    struct grey_bytes *item_r, struct grey_error *err);

/*
 * Splits an item back; its parts are unescaped into buffer, which must have
 * the item's size.
 * Returns true, or false if it is no such item.
 */
bool grey_triplet_split(struct grey_bytes item, char *buffer,
    struct grey_triplet *triplet_r);

/* Room for the item of a network, its NUL included. */
#define GREY_NETWORK_TEXT (GREY_ADDRESS_TEXT + 8)

/*
 * Writes the item of a network, "192.0.2.0%2F24", or, where the prefix is the
 * whole address, of that address.  Returns text.
 */
const char *grey_network_item(const struct grey_network *network,
    char text[GREY_NETWORK_TEXT]);

/*
 * The record of mail keeps in this flag, host=ADDRESS, from which client it
 * came last: its item has the client's network, or no client at all.
 */
#define GREY_FLAG_HOST "host"

/*
 * The address in flag host.  Returns false if the record has none, or one that
 * does not parse.
 */
bool grey_triplet_host(const struct grey_record *record,
    struct grey_network *address_r);

/* Does the item tell of mail (two slashes) and not of a client? */
bool grey_is_triplet(struct grey_bytes item);

#endif
