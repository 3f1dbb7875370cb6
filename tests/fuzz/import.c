/* A dump, as import and edit read it: what is read is written the same. */
#include "fuzz.h"

#include <string.h>

#include "../../exigrey/dump.h"

/* Writes an entry and reads it back. */
static void
write_and_read(const struct dump_entry *entry)
{
	struct dump_reader reader;
	struct dump_entry again;
	struct grey_error err;
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	require(file != NULL);
	dump_begin(file);
	dump_entry(file, entry->key, entry->value);
	require(fclose(file) == 0);
	file = fmemopen(text, size, "r");
	require(file != NULL);
	require(dump_reader_begin(&reader, file, &err) == GREY_OK);
	require(dump_read(&reader, &again, &err) == GREY_OK);
	require(grey_bytes_equal(entry->key, again.key));
	/* Of a record the padding may change. */
	require(again.is_record || grey_bytes_equal(entry->value, again.value));
	require(!entry->is_record || again.is_record);
	require(!entry->is_record ||
	    (again.record.created == entry->record.created &&
		again.record.used == entry->record.used &&
		again.record.count == entry->record.count &&
		grey_bytes_equal(again.record.flags, entry->record.flags)));
	require(dump_read(&reader, &again, &err) == GREY_NOT_FOUND);
	dump_reader_end(&reader);
	(void)fclose(file);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dump_reader reader;
	struct dump_entry entry;
	struct grey_error err;
	enum grey_status status;
	char *text = malloc(size + 1);
	FILE *file;

	require(text != NULL);
	memcpy(text, data, size);
	file = size == 0 ? NULL : fmemopen(text, size, "r");
	if (file != NULL) {
		status = dump_reader_begin(&reader, file, &err);
		while (status == GREY_OK || reader.line > 1) {
			status = dump_read(&reader, &entry, &err);
			if (status == GREY_OK)
				write_and_read(&entry);
			else if (status != GREY_INVALID)
				break;
		}
		dump_reader_end(&reader);
		(void)fclose(file);
	}
	free(text);
	return 0;
}
