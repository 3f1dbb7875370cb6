#include "commands.h"

#include <string.h>

#include "complain.h"
#include "nearest.h"

const struct command *const commands[] = {
#define ADDRESS(name) &command_##name,
	EACH_COMMAND(ADDRESS)
#undef ADDRESS
	    NULL
};

const struct command *
command_find(const char *name)
{
	for (size_t i = 0; commands[i] != NULL; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

int
command_unknown(const char *name)
{
	struct nearest nearest = nearest_to(name);

	for (size_t i = 0; commands[i] != NULL; i++)
		if ((commands[i]->needs & HIDDEN) == 0)
			nearest_offer(&nearest, commands[i]->name);
	if (nearest.best != NULL)
		complain("unknown command '%s': did you mean '%s'?", name,
		    nearest.best);
	else
		complain("unknown command '%s': see 'exigrey help'", name);
	return EXIT_FAILED;
}
