/*
 * The functions that Exim calls:
 *
 *	${dlfunc{SO}{unseen}{KEY}{DELAY}{DB}{OPTIONS}{SUFFIX}}
 *	${dlfunc{SO}{seen}...}		the inverse, with the same effects
 *	${dlfunc{SO}{wait}...}		seconds until unseen would say "no"
 *	${dlfunc{SO}{record}{ITEM}{DB}}	the record, as ${lookup dbm} shows it
 *	${dlfunc{SO}{version}}
 *
 * Mail goes on: a database that cannot be used gives the answer that lets the
 * mail pass, and a line in the log.  Only a mistake in the configuration, and
 * on_failure=defer, make the expansion fail.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "duration.h"
#include "exim.h"
#include "greylist.h"

typedef unsigned char uschar;

#define EXPORT __attribute__((visibility("default")))

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

/* Exim copies what a call yields before it makes the next. */
static char answer_text[GREY_VALUE_MAX];

static int
yields(uschar **yield, const char *text)
{
	(void)snprintf(answer_text, sizeof(answer_text), "%s", text);
	*yield = (uschar *)answer_text;
	return EXIM_OK;
}

static int
fails(uschar **yield, const char *name, const char *message)
{
	char text[sizeof(((struct grey_error *)NULL)->text) + 32];

	(void)snprintf(text, sizeof(text), "exigrey %s: %s", name, message);
	exim_printable(answer_text, sizeof(answer_text), text);
	*yield = (uschar *)answer_text;
	return EXIM_FAIL;
}

static int64_t
wall_clock(void)
{
	return (int64_t)time(NULL);
}

static void
log_now(void *arg, const char *text)
{
	(void)arg;
	exim_log(text, (long long)wall_clock());
}

static struct grey_session *
session(void)
{
	static struct grey_session the_session;
	static bool ready;

	if (!ready) {
		grey_session_init(&the_session, log_now, NULL);
		ready = true;
	}
	return &the_session;
}

/* Argument number i, or NULL if it is not there or empty: its default. */
static const char *
argument(int argc, uschar *argv[], int i)
{
	return i < argc && argv[i][0] != '\0' ? (const char *)argv[i] : NULL;
}

static enum grey_status
check_count(int argc, uschar *argv[], int most, const char *names,
    struct grey_error *err)
{
	static const char *const ordinals[] = { "first", "second", "third",
		"fourth", "fifth", "sixth", "seventh", "eighth" };

	if (most > 0 && argc < 1)
		return grey_fail(err, GREY_INVALID, "%.*s is missing",
		    (int)strcspn(names, "}"), names);
	if (argc > most)
		return grey_fail(err, GREY_INVALID,
		    "it takes %s%s; there is "
		    "no %s argument ('%.64s')",
		    most > 0 ? "{" : "no argument", names, ordinals[most],
		    (const char *)argv[most]);
	return GREY_OK;
}

static enum grey_status
resolve(int argc, uschar *argv[], int i, struct grey_dbpath *path,
    struct grey_error *err)
{
	const char *name = argument(argc, argv, i);

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
	const char *options = argument(argc, argv, 3);
	struct greylist_request *request = &call->request;
	enum grey_status status;

	status =
	    check_count(argc, argv, 5, "KEY}{DELAY}{DB}{OPTIONS}{SUFFIX}", err);
	if (status != GREY_OK)
		return status;
	call->name = name;
	call->asks_only = false;
	*request = (struct greylist_request){ .key = key_of(argc, argv),
		.policy = grey_policy_default(),
		.now = wall_clock(),
		.dry_run = exim_host_checking() };
	status = grey_key_check(&request->key, err);
	if (status == GREY_OK)
		status = parse_delay(argument(argc, argv, 1),
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

/* How much of a key a debug line shows. */
static int
shown(struct grey_bytes bytes)
{
	return bytes.size < 80 ? (int)bytes.size : 80;
}

static void
debug_answer(const struct call *call, const struct greylist_answer *answer)
{
	const struct grey_key *key = &call->request.key;

	exim_debug("%s '%.*s' suffix '%.*s' in %s/%s: %s, %s (%lld s to go, "
		   "count %lld)%s",
	    call->name, shown(key->item), key->item.data, shown(key->suffix),
	    key->suffix.data, call->path.directory, call->path.file,
	    greylist_reason_text(answer->reason),
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

	status =
	    greylist_check(session(), &call->path, &call->request, answer, err);
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

static int
check(const char *name, const char *if_pass, const char *if_defer,
    uschar **yield, int argc, uschar *argv[])
{
	struct greylist_answer answer;
	struct grey_error err;
	struct call call;

	if (parse_call(name, argc, argv, &call, &err) != GREY_OK ||
	    !decide(&call, &answer, &err))
		return fails(yield, name, err.text);
	return yields(yield, answer.pass ? if_pass : if_defer);
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
	char seconds[24];

	if (parse_call("wait", argc, argv, &call, &err) != GREY_OK)
		return fails(yield, "wait", err.text);
	call.request.dry_run = call.asks_only = true;
	if (!decide(&call, &answer, &err))
		return fails(yield, "wait", err.text);
	(void)snprintf(seconds, sizeof(seconds), "%lld",
	    (long long)answer.wait);
	return yields(yield, seconds);
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

	status = check_count(argc, argv, 2, "ITEM}{DB}", &err);
	if (status == GREY_OK) {
		key.item = grey_bytes_of((const char *)argv[0]);
		status = grey_key_check(&key, &err);
	}
	if (status == GREY_OK)
		status = resolve(argc, argv, 1, &path, &err);
	if (status != GREY_OK)
		return fails(yield, "record", err.text);
	status = greylist_record(session(), &path,
	    &(struct greydb_settings){ .timeout = policy.timeout,
		.now = wall_clock(),
		.read_only = exim_host_checking() },
	    key.item, &value, &err);
	if (status != GREY_OK && status != GREY_NOT_FOUND)
		log_now(NULL, err.text);
	text = grey_record_text(greydb_value_bytes(&value));
	(void)snprintf(answer_text, sizeof(answer_text), "%.*s",
	    (int)(text.size < sizeof(answer_text) ? text.size :
						    sizeof(answer_text) - 1),
	    text.size > 0 ? text.data : "");
	greydb_value_free(&value);
	*yield = (uschar *)answer_text;
	return EXIM_OK;
}

int
version(uschar **yield, int argc, uschar *argv[])
{
	struct grey_error err;

	if (check_count(argc, argv, 0, "", &err) != GREY_OK)
		return fails(yield, "version", err.text);
	/* Called before the daemon forks, this saves each child the work. */
	(void)session();
	(void)exim_spool_directory();
	return yields(yield, EXIGREY_VERSION);
}
