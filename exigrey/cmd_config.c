/* config: what is configured, and from where; --check finds mistakes. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "complain.h"
#include "configured.h"
#include "escape.h"
#include "options.h"

static void
tell_mistake(void *arg, const char *text)
{
	(void)arg;
	complain("%s", text);
}

static void
print_setting(const struct invocation *run, const struct grey_setting *setting,
    const void *base, int line)
{
	char text[GREY_SETTING_TEXT];

	(void)grey_setting_text(setting, base, text);
	(void)printf("%s = ", setting->name);
	escape_text(stdout, grey_bytes_of(text));
	if (line == 0)
		(void)printf(" ; default\n");
	else
		(void)printf(" ; %s:%d\n", run->config.file, line);
}

static void
print_settings(const struct invocation *run)
{
	const struct grey_config *config = &run->config;
	const char *section = "";
	size_t number = 0;

	for (const struct grey_section *s = grey_sections; s->name != NULL;
	     s++) {
		if (strcmp(section, s->name) != 0)
			(void)printf("[%s]\n", s->name);
		section = s->name;
		for (const struct grey_setting *setting = s->settings;
		     setting->name != NULL; setting++, number++)
			print_setting(run, setting,
			    (const char *)&config->settings + s->offset,
			    config->lines[number]);
	}
}

static void
print_all(const struct invocation *run)
{
	struct grey_dbpath path;
	struct grey_error err;

	(void)printf("; %s%s\n", run->config.file,
	    run->config.exists ? "" :
				 " does not exist: these are the defaults");
	if (configured_path(&run->config.settings, &path, &err) == GREY_OK)
		(void)printf("; the database is %s/%s\n", path.directory,
		    path.file);
	else
		(void)printf("; the database is not known: %s\n", err.text);
	print_settings(run);
}

/* As 'trap scan' reads it. */
static enum grey_status
read_trap_recipients(const struct invocation *run, struct grey_error *err)
{
	struct grey_whitelist_file file = { .was_read = false };
	enum grey_status status;

	status = grey_expressions_read(&file, "trap_recipients",
	    run->config.settings.trap.trap_recipients, tell_mistake, NULL, err);
	grey_expressions_free(&file);
	return status;
}

static int
run_config(struct invocation *run)
{
	struct grey_error err;
	enum grey_status status;

	status = configured_read(run, tell_mistake, NULL, &err);
	if (status == GREY_OK)
		status = read_trap_recipients(run, &err);
	if (status == GREY_FAILED)
		complain("%s", err.text);
	if (status != GREY_OK)
		return EXIT_FAILED;
	if (!option_given(run, "check"))
		print_all(run);
	else if (!run->quiet)
		(void)printf("%s: %s\n", run->config.file,
		    run->config.exists ? "no mistakes" :
					 "it does not exist: no mistakes");
	return EXIT_DONE;
}

static const struct option_row config_options[] = {
	{ "check", 0, NULL, "only look for mistakes, each with its line" },
	{ NULL, 0, NULL, NULL }
};

const struct command command_config = {
	.name = "config",
	.run = run_config,
	.max = 0,
	.needs = USES_POLICY,
	.options = config_options,
	.usage = "[--check]",
	.summary = "show what is configured, and from where",
	.help =
	    "Prints the settings of 'greylist' that are in force, each with the "
	    "line of the file that says so, and where the database is. The "
	    "output is itself a configuration file. With a mistake in the file "
	    "all of them are told instead, and the status is 2.\n\n"
	    "    exigrey config --check\n",
};
