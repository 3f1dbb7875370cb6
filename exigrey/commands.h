/*
 * The table of commands.  A new command is one more file, cmd_NAME.c, that
 * defines command_NAME, and one row here.
 */
#ifndef EXIGREY_COMMANDS_H
#define EXIGREY_COMMANDS_H

#include "command.h"

/* In the order in which help shows them. */
#define EACH_COMMAND(ROW) \
	ROW(list) \
	ROW(show) \
	ROW(set) \
	ROW(allow) \
	ROW(delete) \
	ROW(purge) \
	ROW(edit) \
	ROW(export) \
	ROW(import) \
	ROW(stats) \
	ROW(check) \
	ROW(repair) \
	ROW(compact) \
	ROW(convert) \
	ROW(doctor) \
	ROW(unseen) \
	ROW(seen) \
	ROW(wait) \
	ROW(greylist) \
	ROW(why) \
	ROW(policy) \
	ROW(courier) \
	ROW(trap) \
	ROW(whitelist) \
	ROW(config) \
	ROW(complete) \
	ROW(help)

#define DECLARE_COMMAND(name) extern const struct command command_##name;
EACH_COMMAND(DECLARE_COMMAND)
#undef DECLARE_COMMAND

/* All commands; NULL ends them. */
extern const struct command *const commands[];

/* Returns the command of that name, or NULL. */
const struct command *command_find(const char *name);

/*
 * Complains about a command that does not exist and suggests one.  Returns
 * EXIT_FAILED.
 */
int command_unknown(const char *name);

#endif
