#include "namelist.h"

#include <stdlib.h>
#include <string.h>

enum grey_status
grey_namelist_add(struct grey_namelist *list, struct grey_bytes name, int line,
    struct grey_error *err)
{
	struct grey_namelist_entry *more;
	size_t room;
	char *copy;

	if (list->count == list->room) {
		room = list->room == 0 ? 64 : 2 * list->room;
		more = reallocarray(list->entries, room, sizeof(*more));
		if (more == NULL)
			return grey_fail(err, GREY_FAILED, "out of memory");
		list->entries = more;
		list->room = room;
	}
	copy = strndup(name.data, name.size);
	if (copy == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	list->entries[list->count++] =
	    (struct grey_namelist_entry){ copy, line };
	return GREY_OK;
}

static int
compare_entries(const void *a, const void *b)
{
	const struct grey_namelist_entry *one = a, *other = b;
	const int order = strcmp(one->name, other->name);

	return order != 0 ? order : one->line - other->line;
}

void
grey_namelist_sort(struct grey_namelist *list)
{
	if (list->count > 0)
		qsort(list->entries, list->count, sizeof(*list->entries),
		    compare_entries);
}

/* The order of a name and of what is looked for. */
static int
compare(struct grey_bytes wanted, const char *name)
{
	const size_t length = strlen(name);
	const size_t least = wanted.size < length ? wanted.size : length;
	const int order = least == 0 ? 0 : memcmp(wanted.data, name, least);

	if (order != 0)
		return order;
	return wanted.size < length ? -1 : wanted.size > length;
}

/* The line of that very name; 0: there is none. */
static int
find_exactly(const struct grey_namelist *list, struct grey_bytes name)
{
	size_t low = 0, high = list->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (compare(name, list->entries[middle].name) > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < list->count &&
		compare(name, list->entries[low].name) == 0 ?
	    list->entries[low].line :
	    0;
}

/* The domain, or one that it lies in. */
static int
find_domain(const struct grey_namelist *list, struct grey_bytes domain)
{
	int line = find_exactly(list, domain);
	const char *dot;

	while (line == 0 && domain.size > 0) {
		dot = memchr(domain.data, '.', domain.size);
		if (dot == NULL)
			break;
		domain.size -= (size_t)(dot - domain.data);
		domain.data = dot;
		if (domain.size == 1)
			break;
		line = find_exactly(list, domain); /* ".example.com" */
		domain.data++;
		domain.size--;
		if (line == 0)
			line = find_exactly(list, domain);
	}
	return line;
}

int
grey_namelist_find(const struct grey_namelist *list, struct grey_bytes address)
{
	const char *at =
	    address.size == 0 ? NULL : memrchr(address.data, '@', address.size);
	struct grey_bytes domain = address, user = { address.data, 0 };
	int line;

	if (list->count == 0 || address.size == 0)
		return 0;
	if (at == NULL)
		return find_domain(list, domain);
	domain.data = at;
	user.size = (size_t)(at - address.data) + 1;
	domain.size = address.size - user.size + 1;
	line = find_exactly(list, address);
	if (line == 0)
		line = find_exactly(list, user);
	if (line == 0)
		line = find_exactly(list, domain); /* "@example.com" */
	domain.data++;
	domain.size--;
	return line != 0 ? line : find_domain(list, domain);
}

void
grey_namelist_free(struct grey_namelist *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->entries[i].name);
	free(list->entries);
	*list = (struct grey_namelist){ .entries = NULL };
}
