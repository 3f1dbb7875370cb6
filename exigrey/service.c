#include "service.h"

#include <string.h>
#include <time.h>

#include "complain.h"
#include "configured.h"
#include "identity.h"
#include "options.h"
#include "spool.h"

#define REPEAT_AFTER 60 /* seconds until the same failure is told again */

static void
log_line(void *arg, const char *text)
{
	(void)arg;
	complain("%s", text);
}

/* Reads what has changed of the files. */
static enum grey_status
refresh(struct service *service, struct grey_dbpath *path,
    struct grey_error *err)
{
	struct invocation *run = service->run;
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
	    service->has_exim ? service->spool : NULL, path, err);
}

bool
service_defers(const struct service *service)
{
	return service->run->config.settings.policy.defer_on_failure;
}

static void
tell(const struct service *service, const char *text)
{
	complain("%s: %s",
	    service_defers(service) ? "mail is deferred" : "mail passes", text);
}

void
service_failed(struct service *service, const char *text)
{
	const int64_t now = (int64_t)time(NULL);
	struct grey_dbpath path;

	/* What becomes of the mail may be another thing by now. */
	(void)refresh(service, &path, NULL);
	if (strcmp(service->failure, text) == 0 && now >= service->failed &&
	    now - service->failed < REPEAT_AFTER)
		return;
	(void)strlcpy(service->failure, text, sizeof(service->failure));
	service->failed = now;
	tell(service, text);
}

enum grey_status
service_judge(struct service *service, struct grey_envelope *envelope,
    struct grey_answer *answer_r)
{
	struct invocation *run = service->run;
	struct grey_dbpath path;
	struct grey_error err;
	enum grey_status status = refresh(service, &path, &err);

	run->now = envelope->now = (int64_t)time(NULL);
	if (status == GREY_OK)
		status = grey_envelope_check(&run->session, &path,
		    &run->config.settings, &run->whitelist, envelope, answer_r,
		    &err);
	if (status != GREY_OK)
		service_failed(service, err.text);
	return status;
}

void
service_reread(void *arg)
{
	struct service *service = arg;
	struct grey_dbpath path;
	struct grey_error err;

	if (refresh(service, &path, &err) == GREY_OK)
		complain("the configuration is good");
	else
		tell(service, err.text);
}

enum grey_status
service_begin(struct service *service, struct invocation *run,
    struct grey_error *err)
{
	struct grey_dbpath path;
	struct grey_error why;
	enum grey_status status;

	*service = (struct service){ .run = run,
		.verbose = option_count(run, "verbose") };
	service->has_exim = spool_directory(service->spool, &why) == GREY_OK;
	if (refresh(service, &path, &why) != GREY_OK)
		service_failed(service, why.text);
	else {
		status = identity_assume(&path, err);
		if (status != GREY_OK)
			return status;
	}
	grey_session_init(&run->session, log_line, NULL);
	return GREY_OK;
}

void
service_end(struct service *service)
{
	grey_session_end(&service->run->session);
}
