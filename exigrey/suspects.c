#include "suspects.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "inquiry.h"
#include "mailbox.h"
#include "scan.h"

/* What a walk through the database needs. */
struct gathering {
	const struct invocation *run;
	struct suspects *suspects;
};

static enum grey_status
no_memory(struct grey_error *err)
{
	return grey_fail(err, GREY_FAILED, "out of memory");
}

void
suspects_accuse(struct suspect *client, const char *format, ...)
{
	va_list ap;

	if (client->reason != NULL)
		return;
	va_start(ap, format);
	if (vasprintf(&client->reason, format, ap) == -1)
		client->reason = NULL;
	va_end(ap);
}

/* The client of that address, new or known. */
static struct suspect *
client_of(struct suspects *suspects, const struct grey_network *address)
{
	const struct grey_bytes bytes = { (const char *)address->bytes,
		address->ipv4 ? 4 : sizeof(address->bytes) };
	struct suspect *more;
	uint32_t number;
	size_t room;

	if (!names_add(&suspects->addresses, bytes, &number))
		return NULL;
	if (number >= suspects->room) {
		room = suspects->room == 0 ? 1024 : 2 * suspects->room;
		more = reallocarray(suspects->clients, room, sizeof(*more));
		if (more == NULL)
			return NULL;
		memset(more + suspects->room, 0,
		    (room - suspects->room) * sizeof(*more));
		suspects->clients = more;
		suspects->room = room;
	}
	suspects->clients[number].address = *address;
	return &suspects->clients[number];
}

/* In lower case; WAITING_NONE where it has no name. */
static bool
add_domain(struct suspects *suspects, struct grey_bytes domain,
    uint32_t *number_r)
{
	char lower[GREY_KEY_MAX];

	*number_r = WAITING_NONE;
	if (domain.size == 0 || domain.size > sizeof(lower))
		return true;
	for (size_t i = 0; i < domain.size; i++)
		lower[i] = domain.data[i] >= 'A' && domain.data[i] <= 'Z' ?
		    (char)(domain.data[i] - 'A' + 'a') :
		    domain.data[i];
	return names_add(&suspects->domains,
	    (struct grey_bytes){ lower, domain.size }, number_r);
}

static uint64_t
hash_of(const struct suspects *suspects, struct grey_bytes sender)
{
	const uint64_t hash = names_hash(suspects->addresses.key, sender);

	return hash != 0 ? hash : 1;
}

/*
 * What the item tells of its sender (enum grey_triplet_kind): nothing, its
 * domain only, or all of it.  Without a recipient each record is another
 * sender's, so that to count them would say nothing.
 */
static bool
take_sender(struct suspects *suspects, const struct grey_triplet *triplet,
    struct suspect *client, struct waiting_mail *mail)
{
	struct grey_bytes sender = triplet->sender;
	struct mailbox mailbox = { .literal = false };

	if (triplet->recipient.size > 0)
		mail->sender = hash_of(suspects, sender);
	else if (triplet->client.size == 0 && sender.size > 0 &&
	    sender.data[0] == '@') {
		mailbox.domain =
		    (struct grey_bytes){ sender.data + 1, sender.size - 1 };
		if (sender.size > 1 && !mailbox_domain(mailbox.domain))
			suspects_accuse(client,
			    "sender domain '%.*s' is no valid one",
			    SUSPECTS_QUOTED(mailbox.domain));
		return add_domain(suspects, mailbox.domain, &mail->domain);
	}
	if (!mailbox_parse(sender, &mailbox)) {
		suspects_accuse(client, "sender '%.*s' is no valid address",
		    SUSPECTS_QUOTED(sender));
		return true;
	}
	return add_domain(suspects, mailbox.domain, &mail->domain);
}

static bool
take_recipient(const struct gathering *gathering, struct grey_bytes recipient,
    struct suspect *client, struct waiting_mail *mail)
{
	const struct grey_trap_settings *settings =
	    &gathering->run->config.settings.trap;
	struct suspects *suspects = gathering->suspects;
	int line;

