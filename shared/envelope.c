#include "envelope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fold.h"
#include "known.h"
#include "network.h"
#include "triplet.h"
#include "trust.h"

/*
 * A record of mail is as wide as any address of its client's family needs, so
 * that another host of the network changes it in place.
 */
#define HOST_WIDTH(address) ((address)->ipv4 ? 64 : 96)

/* One check while it goes on. */
struct check {
	struct grey_session *session;
	const struct grey_dbpath *path;
	const struct grey_settings *settings;
	const struct grey_whitelist *whitelist; /* or NULL */
	const struct grey_envelope *envelope;
	struct greydb_settings how;
	struct greydb *db; /* NULL: dry run */
	struct grey_network address, network;
	struct grey_bytes sender, recipients; /* in lower case, if wanted */
	struct grey_bytes name;
	char *memory; /* of all these, and of the item */
	char *item;
	size_t item_size;
	bool first_pass; /* of one of the recipients */
	struct grey_answer answer;
};

enum grey_status
grey_settings_path(const struct grey_settings *settings, const char *spool,
    struct grey_dbpath *path_r, struct grey_error *err)
{
	const char *directory = settings->directory;
	enum grey_status status;

	if (directory[0] == '\0' && spool == NULL)
		directory = GREY_STATE_DIRECTORY;
	status = grey_dbpath_resolve(settings->db, spool != NULL ? spool : "",
	    path_r, err);
	if (status != GREY_OK || !path_r->in_spool || directory[0] == '\0')
		return status;
	/* A name, not a path. */
	(void)strcpy(path_r->directory, directory);
	path_r->in_spool = false;
	return GREY_OK;
}

/* Fetches what is known of an item, from the open database or beside it. */
static enum grey_status
fetch(const struct check *check, struct grey_known *known, const char *item,
    size_t size, struct grey_error *err)
{
	struct greydb_value value = { NULL, 0 };
	enum grey_status status;

	status = grey_known_init(known, (struct grey_bytes){ item, size }, err);
	if (status != GREY_OK)
		return status;
	if (check->db != NULL)
		return grey_known_fetch(known, check->session, check->path,
		    check->db, err);
	status = greydb_peek(check->session, check->path, &check->how,
	    &known->key.bytes, 1, &value, err);
	if (status != GREY_OK && status != GREY_NOT_FOUND)
		return status;
	grey_known_take(known, check->session, check->path, value);
	return GREY_OK;
}

/* Stores a record, unless this is a dry run. */
static enum grey_status
store(const struct check *check, const struct grey_known *known,
    const struct grey_record *record, struct grey_error *err)
{
	enum grey_status status;

	if (check->db == NULL)
		return GREY_OK;
	status = grey_known_room(known, check->path, check->db,
	    check->settings->policy.max_records, err);
	return status == GREY_OK ?
	    grey_known_store(known, check->db, record, err) :
	    status;
}

/* What is known of a client, by its address and its network. */
struct client {
	struct grey_known address, network;
	const struct grey_known *decides; /* one of these */
	enum grey_trust trust;
};

static enum grey_status
fetch_trust(const struct check *check, const struct grey_network *client,
    struct grey_known *known, enum grey_trust *trust_r, struct grey_error *err)
{
	char item[GREY_NETWORK_TEXT];
	enum grey_status status;

	(void)grey_network_item(client, item);
	status = fetch(check, known, item, strlen(item), err);
	if (status == GREY_OK)
		*trust_r = grey_trust_of(known->record,
		    &check->settings->policy, check->envelope->now);
	return status;
}

/*
 * The record of the client's address decides, else that of its network; a
 * trapped address gives way to a network that is kept by hand.
 */
static enum grey_status
fetch_client(const struct check *check, struct client *client,
    struct grey_error *err)
{
	enum grey_trust trust = GREY_TRUST_UNKNOWN;
	enum grey_status status;

