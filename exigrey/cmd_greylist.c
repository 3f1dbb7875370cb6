/* greylist and why: the whole policy, as an ACL gets it, from a shell. */
#include <stdio.h>

#include "commands.h"
#include "complain.h"
#include "database.h"
#include "envelope.h"
#include "options.h"

/* Decides.  Returns the exit status; a failure is told, as by unseen. */
static int
decide(struct invocation *run, bool dry_run, struct grey_settings *settings,
    struct grey_answer *answer_r)
{
	const char *options = option_value(run, "options");
	const char *name = option_value(run, "name");
	const struct grey_envelope envelope = { .client =
						    grey_bytes_of(run->argv[0]),
		.sender = grey_bytes_of(run->argv[1]),
		.recipients = grey_bytes_of(run->argv[2]),
		.name = grey_bytes_of(name != NULL ? name : ""),
		.now = run->now,
		.dry_run = dry_run };
	enum grey_status status = GREY_OK;
	struct grey_error err;

	*answer_r = (struct grey_answer){ .pass = true };
	*settings = run->config.settings;
	if (options != NULL)
		status = grey_settings_options(grey_bytes_of(options), settings,
		    &err);
	if (status == GREY_OK)
		status = grey_settings_check(settings, &err);
	if (status == GREY_OK)
		status = grey_envelope_check(&run->session, &run->path,
		    settings, &run->whitelist, &envelope, answer_r, &err);
	return status == GREY_OK ? EXIT_DONE :
				   database_failed(run, status, &err);
}

static int
run_greylist(struct invocation *run)
{
	char text[GREY_ANSWER_TEXT];
	struct grey_settings settings;
	struct grey_answer answer;
	const int result = decide(run, false, &settings, &answer);

	if (result != EXIT_DONE)
		return result;
	if (settings.observe && !answer.pass)
		complain("observe: would defer: %s",
		    grey_answer_text(&answer, text));
	(void)puts(answer.pass || settings.observe ? "no" : "yes");
	return result;
}

static int
run_why(struct invocation *run)
{
	char text[GREY_ANSWER_TEXT];
	struct grey_settings settings;
	struct grey_answer answer;
	const int result = decide(run, true, &settings, &answer);

	if (result == EXIT_DONE)
		(void)puts(grey_answer_text(&answer, text));
	return result;
}

static const struct option_row policy_options[] = {
	{ "options", 0, "WORDS",
	    "OPTIONS as in the ACL, which override exigrey.conf: delay=5m "
	    "key=triplet autowhitelist=5 ..." },
	{ "name", 0, "NAME", "the client's verified host name" },
	{ NULL, 0, NULL, NULL }
};

#define POLICY_USAGE "CLIENT SENDER RECIPIENT [--options WORDS] [--name NAME]"

const struct command command_greylist = {
	.name = "greylist",
	.run = run_greylist,
	.min = 3,
	.max = 3,
	.needs = NEEDS_DATABASE | USES_POLICY,
	.options = policy_options,
	.usage = POLICY_USAGE,
	.summary = "decide by the whole policy: yes = defer, no = pass",
	.help =
	    "Asks and counts as ${dlfunc{...}{greylist}{CLIENT}{SENDER}"
	    "{RECIPIENT}...} in an ACL does, by what exigrey.conf says. CLIENT "
	    "is an address; SENDER is empty for the null sender; RECIPIENT may "
	    "be several with \",\" between. Whatever on_failure says, a failure "
	    "prints no answer and ends with status 2.\n\n"
	    "    exigrey greylist 192.0.2.1 a@example.com b@example.org\n",
};

const struct command command_why = {
	.name = "why",
	.run = run_why,
	.min = 3,
	.max = 3,
	.needs = NEEDS_DATABASE | USES_POLICY,
	.options = policy_options,
	.usage = POLICY_USAGE,
	.summary = "tell why 'greylist' would answer as it does",
	.help = "Prints new, early SECONDS, passed COUNT, auto, keep, trapped, "
		"null sender or local. Changes nothing.\n\n"
		"    exigrey why 192.0.2.1 a@example.com b@example.org\n",
};
