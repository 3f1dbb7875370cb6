/*
 * The whole policy as a service: what the servers of all protocols share.  It
 * reads exigrey.conf again when that has changed, and goes on where it cannot be
 * used.
 */
#ifndef EXIGREY_SERVICE_H
#define EXIGREY_SERVICE_H

#include <limits.h>

#include "command.h"
#include "envelope.h"

/* What the process knows. */
struct service {
	struct invocation *run;
	char spool[PATH_MAX];
	bool has_exim;
	int verbose; /* how many -v there were */
	char failure[sizeof(((struct grey_error *)NULL)->text)];
	int64_t failed; /* when that was told */
};

/*
 * Finds the database and becomes its owner.  A mistake in the configuration is
 * told and does not end the service.
 * Returns GREY_OK, and service_end is then to be called; or as
 * identity_assume.
 */
enum grey_status service_begin(struct service *service, struct invocation *run,
    struct grey_error *err);

void service_end(struct service *service);

/* Tells whether the configuration is good; for SIGHUP.  arg is the service. */
void service_reread(void *arg);

/*
 * Judges an envelope, whose time is set here.  Returns GREY_OK with *answer_r,
 * or as grey_envelope_check and configured_read; that is told.
 */
enum grey_status service_judge(struct service *service,
    struct grey_envelope *envelope, struct grey_answer *answer_r);

/*
 * Tells of a failure and of what becomes of the mail; once a minute, for each
 * mail would tell the same.
 */
void service_failed(struct service *service, const char *text);

/* Is mail deferred when it cannot be judged? */
bool service_defers(const struct service *service);

/* What a client is told then, behind the reply code. */
#define SERVICE_UNAVAILABLE "4.3.0 Service is temporarily unavailable"

#endif
