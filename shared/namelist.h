/*
 * Many names of hosts, domains and addresses, found fast.
 *
 *	example.com		the domain, and all below it
 *	.example.com		what is below it
 *	@example.com		the domain alone
 *	user@example.com	one address
 *	user@			that local part, in any domain
 *
 * Everything is in lower case.  Called as netlist.h.
 */
#ifndef GREY_NAMELIST_H
#define GREY_NAMELIST_H

#include "bytes.h"
#include "status.h"

struct grey_namelist_entry {
	char *name; /* owned */
	int line;   /* of the file */
};

/* Zeroed at first. */
struct grey_namelist {
	struct grey_namelist_entry *entries;
	size_t count, room;
};

/* Copies the name.  Returns GREY_OK, or GREY_FAILED without memory. */
enum grey_status grey_namelist_add(struct grey_namelist *list,
    struct grey_bytes name, int line, struct grey_error *err);

void grey_namelist_sort(struct grey_namelist *list);

/*
 * Returns the line of the entry that fits an address, or a host's name (without
 * "@"), best; 0: none.
 */
int
grey_namelist_find(const struct grey_namelist *list, struct grey_bytes address);

void grey_namelist_free(struct grey_namelist *list);

#endif
