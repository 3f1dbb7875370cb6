#include "trust.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

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
	if (has_flag(record, GREY_FLAG_KEEP))
		return GREY_TRUST_KEPT;
	if (has_flag(record, GREY_FLAG_TRAP))
		return GREY_TRUST_TRAPPED;
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

enum grey_status
grey_trust_trap(const struct grey_record *record,
    const struct grey_policy *policy, int64_t now, int64_t expires,
    struct grey_bytes note, char buffer[GREY_VALUE_MAX],
    struct grey_record *record_r, struct grey_error *err)
{
	char until[24], text[3 * GREY_NOTE_MAX + 1], before[GREY_VALUE_MAX];
	const struct edit {
		const char *name;
		bool set, remove;
		const char *value;
	} edits[] = { { GREY_FLAG_AUTO, .remove = true },
		{ GREY_FLAG_CREDIT, .remove = true },
		{ GREY_FLAG_TRAP, .set = true },
		{ GREY_FLAG_EXPIRES, .set = true, .value = until },
		{ GREY_FLAG_NOTE, .set = note.size > 0, .value = text } };
	struct grey_record trap = { .created = now, .used = now };
	enum grey_status status = GREY_OK;

	(void)snprintf(until, sizeof(until), "%lld", (long long)expires);
	if (note.size > GREY_NOTE_MAX)
		note.size = GREY_NOTE_MAX;
	(void)grey_flag_escape(note, text);
	if (record != NULL && !grey_expired(record, policy, now))
		trap.flags = record->flags;
	for (size_t i = 0;
	     i < sizeof(edits) / sizeof(edits[0]) && status == GREY_OK; i++) {
		/* What was made last is what is changed next. */
		if (trap.flags.data == buffer) {
			memcpy(before, buffer, trap.flags.size);
			trap.flags.data = before;
		}
		if (edits[i].set)
			status = grey_flags_set(trap.flags, edits[i].name,
			    edits[i].value, buffer, &trap.flags, err);
		else if (edits[i].remove)
			status = grey_flags_remove(trap.flags, edits[i].name,
			    buffer, &trap.flags, err);
	}
	*record_r = trap;
	return status;
}
