#include "greylist.h"

#include <string.h>

static struct greydb_settings
settings_of(const struct greylist_request *request)
{
	return (struct greydb_settings){ .timeout = request->policy.timeout,
		.now = request->now,
		.sync = request->policy.sync,
		.create = true,
		.read_only = request->dry_run };
}

/* What is known of one of the two keys that a check looks at. */
struct known {
	struct grey_item_key key;
	struct greydb_value value; /* what the record points into */
	struct grey_record memory;
	struct grey_record *record; /* NULL: unknown */
};

/* A value that does not parse counts as unknown, and is reported. */
static void
parse(struct grey_session *session, const struct grey_dbpath *path,
    struct known *known)
{
	struct grey_error why;

	known->record = NULL;
	if (known->value.data == NULL)
		return;
	if (grey_record_parse(greydb_value_bytes(&known->value), &known->memory,
		&why) == GREY_OK)
		known->record = &known->memory;
	else
		grey_session_log(session,
		    "database '%s/%s' has a record "
		    "that does not parse (%s): it counts as unknown; see "
		    "exigrey show",
		    path->directory, path->file, why.text);
}

static enum grey_status
fetch(struct grey_session *session, const struct grey_dbpath *path,
    struct greydb *db, struct known *known, struct grey_error *err)
{
	enum grey_status status;

	status = greydb_fetch(db, known->key.bytes, &known->value, err);
	if (status != GREY_OK && status != GREY_NOT_FOUND)
		return status;
	parse(session, path, known);
	return GREY_OK;
}

static enum grey_status
store(struct greydb *db, const struct known *known,
    const struct grey_record *record, struct grey_error *err)
{
	char buffer[GREY_VALUE_MAX];
	struct grey_bytes value;
	enum grey_status status;

	status =
	    grey_record_format(record, known->value.size, buffer, &value, err);
	return status == GREY_OK ?
	    greydb_store(db, known->key.bytes, value, err) :
	    status;
}

static struct greylist_answer
answer_of(const struct grey_verdict *verdict)
{
	return (struct greylist_answer){ .pass = verdict->pass,
		.reason = verdict->reason,
		.wait = verdict->wait,
		.count = verdict->reason == GREY_WHITELISTED ?
		    verdict->suffix.count :
		    verdict->item.count };
}

/* The rules, over what was found. */
static void
judge(const struct greylist_request *request, const struct known *item,
    const struct known *suffix, struct grey_verdict *verdict_r)
{
	const bool has_suffix = request->key.suffix.size > 0;

	if (has_suffix &&
	    grey_judge_suffix(suffix->record, &request->policy, request->now,
		verdict_r))
		return;
	grey_judge_item(item->record, has_suffix, suffix->record,
	    &request->policy, request->now, verdict_r);
}

/* Decides without the lock and stores nothing. */
static enum grey_status
check_dry(struct grey_session *session, const struct grey_dbpath *path,
    const struct greylist_request *request, struct known *item,
    struct known *suffix, struct grey_verdict *verdict_r,
    struct grey_error *err)
{
	const struct greydb_settings settings = settings_of(request);
	const struct grey_bytes keys[] = { item->key.bytes, suffix->key.bytes };
	struct greydb_value values[2] = { { 0 } };
	enum grey_status status;

	status = greydb_peek(session, path, &settings, keys,
	    request->key.suffix.size > 0 ? 2 : 1, values, err);
	if (status != GREY_OK && status != GREY_NOT_FOUND)
		return status;
	item->value = values[0];
	suffix->value = values[1];
	parse(session, path, item);
	parse(session, path, suffix);
	judge(request, item, suffix, verdict_r);
	return GREY_OK;
}

/* Fetches what the decision needs: the item only if the suffix leaves it open. */
static enum grey_status
decide(struct grey_session *session, const struct grey_dbpath *path,
    const struct greylist_request *request, struct greydb *db,
    struct known *item, struct known *suffix, struct grey_verdict *verdict_r,
    struct grey_error *err)
{
	enum grey_status status;

	if (request->key.suffix.size > 0) {
		status = fetch(session, path, db, suffix, err);
		if (status != GREY_OK)
			return status;
		if (grey_judge_suffix(suffix->record, &request->policy,
			request->now, verdict_r))
			return GREY_OK;
	}
	status = fetch(session, path, db, item, err);
	if (status == GREY_OK)
		judge(request, item, suffix, verdict_r);
	return status;
}

