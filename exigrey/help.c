#include "help.h"

#include <string.h>

#include "commands.h"
#include "options.h"

#define WIDTH  78
#define INDENT 24 /* of what an option does */

/*
 * Writes the words of text in lines of WIDTH, all but the first indented; a
 * newline is as good as a space.
 */
static void
write_wrapped(FILE *file, const char *text, size_t size, int indent)
{
	const char *const end = text + size;
	int column = indent;

	while (text < end) {
		const int word = (int)strcspn(text, " \n");
		if (column > indent && column + 1 + word > WIDTH) {
			(void)fprintf(file, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent)
			column += fprintf(file, " ");
		(void)fwrite(text, 1, (size_t)word, file);
		column += word;
		text += word;
		text += strspn(text, " \n");
	}
	(void)fputc('\n', file);
}

/* Writes paragraphs; lines that are indented or empty stay as they are. */
static void
write_prose(FILE *file, const char *text)
{
	size_t size;

	while (*text != '\0') {
		size = strcspn(text, "\n");
		if (*text == ' ' || *text == '\n') {
			(void)fprintf(file, "%.*s\n", (int)size, text);
		} else {
			while (text[size] == '\n' && text[size + 1] != '\n' &&
			    text[size + 1] != ' ' && text[size + 1] != '\0')
				size += 1 + strcspn(text + size + 1, "\n");
			write_wrapped(file, text, size, 0);
		}
		text += size + (text[size] == '\n');
	}
}

static void
write_option(FILE *file, const struct option_row *row)
{
	char letter[8] = "    ", left[64];
	int n;

	if (row->letter != 0)
		(void)snprintf(letter, sizeof(letter), "-%c, ", row->letter);
	n = snprintf(left, sizeof(left), "  %s--%s%s%s", letter, row->name,
	    row->argument != NULL ? " " : "",
	    row->argument != NULL ? row->argument : "");
	(void)fputs(left, file);
	if (n >= INDENT - 1)
		(void)fprintf(file, "\n%*s", INDENT, "");
	else
		(void)fprintf(file, "%*s", INDENT - n, "");
	write_wrapped(file, row->help, strlen(row->help), INDENT);
}

static void
write_options(FILE *file, const char *title, const struct option_row *rows)
{
	if (rows == NULL)
		return;
	(void)fprintf(file, "\n%s:\n", title);
	for (; rows->name != NULL; rows++)
		write_option(file, rows);
}

static void
write_groups(FILE *file, unsigned needs)
{
	for (const struct option_group *group = option_groups;
	     group->rows != NULL; group++)
		if ((group->needs & needs) == group->needs)
			write_options(file, group->title, group->rows);
}

void
help_usage(const struct command *command, FILE *file)
{
	(void)fprintf(file, "usage: exigrey %s%s%s\n", command->name,
	    command->usage[0] != '\0' ? " " : "", command->usage);
}

void
help_overview(FILE *file)
{
	(void)fputs(
	    "usage: exigrey [-d DB] [--format text|tab|json] COMMAND "
	    "...\n\nLists and changes the greylisting databases of "
	    "exigrey.so.\n\nCommands (exigrey help COMMAND tells more):\n",
	    file);
	for (size_t i = 0; commands[i] != NULL; i++)
		if ((commands[i]->needs & HIDDEN) == 0)
			(void)fprintf(file, "  %-10s%s\n", commands[i]->name,
			    commands[i]->summary);
	write_groups(file, TAKES_FORMAT);
	(void)fputs(
	    "\nD is a duration: 600 (seconds), 10m, 24h, 36d, 1h30m.\n"
	    "Run by root it acts as the owner of the database's directory."
	    "\nExit status: 0 done; 1 not found, not trapped, or check or "
	    "doctor found\nsomething; 2 wrong usage or failure.\n",
	    file);
}

void
help_command(const struct command *command, FILE *file)
{
	help_usage(command, file);
	(void)fputc('\n', file);
	write_prose(file, command->help);
	write_options(file, "Options", command->options);
	write_groups(file, command->needs);
}
