#include "row.h"

#include <stdio.h>
#include <string.h>

#include "colour.h"
#include "escape.h"
#include "moment.h"

void
row_print_header(enum format format)
{
	if (format == FORMAT_TEXT)
		(void)printf("%-7s  %-19s  %-19s  %7s  %-8s  %s\n", "STATE",
		    "CREATED", "USED", "COUNT", "FLAGS", "ITEM");
}

static void
print_text(const struct entry *entry)
{
	const struct grey_record *record = &entry->record;
	char created[MOMENT_TEXT], used[MOMENT_TEXT];
	size_t column = 0;

	(void)printf("%s%-7s%s  %-19s  %-19s  %7lld  ",
	    colour_of_state(entry->state), grey_state_name(entry->state),
	    colour_end(), moment_text(record->created, created),
	    moment_text(record->used, used), (long long)record->count);
	/* One word, so that the columns can still be told apart. */
	for (; column < record->flags.size; column++)
		(void)putchar(record->flags.data[column] == ' ' ?
			',' :
			record->flags.data[column]);
	if (column == 0)
		column += (size_t)printf("-");
	(void)printf("%*s  ", column < 8 ? 8 - (int)column : 0, "");
	escape_text(stdout, entry->item);
	(void)putchar('\n');
}

static void
print_tab(const struct entry *entry, const struct grey_verdict *verdict)
{
	const struct grey_record *record = &entry->record;

	escape_text(stdout, entry->item);
	(void)printf("\t%s\t%lld\t%lld\t%lld\t%.*s",
	    grey_state_name(entry->state), (long long)record->created,
	    (long long)record->used, (long long)record->count,
	    (int)record->flags.size, record->flags.data);
	if (verdict != NULL)
		(void)printf("\t%s\t%lld", verdict->pass ? "no" : "yes",
		    (long long)verdict->wait);
	(void)putchar('\n');
}

void
row_print_json_bytes(const char *name, struct grey_bytes bytes)
{
	if (escape_is_utf8(bytes)) {
		(void)printf("\"%s\":", name);
		escape_json(stdout, bytes);
		return;
	}
	(void)printf("\"%s_hex\":\"", name);
	escape_hex(stdout, bytes);
	(void)putchar('"');
}

/* Prints flags as strings. */
static void
print_json_flags(struct grey_bytes flags)
{
	struct grey_bytes flag = flags;
	const char *end = flags.data + flags.size, *space;

	for (; flag.data < end; flag.data += flag.size + 1) {
		space = memchr(flag.data, ' ', (size_t)(end - flag.data));
		flag.size = (size_t)((space != NULL ? space : end) - flag.data);
		if (flag.data > flags.data)
			(void)putchar(',');
		escape_json(stdout, flag);
	}
}

static void
print_json(const struct entry *entry, const struct grey_verdict *verdict)
{
	const struct grey_record *record = &entry->record;

	(void)putchar('{');
	row_print_json_bytes("item", entry->item);
	(void)printf(",\"state\":\"%s\",\"created\":%lld,\"used\":%lld,"
		     "\"count\":%lld,\"flags\":[",
	    grey_state_name(entry->state), (long long)record->created,
	    (long long)record->used, (long long)record->count);
	print_json_flags(record->flags);
	(void)putchar(']');
	if (verdict != NULL)
		(void)printf(",\"unseen\":\"%s\",\"wait\":%lld",
		    verdict->pass ? "no" : "yes", (long long)verdict->wait);
	(void)printf("}\n");
}

void
row_print(enum format format, const struct entry *entry,
    const struct grey_verdict *verdict)
{
	switch (format) {
	case FORMAT_TEXT:
		print_text(entry);
		break;
	case FORMAT_TAB:
		print_tab(entry, verdict);
		break;
	case FORMAT_JSON:
		print_json(entry, verdict);
		break;
	}
}
