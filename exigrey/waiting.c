#include "waiting.h"

#include <stdlib.h>

bool
waiting_add(struct waiting *waiting, const struct waiting_mail *mail)
{
	const size_t room = waiting->room == 0 ? 1024 : 2 * waiting->room;
	struct waiting_mail *more;

	if (waiting->count == waiting->room) {
		more = reallocarray(waiting->mail, room, sizeof(*more));
		if (more == NULL)
			return false;
		waiting->mail = more;
		waiting->room = room;
	}
	waiting->mail[waiting->count++] = *mail;
	waiting->sorted = false;
	return true;
}

/* By client, each client's by sender. */
static int
compare_senders(const void *a, const void *b)
{
	const struct waiting_mail *one = a, *other = b;

	if (one->client != other->client)
		return one->client < other->client ? -1 : 1;
	if (one->sender != other->sender)
		return one->sender < other->sender ? -1 : 1;
	return 0;
}

static int
compare_domains(const void *a, const void *b)
{
	const struct waiting_mail *one = a, *other = b;

	if (one->domain != other->domain)
		return one->domain < other->domain ? -1 : 1;
	return 0;
}

static int64_t
count_senders(const struct waiting_mail *mail, size_t count)
{
	int64_t senders = 0;

	for (size_t i = 0; i < count; i++)
		senders += mail[i].sender != 0 &&
		    (i == 0 || mail[i].sender != mail[i - 1].sender);
	return senders;
}

static int64_t
count_domains(struct waiting_mail *mail, size_t count)
{
	int64_t domains = 0;

	qsort(mail, count, sizeof(*mail), compare_domains);
	for (size_t i = 0; i < count; i++)
		domains += mail[i].domain != WAITING_NONE &&
		    (i == 0 || mail[i].domain != mail[i - 1].domain);
	return domains;
}

bool
waiting_next(struct waiting *waiting, size_t *at,
    struct waiting_client *client_r)
{
	struct waiting_mail *mail;
	size_t end = *at, count;

	if (!waiting->sorted && waiting->count > 0)
		qsort(waiting->mail, waiting->count, sizeof(*waiting->mail),
		    compare_senders);
	waiting->sorted = true;
	if (*at == waiting->count)
		return false;
	mail = waiting->mail + *at;
	while (
	    end < waiting->count && waiting->mail[end].client == mail->client)
		end++;
	count = end - *at;
	*at = end;
	*client_r = (struct waiting_client){ .client = mail->client,
		.mail = mail,
		.tuples = (int64_t)count,
		.senders = count_senders(mail, count) };
	client_r->domains = count_domains(mail, count);
	return true;
}

enum waiting_verdict
waiting_judge(const struct waiting_client *client,
    const struct grey_trap_settings *settings)
{
	if (client->tuples <= settings->suspect_tuples)
		return WAITING_FINE;
	if (client->domains > settings->max_domains)
		return WAITING_DOMAINS;
	/* As millionths: exact. */
	if (client->senders * GREY_RATIO_ONE >
	    settings->max_senders_ratio * client->tuples)
		return WAITING_SENDERS;
	return WAITING_FINE;
}

void
waiting_free(struct waiting *waiting)
{
	free(waiting->mail);
	*waiting = (struct waiting){ .mail = NULL };
}
