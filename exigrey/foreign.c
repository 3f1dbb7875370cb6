#include "foreign.h"

#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>

#include "dump.h"
#include "key.h"
#include "verdict.h"

static const struct foreign_kind kinds[] = {
	{ "exim-grey", foreign_read_exim_grey },
	{ "exim-seen", foreign_read_exim_seen },
	{ "postgrey", foreign_read_postgrey },
	{ "greylistd", foreign_read_greylistd },
	{ "spamdb", foreign_read_spamdb },
	{ "policy-greylist", foreign_read_policy_greylist },
	{ "graylist", foreign_read_graylist },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

const char *
foreign_kinds(void)
{
	return "exim-grey exim-seen postgrey greylistd spamdb "
	       "policy-greylist graylist";
}

const struct foreign_kind *
foreign_kind(const char *name, struct grey_error *err)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	grey_error_set(err, "--from: '%.60s' is none of: %s", name,
	    foreign_kinds());
	return NULL;
}

void
foreign_end(struct foreign *foreign)
{
	for (size_t i = 0; i < foreign->count; i++) {
		union {
			const char *from;
			void *to;
		} memory = { .from = foreign->entries[i].key.data };
		free(memory.to);
	}
	free(foreign->entries);
	foreign->entries = NULL;
	foreign->count = foreign->room = 0;
}

void
foreign_skip(struct foreign *foreign, const char *reason)
{
	struct foreign_reason *at = foreign->reasons;

	while (at < foreign->reasons + FOREIGN_REASONS - 1 &&
	    at->text != NULL && strcmp(at->text, reason) != 0)
		at++;
	if (at->text == NULL)
		at->text = reason;
	at->count++;
}

bool
foreign_is_host(struct grey_bytes text)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr unused;

	if (text.size == 0 || text.size >= sizeof(address))
		return false;
	memcpy(address, text.data, text.size);
	address[text.size] = '\0';
	return inet_pton(AF_INET, address, &unused) == 1 ||
	    inet_pton(AF_INET6, address, &unused) == 1;
}

bool
foreign_part(struct grey_bytes *rest, char separator, struct grey_bytes *part_r)
{
	const char *end =
	    rest->size == 0 ? NULL : memchr(rest->data, separator, rest->size);

	part_r->data = rest->data;
	part_r->size = end == NULL ? rest->size : (size_t)(end - rest->data);
	rest->data += part_r->size + (end != NULL);
	rest->size -= part_r->size + (end != NULL);
	return end != NULL;
}

/* A new entry whose key and value have this room; NULL without memory. */
static struct foreign_entry *
append(struct foreign *foreign, size_t size, char **memory_r)
{
	struct foreign_entry *grown = foreign->entries;

	*memory_r = malloc(size + 1);
	if (*memory_r != NULL && foreign->count == foreign->room) {
		foreign->room = foreign->room * 2 + 1024;
		grown = reallocarray(grown, foreign->room, sizeof(*grown));
	}
	if (*memory_r == NULL || grown == NULL) {
		free(*memory_r);
		return NULL;
	}
	foreign->entries = grown;
	grown += foreign->count++;
	*grown = (struct foreign_entry){ .key = { *memory_r, 0 } };
	return grown;
}

enum grey_status
foreign_item(struct foreign *foreign, struct grey_bytes item,
    const struct grey_record *record, struct grey_error *err)
{
	struct foreign_entry *entry;
	char *memory;

	if (item.size > GREY_KEY_MAX) {
		foreign_skip(foreign, "longer than an item may be");
		return GREY_OK;
	}
	entry = append(foreign, item.size + 1, &memory);
	if (entry == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	memcpy(memory, item.data, item.size);
	memory[item.size] = '\0';
	entry->key.size = item.size + 1;
	entry->record = *record;
	return GREY_OK;
}

enum grey_status
foreign_pair(struct foreign *foreign, struct grey_bytes sender,
    struct grey_bytes recipient, const struct grey_record *record,
    struct grey_error *err)
{
	const size_t size = sender.size + recipient.size + 5;
	enum grey_status status;
	char *item = malloc(size + 1);

	if (item == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	(void)snprintf(item, size + 1, "<%.*s>:<%.*s>", (int)sender.size,
	    sender.data, (int)recipient.size, recipient.data);
	status = foreign_item(foreign, grey_bytes_of(item), record, err);
	free(item);
	return status;
}

enum grey_status
foreign_host(struct foreign *foreign, struct grey_bytes host, int64_t created,
    int64_t used, int64_t count, struct grey_error *err)
{
	const struct grey_record record = { .created = created,
		.used = used,
		.count = count,
		.flags = grey_bytes_of("") };
	enum grey_status status = foreign_item(foreign, host, &record, err);

	if (status == GREY_OK)
		foreign->entries[foreign->count - 1].is_auto = count > 0;
	return status;
}

enum grey_status
foreign_raw(struct foreign *foreign, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	char *memory;
	struct foreign_entry *entry =
	    append(foreign, key.size + value.size, &memory);

	if (entry == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	memcpy(memory, key.data, key.size);
	memcpy(memory + key.size, value.data, value.size);
	entry->key.size = key.size;
	entry->value = (struct grey_bytes){ memory + key.size, value.size };
	entry->is_raw = true;
	return GREY_OK;
}

static int
compare(const void *a, const void *b)
{
	const struct grey_bytes x = ((const struct foreign_entry *)a)->key;
	const struct grey_bytes y = ((const struct foreign_entry *)b)->key;
	const size_t least = x.size < y.size ? x.size : y.size;
	int order = memcmp(x.data, y.data, least);

	return order != 0 ? order : (x.size > y.size) - (x.size < y.size);
}

static void
merge(struct foreign_entry *into, const struct foreign_entry *from)
{
	struct grey_record *a = &into->record;
	const struct grey_record *b = &from->record;

	if (b->created < a->created)
		a->created = b->created;
	if (b->used > a->used)
		a->used = b->used;
	if (__builtin_add_overflow(a->count, b->count, &a->count))
		a->count = INT64_MAX;
	into->is_auto |= from->is_auto;
}

static void
write_entry(const struct foreign_entry *entry, FILE *file)
{
	struct grey_record record = entry->record;
	char buffer[GREY_VALUE_MAX];
	struct grey_bytes value = entry->value;

	record.flags = grey_bytes_of(entry->is_auto ? GREY_FLAG_AUTO : "");
	if (entry->is_raw ||
	    grey_record_format(&record, entry->key, 0, buffer, &value, NULL) ==
		GREY_OK)
		dump_entry(file, entry->key, value);
}

void
foreign_dump(struct foreign *foreign, FILE *file)
{
	struct foreign_entry *entries = foreign->entries;

	if (foreign->count > 0)
		qsort(entries, foreign->count, sizeof(*entries), compare);
	dump_begin(file);
	for (size_t i = 0; i < foreign->count; i++)
		if (i + 1 < foreign->count &&
		    grey_bytes_equal(entries[i].key, entries[i + 1].key)) {
			merge(&entries[i + 1], &entries[i]);
		} else
			write_entry(&entries[i], file);
}
