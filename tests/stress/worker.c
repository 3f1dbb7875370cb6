#include "worker.h"

#include <sys/file.h>
#include <sys/syscall.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "greylist.h"
#include "model.h"

#define HOT 32 /* keys that half of the calls are about */

struct worker {
	const struct stress *stress;
	int process;
	uint32_t random;
	struct grey_session session;
};

/* How often each kind of call, of 10,000. */
static const struct share {
	enum kind kind;
	unsigned share;
} shares[] = { { CHECK, 6720 }, { WAIT, 700 }, { RECORD, 1600 }, { SET, 500 },
	{ DELETE, 400 }, { ASK, 10 }, { SET_COUNT, 10 }, { REMOVE, 10 },
	{ PURGE, 10 }, { LIST, 10 }, { EXPORT, 10 }, { VERIFY, 10 },
	{ COMPACT, 10 } };

static struct worker *current; /* this process, for flock below */

/*
 * In place of libc's: notes who has the lock, for whoever kills; or does
 * nothing, to show what is found then.
 */
int
flock(int fd, int operation)
{
	struct history *history;
	long result = 0;

	if (current == NULL || !current->stress->without_lock)
		result = syscall(SYS_flock, fd, operation);
	if (result != 0 || current == NULL)
		return (int)result;
	history = current->stress->history;
	__atomic_store_n(&history->last_to_lock, current->process,
	    __ATOMIC_RELAXED);
	__atomic_fetch_add(&history->locks, 1, __ATOMIC_RELEASE);
	return 0;
}

static unsigned
random_below(struct worker *worker, unsigned n)
{
	uint32_t x = worker->random;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	worker->random = x;
	return (x >> 4) % n;
}

static enum kind
random_kind(struct worker *worker)
{
	unsigned n = random_below(worker, 10000), i = 0;

	for (; n >= shares[i].share; i++)
		n -= shares[i].share;
	return shares[i].kind;
}

static int32_t
random_key(struct worker *worker)
{
	return (int32_t)random_below(worker,
	    random_below(worker, 2) == 0 ? HOT : KEYS);
}

static enum outcome
outcome_of(const struct worker *worker, enum grey_status status,
    const struct grey_error *err)
{
	struct history *history = worker->stress->history;

	if (status == GREY_OK)
		return DONE;
	history_failure(history, "%s", err->text);
	return status == GREY_BUSY ? BUSY : FAILED;
}

static enum outcome
check(struct worker *worker, struct call *call, bool dry_run)
{
	struct greylist_request request = { .policy = grey_policy_default(),
		.now = call->now_from,
		.dry_run = dry_run };
	char item[ITEM_SIZE], suffix[ITEM_SIZE] = "";
	struct greylist_answer answer = { 0 };
	enum grey_status status;
	struct grey_error err;

	command_item(call->key, item);
	if (call->suffix != -1)
		command_item(call->suffix, suffix);
	request.key =
	    (struct grey_key){ grey_bytes_of(item), grey_bytes_of(suffix) };
	request.policy.delay = DELAY;
	request.policy.grey = GREY;
	request.policy.passed = PASSED;
	request.policy.timeout = TIMEOUT;
	status = greylist_check(&worker->session, &worker->stress->path,
	    &request, &answer, &err);
	call->pass = answer.pass;
	call->reason = (uint8_t)(answer.reason == GREY_NEW ? NEW :
		answer.reason == GREY_EARLY                ? EARLY :
		answer.reason == GREY_PASSED               ? PASSES :
		answer.reason == GREY_KEPT                 ? KEPT :
		answer.reason == GREY_TRAPPED              ? TRAPPED :
							     WHITELISTED);
	call->wait = (uint32_t)answer.wait;
	call->count = (uint32_t)answer.count;
	return outcome_of(worker, status, &err);
}

static struct greydb_settings
settings_of(const struct call *call)
{
	return (struct greydb_settings){ .timeout = TIMEOUT,
		.now = call->now_from,
		.create = true };
}

static enum outcome
record(struct worker *worker, struct call *call)
{
	const struct greydb_settings settings = settings_of(call);
	struct greydb_value value = { 0 };
	char item[ITEM_SIZE];
	enum grey_status status;
	struct grey_error err;

	command_item(call->key, item);
	status = greylist_record(&worker->session, &worker->stress->path,
	    &settings, grey_bytes_of(item), &value, &err);
	/* A value ends with a NUL, so it is a string. */
	if (status == GREY_OK &&
	    (memchr(value.data, '\0', value.size) == NULL ||
		!model_parse(value.data, &call->state)))
		status = grey_fail(&err, GREY_FAILED,
		    "record of '%s': no such value is stored: '%.*s'", item,
		    (int)value.size, value.data);
	greydb_value_free(&value);
	return outcome_of(worker, status == GREY_NOT_FOUND ? GREY_OK : status,
	    &err);
}