	if (recipient.size == 0)
		return true;
	line = grey_expressions_find(&suspects->traps_file, recipient);
	if (line != 0)
		suspects_accuse(client,
		    "recipient '%.*s' matches line %d of %s",
		    SUSPECTS_QUOTED(recipient), line,
		    settings->trap_recipients);
	return settings->checker[0] == '\0' ||
	    names_add(&suspects->recipients, recipient, &mail->recipient);
}

static enum grey_status
take_waiting(const struct gathering *gathering, const struct entry *entry,
    struct grey_error *err)
{
	struct suspects *suspects = gathering->suspects;
	struct waiting_mail mail = { .domain = WAITING_NONE,
		.recipient = WAITING_NONE };
	char buffer[GREY_KEY_MAX];
	struct grey_triplet triplet;
	struct grey_network address;
	struct suspect *client;

	if (entry->item.size > sizeof(buffer) ||
	    !grey_triplet_split(entry->item, buffer, &triplet) ||
	    !grey_triplet_host(&entry->record, &address)) {
		suspects->left_alone++;
		return GREY_OK;
	}
	client = client_of(suspects, &address);
	if (client == NULL)
		return no_memory(err);
	mail.client = (uint32_t)(client - suspects->clients);
	if (!take_sender(suspects, &triplet, client, &mail) ||
	    !take_recipient(gathering, triplet.recipient, client, &mail) ||
	    !waiting_add(&suspects->waiting, &mail))
		return no_memory(err);
	return GREY_OK;
}

/* Its client has proved that it tries again. */
static enum grey_status
take_passed(struct suspects *suspects, const struct entry *entry,
    struct grey_error *err)
{
	struct grey_network address;
	struct suspect *client;

	if (!grey_is_triplet(entry->item) ||
	    !grey_triplet_host(&entry->record, &address))
		return GREY_OK;
	client = client_of(suspects, &address);
	if (client == NULL)
		return no_memory(err);
	client->passed = true;
	return GREY_OK;
}

static enum grey_status
visit(void *arg, const struct entry *entry, struct grey_error *err)
{
	const struct gathering *gathering = arg;
	struct suspects *suspects = gathering->suspects;
	uint32_t number;

	if (entry->kind != ENTRY_RECORD) {
		suspects->left_alone++;
		return GREY_OK;
	}
	switch (entry->state) {
	case GREY_STATE_GREY:
		return take_waiting(gathering, entry, err);
	case GREY_STATE_PASSED:
		return take_passed(suspects, entry, err);
	case GREY_STATE_AUTO:
	case GREY_STATE_KEPT:
	case GREY_STATE_TRAPPED:
		if (grey_is_triplet(entry->item) ||
		    entry->item.size >= GREY_NETWORK_TEXT ||
		    names_add(&suspects->trusted, entry->item, &number))
			return GREY_OK;
		return no_memory(err);
	case GREY_STATE_EXPIRED:
		break;
	}
	return GREY_OK;
}

static bool
has_record(const struct suspects *suspects, const struct grey_network *network)
{
	char item[GREY_NETWORK_TEXT];

	return names_have(&suspects->trusted,
	    grey_bytes_of(grey_network_item(network, item)));
}

/* trap_clients says so too, but then it was asked about already. */
static bool
is_trusted(const struct invocation *run, const struct suspects *suspects,
    const struct grey_network *address)
{
	const struct grey_settings *settings = &run->config.settings;
	const struct grey_network network =
	    grey_network_of(address, (unsigned int)settings->ipv4_prefix,
		(unsigned int)settings->ipv6_prefix);
	struct grey_listed listed;

	return (suspects->trusted.count > 0 &&
		   (has_record(suspects, address) ||
		       has_record(suspects, &network))) ||
	    grey_whitelist_client(&run->whitelist, address, grey_bytes_of(""),
		&listed);
}

bool
suspects_is_free(const struct suspect *client)
{
	return !client->passed && !client->trusted && client->reason == NULL;
}

