/* What the shell's completion asks for; no help tells of it. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "options.h"
#include "scan.h"
#include "verdict.h"

#define ITEMS_MAX 100

/* Options whose values are known; the words are separated by spaces. */
static const struct {
	const char *option;
	const char *values;
} choices[] = { { "--format", "text tab json" },
	{ "--state", "grey passed auto kept trapped expired" },
	{ "--sort", "item state created used count" },
	{ "--block-size", "4096 8192 16384" }, { "--grey", "24h" },
	{ "--passed", "36d" }, { "--delay", "10m" },
	{ "--from",
	    "exim-grey exim-seen postgrey greylistd spamdb policy-greylist "
	    "graylist" } };

static bool
starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static void
offer_words(const char *words, const char *start)
{
	char copy[128], *rest = copy;
	const char *word;

	(void)strlcpy(copy, words, sizeof(copy));
	while ((word = strsep(&rest, " ")) != NULL)
		if (starts_with(word, start))
			(void)puts(word);
}

static void
offer_commands(const char *start)
{
	for (size_t i = 0; commands[i] != NULL; i++)
		if ((commands[i]->needs & HIDDEN) == 0 &&
		    starts_with(commands[i]->name, start))
			(void)puts(commands[i]->name);
}

static void
offer_rows(const struct option_row *rows, const char *start)
{
	char option[64];

	for (; rows != NULL && rows->name != NULL; rows++) {
		(void)snprintf(option, sizeof(option), "--%s", rows->name);
		if (starts_with(option, start))
			(void)puts(option);
	}
}

/* Of a command, or, without one, those that may stand before it. */
static void
offer_options(const struct command *command, const char *start)
{
	const struct option_group *group;

	if (command != NULL)
		offer_rows(command->options, start);
	for (group = option_groups; group->rows != NULL; group++)
		if (group->needs == 0 || group->needs == TAKES_FORMAT ||
		    (command != NULL && (command->needs & group->needs) != 0))
			offer_rows(group->rows, start);
}

struct offering {
	const char *start;
	int offered;
};

static enum grey_status
offer_item(void *arg, const struct entry *entry, struct grey_error *err)
{
	struct offering *offering = arg;
	const size_t length = strlen(offering->start);

	(void)err;
	if (entry->kind == ENTRY_FOREIGN || entry->item.size < length ||
	    memcmp(entry->item.data, offering->start, length) != 0)
		return GREY_OK;
	/* A line cannot say more than printable ASCII without escapes. */
	for (size_t i = 0; i < entry->item.size; i++)
		if (entry->item.data[i] < 0x20 || entry->item.data[i] > 0x7e)
			return GREY_OK;
	(void)printf("%.*s\n", (int)entry->item.size, entry->item.data);
	return ++offering->offered < ITEMS_MAX ? GREY_OK : GREY_FULL;
}

static void
offer_items(struct invocation *run, const char *start)
{
	const struct grey_policy policy = grey_policy_default();
	struct offering offering = { .start = start };
	struct scan_counts counts;

	(void)scan_database(run, &policy, offer_item, &offering, &counts, NULL);
}

static bool
takes_items(const struct command *command)
{
	return (command->needs & NEEDS_DATABASE) != 0 && command->max != 0 &&
	    strcmp(command->name, "import") != 0;
}

/* The arguments are the words so far; the last one is to be completed. */
static int
run_complete(struct invocation *run)
{
	const char *word = run->argv[run->argc - 1];
	const char *before = run->argc > 1 ? run->argv[run->argc - 2] : "";
	const struct command *command = NULL;

	for (int i = 0; i < run->argc - 1 && command == NULL; i++)
		command = command_find(run->argv[i]);
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
		if (strcmp(before, choices[i].option) == 0) {
			offer_words(choices[i].values, word);
			return EXIT_DONE;
		}
	if (word[0] == '-')
		offer_options(command, word);
	else if (command == &command_trap && strcmp(before, "trap") == 0)
		offer_words("add delete list scan", word);
	else if (command == NULL ||
	    (strcmp(command->name, "help") == 0 && run->argc == 2))
		offer_commands(word);
	else if (takes_items(command))
		offer_items(run, word);
	return EXIT_DONE;
}

const struct command command_complete = {
	.name = "complete",
	.run = run_complete,
	.min = 1,
	.max = -1,
	.needs = NEEDS_DATABASE | HIDDEN,
	.usage = "-- WORD...",
	.summary = "for the shell",
	.help = "Prints what the last WORD may become.\n",
};