/* A record of any kind, that an administrator might make. */
static struct state
random_state(struct worker *worker, uint32_t now)
{
	struct state s = { .flags = THERE };

	s.count = random_below(worker, 4);
	s.created = now + 1 - random_below(worker, 5);
	s.used = s.created;
	switch (random_below(worker, 8)) {
	case 0:
		s.flags |= KEEP;
		break;
	case 1:
		s.flags |= TRAP;
		break;
	case 2:
		s.expires = now + random_below(worker, 5);
		break;
	case 3: /* a value of another size */
		s.flags += NOTE * (1 + random_below(worker, 100));
		break;
	default:
		break;
	}
	return s;
}

static enum grey_status
store(struct greydb *db, struct grey_bytes key, const struct state *state,
    struct grey_error *err)
{
	char flags[256], buffer[GREY_VALUE_MAX];
	struct greydb_value old = { 0 };
	struct grey_record record = { .created = state->created,
		.used = state->used,
		.count = state->count };
	struct grey_bytes value;
	enum grey_status status;

	model_flags_text(state, flags, sizeof(flags));
	record.flags = grey_bytes_of(flags);
	status = greydb_fetch(db, key, &old, err);
	if (status != GREY_OK && status != GREY_NOT_FOUND)
		return status;
	status =
	    grey_record_format(&record, key, old.size, buffer, &value, err);
	greydb_value_free(&old);
	return status == GREY_OK ? greydb_store(db, key, value, err) : status;
}

/* Stores a record, or deletes one. */
static enum outcome
change(struct worker *worker, struct call *call, const struct state *state)
{
	const struct greydb_settings settings = settings_of(call);
	char item[ITEM_SIZE];
	enum grey_status status, closed;
	struct grey_error err;
	struct grey_bytes key;
	struct greydb *db;

	command_item(call->key, item);
	key = (struct grey_bytes){ item, strlen(item) + 1 };
	status = greydb_open(&worker->session, &worker->stress->path, &settings,
	    &db, &err);
	if (status != GREY_OK)
		return outcome_of(worker, status, &err);
	status = state != NULL ? store(db, key, state, &err) :
				 greydb_delete(db, key, &err);
	closed = greydb_close(&db, status == GREY_OK ? &err : NULL);
	if (status == GREY_NOT_FOUND)
		return NOT_THERE;
	return outcome_of(worker, status == GREY_OK ? closed : status, &err);
}

static void
first_line(void *arg, char *line)
{
	char *text = arg;

	if (text[0] == '\0')
		(void)snprintf(text, ERROR_SIZE, "%s", line);
}

/* What a status other than 0 means. */
static enum outcome
command_outcome(const struct worker *worker, const char *name, int status,
    const char *out, const char *err)
{
	if (status == 0)
		return DONE;
	history_failure(worker->stress->history,
	    "exigrey %s: status %d: %.150s%s%.150s", name, status, out,
	    out[0] != '\0' ? "; " : "", err);
	return FAILED;
}

/* A command whose output is a line or none, in which nothing is looked for. */
static enum outcome
plain(const struct worker *worker, const char *const *arguments,
    char out_r[ERROR_SIZE])
{
	char err[ERROR_SIZE];
	int status;

	out_r[0] = '\0';
	status = command_run(worker->stress, arguments, first_line, out_r, err);
	return command_outcome(worker, arguments[0], status, out_r, err);
}

#define TEXT_OF(number) TEXT(number)
#define TEXT(number)    #number

static const char lifetimes[] =
    "grey=" TEXT_OF(GREY) " passed=" TEXT_OF(PASSED);

static enum outcome
ask(struct worker *worker, struct call *call)
{
	const bool seen = random_below(worker, 2) == 0;
	char item[ITEM_SIZE], out[ERROR_SIZE];
	enum outcome outcome;

	command_item(call->key, item);
	outcome = plain(worker,
	    (const char *const[]){ seen ? "seen" : "unseen", "--delay",
		TEXT_OF(DELAY), "--options", lifetimes, "--suffix", "", "--",
		item, NULL },
	    out);
	call->pass = strcmp(out, seen ? "yes" : "no") == 0;
	return outcome;
}

static enum outcome
set_count(struct worker *worker, struct call *call)
{
	struct state content[KEYS] = { 0 };
	struct command_reading reading = { content, true, 0 };
	char item[ITEM_SIZE], count[16], err[ERROR_SIZE];
	int status;

	call->count = random_below(worker, 4);
	(void)snprintf(count, sizeof(count), "%u", call->count);
	command_item(call->key, item);
	/* It prints what is then stored. */
	status = command_run(worker->stress,
	    (const char *const[]){ "--format", "tab", "set", "--count", count,
		"--", item, NULL },
	    command_read_record, &reading, err);
	call->state = content[call->key];
	return command_outcome(worker, "set", status,
	    reading.misread > 0 ? "its output makes no sense" : "", err);
}

