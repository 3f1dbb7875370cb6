#include "triplet.h"

#include <stdio.h>
#include <string.h>

struct writer {
	char *buffer;
	size_t used, size;
};

/* What does not fit is counted all the same. */
static void
put(struct writer *to, char c)
{
	if (to->used < to->size)
		to->buffer[to->used] = c;
	to->used++;
}

static void
put_escaped(struct writer *to, struct grey_bytes part)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < part.size; i++) {
		const unsigned char c = (unsigned char)part.data[i];

		if (c > 0x20 && c < 0x7f && c != '/' && c != '%') {
			put(to, (char)c);
			continue;
		}
		put(to, '%');
		put(to, hex[c >> 4]);
		put(to, hex[c & 15]);
	}
}

/* "@DOMAIN": what follows the last "@", or all of it. */
static struct grey_bytes
domain_of(struct grey_bytes sender)
{
	const char *at =
	    sender.size == 0 ? NULL : memrchr(sender.data, '@', sender.size);

	if (at == NULL)
		return sender;
	return (struct grey_bytes){ at + 1,
		(size_t)(sender.data + sender.size - at) - 1 };
}

enum grey_status
grey_triplet_item(enum grey_triplet_kind kind,
    const struct grey_triplet *triplet, char *buffer, size_t size,
    struct grey_bytes *item_r, struct grey_error *err)
{
	const bool client = kind == GREY_KEY_TRIPLET ||
	    kind == GREY_KEY_CLIENT || kind == GREY_KEY_CLIENT_SENDER;
	const bool sender = kind != GREY_KEY_CLIENT;
	const bool recipient =
	    kind == GREY_KEY_TRIPLET || kind == GREY_KEY_SENDER_RECIPIENT;
	struct writer to = { .buffer = buffer, .size = size };

	if (client)
		put_escaped(&to, triplet->client);
	put(&to, '/');
	if (kind == GREY_KEY_SENDER_DOMAIN) {
		put(&to, '@');
		put_escaped(&to, domain_of(triplet->sender));
	} else if (sender)
		put_escaped(&to, triplet->sender);
	put(&to, '/');
	if (recipient)
		put_escaped(&to, triplet->recipient);
	if (to.used > size || to.used > GREY_KEY_MAX)
		return grey_fail(err, GREY_INVALID,
		    "client, sender and recipient have together more than "
		    "%zu bytes",
		    size < GREY_KEY_MAX ? size : (size_t)GREY_KEY_MAX);
	*item_r = (struct grey_bytes){ buffer, to.used };
	return GREY_OK;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Must the byte be escaped?  Else an escape of it is no form of ours. */
static bool
is_special(int c)
{
	return c <= 0x20 || c >= 0x7f || c == '/' || c == '%';
}

/* Returns false for what put_escaped does not write. */
static bool
unescape(struct grey_bytes part, char **buffer, struct grey_bytes *part_r)
{
	char *to = *buffer;

	for (size_t i = 0; i < part.size; i++) {
		int c = (unsigned char)part.data[i];

		if (c == '%') {
			const int high = i + 1 < part.size ?
			    hex_digit(part.data[i + 1]) :
			    -1;
			const int low = i + 2 < part.size ?
			    hex_digit(part.data[i + 2]) :
			    -1;

			if (high == -1 || low == -1)
				return false;
			c = high << 4 | low;
			if (!is_special(c))
				return false;
			i += 2;
		} else if (is_special(c))
			return false;
		*to++ = (char)c;
	}
	*part_r = (struct grey_bytes){ *buffer, (size_t)(to - *buffer) };
	*buffer = to;
	return true;
}

static const char *
find_slash(const char *from, const char *end)
{
	return from == end ? NULL : memchr(from, '/', (size_t)(end - from));
}

bool
grey_is_triplet(struct grey_bytes item)
{
	const char *end = item.data + item.size;
	const char *first = find_slash(item.data, end);
	const char *second = first == NULL ? NULL : find_slash(first + 1, end);

	return second != NULL && find_slash(second + 1, end) == NULL;
}

bool
grey_triplet_split(struct grey_bytes item, char *buffer,
    struct grey_triplet *triplet_r)
{
	struct grey_bytes client, sender, recipient;
	const char *first, *second, *end = item.data + item.size;

	if (!grey_is_triplet(item))
		return false;
	first = find_slash(item.data, end);
	second = find_slash(first + 1, end);
	client = (struct grey_bytes){ item.data, (size_t)(first - item.data) };
	sender = (struct grey_bytes){ first + 1, (size_t)(second - first) - 1 };
	recipient =
	    (struct grey_bytes){ second + 1, (size_t)(end - second) - 1 };
	return unescape(client, &buffer, &triplet_r->client) &&
	    unescape(sender, &buffer, &triplet_r->sender) &&
	    unescape(recipient, &buffer, &triplet_r->recipient);
}

const char *
grey_network_item(const struct grey_network *network,
    char text[GREY_NETWORK_TEXT])
{
	char address[GREY_ADDRESS_TEXT];

	(void)grey_address_text(network, address);
	if (network->prefix == (network->ipv4 ? 32 : 128))
		(void)strcpy(text, address);
	else
		(void)snprintf(text, GREY_NETWORK_TEXT, "%s%%2F%u", address,
		    network->prefix);
	return text;
}

bool
grey_triplet_host(const struct grey_record *record,
    struct grey_network *address_r)
{
	struct grey_bytes text;

	return grey_record_flag(record, GREY_FLAG_HOST, &text) &&
	    grey_address_parse(text, address_r);
}
