/* policy: greylisting for Postfix. */
#include <sys/stat.h>

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "complain.h"
#include "configured.h"
#include "envelope.h"
#include "identity.h"
#include "options.h"
#include "postfix.h"
#include "server.h"
#include "spool.h"

#define REPEAT_AFTER 60 /* seconds until the same failure is told again */

/* What the process knows. */
struct policy {
	struct invocation *run;
	char spool[PATH_MAX];
	bool has_exim;
	int verbose; /* how many -v there were */
	char failure[sizeof(((struct grey_error *)NULL)->text)];
	int64_t failed; /* when that was told */
};

static void
log_line(void *arg, const char *text)
{
	(void)arg;
	complain("%s", text);
}

static void
warn_of_line(void *arg, struct grey_bytes line)
{
	(void)arg;
	complain("warning: ignoring '%.*s': no name=value",
	    line.size < 100 ? (int)line.size : 100, line.data);
}

/* Once a minute: each mail would tell the same. */
static void
tell_failure(struct policy *policy, const char *text, int64_t now)
{
	if (strcmp(policy->failure, text) == 0 && now >= policy->failed &&
	    now - policy->failed < REPEAT_AFTER)
		return;
	(void)strlcpy(policy->failure, text, sizeof(policy->failure));
	policy->failed = now;
	complain("%s: %s",
	    policy->run->config.settings.policy.defer_on_failure ?
		"mail is deferred" :
		"mail passes",
	    text);
}

/* Reads what has changed of the files. */
static enum grey_status
refresh(struct policy *policy, struct grey_dbpath *path, struct grey_error *err)
{
	struct invocation *run = policy->run;
	const char *database = option_value(run, "database");
	struct grey_settings settings;
	enum grey_status status = configured_read(run, NULL, NULL, err);

	if (status != GREY_OK)
		return status;
	settings = run->config.settings;
	if (database != NULL &&
	    strlcpy(settings.db, database, sizeof(settings.db)) >=
		sizeof(settings.db))
		return grey_fail(err, GREY_INVALID, "-d is too long");
	return grey_settings_path(&settings,
	    policy->has_exim ? policy->spool : NULL, path, err);
}

static enum grey_status
decide(struct policy *policy, const struct postfix_request *request,
    struct grey_answer *answer, struct grey_error *err)
{
	struct invocation *run = policy->run;
	const bool named = strcmp(request->client_name, "unknown") != 0;
	const struct grey_envelope envelope = { .client = grey_bytes_of(
						    request->client_address),
		.name = grey_bytes_of(named ? request->client_name : ""),
		.sender = grey_bytes_of(request->sender),
		.recipients = grey_bytes_of(request->recipient),
		.now = run->now };
	struct grey_dbpath path;
	enum grey_status status = refresh(policy, &path, err);

	return status == GREY_OK ?
	    grey_envelope_check(&run->session, &path, &run->config.settings,
		&run->whitelist, &envelope, answer, err) :
	    status;
}

/* The header of a first pass, once for each message. */
static bool
wants_header(const struct policy *policy, struct postfix_state *state,
    const struct grey_answer *answer)
{
	const char *instance = state->request.instance;

	if (!policy->run->config.settings.postfix_header ||
	    !answer->first_pass ||
	    (instance[0] != '\0' && strcmp(state->marked, instance) == 0))
		return false;
	(void)strlcpy(state->marked, instance, sizeof(state->marked));
	return true;
}

static void
say_answer(struct policy *policy, struct postfix_state *state,
    const struct grey_answer *answer, struct server_reply *reply)
{
	const struct grey_settings *settings = &policy->run->config.settings;
	const struct postfix_request *request = &state->request;
	char text[GREY_ANSWER_TEXT];

	if (policy->verbose > 0 || (settings->observe && !answer->pass))
		complain("%s[%s] <%s> to <%s>: %s",
		    settings->observe && !answer->pass ?
			"observe: would defer " :
			"",
		    request->client_address, request->sender,
		    request->recipient, grey_answer_text(answer, text));
	if (!answer->pass && !settings->observe)
		server_say(reply, "action=DEFER_IF_PERMIT %s\n\n",
		    settings->postfix_message);
	else if (wants_header(policy, state, answer))
		server_say(reply,
		    "action=PREPEND X-Greylist: delayed %lld seconds by "
		    "exigrey " EXIGREY_VERSION "\n\n",
		    (long long)answer->waited);
	else
		server_say(reply, "action=DUNNO\n\n");
}

static void
answer_request(struct policy *policy, struct postfix_state *state,
    struct server_reply *reply)
{
	struct grey_answer answer = { .pass = true };
	struct grey_error err;

