/*
 * Mail addresses: what is one and what is not, and that a sender that was one
 * still is when it was folded.
 */
#include "test.h"

#include "../../exigrey/escape.c"
#include "../../exigrey/mailbox.c"
#include "fold.h"

#define TEN          "0123456789"
#define FIFTY        TEN TEN TEN TEN TEN
#define SIXTY_3      FIFTY TEN "abc"
#define FOUR_OF_THEM SIXTY_3 "." SIXTY_3 "." SIXTY_3 "." SIXTY_3 /* 255 bytes */

static const struct valid_case {
	const char *text, *local, *domain;
} valid_cases[] = {
	{ "", "", "" },
	{ "a@b", "a", "b" },
	{ "a@example.com", "a", "example.com" },
	{ "a.b.c@example.com", "a.b.c", "example.com" },
	{ "a+b@example.com", "a+b", "example.com" },
	{ "!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~",
	    "example.com" },
	{ "-@example.com", "-", "example.com" },
	{ "--help@example.com", "--help", "example.com" },
	{ "SRS0=ab=cd=example.org=user@example.com",
	    "SRS0=ab=cd=example.org=user", "example.com" },
	{ "a@1.2.3.4", "a", "1.2.3.4" },
	{ "a@3com.example", "a", "3com.example" },
	{ "a@a--b.example", "a", "a--b.example" },
	{ "a@xn--bcher-kva.example", "a", "xn--bcher-kva.example" },
	{ "a@B\xc3\xbc"
	  "cher.example",
	    "a",
	    "B\xc3\xbc"
	    "cher.example" },
	{ "j\xc3\xbcrgen@example.com", "j\xc3\xbcrgen", "example.com" },
	{ "\"\xf0\x9f\x98\x80\"@example.com", "\"\xf0\x9f\x98\x80\"",
	    "example.com" },
	{ "root@my_host.example.com", "root", "my_host.example.com" },
	{ "\"\"@example.com", "\"\"", "example.com" },
	{ "\"a b\"@example.com", "\"a b\"", "example.com" },
	{ "\"a@b\"@example.com", "\"a@b\"", "example.com" },
	{ "\"a\\\"b\"@example.com", "\"a\\\"b\"", "example.com" },
	{ "\"a\\\\\"@example.com", "\"a\\\\\"", "example.com" },
	{ "\"..\"@example.com", "\"..\"", "example.com" },
	{ "\"<>[]:;,()\"@example.com", "\"<>[]:;,()\"", "example.com" },
	{ "a@[192.0.2.1]", "a", "[192.0.2.1]" },
	{ "a@[IPv6:2001:db8::1]", "a", "[IPv6:2001:db8::1]" },
	{ "a@[ipv6:::1]", "a", "[ipv6:::1]" },
	{ "a@[IPv6:::ffff:192.0.2.1]", "a", "[IPv6:::ffff:192.0.2.1]" },
	{ "a@" SIXTY_3 ".example", "a", SIXTY_3 ".example" },
	{ "a@" FOUR_OF_THEM, "a", FOUR_OF_THEM },
	{ FIFTY FIFTY "@example.com", FIFTY FIFTY, "example.com" },
};

static const char *const invalid_cases[] = {
	"a", "@", "a@", "@example.com", "a@@example.com", "a@b@example.com",
	".a@example.com", "a.@example.com", "a..b@example.com",
	"a b@example.com", " a@example.com", "a@example.com ", "a@ example.com",
	"a\t@example.com", "a\n@example.com", "a\r@example.com",
	"a\x7f@example.com", "a\x01@example.com", "a(comment)@example.com",
	"$(x)@example.com", "a,b@example.com", "a;b@example.com",
	"a:b@example.com", "a<b@example.com", "<a@example.com>",
	"a[b@example.com", "a\\b@example.com", "a\"b@example.com",
	"\"a@example.com", "\"a\"b@example.com", "a\"b\"@example.com",
	"\"a\".b@example.com", /* obsolete: RFC 5322 section 4.4 */
	"\"a\"\"b\"@example.com", "\"a\\\"@example.com", "\"a\"b\"@example.com",
	"\"a\nb\"@example.com", "\"a\x7f\"@example.com",
	"\"a\\\x01\"@example.com", "\"a\\\xc3\xbc\"@example.com", "\"a\"", "\"",
	"a@.example.com", "a@example.com.", "a@example..com", "a@.",
	"a@-example.com", "a@example-.com", "a@example.-com", "a@example.com-",
	"a@exa mple.com", "a@exa!mple.com", "a@exa/mple.com",
	"a@\"example\".com", "a@example.com(comment)", "a@example.com\n",
	"a@" SIXTY_3 "d.example", "a@" FOUR_OF_THEM ".a", "a@[192.0.2.1",
	"a@192.0.2.1]", "a@[]", "a@[192.0.2]", "a@[192.0.2.256]",
	"a@[192.0.2.1].example.com", "a@[2001:db8::1]", "a@[IPv6:192.0.2.1]",
	"a@[IPv6:2001:db8::1::2]", "a@[IPv6:2001:db8::1%eth0]", "a@[x400:abc]",
	"a@[ 192.0.2.1 ]", "a\xff@example.com", "a\xc3@example.com",
	"\xc0\x80@example.com", "a@ex\xc3mple.com",
	"@a.example,@b.example:c@example.com", /* a source route */
};