	*client = (struct client){ .trust = GREY_TRUST_UNKNOWN };
	client->decides = &client->address;
	status = fetch_trust(check, &check->address, &client->address,
	    &client->trust, err);
	if (status != GREY_OK ||
	    check->network.prefix == check->address.prefix ||
	    client->trust == GREY_TRUST_KEPT ||
	    client->trust == GREY_TRUST_AUTO)
		return status;
	status =
	    fetch_trust(check, &check->network, &client->network, &trust, err);
	if (client->trust == GREY_TRUST_UNKNOWN || trust == GREY_TRUST_KEPT) {
		client->decides = &client->network;
		client->trust = trust;
	}
	return status;
}

static void
free_client(struct client *client)
{
	grey_known_free(&client->address);
	grey_known_free(&client->network);
}

static void
say_trapped(struct check *check, const struct client *client)
{
	const int64_t end =
	    grey_end(client->decides->record, &check->settings->policy);

	check->answer = (struct grey_answer){ .outcome = GREY_CLIENT_TRAPPED,
		.wait = end - check->envelope->now };
}

/* Judges by the client; *decided_r: that was all. */
static enum grey_status
judge_client(struct check *check, bool *decided_r, struct grey_error *err)
{
	struct client client;
	struct grey_record record;
	enum grey_status status = fetch_client(check, &client, err);

	*decided_r = client.trust != GREY_TRUST_UNKNOWN;
	if (status == GREY_OK && client.trust == GREY_TRUST_TRAPPED)
		say_trapped(check, &client);
	else if (status == GREY_OK && *decided_r) {
		check->answer = (struct grey_answer){ .pass = true,
			.outcome = client.trust == GREY_TRUST_KEPT ?
			    GREY_CLIENT_KEPT :
			    GREY_CLIENT_AUTO };
		record = *client.decides->record;
		record.used = check->envelope->now;
		grey_record_count(&record);
		status = store(check, client.decides, &record, err);
	}
	free_client(&client);
	return status;
}

static struct grey_answer
answer_of(const struct grey_verdict *verdict, const struct grey_record *record,
    int64_t now)
{
	static const enum grey_outcome outcomes[] = { [GREY_NEW] =
							  GREY_MAIL_NEW,
		[GREY_EARLY] = GREY_MAIL_EARLY,
		[GREY_PASSED] = GREY_MAIL_PASSED,
		[GREY_KEPT] = GREY_MAIL_KEPT };
	struct grey_answer answer = { .pass = verdict->pass,
		.outcome = outcomes[verdict->reason],
		.wait = verdict->wait };

	if (verdict->pass) {
		answer.count = record->count;
		answer.first_pass =
		    record->count == 0 && verdict->reason == GREY_PASSED;
		if (answer.first_pass && now > record->created)
			answer.waited = now - record->created;
	}
	return answer;
}

/* Who must wait decides, and of those who waits longest. */
static bool
decides(const struct grey_answer *answer, const struct grey_answer *than)
{
	if (answer->pass != than->pass)
		return !answer->pass;
	return answer->wait > than->wait;
}

/*
 * Notes in the record from which client its mail came last.  Returns false if
 * that stands there already.  buffer is for the flags.
 */
static bool
note_host(const struct check *check, struct grey_record *record,
    char buffer[GREY_VALUE_MAX])
{
	char address[GREY_ADDRESS_TEXT];
	struct grey_bytes host;

	(void)grey_address_text(&check->address, address);
	if (grey_record_flag(record, GREY_FLAG_HOST, &host) &&
	    grey_bytes_equal(host, grey_bytes_of(address)))
		return false;
	return grey_flags_set(record->flags, GREY_FLAG_HOST, address, buffer,
		   &record->flags, NULL) == GREY_OK;
}

static enum grey_status
judge_item(struct check *check, struct grey_bytes item, bool is_first,
    struct grey_error *err)
{
	const int64_t now = check->envelope->now;
	struct grey_known known = { .record = NULL };
	struct grey_verdict verdict;
	struct grey_answer answer;
	char flags[GREY_VALUE_MAX];
	enum grey_status status;