	policy->run->now = (int64_t)time(NULL);
	if (state->request.recipient[0] == '\0')
		/* DATA and later, with several of them: RCPT was the time. */
		server_say(reply, "action=DUNNO\n\n");
	else if (decide(policy, &state->request, &answer, &err) == GREY_OK)
		say_answer(policy, state, &answer, reply);
	else {
		tell_failure(policy, err.text, policy->run->now);
		server_say(reply, "action=%s\n\n",
		    policy->run->config.settings.policy.defer_on_failure ?
			"DEFER_IF_PERMIT 4.3.0 Service is temporarily "
			"unavailable" :
			"DUNNO");
	}
}

static bool
take_line(void *arg, void *memory, struct grey_bytes line,
    struct server_reply *reply)
{
	struct policy *policy = arg;
	struct postfix_state *state = memory;

	if (policy->verbose > 2 && line.size > 0)
		complain("attribute: %.*s", (int)line.size, line.data);
	if (!postfix_take(&state->request, line, warn_of_line, policy))
		return true;
	if (!postfix_is_policy(&state->request)) {
		complain("unrecognized request type: '%.100s'",
		    state->request.request);
		return false;
	}
	answer_request(policy, state, reply);
	if (policy->verbose > 1)
		complain("%.*s", (int)strcspn(reply->text, "\n"), reply->text);
	postfix_forget(&state->request);
	return true;
}

/* spawn(8) makes one socket all three: nothing but answers belongs there. */
static bool
stderr_is_client(void)
{
	struct stat in, err;

	return fstat(STDIN_FILENO, &in) == 0 &&
	    fstat(STDERR_FILENO, &err) == 0 && in.st_dev == err.st_dev &&
	    in.st_ino == err.st_ino;
}

/*
 * Finds the database and becomes its owner.  A mistake in the configuration is
 * told and does not end the service: mail goes on.
 */
static enum grey_status
begin(struct policy *policy, struct grey_error *err)
{
	struct grey_dbpath path;
	struct grey_error why;
	enum grey_status status;

	policy->has_exim = spool_directory(policy->spool, &why) == GREY_OK;
	status = refresh(policy, &path, &why);
	if (status != GREY_OK) {
		tell_failure(policy, why.text, policy->run->now);
		return GREY_OK;
	}
	return identity_assume(&path, err);
}

static enum grey_status
serve(struct policy *policy, const char *path, struct grey_error *err)
{
	const struct server_protocol protocol = { .state_size = sizeof(
						      struct postfix_state),
		.line = take_line,
		.arg = policy };
	int sockets[SERVER_SOCKETS];
	int count = path == NULL ? server_activated() : 1;
	enum grey_status status = GREY_OK;

	for (int i = 0; i < count; i++)
		sockets[i] = STDERR_FILENO + 1 + i;
	if (path != NULL)
		status = server_socket(path, &sockets[0], err);
	else if (count == 0 && stderr_is_client())
		complain_to_syslog();
	if (status == GREY_OK)
		status = begin(policy, err);
	if (status != GREY_OK)
		return status;
	grey_session_init(&policy->run->session, log_line, NULL);
	status = count > 0 ? server_run(&protocol, sockets, count, err) :
			     server_stdio(&protocol, err);
	grey_session_end(&policy->run->session);
	if (path != NULL)
		(void)unlink(path);
	return status;
}

static int
run_policy(struct invocation *run)
{
	struct policy policy = { .run = run,
		.verbose = option_count(run, "verbose") };
	struct grey_error err;

	if (serve(&policy, option_value(run, "socket"), &err) == GREY_OK)
		return EXIT_DONE;
	complain("%s", err.text);
	return EXIT_FAILED;
}

static const struct option_row policy_options[] = {
	{ "socket", 0, "PATH",
	    "serve many clients at a socket, until SIGTERM; without it, and "
	    "without a socket of systemd, one on standard input" },
	{ "verbose", 'v', NULL,
	    "log each decision; twice: also the answer; three times: also "
	    "what was asked" },
	{ NULL, 0, NULL, NULL },
};

const struct command command_policy = {
	.name = "policy",
	.run = run_policy,
	.max = 0,
	.needs = USES_POLICY,
	.options = policy_options,
	.usage = "[--socket PATH] [-v]",
	.summary = "greylist for Postfix (policy delegation)",
	.help =
	    "Answers Postfix's policy requests, by what exigrey.conf says. "
	    "A mistake there, or a database that cannot be used, lets mail "
	    "pass, or not, as on_failure says; it is logged. Run by root, it "
	    "works as the owner of the database's directory.\n\n"
	    "    exigrey policy --socket /var/spool/postfix/private/exigrey\n",
};
