/*
 * The functions that Exim calls:
 *
 *	${dlfunc{SO}{unseen}{KEY}{DELAY}{DB}{OPTIONS}{SUFFIX}}
 *	${dlfunc{SO}{seen}...}		the inverse, with the same effects
 *	${dlfunc{SO}{wait}...}		seconds until unseen would say "no"
 *	${dlfunc{SO}{record}{ITEM}{DB}}	the record, as ${lookup dbm} shows it
 *	${dlfunc{SO}{version}}
 *
 * greylist and why, the whole policy, are in envelope.c.
 *
 * Mail goes on: a database that cannot be used gives the answer that lets the
 * mail pass, and a line in the log.  Only a mistake in the configuration, and
 * on_failure=defer, make the expansion fail.
 */
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "duration.h"
#include "greylist.h"
#include "number.h"

EXPORT int unseen(uschar **yield, int argc, uschar *argv[]);
EXPORT int seen(uschar **yield, int argc, uschar *argv[]);
/* The C library has functions of these names: ours have them for Exim only. */
EXPORT int exim_wait(uschar **yield, int argc, uschar *argv[]) __asm__("wait");
EXPORT int record(uschar **yield, int argc, uschar *argv[]);
EXPORT int version(uschar **yield, int argc, uschar *argv[]);

/* One call, its arguments understood. */
struct call {
	const char *name;
	struct greylist_request request;
	struct grey_dbpath path;
	bool asks_only; /* no mail depends on it */
};

static enum grey_status
resolve(int argc, uschar *argv[], int i, struct grey_dbpath *path,
    struct grey_error *err)
{
	const char *name = call_argument(argc, argv, i);

	return grey_dbpath_resolve(name != NULL ? name : GREY_DB_DEFAULT,
	    exim_spool_directory(), path, err);
}

static enum grey_status
parse_delay(const char *text, int64_t *delay, struct grey_error *err)
{
	struct grey_error why;

	if (text == NULL ||
	    grey_duration_parse(grey_bytes_of(text), delay, &why) == GREY_OK)
		return GREY_OK;
	return grey_fail(err, GREY_INVALID, "DELAY: %s", why.text);
}

/* KEY, and SUFFIX where there are five arguments; only four are cut. */
static struct grey_key
key_of(int argc, uschar *argv[])
{
	const struct grey_bytes key = grey_bytes_of((const char *)argv[0]);

	if (argc < 5)
		return grey_key_split(key);
	return (struct grey_key){ .item = key,
		.suffix = grey_bytes_of((const char *)argv[4]) };
}

/* Understands {KEY}{DELAY}{DB}{OPTIONS}{SUFFIX}. */
static enum grey_status
parse_call(const char *name, int argc, uschar *argv[], struct call *call,
    struct grey_error *err)
{
	const char *options = call_argument(argc, argv, 3);
	struct greylist_request *request = &call->request;
	enum grey_status status;

	status = call_check_count(argc, argv, 5,
	    "KEY}{DELAY}{DB}{OPTIONS}{SUFFIX}", err);
	if (status != GREY_OK)
		return status;
	call->name = name;
	call->asks_only = false;
	*request = (struct greylist_request){ .key = key_of(argc, argv),
		.policy = grey_policy_default(),
		.now = call_now(),
		.dry_run = exim_host_checking() };
	status = grey_key_check(&request->key, err);
	if (status == GREY_OK)
		status = parse_delay(call_argument(argc, argv, 1),
		    &request->policy.delay, err);
	if (status == GREY_OK)
		status = resolve(argc, argv, 2, &call->path, err);
	if (status == GREY_OK && options != NULL)
		status = grey_policy_options(grey_bytes_of(options),
		    &request->policy, err);
	if (status == GREY_OK)
		status = grey_policy_check(&request->policy, err);
	return status;
}

static void
debug_answer(const struct call *call, const struct greylist_answer *answer)
{
	const struct grey_key *key = &call->request.key;

	exim_debug("%s '%.*s' suffix '%.*s' in %s/%s: %s, %s (%lld s to go, "
		   "count %lld)%s",
	    call->name, call_shown(key->item), key->item.data,
	    call_shown(key->suffix), key->suffix.data, call->path.directory,
	    call->path.file, greylist_reason_text(answer->reason),
	    answer->pass ? "pass" : "defer", (long long)answer->wait,
	    (long long)answer->count,
	    call->request.dry_run ? ", nothing stored" : "");
}

/*
 * Decides.  Returns true with the answer; false if the expansion is to fail,
 * with err.  A database that cannot be used counts as a pass unless the
 * policy says otherwise.
 */
static bool
decide(const struct call *call, struct greylist_answer *answer,
    struct grey_error *err)
{
	enum grey_status status;
	char line[sizeof(err->text) + 64];