static bool
is_full(const struct greylist_request *request, const struct greydb *db,
    const struct known *item)
{
	return request->policy.max_records > 0 && item->value.data == NULL &&
	    greydb_records(db) >= request->policy.max_records;
}

static enum grey_status
carry_out(const struct grey_dbpath *path,
    const struct greylist_request *request, struct greydb *db,
    const struct known *item, const struct known *suffix,
    const struct grey_verdict *verdict, struct grey_error *err)
{
	enum grey_status status = GREY_OK;

	if (verdict->store_item) {
		if (is_full(request, db, item))
			return grey_fail(err, GREY_FULL,
			    "database '%s/%s' has "
			    "%lld records, max_records is %lld: run "
			    "exigrey purge, or raise it",
			    path->directory, path->file,
			    (long long)greydb_records(db),
			    (long long)request->policy.max_records);
		status = store(db, item, &verdict->item, err);
	}
	/* With max_records reached there is no whitelisting; mail passes. */
	if (status == GREY_OK && verdict->store_suffix &&
	    !is_full(request, db, suffix))
		status = store(db, suffix, &verdict->suffix, err);
	return status;
}

static enum grey_status
check_stored(struct grey_session *session, const struct grey_dbpath *path,
    const struct greylist_request *request, struct known *item,
    struct known *suffix, struct grey_verdict *verdict_r,
    struct grey_error *err)
{
	const struct greydb_settings settings = settings_of(request);
	enum grey_status status, closed;
	struct greydb *db;

	status = greydb_open(session, path, &settings, &db, err);
	if (status != GREY_OK)
		return status;
	status =
	    decide(session, path, request, db, item, suffix, verdict_r, err);
	if (status == GREY_OK)
		status =
		    carry_out(path, request, db, item, suffix, verdict_r, err);
	closed = greydb_close(&db, status == GREY_OK ? err : NULL);
	return status == GREY_OK ? closed : status;
}

enum grey_status
greylist_check(struct grey_session *session, const struct grey_dbpath *path,
    const struct greylist_request *request, struct greylist_answer *answer_r,
    struct grey_error *err)
{
	struct known item = { .record = NULL }, suffix = { .record = NULL };
	struct grey_verdict verdict;
	enum grey_status status;

	status = grey_key_check(&request->key, err);
	if (status == GREY_OK)
		status = grey_policy_check(&request->policy, err);
	if (status != GREY_OK)
		return status;
	status = grey_item_key_init(&item.key, request->key.item, err);
	if (status == GREY_OK)
		status =
		    grey_item_key_init(&suffix.key, request->key.suffix, err);
	if (status == GREY_OK)
		status = request->dry_run ? check_dry(session, path, request,
						&item, &suffix, &verdict, err) :
					    check_stored(session, path, request,
						&item, &suffix, &verdict, err);
	if (status == GREY_OK)
		*answer_r = answer_of(&verdict);
	greydb_value_free(&item.value);
	greydb_value_free(&suffix.value);
	grey_item_key_free(&item.key);
	grey_item_key_free(&suffix.key);
	return status;
}

const char *
greylist_reason_text(enum grey_reason reason)
{
	static const char *const texts[] = { [GREY_NEW] = "new",
		[GREY_EARLY] = "too early",
		[GREY_PASSED] = "passed",
		[GREY_KEPT] = "whitelisted by hand",
		[GREY_WHITELISTED] = "suffix whitelisted" };

	return texts[reason];
}

enum grey_status
greylist_record(struct grey_session *session, const struct grey_dbpath *path,
    const struct greydb_settings *settings, struct grey_bytes item,
    struct greydb_value *value_r, struct grey_error *err)
{
	struct grey_item_key key;
	enum grey_status status;

	status = grey_item_key_init(&key, item, err);
	if (status != GREY_OK)
		return status;
	status =
	    greydb_peek(session, path, settings, &key.bytes, 1, value_r, err);
	if (status == GREY_OK && value_r->data == NULL)
		status = GREY_NOT_FOUND;
	grey_item_key_free(&key);
	return status;
}
