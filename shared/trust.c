#include "trust.h"

#include <stddef.h>
#include <stdio.h>

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

/* Cuts what is too long, but no character of UTF-8. */
static struct grey_bytes
cut_note(struct grey_bytes note)
{
	if (note.size <= GREY_NOTE_MAX)
		return note;
	note.size = GREY_NOTE_MAX;
	while (note.size > 0 &&
	    ((unsigned char)note.data[note.size] & 0xc0) == 0x80)
		note.size--;
	return note;
}

struct edit {
	const char *name;
	bool set; /* false: remove it */
	const char *value;
};

/* Makes count (not 0) edits; what comes of the last is in buffer. */
static enum grey_status
edit_flags(struct grey_bytes flags, const struct edit *edits, size_t count,
    char buffer[GREY_VALUE_MAX], struct grey_bytes *flags_r,
    struct grey_error *err)
{
	char other[GREY_VALUE_MAX], *to = count % 2 == 1 ? buffer : other;
	enum grey_status status = GREY_OK;

	for (size_t i = 0; i < count && status == GREY_OK; i++) {
		status = edits[i].set ?
		    grey_flags_set(flags, edits[i].name, edits[i].value, to,
			&flags, err) :
		    grey_flags_remove(flags, edits[i].name, to, &flags, err);
		to = to == buffer ? other : buffer;
	}
	*flags_r = flags;
	return status;
}

enum grey_status
grey_trust_trap(const struct grey_record *record,
    const struct grey_policy *policy, int64_t now, int64_t expires,
    struct grey_bytes note, char buffer[GREY_VALUE_MAX],
    struct grey_record *record_r, struct grey_error *err)
{
	char until[24], text[3 * GREY_NOTE_MAX + 1];
	const struct edit edits[] = { { GREY_FLAG_AUTO, false, NULL },
		{ GREY_FLAG_CREDIT, false, NULL },
		{ GREY_FLAG_TRAP, true, NULL },
		{ GREY_FLAG_EXPIRES, true, until },
		{ GREY_FLAG_NOTE, true, text } };
	const size_t count = sizeof(edits) / sizeof(edits[0]);
	const bool live = record != NULL && !grey_expired(record, policy, now);
	const struct grey_bytes flags =
	    live ? record->flags : grey_bytes_of("");

	(void)snprintf(until, sizeof(until), "%lld", (long long)expires);
	(void)grey_flag_escape(cut_note(note), text);
	*record_r = (struct grey_record){ .created = now, .used = now };
	return edit_flags(flags, edits, note.size > 0 ? count : count - 1,
	    buffer, &record_r->flags, err);
}
