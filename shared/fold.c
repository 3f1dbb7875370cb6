#include "fold.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define HEX_MIN    4  /* a hex number with a digit in it */
#define HEX_PLAIN  12 /* hex without any digit: no word is so long */
#define RANDOM_MIN 20 /* letters and digits of a tag in base 32 or 64 */

/* The local part while it is folded; each step makes it no longer. */
struct local {
	char text[GREY_FOLD_MAX];
	size_t size;
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
starts_with(const struct local *local, const char *prefix)
{
	const size_t length = strlen(prefix);

	return local->size >= length &&
	    strncasecmp(local->text, prefix, length) == 0;
}

/* Puts with, which is no longer, in place of the bytes from to end. */
static void
replace(struct local *local, size_t from, size_t end, const char *with)
{
	const size_t length = strlen(with);

	memcpy(local->text + from, with, length);
	memmove(local->text + from + length, local->text + end,
	    local->size - end);
	local->size -= end - from - length;
}

/* The place of c at or after from, or local->size. */
static size_t
find(const struct local *local, size_t from, char c)
{
	while (from < local->size && local->text[from] != c)
		from++;
	return from;
}

/*
 * Takes the dots away that a cut has left at the start or the end: an address
 * stays one (RFC 5321's Dot-string).
 */
static void
trim_start(struct local *local)
{
	size_t dots = 0;

	while (dots < local->size && local->text[dots] == '.')
		dots++;
	replace(local, 0, dots, "");
}

static void
trim_end(struct local *local)
{
	while (local->size > 0 && local->text[local->size - 1] == '.')
		local->size--;
}

/*
 * prvs=TAG=user (draft-levine-smtp-batv), prvs=user/TAG (as some wrote it
 * before), btv1==TAG==user (Barracuda), msprvs1=TAG=user (SparkPost).
 */
static void
fold_batv(struct local *local)
{
	const bool btv1 = starts_with(local, "btv1==");
	size_t tag, end;

	if (!btv1 && !starts_with(local, "prvs=") &&
	    !starts_with(local, "msprvs1="))
		return;
	tag = find(local, 0, '=') + (btv1 ? 2 : 1);
	end = find(local, tag, '=');
	if (end > tag && end + 1 < local->size) {
		end += btv1 && local->text[end + 1] == '=' ? 2 : 1;
		if (end < local->size)
			replace(local, 0, end, "");
		trim_start(local);
		return;
	}
	end = find(local, tag, '/');
	if (end > tag && end < local->size && local->text[tag] != '.') {
		local->size = end;
		replace(local, 0, tag, "");
		trim_end(local);
	}
}

/* One field of SRS, up to the next "=". */
static size_t
fold_field(struct local *local, size_t from)
{
	size_t end = find(local, from, '=');

	if (end == local->size || end == from)
		return local->size;
	replace(local, from, end, "#");
	return from + 2;
}

/* What may stand in place of SRS's first "=" (libsrs2). */
static bool
is_separator(char c)
{
	return c == '=' || c == '+' || c == '-';
}

/*
 * SRS0=HASH=DAY=domain=user, SRS1=HASH=forwarder==HASH=DAY=domain=user; the
 * first "=" may be "+" or "-".
 */
static void
fold_srs(struct local *local)
{
	const bool srs1 = starts_with(local, "SRS1");
	size_t at;

	if ((!srs1 && !starts_with(local, "SRS0")) || local->size < 6 ||
	    !is_separator(local->text[4]))
		return;
	local->text[4] = '=';
	at = fold_field(local, 5);
	if (srs1) {
		at = find(local, at, '=');
		if (at + 2 >= local->size || !is_separator(local->text[at + 1]))
			return;
		/* "==", or the forwarder's own separator behind "=". */
		local->text[at + 1] = '=';
		at += 2;
		at = fold_field(local, at);
	}
	(void)fold_field(local, at);
}

/* Is the recipient, its "@" written as with, at that place?  Its length. */
static size_t
recipient_at(const struct local *local, size_t at, struct grey_bytes recipient,
    size_t user, const char *with)
{
	const size_t middle = strlen(with);
	const size_t domain = recipient.size - user - 1;
	const char *text = local->text + at;

	if (local->size - at < user + middle + domain ||
	    strncasecmp(text, recipient.data, user) != 0 ||
	    strncasecmp(text + user, with, middle) != 0 ||
	    strncasecmp(text + user + middle, recipient.data + user + 1,
		domain) != 0)
		return 0;
	return user + middle + domain;
}

/* VERP: the recipient, its "@" written as something else. */
static void
fold_recipient(struct local *local, struct grey_bytes recipient)
{
	static const char *const ats[] = { "=", "%", "#", "_at_", "-at-",
		".at.", "--at--" };
	const char *at = recipient.size == 0 ?
	    NULL :
	    memrchr(recipient.data, '@', recipient.size);
	size_t user, length;

	if (at == NULL || at == recipient.data ||
	    at + 1 == recipient.data + recipient.size)
		return;
	user = (size_t)(at - recipient.data);
	for (size_t from = 0; from < local->size; from++)
		for (size_t i = 0; i < sizeof(ats) / sizeof(ats[0]); i++) {
			length =
			    recipient_at(local, from, recipient, user, ats[i]);
			if (length == 0)
				continue;
			replace(local, from, from + length, "#");
			break;
		}
}

/* user+extension; a "+" at the start is part of the name. */
static void
fold_extension(struct local *local)
{
	const size_t plus = find(local, 1, '+');

	if (local->size == 0 || plus == local->size)
		return;
	local->size = plus;
	trim_end(local);
}

/* What a token, a run of letters, digits and "#", consists of. */
struct token {
	size_t size, digits, hex, marks;
};

static struct token
token_at(const struct local *local, size_t at)
{
	struct token token = { .size = 0 };

	for (; at < local->size; at++, token.size++) {
		const char c = local->text[at];

		if (c != '#' && !is_digit(c) && !is_letter(c))
			break;
		token.digits += is_digit(c);
		token.hex += is_hex(c);
		token.marks += c == '#';
	}
	return token;
}

static bool
is_tag(const struct token *token)
{
	if (token->marks > 0)
		return token->size == 1;
	if (token->hex == token->size)
		return token->size >= HEX_PLAIN ||
		    token->digits == token->size ||
		    (token->digits > 0 && token->size >= HEX_MIN);
	return token->size >= RANDOM_MIN && token->digits >= 2;
}

/* Each run of digits in a token becomes one "#". */
static void
fold_digits(const struct local *local, size_t at, size_t end,
    struct local *folded)
{
	while (at < end) {
		const bool digit = is_digit(local->text[at]);

		folded->text[folded->size++] =
		    (char)(digit ? '#' : local->text[at]);
		at++;
		while (digit && at < end && is_digit(local->text[at]))
			at++;
	}
}

/* Numbers and tags become "#", and so do several with one sign between. */
static void
fold_numbers(struct local *local)
{
	struct local folded = { .size = 0 };
	bool after_tag = false; /* folded ends in a tag and one sign */
	bool tag = false;
	size_t at = 0;

	while (at < local->size) {
		const struct token token = token_at(local, at);

		if (token.size == 0) {
			folded.text[folded.size++] = local->text[at++];
			after_tag = tag;
			tag = false;
			continue;
		}
		tag = is_tag(&token);
		if (tag && after_tag)
			folded.size--;
		else if (tag)
			folded.text[folded.size++] = '#';
		else
			fold_digits(local, at, at + token.size, &folded);
		after_tag = false;
		at += token.size;
	}
	*local = folded;
}

static void
fold_once(struct local *local, struct grey_bytes recipient)
{
	fold_batv(local);
	fold_srs(local);
	fold_recipient(local, recipient);
	fold_extension(local);
	fold_numbers(local);
}

struct grey_bytes
grey_fold_sender(struct grey_bytes sender, struct grey_bytes recipient,
    char buffer[GREY_FOLD_MAX])
{
	struct local local = { .size = 0 }, before;
	const char *at =
	    sender.size == 0 ? NULL : memrchr(sender.data, '@', sender.size);
	size_t domain;

	/* A quoted local part is nobody's tag, and must keep its quotes. */
	if (sender.size > GREY_FOLD_MAX || sender.size == 0 ||
	    sender.data[0] == '"')
		return sender;
	local.size = at == NULL ? sender.size : (size_t)(at - sender.data);
	domain = sender.size - local.size;
	memcpy(local.text, sender.data, local.size);
	/* A tag may hide another: until nothing is left to do. */
	do {
		before = local;
		fold_once(&local, recipient);
	} while (local.size != before.size ||
	    memcmp(local.text, before.text, local.size) != 0);
	memcpy(buffer, local.text, local.size);
	memcpy(buffer + local.size, sender.data + sender.size - domain, domain);
	return (struct grey_bytes){ buffer, local.size + domain };
}
