#include "inquiry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checker.h"
#include "complain.h"
#include "domains.h"

#define DNS_TIMEOUT_MAX 3600 /* seconds, in which all numbers stay small */

/* What is known of a recipient or a domain. */
enum answer {
	NOT_ASKED,
	ASKED, /* nothing is to be held against it */
	REFUSED,
	NO_MAIL,
	NULL_MX
};

/* One kind of questions. */
struct inquiry {
	struct suspects *suspects;
	const struct names *names; /* what may be asked about */
	uint32_t (*of)(const struct waiting_mail *mail);
	bool (*can_ask)(struct grey_bytes name); /* NULL: all */
	unsigned char *answers;                  /* enum answer, by number */
	/* What is asked, in this order. */
	uint32_t *numbers;
	struct grey_bytes *texts;
	size_t count;
	int64_t unknown;
};

static uint32_t
recipient_of(const struct waiting_mail *mail)
{
	return mail->recipient;
}

static uint32_t
domain_of(const struct waiting_mail *mail)
{
	return mail->domain;
}

/* An address in brackets needs no DNS. */
static bool
is_of_dns(struct grey_bytes domain)
{
	return domain.data[0] != '[';
}

static void
inquiry_end(struct inquiry *inquiry)
{
	free(inquiry->answers);
	free(inquiry->numbers);
	free(inquiry->texts);
}

/* Chooses what is to be asked: of those who are not suspect yet, each once. */
static enum grey_status
inquiry_begin(struct inquiry *inquiry, struct grey_error *err)
{
	const struct suspects *suspects = inquiry->suspects;
	const size_t most = inquiry->names->count + 1;

	inquiry->answers = calloc(most, sizeof(*inquiry->answers));
	inquiry->numbers = calloc(most, sizeof(*inquiry->numbers));
	inquiry->texts = calloc(most, sizeof(*inquiry->texts));
	if (inquiry->answers == NULL || inquiry->numbers == NULL ||
	    inquiry->texts == NULL) {
		inquiry_end(inquiry);
		return grey_fail(err, GREY_FAILED, "out of memory");
	}
	for (size_t i = 0; i < suspects->waiting.count; i++) {
		const struct waiting_mail *mail = &suspects->waiting.mail[i];
		const uint32_t number = inquiry->of(mail);

		if (number == WAITING_NONE ||
		    inquiry->answers[number] != NOT_ASKED ||
		    !suspects_is_free(&suspects->clients[mail->client]) ||
		    (inquiry->can_ask != NULL &&
			!inquiry->can_ask(inquiry->names->texts[number])))
			continue;
		inquiry->answers[number] = ASKED;
		inquiry->texts[inquiry->count] = inquiry->names->texts[number];
		inquiry->numbers[inquiry->count++] = number;
	}
	return GREY_OK;
}

static void
accuse(struct suspect *client, enum answer answer, struct grey_bytes name)
{
	if (answer == REFUSED)
		suspects_accuse(client,
		    "recipient '%.*s' is refused by the checker",
		    SUSPECTS_QUOTED(name));
	else if (answer == NO_MAIL)
		suspects_accuse(client,
		    "sender domain '%.*s' has neither MX nor address",
		    SUSPECTS_QUOTED(name));
	else if (answer == NULL_MX)
		suspects_accuse(client,
		    "sender domain '%.*s' takes no mail (null MX)",
		    SUSPECTS_QUOTED(name));
}

/* Holds the answers against whom they concern. */
static void
judge(const struct inquiry *inquiry)
{
	struct suspects *suspects = inquiry->suspects;

	for (size_t i = 0; i < suspects->waiting.count; i++) {
		const struct waiting_mail *mail = &suspects->waiting.mail[i];
		struct suspect *client = &suspects->clients[mail->client];
		const uint32_t number = inquiry->of(mail);

		if (number != WAITING_NONE && suspects_is_free(client))
			accuse(client, inquiry->answers[number],
			    inquiry->names->texts[number]);
	}
}

