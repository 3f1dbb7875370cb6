/*
 * Many networks, of which the smallest that holds an address is found fast:
 * a sorted array, in which each network knows the one around it.
 *
 *	grey_netlist_add	each network
 *	grey_netlist_sort	once, when all are there
 *	grey_netlist_find
 *	grey_netlist_free
 */
#ifndef GREY_NETLIST_H
#define GREY_NETLIST_H

#include "network.h"
#include "status.h"

struct grey_netlist_entry {
	struct grey_network network;
	int line;      /* of the file */
	size_t around; /* number + 1 of the network that it lies in; 0: none */
};

/* Zeroed at first. */
struct grey_netlist {
	struct grey_netlist_entry *entries;
	size_t count, room;
};

/* Returns GREY_OK, or GREY_FAILED without memory. */
enum grey_status grey_netlist_add(struct grey_netlist *list,
    const struct grey_network *network, int line, struct grey_error *err);

void grey_netlist_sort(struct grey_netlist *list);

/* Returns the line of the smallest network that holds address; 0: none. */
int grey_netlist_find(const struct grey_netlist *list,
    const struct grey_network *address);

void grey_netlist_free(struct grey_netlist *list);

#endif
