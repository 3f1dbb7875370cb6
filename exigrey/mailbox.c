#include "mailbox.h"

#include <arpa/inet.h>

#include <string.h>
#include <strings.h>

#include "escape.h"

#define LABEL_MAX   63 /* RFC 1035 section 2.3.4 */
#define DOMAIN_MAX  255
#define LITERAL_MAX 64
#define IPV6_TAG    "IPv6:"

static bool
is_letter_or_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z');
}

/* Of characters that are not ASCII; that they are UTF-8 was looked at. */
static bool
is_beyond_ascii(char c)
{
	return ((unsigned char)c & 0x80) != 0;
}

static bool
is_atext(char c)
{
	return is_letter_or_digit(c) || is_beyond_ascii(c) ||
	    (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Bytes up to end of which each fits; returns where they end. */
static size_t
pass_over(struct grey_bytes text, size_t at, bool (*fits)(char c))
{
	while (at < text.size && fits(text.data[at]))
		at++;
	return at;
}

/* Words with a "." between; returns where they end, 0: there are none. */
static size_t
pass_words(struct grey_bytes text, bool (*fits)(char c))
{
	size_t at = 0, end;

	for (;;) {
		end = pass_over(text, at, fits);
		if (end == at)
			return 0;
		if (end == text.size || text.data[end] != '.')
			return end;
		at = end + 1;
	}
}

/* Returns where a quoted string ends, 0: nowhere. */
static size_t
pass_quoted(struct grey_bytes text)
{
	for (size_t at = 1; at < text.size; at++) {
		const char c = text.data[at];

		if (c == '"')
			return at + 1;
		/* quoted-pairSMTP, of ASCII only even in RFC 6531. */
		if (c == '\\' &&
		    (++at == text.size || text.data[at] < ' ' ||
			text.data[at] > '~'))
			return 0;
		if (!is_beyond_ascii(c) && (c < ' ' || c > '~'))
			return 0;
	}
	return 0;
}

static size_t
pass_local(struct grey_bytes text)
{
	return text.size > 0 && text.data[0] == '"' ?
	    pass_quoted(text) :
	    pass_words(text, is_atext);
}

static bool
is_of_name(char c)
{
	return is_letter_or_digit(c) || is_beyond_ascii(c) || c == '-' ||
	    c == '_';
}

/* No label is too long, nor has "-" at an end. */
static bool
are_labels(struct grey_bytes domain)
{
	size_t start = 0;

	for (size_t i = 0; i <= domain.size; i++) {
		if (i < domain.size && domain.data[i] != '.')
			continue;
		if (domain.data[start] == '-' || domain.data[i - 1] == '-' ||
		    i - start > LABEL_MAX)
			return false;
		start = i + 1;
	}
	return true;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]"; no other tag is registered. */
static bool
is_literal(struct grey_bytes text)
{
	const size_t tag = strlen(IPV6_TAG);
	char address[LITERAL_MAX];
	unsigned char bytes[16];

	if (text.size < 3 || text.size - 2 >= sizeof(address) ||
	    text.data[text.size - 1] != ']' ||
	    memchr(text.data, '\0', text.size) != NULL)
		return false;
	memcpy(address, text.data + 1, text.size - 2);
	address[text.size - 2] = '\0';
	return strncasecmp(address, IPV6_TAG, tag) == 0 ?
	    inet_pton(AF_INET6, address + tag, bytes) == 1 :
	    inet_pton(AF_INET, address, bytes) == 1;
}

bool
mailbox_domain(struct grey_bytes text)
{
	if (text.size == 0 || text.size > DOMAIN_MAX)
		return false;
	if (text.data[0] == '[')
		return is_literal(text);
	return pass_words(text, is_of_name) == text.size && are_labels(text) &&
	    escape_is_utf8(text);
}

bool
mailbox_parse(struct grey_bytes text, struct mailbox *mailbox_r)
{
	struct mailbox mailbox = { .literal = false };
	const size_t at = pass_local(text);

	if (text.size == 0) {
		*mailbox_r = mailbox;
		return true;
	}
	if (at == 0 || at == text.size || text.data[at] != '@')
		return false;
	mailbox.local = (struct grey_bytes){ text.data, at };
	mailbox.domain =
	    (struct grey_bytes){ text.data + at + 1, text.size - at - 1 };
	if (!escape_is_utf8(mailbox.local) || !mailbox_domain(mailbox.domain))
		return false;
	mailbox.literal = mailbox.domain.data[0] == '[';
	*mailbox_r = mailbox;
	return true;
}
