#include <stdio.h>

#include "commands.h"
#include "database.h"
#include "options.h"
#include "sweep.h"

static bool
is_expired(void *arg, const struct entry *entry)
{
	(void)arg;
	return entry->kind == ENTRY_RECORD &&
	    entry->state == GREY_STATE_EXPIRED;
}

static int
run_purge(struct invocation *run)
{
	const struct greydb_settings settings = database_settings(run, false);
	struct sweep sweep = { .match = is_expired,
		.dry_run = option_given(run, "dry-run"),
		.loose = true };
	struct grey_error err;
	enum grey_status status;

	status = database_policy(run, &sweep.policy, &err);
	if (status == GREY_OK)
		status = sweep_database(run, &sweep, &err);
	if (status == GREY_OK && !sweep.dry_run)
		status =
		    greydb_tidy(&run->session, &run->path, &settings, &err);
	if (status == GREY_NOT_FOUND)
		return database_missing(run, EXIT_DONE);
	if (status != GREY_OK)
		return database_failed(run, status, &err);
	sweep_print(run, &sweep);
	return EXIT_DONE;
}

static const struct option_row purge_options[] = {
	{ "configured", 0, NULL,
	    "the database and lifetimes of exigrey.conf, as 'greylist' has "
	    "them" },
	{ "dry-run", 'n', NULL, "say how many, but delete nothing" },
	{ NULL, 0, NULL, NULL }
};

const struct command command_purge = {
	.name = "purge",
	.run = run_purge,
	.max = 0,
	.needs = NEEDS_DATABASE | TAKES_FORMAT | TAKES_LIFETIMES,
	.options = purge_options,
	.usage = "[--configured] [--grey D] [--passed D] [--dry-run]",
	.summary = "delete what has expired (for cron: -q)",
	.help =
	    "Deletes the records that have expired. exigrey.so takes these"
	    " for unknown, so no answer changes, but they take space. What "
	    "'allow' keeps stays, and so does what does not parse. Mail waits "
	    "for some milliseconds only. Files that killed processes left "
	    "half made beside the database go too.\n\n"
	    "    exigrey -q purge --grey 24h --passed 36d\n"
	    "    exigrey -q purge --configured\n",
};
