/* unseen, seen and wait: the decision, as an ACL gets it, from a shell. */
#include <stdio.h>

#include "commands.h"
#include "complain.h"
#include "database.h"
#include "greylist.h"
#include "options.h"

/* Understands KEY, --suffix, --delay, --options. */
static enum grey_status
parse_request(const struct invocation *run, struct greylist_request *request,
    struct grey_error *err)
{
	const struct grey_bytes key = grey_bytes_of(run->argv[0]);
	const char *suffix = option_value(run, "suffix");
	const char *options = option_value(run, "options");
	enum grey_status status;

	*request = (struct greylist_request){ .policy = grey_policy_default(),
		.now = run->now };
	if (suffix == NULL)
		request->key = grey_key_split(key);
	else
		request->key = (struct grey_key){ .item = key,
			.suffix = grey_bytes_of(suffix) };
	status = option_duration(run, "delay", &request->policy.delay, err);
	if (status == GREY_OK && options != NULL)
		status = grey_policy_options(grey_bytes_of(options),
		    &request->policy, err);
	return status;
}

/*
 * Decides.  Returns the exit status; whatever on_failure says, a shell is told
 * of a failure.
 */
static int
decide(struct invocation *run, bool dry_run, struct greylist_answer *answer_r)
{
	struct greylist_request request;
	struct grey_error err;
	enum grey_status status;

	status = parse_request(run, &request, &err);
	request.dry_run = dry_run;
	if (status == GREY_OK)
		status = greylist_check(&run->session, &run->path, &request,
		    answer_r, &err);
	return status == GREY_OK ? EXIT_DONE :
				   database_failed(run, status, &err);
}

static int
run_unseen(struct invocation *run)
{
	struct greylist_answer answer = { 0 };
	const int result = decide(run, false, &answer);

	if (result == EXIT_DONE)
		(void)puts(answer.pass ? "no" : "yes");
	return result;
}

static int
run_seen(struct invocation *run)
{
	struct greylist_answer answer = { 0 };
	const int result = decide(run, false, &answer);

	if (result == EXIT_DONE)
		(void)puts(answer.pass ? "yes" : "no");
	return result;
}

static int
run_wait(struct invocation *run)
{
	struct greylist_answer answer = { 0 };
	const int result = decide(run, true, &answer);

	if (result == EXIT_DONE)
		(void)printf("%lld\n", (long long)answer.wait);
	return result;
}

static const struct option_row decision_options[] = {
	{ "delay", 0, "D", "how long a new item must wait (default: 10m)" },
	{ "options", 0, "OPTIONS",
	    "words as in the ACL: grey=24h passed=36d "
	    "timeout=5s max_records=0 sync=no" },
	{ "suffix", 0, "SUFFIX",
	    "what is whitelisted once the item passes; "
	    "KEY is then not cut at its \"/\"; empty: none" },
	{ NULL, 0, NULL, NULL }
};

#define DECISION_USAGE "KEY [--delay D] [--options OPTIONS] [--suffix SUFFIX]"

const struct command command_unseen = {
	.name = "unseen",
	.run = run_unseen,
	.min = 1,
	.max = 1,
	.needs = NEEDS_DATABASE,
	.options = decision_options,
	.usage = DECISION_USAGE,
	.summary = "decide as an ACL does: yes = defer, no = pass",
	.help =
	    "Asks and counts as ${dlfunc{...}{unseen}{KEY}...} in an ACL "
	    "does, and prints the answer: \"yes\", it is unseen or came back "
	    "too early, or \"no\", let it pass. KEY is cut at its first \"/\" "
	    "into item and suffix unless --suffix is given. Whatever "
	    "on_failure says, a failure prints no answer and ends with status "
	    "2.\n\n"
	    "    exigrey unseen '<a@example.org>' --suffix 192.0.2.1\n",
};

const struct command command_seen = {
	.name = "seen",
	.run = run_seen,
	.min = 1,
	.max = 1,
	.needs = NEEDS_DATABASE,
	.options = decision_options,
	.usage = DECISION_USAGE,
	.summary = "the same the other way round: yes = pass",
	.help = "Does what 'unseen' does, and prints the opposite.\n\n"
		"    exigrey seen '<a@example.org>' --suffix 192.0.2.1\n",
};

const struct command command_wait = {
	.name = "wait",
	.run = run_wait,
	.min = 1,
	.max = 1,
	.needs = NEEDS_DATABASE,
	.options = decision_options,
	.usage = DECISION_USAGE,
	.summary = "tell how many seconds are left until it passes",
	.help = "Prints how many seconds are left until 'unseen' would answer "
		"\"no\"; 0: it would now. Changes nothing.\n\n"
		"    exigrey wait '<a@example.org>' --suffix 192.0.2.1\n",
};