static enum outcome
remove_item(struct worker *worker, struct call *call)
{
	char item[ITEM_SIZE], out[ERROR_SIZE] = "", err[ERROR_SIZE];
	int status;

	command_item(call->key, item);
	status = command_run(worker->stress,
	    (const char *const[]){ "delete", "--", item, NULL }, first_line,
	    out, err);
	return status == 1 ?
	    NOT_THERE :
	    command_outcome(worker, "delete", status, out, err);
}

static enum outcome
read_all(struct worker *worker, struct call *call, bool list)
{
	struct command_reading reading = { .content = history_content(
					       worker->stress->history),
		.has_state = list };
	static const char *const listing[] = { "list", "--format", "tab",
		NULL };
	static const char *const exporting[] = { "export", NULL };
	char err[ERROR_SIZE];
	int status;

	if (reading.content == NULL)
		return BUSY; /* it was not asked */
	call->content = reading.content;
	status = command_run(worker->stress, list ? listing : exporting,
	    command_read_record, &reading, err);
	if (status == 0 && reading.misread > 0)
		status = -1;
	return command_outcome(worker, list ? "list" : "export", status,
	    reading.misread > 0 ? "lines make no sense" : "", err);
}

static enum outcome
run_command(struct worker *worker, struct call *call)
{
	static const char *const purge[] = { "purge", "--grey", TEXT_OF(GREY),
		"--passed", TEXT_OF(PASSED), NULL };
	static const char *const verify[] = { "check", NULL };
	static const char *const compact[] = { "compact", NULL };
	char out[ERROR_SIZE];

	switch ((enum kind)call->kind) {
	case ASK:
		return ask(worker, call);
	case SET_COUNT:
		return set_count(worker, call);
	case REMOVE:
		return remove_item(worker, call);
	case LIST:
	case EXPORT:
		return read_all(worker, call, call->kind == LIST);
	case PURGE:
		return plain(worker, purge, out);
	case VERIFY:
		return plain(worker, verify, out);
	default:
		return plain(worker, compact, out);
	}
}

static enum outcome
do_call(struct worker *worker, struct call *call)
{
	enum outcome outcome;

	switch ((enum kind)call->kind) {
	case CHECK:
		if (random_below(worker, 5) == 0)
			call->suffix =
			    KEYS - HOSTS + (int32_t)random_below(worker, HOSTS);
		/* Not everybody's clock is right. */
		if (random_below(worker, 50) == 0)
			call->now_from = call->now_to -=
			    random_below(worker, 3);
		return check(worker, call, false);
	case WAIT:
		return check(worker, call, true);
	case RECORD:
		return record(worker, call);
	case SET:
		call->state = random_state(worker, call->now_from);
		return change(worker, call, &call->state);
	case DELETE:
		return change(worker, call, NULL);
	default:
		outcome = run_command(worker, call);
		call->now_to = (uint32_t)time(NULL);
		return outcome;
	}
}

static void
log_line(void *arg, const char *text)
{
	struct worker *worker = arg;
	struct history *history = worker->stress->history;

	if (strstr(text, "was recovered (a writer had died)") != NULL)
		__atomic_fetch_add(&history->recoveries, 1, __ATOMIC_RELAXED);
	else
		history_failure(history, "logged: %s", text);
}

static void
begin(struct worker *worker, const struct stress *stress, int process)
{
	*worker = (struct worker){ .stress = stress,
		.process = process,
		.random = (uint32_t)getpid() * 2654435761U | 1 };
	grey_session_init(&worker->session, log_line, worker);
	current = worker;
}

void
worker_run(const struct stress *stress, int process)
{
	struct history *history = stress->history;
	struct worker worker;
	struct call *call;

	begin(&worker, stress, process);
	while (!__atomic_load_n(&history->stop, __ATOMIC_RELAXED)) {
		const enum kind kind = random_kind(&worker);

		call = history_begin(history, process, kind,
		    kind < PURGE ? random_key(&worker) : -1);
		if (call == NULL)
			break;
		history_end(call, do_call(&worker, call));
	}
	grey_session_end(&worker.session);
}

const struct call *
worker_export(const struct stress *stress)
{
	struct worker worker = { .stress = stress };
	struct call *call = history_begin(stress->history, 0, EXPORT, -1);

	if (call == NULL)
		return NULL;
	history_end(call, do_call(&worker, call));
	return call->outcome == DONE ? call : NULL;
}
