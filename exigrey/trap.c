#include "trap.h"

#include <stdio.h>
#include <string.h>

#include "batch.h"
#include "complain.h"
#include "database.h"
#include "escape.h"
#include "key.h"
#include "moment.h"
#include "row.h"
#include "trust.h"

/* Two keys of each: its network and itself. */
#define TRAPS_MAX (BATCH_MAX / 2)

struct trapping {
	struct invocation *run;
	const struct trap_order *order;
	struct grey_policy policy;
	struct trap *traps;
	enum grey_trust network; /* of the one that comes next */
};

static struct grey_network
network_of(const struct invocation *run, const struct grey_network *client)
{
	const struct grey_settings *settings = &run->config.settings;

	return grey_network_of(client, (unsigned int)settings->ipv4_prefix,
	    (unsigned int)settings->ipv6_prefix);
}

/* What follows from the record of the client, or of its network. */
static enum trap_outcome
outcome_of(const struct trap_order *order, enum grey_trust trust)
{
	if (trust == GREY_TRUST_KEPT)
		return TRAP_KEPT;
	if (trust == GREY_TRUST_AUTO && !order->by_hand)
		return TRAP_AUTO;
	return TRAP_DONE;
}

static void
judge(const struct trapping *trapping, struct trap *trap, enum grey_trust own)
{
	const struct invocation *run = trapping->run;
	const struct trap_order *order = trapping->order;
	struct grey_network keeper = trap->client;

	trap->outcome = outcome_of(order, own);
	if (own == GREY_TRUST_TRAPPED && !order->by_hand)
		trap->outcome = TRAP_ALREADY;
	if (trap->outcome == TRAP_DONE) {
		trap->outcome = outcome_of(order, trapping->network);
		keeper = network_of(run, &trap->client);
	}
	if (trap->outcome == TRAP_KEPT)
		(void)grey_network_item(&keeper, trap->keeper);
	if (trap->outcome == TRAP_DONE &&
	    grey_whitelist_client(&run->whitelist, &trap->client,
		grey_bytes_of(""), &trap->listed))
		trap->outcome = TRAP_LISTED;
}

static enum grey_status
store(const struct trapping *trapping, const struct trap *trap,
    struct greydb *db, struct grey_bytes key, const struct grey_record *record,
    size_t old_size, struct grey_error *err)
{
	char flags[GREY_VALUE_MAX], buffer[GREY_VALUE_MAX];
	struct grey_record trapped;
	struct grey_bytes value;
	enum grey_status status;

	status = grey_trust_trap(record, &trapping->policy, trapping->run->now,
	    trap->expires, grey_bytes_of(trap->note != NULL ? trap->note : ""),
	    flags, &trapped, err);
	if (status == GREY_OK)
		status = grey_record_format(&trapped, key, old_size, buffer,
		    &value, err);
	return status == GREY_OK ? greydb_store(db, key, value, err) : status;
}

/* Of an even number the network, of an odd one the client itself. */
static enum grey_status
trap_one(void *arg, size_t number, struct greydb *db, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	struct trapping *trapping = arg;
	struct trap *trap = &trapping->traps[number / 2];
	struct grey_record memory;
	const struct grey_record *record = &memory;
	enum grey_trust trust;

	if (value.data == NULL ||
	    grey_record_parse(key, value, &memory, NULL) != GREY_OK)
		record = NULL;
	trust = grey_trust_of(record, &trapping->policy, trapping->run->now);
	if (number % 2 == 0) {
		trapping->network = trust;
		return GREY_OK;
	}
	judge(trapping, trap, trust);
	if (trap->outcome != TRAP_DONE || trapping->order->dry_run)
		return GREY_OK;
	return store(trapping, trap, db, key, record, value.size, err);
}

