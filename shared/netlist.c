#include "netlist.h"

#include <stdlib.h>
#include <string.h>

enum grey_status
grey_netlist_add(struct grey_netlist *list, const struct grey_network *network,
    int line, struct grey_error *err)
{
	struct grey_netlist_entry *more;
	size_t room;

	if (list->count == list->room) {
		room = list->room == 0 ? 64 : 2 * list->room;
		more = reallocarray(list->entries, room, sizeof(*more));
		if (more == NULL)
			return grey_fail(err, GREY_FAILED, "out of memory");
		list->entries = more;
		list->room = room;
	}
	list->entries[list->count++] =
	    (struct grey_netlist_entry){ .network = *network, .line = line };
	return GREY_OK;
}

/* By family and address; a network stands before those within it. */
static int
compare(const struct grey_network *a, const struct grey_network *b)
{
	int order;

	if (a->ipv4 != b->ipv4)
		return a->ipv4 ? -1 : 1;
	order = memcmp(a->bytes, b->bytes, sizeof(a->bytes));
	if (order != 0)
		return order;
	return a->prefix < b->prefix ? -1 : a->prefix > b->prefix;
}

static int
compare_entries(const void *a, const void *b)
{
	const struct grey_netlist_entry *one = a, *other = b;
	const int order = compare(&one->network, &other->network);

	return order != 0 ? order : one->line - other->line;
}

void
grey_netlist_sort(struct grey_netlist *list)
{
	size_t around = 0;

	if (list->count > 0)
		qsort(list->entries, list->count, sizeof(*list->entries),
		    compare_entries);
	for (size_t i = 0; i < list->count; i++) {
		/* Out of those that end before this one begins. */
		while (around != 0 &&
		    !grey_network_holds(&list->entries[around - 1].network,
			&list->entries[i].network))
			around = list->entries[around - 1].around;
		list->entries[i].around = around;
		around = i + 1;
	}
}

int
grey_netlist_find(const struct grey_netlist *list,
    const struct grey_network *address)
{
	size_t low = 0, high = list->count, middle;

	/* The last network that does not begin behind the address ... */
	while (low < high) {
		middle = low + (high - low) / 2;
		if (compare(&list->entries[middle].network, address) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	/* ... or one around it. */
	while (low != 0 &&
	    !grey_network_holds(&list->entries[low - 1].network, address))
		low = list->entries[low - 1].around;
	return low != 0 ? list->entries[low - 1].line : 0;
}

void
grey_netlist_free(struct grey_netlist *list)
{
	free(list->entries);
	*list = (struct grey_netlist){ .entries = NULL };
}
