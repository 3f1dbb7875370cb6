#include "verdict.h"

#include <stddef.h>

/* Sums saturate: a lifetime of 0 or beyond all time never ends. */
static int64_t
end_of(int64_t since, int64_t lifetime)
{
	int64_t end;

	return lifetime == 0 || __builtin_add_overflow(since, lifetime, &end) ?
	    INT64_MAX :
	    end;
}

static bool
has_flag(const struct grey_record *record, const char *name)
{
	return grey_record_flag(record, name, NULL);
}

int64_t
grey_end(const struct grey_record *record, const struct grey_policy *policy)
{
	int64_t expires;

	if (grey_record_expires(record, &expires))
		return expires;
	if (has_flag(record, GREY_FLAG_KEEP))
		return INT64_MAX;
	return record->count == 0 ? end_of(record->created, policy->grey) :
				    end_of(record->used, policy->passed);
}

bool
grey_expired(const struct grey_record *record, const struct grey_policy *policy,
    int64_t now)
{
	const int64_t end = grey_end(record, policy);

	return end != INT64_MAX && now >= end;
}

enum grey_state
grey_state(const struct grey_record *record, const struct grey_policy *policy,
    int64_t now)
{
	if (grey_expired(record, policy, now))
		return GREY_STATE_EXPIRED;
	if (has_flag(record, GREY_FLAG_KEEP))
		return GREY_STATE_KEPT;
	if (has_flag(record, GREY_FLAG_TRAP))
		return GREY_STATE_TRAPPED;
	if (has_flag(record, GREY_FLAG_AUTO))
		return GREY_STATE_AUTO;
	return record->count == 0 ? GREY_STATE_GREY : GREY_STATE_PASSED;
}

const char *
grey_state_name(enum grey_state state)
{
	static const char *const names[GREY_STATES] = { "grey", "passed",
		"auto", "kept", "trapped", "expired" };

	return names[state];
}

/* The record after one more pass; its flags stay. */
static struct grey_record
passed_once_more(const struct grey_record *record, int64_t now)
{
	struct grey_record passed = *record;

	passed.used = now;
	grey_record_count(&passed);
	return passed;
}

bool
grey_judge_suffix(const struct grey_record *suffix,
    const struct grey_policy *policy, int64_t now,
    struct grey_verdict *verdict_r)
{
	if (suffix == NULL || grey_expired(suffix, policy, now))
		return false;
	if (has_flag(suffix, GREY_FLAG_TRAP) &&
	    !has_flag(suffix, GREY_FLAG_KEEP)) {
		*verdict_r = (struct grey_verdict){ .reason = GREY_TRAPPED,
			.wait = grey_end(suffix, policy) - now };
		return true;
	}
	if (suffix->count == 0)
		return false;
	*verdict_r = (struct grey_verdict){ .reason = GREY_WHITELISTED,
		.pass = true,
		.store_suffix = true,
		.suffix = passed_once_more(suffix, now) };
	return true;
}

/* May a pass write "auto" over the suffix's record? */
static bool
may_whitelist(const struct grey_record *suffix,
    const struct grey_policy *policy, int64_t now)
{
	return suffix == NULL || grey_expired(suffix, policy, now) ||
	    !has_flag(suffix, GREY_FLAG_KEEP);
}

static void
judge_new(const struct grey_policy *policy, int64_t now,
    struct grey_verdict *verdict)
{
	verdict->reason = GREY_NEW;
	/* Even with a delay of 0 the first try is put off. */
	verdict->wait = policy->delay > 0 ? policy->delay : 1;
	verdict->store_item = true;
	verdict->item = (struct grey_record){ .created = now, .used = now };
}

void
grey_judge_item(const struct grey_record *item, bool has_suffix,
    const struct grey_record *suffix, const struct grey_policy *policy,
    int64_t now, struct grey_verdict *verdict_r)
{
	struct grey_verdict verdict = { 0 };
	bool kept;

	*verdict_r = verdict;
	if (item == NULL || grey_expired(item, policy, now)) {
		judge_new(policy, now, verdict_r);
		return;
	}
	verdict.item = *item;
	if (verdict.item.created > now) {
		/* The clock was set back: do not wait for it to catch up. */
		verdict.item.created = now;
		verdict.store_item = true;
	}
	kept = has_flag(item, GREY_FLAG_KEEP);
	if (!kept && now - verdict.item.created < policy->delay) {
		verdict.reason = GREY_EARLY;
		verdict.wait = policy->delay - (now - verdict.item.created);
	} else {
		verdict.reason = kept ? GREY_KEPT : GREY_PASSED;
		verdict.pass = true;
		verdict.store_item = true;
		verdict.item = passed_once_more(&verdict.item, now);
		verdict.store_suffix =
		    has_suffix && may_whitelist(suffix, policy, now);
		verdict.suffix = (struct grey_record){ .created = now,
			.used = now,
			.count = 1,
			.flags = grey_bytes_of(GREY_FLAG_AUTO) };
	}
	*verdict_r = verdict;
}
