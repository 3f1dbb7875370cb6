#include "inquiry.h"

#include <stdlib.h>
#include <string.h>

#include "checker.h"

/* What is known of a recipient. */
enum answer {
	NOT_ASKED,
	ASKED, /* nothing is to be held against it */
	REFUSED
};

/* One kind of questions. */
struct inquiry {
	struct suspects *suspects;
	const struct names *names; /* what may be asked about */
	uint32_t (*of)(const struct waiting_mail *mail);
	unsigned char *answers; /* enum answer, by number */
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
		    !suspects_is_free(&suspects->clients[mail->client]))
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