static void
valid(void **state)
{
	struct mailbox mailbox = { .literal = false };

	(void)state;
	for (size_t i = 0; i < sizeof(valid_cases) / sizeof(valid_cases[0]);
	     i++) {
		const struct valid_case *c = &valid_cases[i];

		if (!mailbox_parse(grey_bytes_of(c->text), &mailbox))
			fail_msg("'%s' is no address", c->text);
		if (!grey_bytes_equal(mailbox.local, grey_bytes_of(c->local)) ||
		    !grey_bytes_equal(mailbox.domain, grey_bytes_of(c->domain)))
			fail_msg("'%s' has parts '%.*s' and '%.*s'", c->text,
			    (int)mailbox.local.size, mailbox.local.data,
			    (int)mailbox.domain.size, mailbox.domain.data);
		assert_int_equal(mailbox.literal, c->domain[0] == '[');
	}
}

static void
invalid(void **state)
{
	struct mailbox mailbox = { .literal = false };

	(void)state;
	for (size_t i = 0; i < sizeof(invalid_cases) / sizeof(invalid_cases[0]);
	     i++)
		if (mailbox_parse(grey_bytes_of(invalid_cases[i]), &mailbox))
			fail_msg("'%s' is an address", invalid_cases[i]);
	assert_false(
	    mailbox_parse((struct grey_bytes){ "a\0b@x", 5 }, &mailbox));
	assert_false(
	    mailbox_parse((struct grey_bytes){ "a@x\0y", 5 }, &mailbox));
	assert_false(mailbox_parse((struct grey_bytes){ "a@[1.2.3.4\0]", 12 },
	    &mailbox));
	assert_false(mailbox_domain(grey_bytes_of("")));
}

/* One byte more or less, in a block of exactly that size. */
static void
cut_anywhere(void **state)
{
	struct mailbox mailbox;

	(void)state;
	for (size_t i = 0; i < sizeof(valid_cases) / sizeof(valid_cases[0]);
	     i++)
		for (size_t size = 0; size <= strlen(valid_cases[i].text);
		     size++) {
			char *text = malloc(size + (size == 0));

			memcpy(text, valid_cases[i].text, size);
			(void)mailbox_parse((struct grey_bytes){ text, size },
			    &mailbox);
			free(text);
		}
}

/*
 * Of all that is an address, no folding makes something that is none: a record
 * has the folded sender, and who sent a good one must not be blamed.
 */
static void
folded_stays_valid(void **state)
{
	static const char *const pieces[] = { "a", "b1", "1", "22", ".", "+",
		"-", "=", "#", "\"", "\\", " ",
		"prvs=", "SRS0=", "SRS1=", "btv1==", "/", "x=example.org",
		"deadbeef01", "==" };
	const struct grey_bytes recipient = grey_bytes_of("x@example.org");
	struct mailbox mailbox;
	uint64_t random = 1;
	int tried = 0;

	(void)state;
	for (int i = 0; i < 1000000; i++) {
		char text[128] = "", folded[GREY_FOLD_MAX];
		struct grey_bytes sender;

		for (int n = 1 + i % 7; n > 0; n--) {
			random = random * 6364136223846793005 + 1;
			(void)strcat(text,
			    pieces[(random >> 33) %
				(sizeof(pieces) / sizeof(pieces[0]))]);
		}
		(void)strcat(text, "@example.com");
		if (!mailbox_parse(grey_bytes_of(text), &mailbox))
			continue;
		tried++;
		sender =
		    grey_fold_sender(grey_bytes_of(text), recipient, folded);
		if (!mailbox_parse(sender, &mailbox))
			fail_msg("'%s' becomes '%.*s'", text, (int)sender.size,
			    sender.data);
	}
	assert_true(tried > 50000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid),
		cmocka_unit_test(invalid),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(folded_stays_valid),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
