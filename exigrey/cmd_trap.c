/* trap: clients that are deferred for a while, whatever else is known. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "complain.h"
#include "database.h"
#include "deletion.h"
#include "nearest.h"
#include "options.h"
#include "trap.h"
#include "trap_list.h"
#include "trap_scan.h"
#include "trust.h"

/* What may follow 'trap'. */
struct action {
	const char *name;
	int (*run)(struct invocation *run);
	int min, max;        /* arguments; max -1: any */
	const char *options; /* that it takes, with spaces around */
};

/* Understands all arguments as addresses, which the caller frees. */
static enum grey_status
parse_addresses(const struct invocation *run, struct grey_network **addresses_r,
    struct grey_error *err)
{
	*addresses_r = calloc((size_t)run->argc + 1, sizeof(**addresses_r));
	if (*addresses_r == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	for (int i = 0; i < run->argc; i++) {
		const struct grey_bytes text = grey_bytes_of(run->argv[i]);
		struct grey_network *address = &(*addresses_r)[i];

		if (grey_address_parse(text, address))
			continue;
		if (grey_network_parse(text, address))
			return grey_fail(err, GREY_INVALID,
			    "'%.100s' is a network: one address is trapped at "
			    "a time",
			    run->argv[i]);
		return grey_fail(err, GREY_INVALID, "'%.100s' is no IP address",
		    run->argv[i]);
	}
	return GREY_OK;
}

static enum grey_status
read_expires(const struct invocation *run, int64_t *expires_r,
    struct grey_error *err)
{
	enum grey_status status;

	*expires_r = trap_end(run);
	status = option_moment(run, "expires", expires_r, err);
	if (status == GREY_OK && *expires_r <= run->now)
		status = grey_fail(err, GREY_INVALID,
		    "--expires: '%.64s' is over: it would trap nobody",
		    option_value(run, "expires"));
	return status;
}

static enum grey_status
read_note(const struct invocation *run, const char **note_r,
    struct grey_error *err)
{
	*note_r = option_value(run, "note");
	return *note_r == NULL || strlen(*note_r) <= GREY_NOTE_MAX ?
	    GREY_OK :
	    grey_fail(err, GREY_INVALID, "--note: it is longer than %d bytes",
		GREY_NOTE_MAX);
}

static enum grey_status
make_traps(const struct invocation *run, struct trap **traps_r,
    struct grey_error *err)
{
	struct grey_network *addresses = NULL;
	const char *note = NULL;
	enum grey_status status;
	int64_t expires = 0;