	status = fetch(check, &known, item.data, item.size, err);
	if (status != GREY_OK)
		goto out;
	grey_judge_item(known.record, false, NULL, &check->settings->policy,
	    now, &verdict);
	answer = answer_of(&verdict, known.record, now);
	known.width = HOST_WIDTH(&check->address);
	if (note_host(check, &verdict.item, flags) || verdict.store_item)
		status = store(check, &known, &verdict.item, err);
	check->first_pass = check->first_pass || answer.first_pass;
	if (is_first || decides(&answer, &check->answer))
		check->answer = answer;
out:
	grey_known_free(&known);
	return status;
}

/* Does this come between recipients?  A local part may hold a comma. */
static bool
is_between(const struct check *check, char c, bool behind_at)
{
	if (check->envelope->lines)
		return c == '\n';
	return behind_at && (c == ',' || c == ' ' || c == '\n');
}

/* Takes the next recipient off *list.  Returns false at the end. */
static bool
next_recipient(const struct check *check, struct grey_bytes *list,
    struct grey_bytes *one_r)
{
	struct grey_bytes rest = *list;
	bool at = false;

	while (rest.size > 0 && is_between(check, rest.data[0], true)) {
		rest.data++;
		rest.size--;
	}
	*one_r = (struct grey_bytes){ rest.data, 0 };
	for (; one_r->size < rest.size; one_r->size++) {
		const char c = rest.data[one_r->size];

		if (is_between(check, c, at))
			break;
		at = at || c == '@';
	}
	list->data = rest.data + one_r->size;
	list->size = rest.size - one_r->size;
	return one_r->size > 0;
}

static enum grey_status
judge_recipient(struct check *check, struct grey_bytes recipient, bool is_first,
    struct grey_error *err)
{
	const struct grey_settings *settings = check->settings;
	char address[GREY_ADDRESS_TEXT], folded[GREY_FOLD_MAX];
	struct grey_triplet triplet = { .client = grey_bytes_of(
					    grey_address_text(&check->network,
						address)),
		.sender = check->sender,
		.recipient = recipient };
	struct grey_bytes item;
	enum grey_status status;

	if (settings->fold_sender)
		triplet.sender =
		    grey_fold_sender(check->sender, recipient, folded);
	status = grey_triplet_item((enum grey_triplet_kind)settings->key,
	    &triplet, check->item, check->item_size, &item, err);
	return status == GREY_OK ? judge_item(check, item, is_first, err) :
				   status;
}

static bool
is_listed(const struct check *check, struct grey_bytes recipient,
    struct grey_listed *listed_r)
{
	return check->whitelist != NULL &&
	    grey_whitelist_recipient(check->whitelist, &check->address,
		check->sender, recipient, listed_r);
}

/* Those that are whitelisted wait for nobody. */
static enum grey_status
judge_recipients(struct check *check, struct grey_error *err)
{
	struct grey_bytes list = check->recipients, recipient;
	enum grey_status status = GREY_OK;
	struct grey_listed listed;
	bool is_first = true;

	while (status == GREY_OK &&
	    (next_recipient(check, &list, &recipient) || is_first)) {
		if (is_listed(check, recipient, &listed))
			continue;
		status = judge_recipient(check, recipient, is_first, err);
		is_first = false;
	}
	return status;
}

/* Is the client or the sender whitelisted, or each recipient? */
static bool
judge_whitelists(struct check *check)
{
	struct grey_bytes list = check->recipients, recipient;
	struct grey_listed *listed = &check->answer.listed;
	bool is_first = true;

	if (check->whitelist == NULL)
		return false;
	check->answer.pass = true;
	check->answer.outcome = GREY_LISTED;
	if (grey_whitelist_client(check->whitelist, &check->address,
		check->name, listed) ||
	    grey_whitelist_sender(check->whitelist, check->sender, listed))
		return true;
	while (next_recipient(check, &list, &recipient) || is_first) {
		if (!is_listed(check, recipient, listed)) {
			check->answer = (struct grey_answer){ .pass = false };
			return false;
		}
		is_first = false;
	}
	return true;
}

