#include "greylist.h"

#include "known.h"

static struct greydb_settings
settings_of(const struct greylist_request *request)
{
	return (struct greydb_settings){ .timeout = request->policy.timeout,
		.now = request->now,
		.sync = request->policy.sync,
		.create = true,
		.read_only = request->dry_run };
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
judge(const struct greylist_request *request, const struct grey_known *item,
    const struct grey_known *suffix, struct grey_verdict *verdict_r)
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
    const struct greylist_request *request, struct grey_known *item,
    struct grey_known *suffix, struct grey_verdict *verdict_r,
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
	grey_known_take(item, session, path, values[0]);
	grey_known_take(suffix, session, path, values[1]);
	judge(request, item, suffix, verdict_r);
	return GREY_OK;
}

/* Fetches what the decision needs: the item only if the suffix leaves it open. */
static enum grey_status
decide(struct grey_session *session, const struct grey_dbpath *path,
    const struct greylist_request *request, struct greydb *db,
    struct grey_known *item, struct grey_known *suffix,
    struct grey_verdict *verdict_r, struct grey_error *err)
{
	enum grey_status status;

	if (request->key.suffix.size > 0) {
		status = grey_known_fetch(suffix, session, path, db, err);
		if (status != GREY_OK)
			return status;
		if (grey_judge_suffix(suffix->record, &request->policy,
			request->now, verdict_r))
			return GREY_OK;
	}
	status = grey_known_fetch(item, session, path, db, err);
	if (status == GREY_OK)
		judge(request, item, suffix, verdict_r);
	return status;
}

static enum grey_status
carry_out(const struct grey_dbpath *path,
    const struct greylist_request *request, struct greydb *db,
    const struct grey_known *item, const struct grey_known *suffix,
    const struct grey_verdict *verdict, struct grey_error *err)
{
	const int64_t most = request->policy.max_records;
	enum grey_status status = GREY_OK;

	if (verdict->store_item) {
		status = grey_known_room(item, path, db, most, err);
		if (status == GREY_OK)
			status =
			    grey_known_store(item, db, &verdict->item, err);
	}
	/* With max_records reached there is no whitelisting; mail passes. */
	if (status == GREY_OK && verdict->store_suffix &&
	    grey_known_room(suffix, path, db, most, NULL) == GREY_OK)
		status = grey_known_store(suffix, db, &verdict->suffix, err);
	return status;
}

static enum grey_status
check_stored(struct grey_session *session, const struct grey_dbpath *path,
    const struct greylist_request *request, struct grey_known *item,
    struct grey_known *suffix, struct grey_verdict *verdict_r,
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
	struct grey_known item = { .record = NULL },
			  suffix = { .record = NULL };
	struct grey_verdict verdict;
	enum grey_status status;

	status = grey_key_check(&request->key, err);
	if (status == GREY_OK)
		status = grey_policy_check(&request->policy, err);
	if (status != GREY_OK)
		return status;
	status = grey_known_init(&item, request->key.item, err);
	if (status == GREY_OK)
		status = grey_known_init(&suffix, request->key.suffix, err);
	if (status == GREY_OK)
		status = request->dry_run ? check_dry(session, path, request,
						&item, &suffix, &verdict, err) :
					    check_stored(session, path, request,
						&item, &suffix, &verdict, err);
	if (status == GREY_OK)
		*answer_r = answer_of(&verdict);
	grey_known_free(&item);
	grey_known_free(&suffix);
	return status;
}

const char *
greylist_reason_text(enum grey_reason reason)
{
	static const char *const texts[] = { [GREY_NEW] = "new",
		[GREY_EARLY] = "too early",
		[GREY_PASSED] = "passed",
		[GREY_KEPT] = "whitelisted by hand",
		[GREY_WHITELISTED] = "suffix whitelisted",
		[GREY_TRAPPED] = "suffix trapped" };

	return texts[reason];
}

enum grey_status
greylist_record(struct grey_session *session, const struct grey_dbpath *path,
    const struct greydb_settings *settings, struct grey_bytes item,
    struct greydb_value *value_r, struct grey_error *err)
{
	struct greydb_value value = { NULL, 0 };
	struct grey_known known;
	enum grey_status status;

	status = grey_known_init(&known, item, err);
	if (status != GREY_OK)
		return status;
	status = greydb_peek(session, path, settings, &known.key.bytes, 1,
	    &value, err);
	if (status == GREY_OK) {
		grey_known_take(&known, session, path, value);
		status = known.record == NULL ? GREY_NOT_FOUND : GREY_OK;
	}
	if (status == GREY_OK) {
		*value_r = known.value;
		known.value = (struct greydb_value){ NULL, 0 };
	}
	grey_known_free(&known);
	return status;
}
