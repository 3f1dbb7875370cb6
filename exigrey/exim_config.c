#include "exim_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exim_program.h"

/* Runs Exim.  Returns all that it prints, or NULL; *status_r as it ended. */
static char *
ask(const char *program, const char *option, const char *argument,
    int *status_r)
{
	const char *const argv[] = { program, option, argument, NULL };
	char *text = NULL, buffer[4096];
	size_t size, n;
	FILE *output = NULL, *memory;
	pid_t pid;

	*status_r = -1;
	if (exim_program_start(argv, &pid, &output) != 0)
		return NULL;
	memory = open_memstream(&text, &size);
	while (output != NULL && memory != NULL &&
	    (n = fread(buffer, 1, sizeof(buffer), output)) > 0)
		(void)fwrite(buffer, 1, n, memory);
	if (output != NULL)
		(void)fclose(output);
	if (memory != NULL)
		(void)fclose(memory);
	*status_r = exim_program_wait(pid);
	return text;
}

/* The value of "NAME = VALUE", the first line that is one. */
static char *
option_of(const char *program, const char *name)
{
	char *text, *value = NULL, *line;
	const size_t length = strlen(name);
	int status;

	text = ask(program, "-bP", name, &status);
	for (line = text; line != NULL && value == NULL;
	     line = strchr(line, '\n'), line += line != NULL)
		if (strncmp(line, name, length) == 0 &&
		    strncmp(line + length, " = ", 3) == 0)
			value = strndup(line + length + 3,
			    strcspn(line + length + 3, "\n"));
	free(text);
	return value;
}

enum grey_status
exim_config_ask(struct exim_config *config_r, struct grey_error *err)
{
	int status;

	*config_r = (struct exim_config){ .version = NULL };
	if (!exim_program_exim(config_r->program))
		return GREY_NOT_FOUND;
	config_r->version = ask(config_r->program, "-bV", NULL, &status);
	if (config_r->version == NULL || status != 0)
		return grey_fail(err, GREY_FAILED, "'%.200s -bV' fails: %.200s",
		    config_r->program,
		    config_r->version != NULL ? config_r->version : "");
	config_r->user = option_of(config_r->program, "exim_user");
	config_r->preload =
	    option_of(config_r->program, "smtp_accept_max_per_host");
	config_r->config = ask(config_r->program, "-bP", "config", &status);
	if (status != 0) {
		free(config_r->config);
		config_r->config = NULL;
	}
	return GREY_OK;
}

void
exim_config_end(struct exim_config *config)
{
	free(config->version);
	free(config->config);
	free(config->user);
	free(config->preload);
	*config = (struct exim_config){ .version = NULL };
}

bool
exim_config_expand(const struct exim_config *config, const char *string,
    char **text_r)
{
	char *text, *failed, *line;
	int status;

	text = ask(config->program, "-be", string, &status);
	*text_r = text;
	if (text == NULL)
		return false;
	/* Before the answer there may be lines of its log. */
	text[strlen(text) - (text[0] != '\0')] = '\0';
	failed = strstr(text, "Failed: ");
	line = failed != NULL ? failed : strrchr(text, '\n');
	if (line != NULL)
		memmove(text, line + (*line == '\n'), strlen(line) + 1);
	return status == 0 && failed == NULL;
}