static enum grey_status
trap_batch(struct trapping *trapping, size_t count, struct grey_error *err)
{
	char items[BATCH_MAX][GREY_NETWORK_TEXT];
	struct grey_bytes keys[BATCH_MAX];
	struct grey_network network;
	enum grey_status status;

	for (size_t i = 0; i < count; i++) {
		network = network_of(trapping->run, &trapping->traps[i].client);
		(void)grey_network_item(&network, items[2 * i]);
		(void)grey_network_item(&trapping->traps[i].client,
		    items[2 * i + 1]);
	}
	/* With its NUL, as grey_item_key_init makes a key. */
	for (size_t i = 0; i < 2 * count; i++)
		keys[i] = (struct grey_bytes){ items[i], strlen(items[i]) + 1 };
	status = batch_keys(trapping->run, !trapping->order->dry_run, keys,
	    2 * count, trap_one, trapping, err);
	if (status != GREY_NOT_FOUND || !trapping->order->dry_run)
		return status;
	/* No database: nobody is known. */
	trapping->network = GREY_TRUST_UNKNOWN;
	for (size_t i = 0; i < count; i++)
		judge(trapping, &trapping->traps[i], GREY_TRUST_UNKNOWN);
	return GREY_OK;
}

int64_t
trap_end(const struct invocation *run)
{
	int64_t end;

	return __builtin_add_overflow(run->now,
		   run->config.settings.trap.expire, &end) ?
	    INT64_MAX :
	    end;
}

enum grey_status
trap_clients(struct invocation *run, struct trap *traps, size_t count,
    const struct trap_order *order, struct grey_error *err)
{
	struct trapping trapping = { .run = run, .order = order };
	enum grey_status status;
	size_t n;

	status = database_policy(run, &trapping.policy, err);
	for (size_t done = 0; status == GREY_OK && done < count; done += n) {
		if (done > 0)
			batch_pause(run);
		n = count - done < TRAPS_MAX ? count - done : TRAPS_MAX;
		trapping.traps = traps + done;
		status = trap_batch(&trapping, n, err);
	}
	return status;
}

static void
print_text(const struct trap *trap, const struct trap_order *order,
    const char *address)
{
	char until[MOMENT_TEXT];

	(void)printf("%s %s until %s",
	    order->dry_run ? "would trap" : "trapped", address,
	    moment_text(trap->expires, until));
	if (trap->note != NULL && trap->note[0] != '\0') {
		(void)printf(": ");
		escape_text(stdout, grey_bytes_of(trap->note));
	}
	(void)putchar('\n');
}

static void
print_row(const struct invocation *run, const struct trap *trap,
    const struct trap_order *order, const char *address)
{
	static const char *const outcomes[] = { [TRAP_DONE] = "trapped",
		[TRAP_ALREADY] = "already",
		[TRAP_AUTO] = "auto",
		[TRAP_KEPT] = "kept",
		[TRAP_LISTED] = "listed" };
	const char *outcome = outcomes[trap->outcome];
	const struct grey_bytes note =
	    grey_bytes_of(trap->note != NULL ? trap->note : "");

	if (run->format == FORMAT_TAB) {
		(void)printf("%s\t%s\t%lld\t", address, outcome,
		    (long long)trap->expires);
		escape_text(stdout, note);
		(void)putchar('\n');
		return;
	}
	(void)printf("{\"client\":\"%s\",\"outcome\":\"%s\",\"dry_run\":%s,"
		     "\"expires\":%lld,",
	    address, outcome, order->dry_run ? "true" : "false",
	    (long long)trap->expires);
	row_print_json_bytes("note", note);
	(void)puts("}");
}

static void
complain_of(const struct invocation *run, const struct trap *trap,
    const char *address)
{
	if (trap->outcome == TRAP_KEPT)
		complain("'%s' is not trapped: it is whitelisted by hand, and "
			 "a trap would have no effect; 'exigrey -d %s/%s "
			 "delete %s' takes that back",
		    address, run->path.directory, run->path.file, trap->keeper);
	else if (trap->outcome == TRAP_LISTED)
		complain("'%s' is not trapped: line %d of '%s' whitelists it, "
			 "and a trap would have no effect",
		    address, trap->listed.line, run->config.settings.clients);
}

void
trap_print(const struct invocation *run, const struct trap *trap,
    const struct trap_order *order)
{
	char address[GREY_ADDRESS_TEXT];

	(void)grey_address_text(&trap->client, address);
	if (run->quiet)
		;
	else if (run->format != FORMAT_TEXT)
		print_row(run, trap, order, address);
	else if (trap->outcome == TRAP_DONE)
		print_text(trap, order, address);
	if (order->by_hand)
		complain_of(run, trap, address);
}