static enum grey_status
give_credit(const struct check *check, struct grey_error *err)
{
	const struct grey_settings *settings = check->settings;
	char item[GREY_NETWORK_TEXT];
	struct grey_known known = { .record = NULL };
	struct grey_record credit;
	enum grey_status status;

	(void)grey_network_item(&check->network, item);
	status = fetch(check, &known, item, strlen(item), err);
	if (status == GREY_OK &&
	    grey_trust_credit(known.record, &settings->policy,
		settings->autowhitelist, check->envelope->now, &credit))
		status = store(check, &known, &credit, err);
	grey_known_free(&known);
	/* With max_records reached nobody earns trust; mail passes. */
	return status == GREY_FULL ? GREY_OK : status;
}

static enum grey_status
judge(struct check *check, struct grey_error *err)
{
	enum grey_status status;
	bool decided;

	status = judge_client(check, &decided, err);
	if (status == GREY_OK && !decided)
		status = judge_recipients(check, err);
	if (status == GREY_OK && check->first_pass && check->db != NULL &&
	    check->settings->autowhitelist > 0)
		status = give_credit(check, err);
	return status;
}

static enum grey_status
judge_open(struct check *check, struct grey_error *err)
{
	enum grey_status status, closed;

	if (check->envelope->dry_run)
		return judge(check, err);
	status = greydb_open(check->session, check->path, &check->how,
	    &check->db, err);
	if (status != GREY_OK)
		return status;
	status = judge(check, err);
	closed = greydb_close(&check->db, status == GREY_OK ? err : NULL);
	return status == GREY_OK ? closed : status;
}

