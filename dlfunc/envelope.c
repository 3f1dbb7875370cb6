/*
 * The whole policy, as Exim calls it:
 *
 *	${dlfunc{SO}{greylist}{CLIENT}{SENDER}{RECIPIENT}{OPTIONS}{NAME}}
 *	${dlfunc{SO}{why}...}		why it would answer so; changes nothing
 *
 * What is configured comes from exigrey.conf.  A mistake in that file is found
 * when mail comes, not while somebody looks: mail goes on, and the log has it.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "config.h"
#include "envelope.h"

EXPORT int greylist(uschar **yield, int argc, uschar *argv[]);
EXPORT int why(uschar **yield, int argc, uschar *argv[]);

/* One call, its arguments understood. */
struct call {
	struct grey_envelope envelope;
	struct grey_settings settings;
	struct grey_dbpath path;
};

/* Read at the first call, and again when the files have changed. */
static struct grey_config config;
static struct grey_whitelist whitelist;

static struct grey_bytes
bytes_at(int argc, uschar *argv[], int i)
{
	const char *text = call_argument(argc, argv, i);

	return grey_bytes_of(text != NULL ? text : "");
}

/* Reads the file that OPTIONS name, or the usual one. */
static enum grey_status
read_config(struct grey_bytes options, struct grey_error *err)
{
	const struct grey_bytes named = grey_options_config(options);
	char file[PATH_MAX];

	(void)snprintf(file, sizeof(file), "%.*s", (int)named.size, named.data);
	return grey_config_read(&config, named.size > 0 ? file : CONFIG_FILE,
	    NULL, NULL, err);
}

/*
 * Understands the arguments.  Returns GREY_OK; GREY_INVALID if the expansion is
 * to fail; GREY_FAILED if the file cannot be used: settings.policy then tells
 * what that means for the mail.
 */
static enum grey_status
parse_call(int argc, uschar *argv[], struct call *call, struct grey_error *err)
{
	const struct grey_bytes options = bytes_at(argc, argv, 3);
	enum grey_status status, usable;
	struct grey_error unusable;

	*call = (struct call){ .settings = config.settings };
	status = call_check_count(argc, argv, 5,
	    "CLIENT}{SENDER}{RECIPIENT}{OPTIONS}{NAME}", err);
	if (status != GREY_OK)
		return status;
	call->envelope =
	    (struct grey_envelope){ .client = bytes_at(argc, argv, 0),
		    .sender = bytes_at(argc, argv, 1),
		    .recipients = bytes_at(argc, argv, 2),
		    .name = bytes_at(argc, argv, 4),
		    .now = call_now(),
		    .dry_run = exim_host_checking() };
	usable = read_config(options, &unusable);
	if (usable == GREY_OK)
		usable = grey_whitelist_read(&whitelist, &config.settings, NULL,
		    NULL, &unusable);
	call->settings = config.settings;
	status = grey_settings_options(options, &call->settings, err);
	if (status != GREY_OK)
		return status;
	if (usable != GREY_OK)
		return grey_fail(err, GREY_FAILED, "%s", unusable.text);
	status = grey_settings_check(&call->settings, err);
	return status == GREY_OK ?
	    grey_settings_path(&call->settings, exim_spool_directory(),
		&call->path, err) :
	    status;
}

static enum grey_status
decide(const struct call *call, struct grey_answer *answer,
    struct grey_error *err)
{
	return grey_envelope_check(call_session(), &call->path, &call->settings,
	    &whitelist, &call->envelope, answer, err);
}

/* Whom it is about, and what was decided, in one line. */
static const char *
describe(const struct call *call, const struct grey_answer *answer,
    char line[512])
{
	const struct grey_envelope *envelope = &call->envelope;
	char text[GREY_ANSWER_TEXT];

	(void)snprintf(line, 512, "[%.*s] <%.*s> to <%.*s>: %s",
	    call_shown(envelope->client), envelope->client.data,
	    call_shown(envelope->sender), envelope->sender.data,
	    call_shown(envelope->recipients), envelope->recipients.data,
	    grey_answer_text(answer, text));
	return line;
}

static void
log_observed(const struct call *call, const struct grey_answer *answer)
{
	char line[512], text[600];

	(void)snprintf(text, sizeof(text), "observe: would defer %s",
	    describe(call, answer, line));
	exim_log(text, (long long)call->envelope.now);
}

int
greylist(uschar **yield, int argc, uschar *argv[])
{
	struct grey_answer answer = { .pass = true };
	struct grey_error err;
	enum grey_status status;
	struct call call;
	char line[600];

	status = parse_call(argc, argv, &call, &err);
	if (status == GREY_INVALID)
		return call_fails(yield, "greylist", err.text);
	if (status == GREY_OK)
		status = decide(&call, &answer, &err);
	if (status == GREY_OK) {
		exim_debug("greylist %s, in %s/%s%s",
		    describe(&call, &answer, line), call.path.directory,
		    call.path.file,
		    call.envelope.dry_run ? ", nothing stored" : "");
		if (call.settings.observe && !answer.pass) {
			log_observed(&call, &answer);
			answer.pass = true;
		}
		return call_yields(yield, answer.pass ? "no" : "yes");
	}
	if (status == GREY_INVALID || call.settings.policy.defer_on_failure)
		return call_fails(yield, "greylist", err.text);
	(void)snprintf(line, sizeof(line), "greylist: mail passes: %s",
	    err.text);
	exim_log(line, (long long)call.envelope.now);
	return call_yields(yield, "no");
}

int
why(uschar **yield, int argc, uschar *argv[])
{
	struct grey_answer answer;
	struct grey_error err;
	enum grey_status status;
	struct call call;
	static char text[sizeof(err.text) + 16];

	status = parse_call(argc, argv, &call, &err);
	if (status == GREY_INVALID)
		return call_fails(yield, "why", err.text);
	call.envelope.dry_run = true;
	if (status == GREY_OK)
		status = decide(&call, &answer, &err);
	if (status == GREY_INVALID)
		return call_fails(yield, "why", err.text);
	if (status == GREY_OK)
		return call_yields(yield, grey_answer_text(&answer, text));
	(void)snprintf(text, sizeof(text), "failure: %s", err.text);
	return call_yields(yield, text);
}
