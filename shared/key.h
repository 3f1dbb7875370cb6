/*
 * The key that an ACL gives: an item, and maybe a suffix for the automatic
 * whitelisting.
 */
#ifndef GREY_KEY_H
#define GREY_KEY_H

#include "bytes.h"
#include "status.h"

/* The longest item or suffix; an SMTP command line is far shorter. */
#define GREY_KEY_MAX 65536

struct grey_key {
	struct grey_bytes item;
	struct grey_bytes suffix; /* size 0: there is none */
};

/*
 * Cuts text at its first "/", as Exim::Grey does: what follows is the suffix.
 * With nothing after that slash the item is the whole text, slash included.
 * The parts point into text.
 */
struct grey_key grey_key_split(struct grey_bytes text);

/*
 * Checks the lengths.  Returns GREY_OK, or GREY_INVALID with an error that
 * names KEY or SUFFIX.
 */
enum grey_status
grey_key_check(const struct grey_key *key, struct grey_error *err);

/* An item as the database knows it: with a NUL at its end. */
struct grey_item_key {
	struct grey_bytes bytes; /* points into one of these */
	char small[256];
	char *large;
};

/*
 * Makes the database's key of an item; grey_item_key_free ends it.
 * Returns GREY_OK, or GREY_FAILED without memory.
 */
enum grey_status grey_item_key_init(struct grey_item_key *key,
    struct grey_bytes item, struct grey_error *err);
void grey_item_key_free(struct grey_item_key *key);

/*
 * The reverse: returns true and the item, which points into key, or false for
 * a key that does not end in NUL, which none of ours does.
 */
bool grey_item_of_key(struct grey_bytes key, struct grey_bytes *item_r);

#endif
