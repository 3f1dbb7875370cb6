#include "entry.h"

#include "key.h"

void
entry_read(struct grey_bytes key, struct grey_bytes value,
    const struct grey_policy *policy, int64_t now, struct entry *entry_r)
{
	entry_r->key = key;
	entry_r->value = value;
	if (!grey_item_of_key(key, &entry_r->item)) {
		entry_r->kind = ENTRY_FOREIGN;
		return;
	}
	entry_r->kind = ENTRY_BROKEN;
	if (grey_record_parse(key, value, &entry_r->record, NULL) != GREY_OK)
		return;
	entry_r->kind = ENTRY_RECORD;
	entry_r->state = grey_state(&entry_r->record, policy, now);
}