static void
take_recipient(void *arg, size_t number, enum checker_verdict verdict)
{
	struct inquiry *inquiry = arg;

	if (verdict == CHECKER_BAD)
		inquiry->answers[inquiry->numbers[number]] = REFUSED;
	inquiry->unknown += verdict == CHECKER_UNKNOWN;
}

static void
take_domain(void *arg, size_t number, enum domain_verdict verdict)
{
	struct inquiry *inquiry = arg;

	if (verdict == DOMAIN_NO_MAIL)
		inquiry->answers[inquiry->numbers[number]] = NO_MAIL;
	else if (verdict == DOMAIN_NULL_MX)
		inquiry->answers[inquiry->numbers[number]] = NULL_MX;
	inquiry->unknown += verdict == DOMAIN_UNKNOWN;
}

static struct checker
checker_of(const struct invocation *run)
{
	const struct grey_trap_settings *settings = &run->config.settings.trap;

	return (struct checker){ .program = settings->checker,
		.timeout = settings->checker_timeout,
		.processes = settings->checker_processes };
}

enum grey_status
inquiry_allowed(const struct invocation *run, struct grey_error *err)
{
	const struct checker checker = checker_of(run);

	return checker.program[0] == '\0' ?
	    GREY_OK :
	    checker_allowed(&checker, &run->path, err);
}

enum grey_status
inquiry_recipients(const struct invocation *run, struct suspects *suspects,
    struct grey_error *err)
{
	const struct checker checker = checker_of(run);
	struct inquiry inquiry = { .suspects = suspects,
		.names = &suspects->recipients,
		.of = recipient_of };
	enum grey_status status;

	if (checker.program[0] == '\0')
		return GREY_OK;
	/* Then nobody is refused: it is to be seen why. */
	if (access(checker.program, X_OK) == -1)
		complain("cannot run checker '%s': %s", checker.program,
		    strerror(errno));
	status = inquiry_begin(&inquiry, err);
	if (status != GREY_OK)
		return status;
	status = checker_ask(&checker, inquiry.texts, inquiry.count,
	    take_recipient, &inquiry, err);
	if (status == GREY_OK)
		judge(&inquiry);
	suspects->recipients_asked = (int64_t)inquiry.count;
	suspects->recipients_unknown = inquiry.unknown;
	inquiry_end(&inquiry);
	return status;
}

static enum grey_status
ask_dns(const struct grey_trap_settings *settings, struct inquiry *inquiry,
    struct grey_error *err)
{
	const struct domains_settings domains = {
		.sockets = (int)settings->dns_sockets,
		.timeout = (int)(settings->dns_timeout < DNS_TIMEOUT_MAX ?
			settings->dns_timeout :
			DNS_TIMEOUT_MAX),
		.server = settings->dns_servers[0] != '\0' ?
		    settings->dns_servers :
		    NULL
	};
	const char **names = calloc(inquiry->count, sizeof(*names));
	struct grey_error why;
	enum grey_status status;

	if (names == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	for (size_t i = 0; i < inquiry->count; i++)
		names[i] = inquiry->texts[i].data;
	status = domains_ask(names, inquiry->count, &domains, take_domain,
	    inquiry, &why);
	free(names);
	if (status == GREY_INVALID)
		return grey_fail(err, status, "dns_servers: %.400s", why.text);
	return status == GREY_OK ? status :
				   grey_fail(err, status, "%s", why.text);
}

enum grey_status
inquiry_domains(const struct invocation *run, struct suspects *suspects,
    struct grey_error *err)
{
	const struct grey_trap_settings *settings = &run->config.settings.trap;
	struct inquiry inquiry = { .suspects = suspects,
		.names = &suspects->domains,
		.of = domain_of,
		.can_ask = is_of_dns };
	enum grey_status status;

	if (settings->dns_sockets == 0)
		return GREY_OK;
	status = inquiry_begin(&inquiry, err);
	if (status != GREY_OK)
		return status;
	if (inquiry.count > 0)
		status = ask_dns(settings, &inquiry, err);
	if (status == GREY_OK)
		judge(&inquiry);
	suspects->domains_asked = (int64_t)inquiry.count;
	suspects->domains_unknown = inquiry.unknown;
	inquiry_end(&inquiry);
	return status;
}
