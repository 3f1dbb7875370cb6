#include "commands.h"
#include "help.h"

static int
run_help(struct invocation *run)
{
	const struct command *command;

	if (run->argc == 0) {
		help_overview(stdout);
		return EXIT_DONE;
	}
	command = command_find(run->argv[0]);
	if (command == NULL)
		return command_unknown(run->argv[0]);
	help_command(command, stdout);
	return EXIT_DONE;
}

const struct command command_help = {
	.name = "help",
	.run = run_help,
	.max = 1,
	.usage = "[COMMAND]",
	.summary = "tell what commands there are, or what one does",
	.help = "Tells what commands there are, or what COMMAND does.\n\n"
		"    exigrey help list\n",
};