/* Copies bytes to *to, which moves behind them. */
static struct grey_bytes
copy_lower(char **to, struct grey_bytes from, bool lower)
{
	const struct grey_bytes copy = { *to, from.size };

	for (size_t i = 0; i < from.size; i++) {
		const char c = from.data[i];

		*(*to)++ =
		    (char)(lower && c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	return copy;
}

/* Makes room for the parts as they are judged, and for an item of them. */
static enum grey_status
prepare(struct check *check, struct grey_error *err)
{
	const struct grey_envelope *envelope = check->envelope;
	const bool lower = check->settings->lower_case;
	const size_t sender = envelope->sender.size;
	const size_t recipients = envelope->recipients.size;
	const size_t name = envelope->name.size;
	char *memory;

	if (sender > GREY_KEY_MAX || name > GREY_KEY_MAX ||
	    recipients > SIZE_MAX / 8)
		return grey_fail(err, GREY_INVALID,
		    "SENDER or RECIPIENT is too long");
	check->item_size = GREY_ADDRESS_TEXT + 3 * (sender + recipients) + 3;
	memory = malloc(sender + recipients + name + check->item_size);
	if (memory == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	check->memory = memory;
	check->sender = copy_lower(&memory, envelope->sender, lower);
	check->recipients = copy_lower(&memory, envelope->recipients, lower);
	check->name = copy_lower(&memory, envelope->name, true);
	check->item = memory;
	return GREY_OK;
}

/* Understands the client's address, and prepares. */
static enum grey_status
begin(struct check *check, struct grey_error *err)
{
	const struct grey_bytes client = check->envelope->client;
	const struct grey_settings *settings = check->settings;

	if (!grey_address_parse(client, &check->address))
		return grey_fail(err, GREY_INVALID,
		    "CLIENT '%.*s' is no IP address",
		    (int)(client.size < 64 ? client.size : 64),
		    client.size > 0 ? client.data : "");
	check->network = grey_network_of(&check->address,
	    (unsigned int)settings->ipv4_prefix,
	    (unsigned int)settings->ipv6_prefix);
	return prepare(check, err);
}

enum grey_status
grey_envelope_listed(const struct grey_settings *settings,
    const struct grey_whitelist *whitelist,
    const struct grey_envelope *envelope, struct grey_listed *listed_r,
    struct grey_error *err)
{
	struct check check = { .settings = settings,
		.whitelist = whitelist,
		.envelope = envelope };
	enum grey_status status = begin(&check, err);

	if (status == GREY_OK && !judge_whitelists(&check))
		status = GREY_NOT_FOUND;
	*listed_r = check.answer.listed;
	free(check.memory);
	return status;
}

/*
 * A null sender is not greylisted, but a trapped client sends nothing at all.
 * Nothing is stored.
 */
static enum grey_status
judge_null_sender(struct check *check, struct grey_error *err)
{
	struct client client;
	enum grey_status status = fetch_client(check, &client, err);

	if (status == GREY_OK && client.trust == GREY_TRUST_TRAPPED &&
	    !judge_whitelists(check))
		say_trapped(check, &client);
	else
		check->answer = (struct grey_answer){ .pass = true,
			.outcome = GREY_NULL_SENDER };
	free_client(&client);
	return status;
}

enum grey_status
grey_envelope_check(struct grey_session *session,
    const struct grey_dbpath *path, const struct grey_settings *settings,
    const struct grey_whitelist *whitelist,
    const struct grey_envelope *envelope, struct grey_answer *answer_r,
    struct grey_error *err)
{
	struct check check = { .session = session,
		.path = path,
		.settings = settings,
		.whitelist = whitelist,
		.envelope = envelope,
		.how = { .timeout = settings->policy.timeout,
		    .now = envelope->now,
		    .sync = settings->policy.sync,
		    .create = true,
		    .read_only = envelope->dry_run } };
	enum grey_status status;

	*answer_r = (struct grey_answer){ .pass = true };
	if (envelope->client.size == 0)
		return GREY_OK;
	status = begin(&check, err);
	if (status == GREY_OK)
		status = grey_settings_check(settings, err);
	if (status == GREY_OK && envelope->sender.size == 0 &&
	    !settings->greylist_null_sender)
		status = judge_null_sender(&check, err);
	else if (status == GREY_OK && !judge_whitelists(&check))
		status = judge_open(&check, err);
	if (status == GREY_OK)
		*answer_r = check.answer;
	free(check.memory);
	return status;
}

const char *
grey_answer_text(const struct grey_answer *answer, char text[GREY_ANSWER_TEXT])
{
	static const char *const texts[] = { [GREY_LOCAL] = "local",
		[GREY_NULL_SENDER] = "null sender",
		[GREY_LISTED] = "whitelisted",
		[GREY_CLIENT_AUTO] = "auto",
		[GREY_CLIENT_KEPT] = "keep",
		[GREY_CLIENT_TRAPPED] = "trapped",
		[GREY_MAIL_NEW] = "new",
		[GREY_MAIL_EARLY] = "early",
		[GREY_MAIL_PASSED] = "passed",
		[GREY_MAIL_KEPT] = "keep" };
	const char *name = texts[answer->outcome];

	if (answer->outcome == GREY_MAIL_EARLY)
		(void)snprintf(text, GREY_ANSWER_TEXT, "%s %lld", name,
		    (long long)answer->wait);
	else if (answer->outcome == GREY_LISTED)
		(void)snprintf(text, GREY_ANSWER_TEXT, "%s %s %d", name,
		    grey_list_name(answer->listed.list), answer->listed.line);
	else if (answer->outcome == GREY_MAIL_PASSED)
		(void)snprintf(text, GREY_ANSWER_TEXT, "%s %lld", name,
		    (long long)answer->count);
	else
		(void)snprintf(text, GREY_ANSWER_TEXT, "%s", name);
	return text;
}