	*traps_r = calloc((size_t)run->argc, sizeof(**traps_r));
	if (*traps_r == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	status = parse_addresses(run, &addresses, err);
	if (status == GREY_OK)
		status = read_expires(run, &expires, err);
	if (status == GREY_OK)
		status = read_note(run, &note, err);
	for (int i = 0; status == GREY_OK && i < run->argc; i++)
		(*traps_r)[i] = (struct trap){ .client = addresses[i],
			.expires = expires,
			.note = note };
	free(addresses);
	return status;
}

static int
run_add(struct invocation *run)
{
	const struct trap_order order = { .by_hand = true,
		.dry_run = option_given(run, "dry-run") };
	struct trap *traps = NULL;
	struct grey_error err;
	enum grey_status status;
	int result = EXIT_DONE;

	status = make_traps(run, &traps, &err);
	if (status == GREY_OK)
		status =
		    trap_clients(run, traps, (size_t)run->argc, &order, &err);
	if (status != GREY_OK)
		result = database_failed(run, status, &err);
	for (int i = 0; status == GREY_OK && i < run->argc; i++) {
		trap_print(run, &traps[i], &order);
		if (traps[i].outcome != TRAP_DONE)
			result = EXIT_NOT_FOUND;
	}
	free(traps);
	return result;
}

/* Also one that is over, but not yet purged. */
static bool
is_trap(void *arg, const struct entry *entry)
{
	(void)arg;
	return entry->kind == ENTRY_RECORD &&
	    grey_record_flag(&entry->record, GREY_FLAG_TRAP, NULL) &&
	    !grey_record_flag(&entry->record, GREY_FLAG_KEEP, NULL);
}

/* The arguments become the items of their addresses, written as those are. */
static int
with_items(struct invocation *run, int (*work)(struct invocation *run))
{
	char(*texts)[GREY_NETWORK_TEXT];
	struct grey_network *addresses = NULL;
	struct grey_error err;
	enum grey_status status;
	int result;

	texts = calloc((size_t)run->argc + 1, sizeof(*texts));
	status = texts != NULL ? parse_addresses(run, &addresses, &err) :
				 grey_fail(&err, GREY_FAILED, "out of memory");
	if (status == GREY_OK) {
		for (int i = 0; i < run->argc; i++) {
			(void)grey_network_item(&addresses[i], texts[i]);
			run->argv[i] = texts[i];
		}
		result = work(run);
	} else
		result = database_failed(run, status, &err);
	free(addresses);
	free(texts);
	return result;
}

static int
delete_items(struct invocation *run)
{
	const struct deletion deletion = { .match = is_trap,
		.dry_run = option_given(run, "dry-run"),
		.what = "traps",
		.missing = "not trapped" };

	return deletion_run(run, &deletion);
}

static int
run_delete(struct invocation *run)
{
	return with_items(run, delete_items);
}

static int
run_list(struct invocation *run)
{
	return with_items(run, trap_list);
}

static const struct action actions[] = {
	{ "add", run_add, 1, -1, " expires note dry-run " },
	{ "delete", run_delete, 1, -1, " dry-run " },
	{ "list", run_list, 0, -1, " " },
	{ "scan", trap_scan, 0, 0, " every dry-run " },
	{ .name = NULL },
};

static const struct option_row trap_options[] = {
	{ "expires", 0, "T",
	    "add: until then: +2h, 2026-11-21, '2026-11-21 10:00', seconds "
	    "since 1970; without it for the time 'expire' of exigrey.conf" },
	{ "note", 0, "TEXT", "add: why; 'list' shows it" },
	{ "every", 0, "DURATION",
	    "scan: again and again, so long after each other, until SIGTERM" },
	{ "dry-run", 'n', NULL, "add, delete, scan: say what would be done" },
	{ NULL, 0, NULL, NULL }
};

static const struct action *
find_action(const char *name)
{
	struct nearest nearest = nearest_to(name);

	for (const struct action *action = actions; action->name != NULL;
	     action++) {
		if (strcmp(action->name, name) == 0)
			return action;
		nearest_offer(&nearest, action->name);
	}
	if (nearest.best != NULL)
		complain("unknown 'trap %s': did you mean 'trap %s'?", name,
		    nearest.best);
	else
		complain("unknown 'trap %s': see 'exigrey help trap'", name);
	return NULL;
}

/* Does the action take all options that were given? */
static bool
takes_options(const struct invocation *run, const struct action *action)
{
	for (const struct option_row *row = trap_options; row->name != NULL;
	     row++) {
		char word[32];

		(void)snprintf(word, sizeof(word), " %s ", row->name);
		if (!option_given(run, row->name) ||
		    strstr(action->options, word) != NULL)
			continue;
		complain("'trap %s' does not take --%s", action->name,
		    row->name);
		return false;
	}
	return true;
}

static int
run_trap(struct invocation *run)
{
	const struct action *action = find_action(run->argv[0]);

	if (action == NULL || !takes_options(run, action))
		return EXIT_FAILED;
	run->argc--;
	run->argv++;
	if (run->argc < action->min) {
		complain("'trap %s' needs an address", action->name);
		return EXIT_FAILED;
	}
	if (action->max != -1 && run->argc > action->max) {
		complain("'trap %s' does not take '%s'", action->name,
		    run->argv[action->max]);
		return EXIT_FAILED;
	}
	return action->run(run);
}

const struct command command_trap = {
	.name = "trap",
	.run = run_trap,
	.min = 1,
	.max = -1,
	.needs = NEEDS_DATABASE | TAKES_FORMAT | USES_POLICY,
	.options = trap_options,
	.usage = "add|delete|list [ADDRESS...] | scan [--every D] [--dry-run]",
	.summary = "defer all mail of a client for a while",
	.help =
	    "A trapped client is deferred until its trap ends, whatever else "
	    "is known of it; only what you whitelisted, by 'allow' or in a "
	    "file, is stronger. 'add' traps ADDRESS, or, if it is trapped, "
	    "gives it a new end; what it had earned is forgotten. 'delete' "
	    "lets it go. 'list' shows who is trapped, or those of ADDRESS "
	    "that are; tab gives client, trapped, expires, note, with times "
	    "in seconds since 1970.\n\n"
	    "'scan' looks through all mail that waits, and traps those clients "
	    "that look like spammers, by section trap of exigrey.conf; see "
	    "with --dry-run first whom. Those whose mail has passed are left "
	    "alone.\n\n"
	    "    exigrey trap add 192.0.2.7 --expires +7d --note 'dictionary "
	    "attack'\n"
	    "    exigrey trap list\n"
	    "    exigrey trap scan --dry-run\n",
};
