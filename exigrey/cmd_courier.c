/* courier: greylisting for Courier. */
#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "complain.h"
#include "courier.h"
#include "listen.h"
#include "message.h"
#include "options.h"
#include "server.h"
#include "service.h"

#define DEFAULT_SOCKET "/var/lib/courier/allfilters/exigrey"

/* courierfilter(8) waits until nobody holds this any more. */
#define READY_FD 3

/* Seconds; Courier writes a request at once, and waits for nothing but us. */
#define IDLE_MAX 300

static void
log_answer(const struct service *service, const struct grey_envelope *envelope,
    const struct grey_answer *answer)
{
	const bool observed =
	    service->run->config.settings.observe && !answer->pass;
	const struct grey_bytes *recipients = &envelope->recipients;
	char text[GREY_ANSWER_TEXT];
	size_t count = 0, first = 0;

	if (service->verbose == 0 && !observed)
		return;
	for (size_t i = 0; i < recipients->size; i++)
		if (recipients->data[i] == '\n' && count++ == 0)
			first = i;
	complain("%s[%.*s] <%.*s> to <%.*s>%s: %s",
	    observed ? "observe: would defer " : "", (int)envelope->client.size,
	    envelope->client.data, (int)envelope->sender.size,
	    envelope->sender.data, (int)first, recipients->data,
	    count > 1 ? " and others" : "", grey_answer_text(answer, text));
}

static void
answer_request(struct service *service, const struct courier_request *request,
    struct server_reply *reply)
{
	const struct grey_settings *settings = &service->run->config.settings;
	struct grey_answer answer = { .pass = true };
	struct grey_envelope envelope;
	struct grey_error err;
	enum grey_status status = courier_envelope(request, &envelope, &err);

	if (status != GREY_OK)
		service_failed(service, err.text);
	else
		status = service_judge(service, &envelope, &answer);
	if (status == GREY_OK)
		log_answer(service, &envelope, &answer);
	if (status != GREY_OK && service_defers(service))
		server_say(reply, "451 " SERVICE_UNAVAILABLE "\n");
	else if (status != GREY_OK || answer.pass || settings->observe)
		server_say(reply, "200 Ok\n");
	else {
		server_say(reply, "451 ");
		message_say(reply, settings->courier_message, &answer);
		server_say(reply, "\n");
	}
}

/* One request for each connection. */
static bool
take_line(void *arg, void *state, struct grey_bytes line,
    struct server_reply *reply)
{
	struct service *service = arg;

	if (service->verbose > 2 && line.size > 0)
		complain("asked about: %.*s", (int)line.size, line.data);
	if (!courier_take(state, line))
		return true;
	answer_request(service, state, reply);
	if (service->verbose > 1)
		complain("%.*s", (int)strcspn(reply->text, "\n"), reply->text);
	return false;
}

static void
end_connection(void *state)
{
	courier_forget(state);
}

/*
 * The descriptor, if it was courierfilter(8) who started us, else -1.  To be
 * asked before one of our own may have that number.
 */
static int
ready_fd(void)
{
	struct stat st;

	if (fstat(READY_FD, &st) == -1 || !S_ISFIFO(st.st_mode) ||
	    fcntl(READY_FD, F_SETFD, FD_CLOEXEC) == -1)
		return -1;
	return READY_FD;
}

/* The end of standard input ends us, unless it is nothing from the beginning. */
static int
stdin_to_watch(void)
{
	struct stat st;

	if (fstat(STDIN_FILENO, &st) == -1 ||
	    (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode) &&
		!isatty(STDIN_FILENO)))
		return -1;
	return STDIN_FILENO;
}

/*
 * A socket of the same name in the other of Courier's two directories is gone
 * then, as courierfilter(8) wants it.
 */
static void
remove_other(const char *path)
{
	static const char all[] = "/allfilters/", some[] = "/filters/";
	const char *name = strrchr(path, '/');
	const char *at, *instead = all;
	char other[PATH_MAX];

	if (name == NULL)
		return;
	at = name - (sizeof(all) - 2);
	if (at >= path && strncmp(at, all, sizeof(all) - 1) == 0)
		instead = some;
	else {
		at = name - (sizeof(some) - 2);
		if (at < path || strncmp(at, some, sizeof(some) - 1) != 0)
			return;
	}
	if (snprintf(other, sizeof(other), "%.*s%s%s", (int)(at - path), path,
		instead, name + 1) < (int)sizeof(other))
		(void)unlink(other);
}

/*
 * The socket stays when we end: Courier puts mail off while a filter that is
 * switched on does not run, and that is for Courier to say.
 */
static enum grey_status
serve(struct invocation *run, struct grey_error *err)
{
	const char *given = option_value(run, "socket");
	const char *path = given != NULL ? given : DEFAULT_SOCKET;
	struct service service;
	const struct server_protocol protocol = { .state_size = sizeof(
						      struct courier_request),
		.line = take_line,
		.end = end_connection,
		.reread = service_reread,
		.arg = &service,
		.ready_fd = ready_fd(),
		.idle = IDLE_MAX };
	enum grey_status status;
	int fd;

	status = service_begin(&service, run, err);
	if (status != GREY_OK)
		return status;
	status = listen_at(path, 0660, &fd, err);
	if (status == GREY_OK) {
		remove_other(path);
		status = server_run(&protocol, &fd, 1, stdin_to_watch(), err);
	}
	service_end(&service);
	return status;
}

static int
run_courier(struct invocation *run)
{
	struct grey_error err;

	if (serve(run, &err) == GREY_OK)
		return EXIT_DONE;
	complain("%s", err.text);
	return EXIT_FAILED;
}

static const struct option_row courier_options[] = {
	{ "socket", 0, "PATH",
	    "where Courier finds the filter (" DEFAULT_SOCKET ")" },
	{ "verbose", 'v', NULL,
	    "log each decision; twice: also the answer; three times: also "
	    "what was asked" },
	{ NULL, 0, NULL, NULL },
};

const struct command command_courier = {
	.name = "courier",
	.run = run_courier,
	.max = 0,
	.needs = USES_POLICY,
	.options = courier_options,
	.usage = "[--socket PATH] [-v]",
	.summary = "greylist for Courier (courierfilter)",
	.help =
	    "A mail filter of Courier's: courierfilter starts it, and it ends "
	    "with its standard input. It judges mail that comes by SMTP by what "
	    "exigrey.conf says, all recipients at once: one that must wait puts "
	    "off the message. A mistake in that file, or a database or a "
	    "control file that cannot be used, lets mail pass, or not, as "
	    "on_failure says; it is logged. To switch it on, put this script "
	    "into Courier's directory of filters as 'exigrey', and give "
	    "'filterctl start exigrey':\n\n"
	    "    #!/bin/sh\n"
	    "    exec /usr/local/sbin/exigrey courier\n",
};
