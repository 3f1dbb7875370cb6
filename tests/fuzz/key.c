/* A key as an ACL gives it: cut, made a key, printed and read back. */
#include "fuzz.h"

#include <string.h>

/* Which of the two strnunvis() is meant: none. */
#define LIBBSD_NETBSD_VIS
#include <vis.h>

#include "../../exigrey/escape.h"
#include "key.h"

typedef void print_fn(FILE *file, struct grey_bytes bytes);

/* What a function prints, for the caller to free. */
static char *
printed(print_fn *print, struct grey_bytes bytes)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	require(file != NULL);
	print(file, bytes);
	require(fclose(file) == 0);
	for (size_t i = 0; i < size; i++) {
		const unsigned char c = (unsigned char)text[i];
		/* JSON is UTF-8. */
		require(c >= ' ' && c != 0x7f);
		require(c < 0x7f || print == escape_json);
	}
	return text;
}

static void
fuzz_escape(struct grey_bytes bytes)
{
	char *text = printed(escape_text, bytes);
	char *back = malloc(strlen(text) + 1);
	int size;

	require(back != NULL);
	size = strunvis(back, text);
	require(size >= 0 && (size_t)size == bytes.size);
	require(bytes.size == 0 || memcmp(back, bytes.data, bytes.size) == 0);
	free(back);
	free(text);
	text = printed(escape_hex, bytes);
	require(strlen(text) == 2 * bytes.size);
	free(text);
	if (escape_is_utf8(bytes))
		free(printed(escape_json, bytes));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct grey_bytes text = fuzz_bytes(data, size);
	struct grey_key key = grey_key_split(text);
	struct grey_item_key made;
	struct grey_error err;
	struct grey_bytes item;

	require(key.item.size + key.suffix.size <= size);
	require(size == 0 || key.item.data == text.data);
	if (grey_key_check(&key, &err) == GREY_OK) {
		require(grey_item_key_init(&made, key.item, &err) == GREY_OK);
		require(grey_item_of_key(made.bytes, &item));
		require(grey_bytes_equal(item, key.item));
		grey_item_key_free(&made);
	}
	fuzz_escape(text);
	return 0;
}
