/*
 * Asks for the domains on standard input, one in a line, and prints each with
 * what was told of it:
 *
 *	domains SERVER SOCKETS TIMEOUT
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domains.h"

struct list {
	char **names;
	int *told; /* how often */
	size_t count;
};

static const char *const texts[] = { [DOMAIN_OK] = "ok",
	[DOMAIN_NO_MAIL] = "no mail",
	[DOMAIN_NULL_MX] = "null mx",
	[DOMAIN_UNKNOWN] = "unknown" };

static void
print_verdict(void *arg, size_t number, enum domain_verdict verdict)
{
	struct list *list = arg;

	list->told[number]++;
	(void)printf("%s: %s\n", list->names[number], texts[verdict]);
}

static void
read_names(struct list *list)
{
	size_t size = 0;
	char *line = NULL;

	while (getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		list->names = reallocarray(list->names, list->count + 1,
		    sizeof(*list->names));
		if (list->names == NULL)
			abort();
		list->names[list->count++] = line;
		line = NULL;
		size = 0;
	}
	free(line);
}

int
main(int argc, char *argv[])
{
	struct domains_settings settings;
	struct grey_error err;
	struct list list = { 0 };
	enum grey_status status;
	int result = 0;

	if (argc != 4)
		return 2;
	settings = (struct domains_settings){ .server = argv[1],
		.sockets = atoi(argv[2]),
		.timeout = atoi(argv[3]) };
	read_names(&list);
	list.told = calloc(list.count + 1, sizeof(*list.told));
	if (list.told == NULL)
		abort();
	status = domains_ask((const char *const *)list.names, list.count,
	    &settings, print_verdict, &list, &err);
	if (status != GREY_OK) {
		(void)printf("%s\n", err.text);
		result = 1;
	}
	for (size_t i = 0; i < list.count; i++) {
		if (status == GREY_OK && list.told[i] != 1) {
			(void)printf("%s: told %d times\n", list.names[i],
			    list.told[i]);
			result = 1;
		}
		free(list.names[i]);
	}
	free(list.names);
	free(list.told);
	return result;
}