	status = greylist_check(call_session(), &call->path, &call->request,
	    answer, err);
	if (status == GREY_OK) {
		debug_answer(call, answer);
		return true;
	}
	exim_debug("%s: %s", call->name, err->text);
	if (call->request.policy.defer_on_failure)
		return false;
	(void)snprintf(line, sizeof(line), "%s: %s%s", call->name,
	    call->asks_only ? "" : "mail passes: ", err->text);
	exim_log(line, (long long)call->request.now);
	*answer = (struct greylist_answer){ .pass = true };
	return true;
}

/*
 * What was said last: the wait that follows for a log line has the same
 * arguments in the same second, and needs no second look.
 */
static struct {
	char arguments[1024]; /* each with its NUL */
	size_t size;          /* 0: nothing was said */
	int64_t now;
	int64_t wait;
} last;

/* Returns 0 if they are too long. */
static size_t
flatten(int argc, uschar *argv[], char flat[sizeof(last.arguments)])
{
	size_t size = 0, length;

	for (int i = 0; i < argc; i++) {
		length = strlen((const char *)argv[i]) + 1;
		if (length > sizeof(last.arguments) - size)
			return 0;
		memcpy(flat + size, argv[i], length);
		size += length;
	}
	return size;
}

static bool
was_said(int argc, uschar *argv[])
{
	char flat[sizeof(last.arguments)];
	const size_t size = flatten(argc, argv, flat);

	return size > 0 && size == last.size &&
	    memcmp(flat, last.arguments, size) == 0 && last.now == call_now();
}

static int
check(const char *name, const char *if_pass, const char *if_defer,
    uschar **yield, int argc, uschar *argv[])
{
	struct greylist_answer answer;
	struct grey_error err;
	struct call call;

	last.size = 0;
	if (parse_call(name, argc, argv, &call, &err) != GREY_OK ||
	    !decide(&call, &answer, &err))
		return call_fails(yield, name, err.text);
	if (!answer.pass) {
		last.size = flatten(argc, argv, last.arguments);
		last.now = call.request.now;
		last.wait = answer.wait;
	}
	return call_yields(yield, answer.pass ? if_pass : if_defer);
}

int
unseen(uschar **yield, int argc, uschar *argv[])
{
	return check("unseen", "no", "yes", yield, argc, argv);
}

int
seen(uschar **yield, int argc, uschar *argv[])
{
	return check("seen", "yes", "no", yield, argc, argv);
}

int
exim_wait(uschar **yield, int argc, uschar *argv[])
{
	struct greylist_answer answer;
	struct grey_error err;
	struct call call;
	static char seconds[GREY_NUMBER_SIZE + 1];

	if (was_said(argc, argv))
		answer.wait = last.wait;
	else {
		if (parse_call("wait", argc, argv, &call, &err) != GREY_OK)
			return call_fails(yield, "wait", err.text);
		call.request.dry_run = call.asks_only = true;
		if (!decide(&call, &answer, &err))
			return call_fails(yield, "wait", err.text);
	}
	*grey_number_write(seconds, answer.wait) = '\0';
	return call_yields(yield, seconds);
}

int
record(uschar **yield, int argc, uschar *argv[])
{
	const struct grey_policy policy = grey_policy_default();
	struct greydb_value value = { 0 };
	struct grey_dbpath path;
	struct grey_key key = { .suffix = { "", 0 } };
	struct grey_bytes text;
	struct grey_error err;
	enum grey_status status;
	static char answer_text[GREY_VALUE_MAX];

	status = call_check_count(argc, argv, 2, "ITEM}{DB}", &err);
	if (status == GREY_OK) {
		key.item = grey_bytes_of((const char *)argv[0]);
		status = grey_key_check(&key, &err);
	}
	if (status == GREY_OK)
		status = resolve(argc, argv, 1, &path, &err);
	if (status != GREY_OK)
		return call_fails(yield, "record", err.text);
	status = greylist_record(call_session(), &path,
	    &(struct greydb_settings){ .timeout = policy.timeout,
		.now = call_now(),
		.read_only = exim_host_checking() },
	    key.item, &value, &err);
	if (status != GREY_OK && status != GREY_NOT_FOUND)
		exim_log(err.text, (long long)call_now());
	text = grey_record_text(greydb_value_bytes(&value));
	(void)snprintf(answer_text, sizeof(answer_text), "%.*s",
	    (int)(text.size < sizeof(answer_text) ? text.size :
						    sizeof(answer_text) - 1),
	    text.size > 0 ? text.data : "");
	greydb_value_free(&value);
	return call_yields(yield, answer_text);
}

int
version(uschar **yield, int argc, uschar *argv[])
{
	struct grey_error err;

	if (call_check_count(argc, argv, 0, "", &err) != GREY_OK)
		return call_fails(yield, "version", err.text);
	/* Called before the daemon forks, this saves each child the work. */
	(void)call_session();
	(void)exim_spool_directory();
	return call_yields(yield, EXIGREY_VERSION);
}
