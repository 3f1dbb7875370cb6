#include "change.h"
#include "commands.h"
#include "database.h"
#include "options.h"

/* What was given; the rest of a record stays as it is. */
struct setting {
	const struct invocation *run;
	int64_t created;
	int64_t used;
	int64_t count;
	struct grey_bytes flags;
};

static enum grey_status
set_record(void *arg, struct grey_record *record, char buffer[GREY_VALUE_MAX],
    struct grey_error *err)
{
	const struct setting *setting = arg;
	const struct invocation *run = setting->run;
	/* Only a record that never passed is used when it is created. */
	const bool unused =
	    record->count == 0 && record->used == record->created;

	(void)buffer;
	(void)err;
	if (option_given(run, "created"))
		record->created = setting->created;
	if (option_given(run, "used"))
		record->used = setting->used;
	else if (unused)
		record->used = record->created;
	if (option_given(run, "count"))
		record->count = setting->count;
	if (option_given(run, "flags"))
		record->flags = setting->flags;
	return GREY_OK;
}

static int
run_set(struct invocation *run)
{
	struct setting setting = { .run = run, .flags = { "", 0 } };
	struct grey_error err;
	enum grey_status status;

	if (option_given(run, "flags"))
		setting.flags = grey_bytes_of(option_value(run, "flags"));
	status = option_moment(run, "created", &setting.created, &err);
	if (status == GREY_OK)
		status = option_moment(run, "used", &setting.used, &err);
	if (status == GREY_OK)
		status = option_number(run, "count", &setting.count, &err);
	if (status == GREY_OK)
		status = grey_flags_check(setting.flags, &err);
	if (status != GREY_OK)
		return database_failed(run, status, &err);
	return change_items(run, set_record, &setting);
}

static const struct option_row set_options[] = { { "created", 0, "T",
						     "when it was first seen" },
	{ "used", 0, "T", "when it last passed" },
	{ "count", 0, "N", "how often it passed" },
	{ "flags", 0, "FLAGS",
	    "all its flags, as in 'keep note=x'; '' for "
	    "none" },
	{ NULL, 0, NULL, NULL } };

const struct command command_set = {
	.name = "set",
	.run = run_set,
	.min = 1,
	.max = 1,
	.needs = NEEDS_DATABASE | TAKES_FORMAT,
	.options = set_options,
	.usage = "ITEM [--created T] [--used T] [--count N] [--flags FLAGS]",
	.summary = "create or change the record of an item",
	.help =
	    "Changes what is given in the record of ITEM, or creates one "
	    "(created now, never passed, no flags), and prints it. T is "
	    "seconds since 1970, or now, -2h (ago), +30d (from now), "
	    "2026-11-21, '2026-11-21 10:00'; local time, or UTC with a Z.\n\n"
	    "    exigrey set '<a@example.org>' --created -2h --count 0\n",
};
