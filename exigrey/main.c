/*
 * exigrey: shows, changes and purges the databases of exigrey.so.
 *
 * The wall clock is read here, once; everything else is given the time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "complain.h"
#include "database.h"
#include "help.h"
#include "identity.h"
#include "options.h"

/*
 * A standard descriptor that is closed would be that of the next file opened,
 * the database too; what is written to this one fails instead.
 */
static void
fill_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd != -1 && fd <= STDERR_FILENO);
	if (fd != -1)
		(void)close(fd);
}

/* What was printed must have arrived: a full disk is a failure. */
static int
finish_output(int status)
{
	const int failed = ferror(stdout);

	if (fclose(stdout) == 0 && !failed)
		return status;
	/* Who closed the pipe has read enough. */
	if (errno != EPIPE)
		complain("cannot write the output: %s", strerror(errno));
	return EXIT_FAILED;
}

static int
wrong_usage(const struct grey_error *err)
{
	complain("%s", err->text);
	return EXIT_FAILED;
}

static int
check_arguments(const struct invocation *run)
{
	const struct command *command = run->command;

	if (run->argc >= command->min &&
	    (command->max == -1 || run->argc <= command->max))
		return EXIT_DONE;
	if (run->argc < command->min && command->min == 1)
		complain("'%s' needs an argument", command->name);
	else if (run->argc < command->min)
		complain("'%s' needs %d arguments", command->name,
		    command->min);
	else
		complain("'%s' does not take '%s'", command->name,
		    run->argv[command->max]);
	help_usage(command, stderr);
	return EXIT_FAILED;
}

/* What has to be done by whoever called, not by the database's owner. */
static enum grey_status
begin_as_caller(struct invocation *run, struct grey_error *err)
{
	const char *file = option_value(run, "output");
	enum grey_status status = GREY_OK;

	if (file != NULL)
		status = output_begin(&run->output, "output", file, NULL, err);
	if (status == GREY_OK && run->command->before != NULL)
		status = run->command->before(run, err);
	return status;
}

static int
run_command(struct invocation *run)
{
	struct grey_error err;
	enum grey_status status;
	int result;

	if (option_given(run, "help")) {
		help_command(run->command, stdout);
		return EXIT_DONE;
	}
	if (options_global(run, &err) != GREY_OK)
		return wrong_usage(&err);
	if (check_arguments(run) != EXIT_DONE)
		return EXIT_FAILED;
	if ((run->command->needs & NEEDS_DATABASE) == 0)
		return run->command->run(run);
	status = begin_as_caller(run, &err);
	if (status == GREY_OK)
		status = database_begin(run, &err);
	if (status != GREY_OK)
		return wrong_usage(&err);
	result = run->command->run(run);
	database_end(run);
	return result;
}

static int
choose_command(struct invocation *run, int argc, char *argv[])
{
	struct grey_error err;

	if (options_before(run, argc, argv, &err) != GREY_OK)
		return wrong_usage(&err);
	if (run->argc > 0) {
		run->command = command_find(run->argv[0]);
		if (run->command == NULL)
			return command_unknown(run->argv[0]);
		if (options_of_command(run, &err) != GREY_OK)
			return wrong_usage(&err);
	}
	if (option_given(run, "version"))
		(void)puts("exigrey " EXIGREY_VERSION);
	else if (run->command != NULL)
		return run_command(run);
	else if (option_given(run, "help"))
		help_overview(stdout);
	else {
		help_overview(stderr);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

int
main(int argc, char *argv[])
{
	struct invocation run = { .now = (int64_t)time(NULL) };
	struct grey_error err;
	int status;

	fill_standard_descriptors();
	if (identity_check(&err) != GREY_OK)
		return wrong_usage(&err);
	status = finish_output(choose_command(&run, argc, argv));
	grey_whitelist_free(&run.whitelist);
	return output_end(&run.output, status == EXIT_DONE) ? status :
							      EXIT_FAILED;
}
