#include "key.h"

#include <stdlib.h>
#include <string.h>

struct grey_key
grey_key_split(struct grey_bytes text)
{
	struct grey_key key = { .item = text, .suffix = { "", 0 } };
	const char *slash =
	    text.size == 0 ? NULL : memchr(text.data, '/', text.size);

	if (slash == NULL || slash + 1 == text.data + text.size)
		return key;
	key.item.size = (size_t)(slash - text.data);
	key.suffix.data = slash + 1;
	key.suffix.size = text.size - key.item.size - 1;
	return key;
}

enum grey_status
grey_key_check(const struct grey_key *key, struct grey_error *err)
{
	if (key->item.size > GREY_KEY_MAX)
		return grey_fail(err, GREY_INVALID,
		    "KEY is longer than %d bytes", GREY_KEY_MAX);
	if (key->suffix.size > GREY_KEY_MAX)
		return grey_fail(err, GREY_INVALID,
		    "SUFFIX is longer than %d bytes", GREY_KEY_MAX);
	return GREY_OK;
}

enum grey_status
grey_item_key_init(struct grey_item_key *key, struct grey_bytes item,
    struct grey_error *err)
{
	char *to = key->small;

	key->large = NULL;
	if (item.size >= sizeof(key->small)) {
		to = key->large = malloc(item.size + 1);
		if (to == NULL)
			return grey_fail(err, GREY_FAILED, "out of memory");
	}
	if (item.size > 0)
		memcpy(to, item.data, item.size);
	to[item.size] = '\0';
	key->bytes = (struct grey_bytes){ to, item.size + 1 };
	return GREY_OK;
}

void
grey_item_key_free(struct grey_item_key *key)
{
	free(key->large);
	key->large = NULL;
}

bool
grey_item_of_key(struct grey_bytes key, struct grey_bytes *item_r)
{
	if (key.size == 0 || key.data[key.size - 1] != '\0')
		return false;
	*item_r = (struct grey_bytes){ key.data, key.size - 1 };
	return true;
}
