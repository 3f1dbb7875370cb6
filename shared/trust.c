#include "trust.h"

#include <stddef.h>

static bool
has_flag(const struct grey_record *record, const char *name)
{
	return grey_record_flag(record, name, NULL);
}

enum grey_trust
grey_trust_of(const struct grey_record *record,
    const struct grey_policy *policy, int64_t now)
{
	if (record == NULL || grey_expired(record, policy, now))
		return GREY_TRUST_UNKNOWN;
	if (has_flag(record, GREY_FLAG_TRAP))
		return GREY_TRUST_TRAPPED;
	if (has_flag(record, GREY_FLAG_KEEP))
		return GREY_TRUST_KEPT;
	if (has_flag(record, GREY_FLAG_AUTO))
		return GREY_TRUST_AUTO;
	return GREY_TRUST_UNKNOWN;
}

/* Within the hour of the last credit?  A clock set back ends it. */
static bool
is_too_soon(const struct grey_record *record, int64_t now)
{
	return record->used <= now && now - record->used < GREY_CREDIT_EVERY;
}

bool
grey_trust_credit(const struct grey_record *record,
    const struct grey_policy *policy, int64_t needed, int64_t now,
    struct grey_record *record_r)
{
	struct grey_record credit = { .created = now, .used = now };

	if (record != NULL && !grey_expired(record, policy, now)) {
		if (!has_flag(record, GREY_FLAG_CREDIT) ||
		    grey_trust_of(record, policy, now) != GREY_TRUST_UNKNOWN ||
		    is_too_soon(record, now))
			return false;
		credit.created = record->created;
		credit.count = record->count;
	}
	grey_record_count(&credit);
	credit.flags = grey_bytes_of(
	    credit.count >= needed ? GREY_FLAG_AUTO : GREY_FLAG_CREDIT);
	*record_r = credit;
	return true;
}
