/* whitelist test: which line of which file lets mail pass. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "complain.h"
#include "configured.h"
#include "envelope.h"
#include "escape.h"
#include "options.h"

/* Prints what that line of a file says. */
static void
print_line(const char *name, int line)
{
	FILE *file = fopen(name, "re");
	char *text = NULL;
	size_t room = 0;

	if (file == NULL)
		return;
	while (line > 0 && getline(&text, &room, file) != -1)
		line--;
	if (line == 0 && text != NULL) {
		text[strcspn(text, "\r\n")] = '\0';
		escape_message(stdout, text);
	}
	free(text);
	(void)fclose(file);
}

static int
print_listed(const struct invocation *run, const struct grey_listed *listed)
{
	const char *file = run->whitelist.files[listed->list].file;

	(void)printf("%s: %s:%d: ", grey_list_name(listed->list), file,
	    listed->line);
	print_line(file, listed->line);
	(void)putchar('\n');
	return EXIT_DONE;
}

static int
run_whitelist(struct invocation *run)
{
	const char *name = option_value(run, "name");
	struct grey_envelope envelope = { .now = run->now };
	struct grey_listed listed;
	struct grey_error err;
	enum grey_status status;

	if (strcmp(run->argv[0], "test") != 0) {
		complain("'whitelist' knows only 'test', not '%s'",
		    run->argv[0]);
		return EXIT_FAILED;
	}
	envelope.client = grey_bytes_of(run->argv[1]);
	envelope.sender = grey_bytes_of(run->argv[2]);
	envelope.recipients = grey_bytes_of(run->argv[3]);
	envelope.name = grey_bytes_of(name != NULL ? name : "");
	status = configured_read(run, NULL, NULL, &err);
	if (status == GREY_OK)
		status = grey_envelope_listed(&run->config.settings,
		    &run->whitelist, &envelope, &listed, &err);
	if (status == GREY_OK)
		return print_listed(run, &listed);
	if (status != GREY_NOT_FOUND) {
		complain("%s", err.text);
		return EXIT_FAILED;
	}
	if (!run->quiet)
		complain("no whitelist has it");
	return EXIT_NOT_FOUND;
}

static const struct option_row whitelist_options[] = {
	{ "name", 0, "NAME", "the client's verified host name" },
	{ NULL, 0, NULL, NULL },
};

const struct command command_whitelist = {
	.name = "whitelist",
	.run = run_whitelist,
	.min = 4,
	.max = 4,
	.needs = USES_POLICY,
	.options = whitelist_options,
	.usage = "test CLIENT SENDER RECIPIENT [--name NAME]",
	.summary = "tell which line of a whitelist lets mail pass",
	.help = "Looks into the files of section [whitelist] of exigrey.conf, "
		"as 'greylist' does, and prints list, file, line and what it "
		"says. Status 1: none of them has it. For records, as 'allow' "
		"makes them, see 'why'.\n\n"
		"    exigrey whitelist test 192.0.2.1 a@example.com "
		"b@example.org\n",
};