static void
judge_client(const struct invocation *run, struct suspects *suspects,
    const struct waiting_client *waiting)
{
	const struct grey_trap_settings *settings = &run->config.settings.trap;
	struct suspect *client = &suspects->clients[waiting->client];

	suspects->mail += waiting->tuples;
	suspects->waits++;
	client->trusted = is_trusted(run, suspects, &client->address);
	if (client->passed || client->trusted)
		suspects->skipped++;
	if (!suspects_is_free(client))
		return;
	switch (waiting_judge(waiting, settings)) {
	case WAITING_DOMAINS:
		suspects_accuse(client,
		    "%lld waiting, from %lld sender domains (more than %lld)",
		    (long long)waiting->tuples, (long long)waiting->domains,
		    (long long)settings->max_domains);
		break;
	case WAITING_SENDERS:
		suspects_accuse(client,
		    "%lld waiting, from %lld senders (a ratio above %g)",
		    (long long)waiting->tuples, (long long)waiting->senders,
		    (double)settings->max_senders_ratio / GREY_RATIO_ONE);
		break;
	case WAITING_FINE:
		break;
	}
}

static int
compare_traps(const void *a, const void *b)
{
	const struct grey_network *one = &((const struct trap *)a)->client;
	const struct grey_network *other = &((const struct trap *)b)->client;

	if (one->ipv4 != other->ipv4)
		return one->ipv4 ? -1 : 1;
	return memcmp(one->bytes, other->bytes, sizeof(one->bytes));
}

static enum grey_status
make_traps(struct suspects *suspects, struct grey_error *err)
{
	suspects->traps =
	    calloc(suspects->addresses.count + 1, sizeof(struct trap));
	if (suspects->traps == NULL)
		return no_memory(err);
	for (size_t i = 0; i < suspects->addresses.count; i++) {
		const struct suspect *client = &suspects->clients[i];

		if (client->reason != NULL && !client->passed &&
		    !client->trusted)
			suspects->traps[suspects->trap_count++] =
			    (struct trap){ .client = client->address,
				    .note = client->reason };
	}
	qsort(suspects->traps, suspects->trap_count, sizeof(struct trap),
	    compare_traps);
	return GREY_OK;
}

static enum grey_status
gather(struct invocation *run, struct suspects *suspects,
    struct grey_error *err)
{
	struct gathering gathering = { .run = run, .suspects = suspects };
	struct scan_counts counts;
	struct grey_policy policy;
	enum grey_status status;

	status = database_policy(run, &policy, err);
	if (status == GREY_OK)
		status = scan_database(run, &policy, visit, &gathering, &counts,
		    err);
	if (status == GREY_OK)
		suspects->records = counts.records;
	return status;
}

/* The rules, in the order in which their reasons count. */
static enum grey_status
judge(struct invocation *run, struct suspects *suspects, struct grey_error *err)
{
	struct waiting_client client;
	enum grey_status status;
	size_t at = 0;

	while (waiting_next(&suspects->waiting, &at, &client))
		judge_client(run, suspects, &client);
	status = inquiry_recipients(run, suspects, err);
	return status == GREY_OK ? inquiry_domains(run, suspects, err) : status;
}

enum grey_status
suspects_find(struct invocation *run, struct suspects *suspects,
    struct grey_error *err)
{
	enum grey_status status;

	status = grey_expressions_read(&suspects->traps_file, "trap_recipients",
	    run->config.settings.trap.trap_recipients, NULL, NULL, err);
	if (status == GREY_OK)
		status = inquiry_allowed(run, err);
	if (status == GREY_OK)
		status = gather(run, suspects, err);
	if (status == GREY_OK)
		status = judge(run, suspects, err);
	return status == GREY_OK ? make_traps(suspects, err) : status;
}

void
suspects_free(struct suspects *suspects)
{
	for (size_t i = 0; i < suspects->room; i++)
		free(suspects->clients[i].reason);
	free(suspects->clients);
	names_free(&suspects->addresses);
	names_free(&suspects->trusted);
	names_free(&suspects->domains);
	names_free(&suspects->recipients);
	waiting_free(&suspects->waiting);
	grey_expressions_free(&suspects->traps_file);
	free(suspects->traps);
	*suspects = (struct suspects){ .clients = NULL };
}
