/* policy: greylisting for Postfix. */
#include <sys/stat.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "complain.h"
#include "listen.h"
#include "message.h"
#include "options.h"
#include "postfix.h"
#include "server.h"
#include "service.h"

/* Seconds; Postfix closes a connection of its own after 300. */
#define IDLE_MAX 3600

static void
warn_of_line(void *arg, struct grey_bytes line)
{
	(void)arg;
	complain("warning: ignoring '%.*s': no name=value",
	    line.size < 100 ? (int)line.size : 100, line.data);
}

static enum grey_status
decide(struct service *service, const struct postfix_request *request,
    struct grey_answer *answer)
{
	const bool named = strcmp(request->client_name, "unknown") != 0;
	struct grey_envelope envelope = { .client = grey_bytes_of(
					      request->client_address),
		.name = grey_bytes_of(named ? request->client_name : ""),
		.sender = grey_bytes_of(request->sender),
		.recipients = grey_bytes_of(request->recipient) };

	return service_judge(service, &envelope, answer);
}

/* The header of a first pass, once for each message. */
static bool
wants_header(const struct service *service, struct postfix_state *state,
    const struct grey_answer *answer)
{
	const char *instance = state->request.instance;

	if (!service->run->config.settings.postfix_header ||
	    !answer->first_pass ||
	    (instance[0] != '\0' && strcmp(state->marked, instance) == 0))
		return false;
	(void)strlcpy(state->marked, instance, sizeof(state->marked));
	return true;
}

static void
say_answer(struct service *service, struct postfix_state *state,
    const struct grey_answer *answer, struct server_reply *reply)
{
	const struct grey_settings *settings = &service->run->config.settings;
	const struct postfix_request *request = &state->request;
	char text[GREY_ANSWER_TEXT];

	if (service->verbose > 0 || (settings->observe && !answer->pass))
		complain("%s[%s] <%s> to <%s>: %s",
		    settings->observe && !answer->pass ?
			"observe: would defer " :
			"",
		    request->client_address, request->sender,
		    request->recipient, grey_answer_text(answer, text));
	if (!answer->pass && !settings->observe) {
		server_say(reply, "action=DEFER_IF_PERMIT ");
		message_say(reply, settings->postfix_message, answer);
		server_say(reply, "\n\n");
	} else if (wants_header(service, state, answer))
		server_say(reply,
		    "action=PREPEND X-Greylist: delayed %lld seconds by "
		    "exigrey " EXIGREY_VERSION "\n\n",
		    (long long)answer->waited);
	else
		server_say(reply, "action=DUNNO\n\n");
}

static void
answer_request(struct service *service, struct postfix_state *state,
    struct server_reply *reply)
{
	struct grey_answer answer = { .pass = true };

	if (state->request.recipient[0] == '\0')
		/* DATA and later, with several of them: RCPT was the time. */
		server_say(reply, "action=DUNNO\n\n");
	else if (decide(service, &state->request, &answer) == GREY_OK)
		say_answer(service, state, &answer, reply);
	else
		server_say(reply, "action=%s\n\n",
		    service_defers(service) ?
			"DEFER_IF_PERMIT " SERVICE_UNAVAILABLE :
			"DUNNO");
}

static bool
take_line(void *arg, void *memory, struct grey_bytes line,
    struct server_reply *reply)
{
	struct service *service = arg;
	struct postfix_state *state = memory;

	if (service->verbose > 2 && line.size > 0)
		complain("attribute: %.*s", (int)line.size, line.data);
	if (!postfix_take(&state->request, line, warn_of_line, NULL))
		return true;
	if (!postfix_is_policy(&state->request)) {
		complain("unrecognized request type: '%.100s'",
		    state->request.request);
		return false;
	}
	answer_request(service, state, reply);
	if (service->verbose > 1)
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

static enum grey_status
serve(struct service *service, struct invocation *run, struct grey_error *err)
{
	const struct server_protocol protocol = { .state_size = sizeof(
						      struct postfix_state),
		.line = take_line,
		.reread = service_reread,
		.arg = service,
		.ready_fd = -1,
		.idle = IDLE_MAX };
	const char *path = option_value(run, "socket");
	int sockets[LISTEN_MAX];
	int count = path == NULL ? listen_activated() : 1;
	enum grey_status status = GREY_OK;

	for (int i = 0; i < count; i++)
		sockets[i] = LISTEN_FIRST + i;
	if (path != NULL)
		status = listen_at(path, 0666, &sockets[0], err);
	else if (count == 0 && stderr_is_client())
		complain_to_syslog();
	if (status == GREY_OK)
		status = service_begin(service, run, err);
	if (status != GREY_OK)
		return status;
	status = count > 0 ? server_run(&protocol, sockets, count, -1, err) :
			     server_stdio(&protocol, err);
	service_end(service);
	if (path != NULL)
		(void)unlink(path);
	return status;
}

static int
run_policy(struct invocation *run)
{
	struct service service;
	struct grey_error err;

	if (serve(&service, run, &err) == GREY_OK)
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
