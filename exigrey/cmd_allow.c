#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "change.h"
#include "commands.h"
#include "complain.h"
#include "database.h"
#include "options.h"
#include "verdict.h"

static enum grey_status
allow_record(void *arg, struct grey_record *record, char buffer[GREY_VALUE_MAX],
    struct grey_error *err)
{
	const char *expires = arg; /* NULL: for good */
	char kept[GREY_VALUE_MAX];
	enum grey_status status;

	/* As a suffix, an item is whitelisted only if it has passed. */
	if (record->count == 0)
		record->count = 1;
	status = grey_flags_set(record->flags, GREY_FLAG_KEEP, NULL, kept,
	    &record->flags, err);
	if (status != GREY_OK)
		return status;
	if (expires == NULL)
		return grey_flags_remove(record->flags, GREY_FLAG_EXPIRES,
		    buffer, &record->flags, err);
	return grey_flags_set(record->flags, GREY_FLAG_EXPIRES, expires, buffer,
	    &record->flags, err);
}

static bool
is_network(const char *item)
{
	size_t length = strcspn(item, "/");
	char address[INET6_ADDRSTRLEN];
	struct in6_addr binary;

	if (item[length] != '/' || length >= sizeof(address))
		return false;
	memcpy(address, item, length);
	address[length] = '\0';
	return inet_pton(AF_INET, address, &binary) == 1 ||
	    inet_pton(AF_INET6, address, &binary) == 1;
}

/*
 * Items are compared byte by byte: what was allowed, but can hardly be what
 * Exim will ask for, is told.  It stays allowed, for an ACL may mean just that.
 */
static void
tell_of_address(const char *item)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr binary;

	if (is_network(item))
		complain("'%s' does not allow the hosts of this network, only "
			 "an item that is written so: for a network see "
			 "exigrey.conf(5), ITEMS, or use a host list of Exim",
		    item);
	else if (inet_pton(AF_INET6, item, &binary) == 1 &&
	    inet_ntop(AF_INET6, &binary, text, sizeof(text)) != NULL &&
	    strcmp(text, item) != 0)
		complain("'%s' is '%s' when Exim writes it: allow that", item,
		    text);
}

static int
run_allow(struct invocation *run)
{
	int64_t expires = INT64_MAX;
	char text[24];
	struct grey_error err;
	enum grey_status status;
	int code;

	status = option_moment(run, "expires", &expires, &err);
	if (status == GREY_OK && expires <= run->now)
		status = grey_fail(&err, GREY_INVALID,
		    "--expires: '%s' is "
		    "over: it would allow nothing",
		    option_value(run, "expires"));
	if (status != GREY_OK)
		return database_failed(run, status, &err);
	(void)snprintf(text, sizeof(text), "%lld", (long long)expires);
	code = change_items(run, allow_record,
	    option_given(run, "expires") ? text : NULL);
	for (int i = 0; code == EXIT_DONE && !run->quiet && i < run->argc; i++)
		tell_of_address(run->argv[i]);
	return code;
}

static const struct option_row allow_options[] = {
	{ "expires", 0, "T",
	    "until then: +30d, 2026-11-21, '2026-11-21 "
	    "10:00', seconds since 1970; without it for good" },
	{ NULL, 0, NULL, NULL }
};

const struct command command_allow = {
	.name = "allow",
	.run = run_allow,
	.min = 1,
	.max = -1,
	.needs = NEEDS_DATABASE | TAKES_FORMAT,
	.options = allow_options,
	.usage = "ITEM... [--expires T]",
	.summary = "whitelist items by hand",
	.help =
	    "Gives each ITEM the flag keep and prints its record: it "
	    "passes at once, as an item and as a suffix, for good or until T. "
	    "'exigrey delete ITEM' takes it back.\n\n"
	    "    exigrey allow 192.0.2.1 2001:db8::1 --expires +30d\n",
};
