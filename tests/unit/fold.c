#include "test.h"

#include "fold.h"

/* Senders as they are seen on the net; the recipient is bob@example.org. */
static const struct {
	const char *sender, *want;
} shapes[] = {
	/* nothing to fold */
	{ "", "" },
	{ "alice@example.com", "alice@example.com" },
	{ "alice", "alice" },
	{ "first.last@example.com", "first.last@example.com" },
	{ "o'brien@example.com", "o'brien@example.com" },
	{ "info@2020.example", "info@2020.example" },
	{ "cafe@example.com", "cafe@example.com" },
	{ "decade-facade@example.com", "decade-facade@example.com" },
	{ "+plus@example.com", "+plus@example.com" },
	{ "mailer-daemon@example.com", "mailer-daemon@example.com" },
	{ "\"a b\"@example.com", "\"a b\"@example.com" },
	{ "\"a+b 12\"@example.com", "\"a+b 12\"@example.com" },
	{ "a@b@example.com", "a@b@example.com" },
	{ "@example.com", "@example.com" },
	{ "alice@", "alice@" },
	/* BATV: draft-levine-smtp-batv, older forms, Barracuda, SparkPost */
	{ "prvs=2084b8d7f9=alice@example.com", "alice@example.com" },
	{ "prvs=1585abcdef=alice@example.com", "alice@example.com" },
	{ "PRVS=0123456789=Alice@example.com", "Alice@example.com" },
	{ "prvs=alice/0123abcdef@example.com", "alice@example.com" },
	{ "prvs=0447f9b6c3=alice+news@example.com", "alice@example.com" },
	{ "btv1==084e1f3ad0d==alice@example.com", "alice@example.com" },
	{ "msprvs1=17723pLrjR2yS=bounces-23@example.com",
	    "bounces-#@example.com" },
	{ "prvs=2084b8d7f9=prvs=1585abcdef=alice@example.com",
	    "alice@example.com" },
	{ "prvs=2084b8d7f9=.a@example.com", "a@example.com" },
	{ "prvs=a./0123abcdef@example.com", "a@example.com" },
	{ "a.+news@example.com", "a@example.com" },
	{ "prvs=@example.com", "prvs=@example.com" },
	{ "prvs=2084b8d7f9=@example.com", "prvs=#=@example.com" },
	/* SRS: HASH and day change */
	{ "SRS0=HHHH=TT=example.net=alice@example.com",
	    "SRS#=#=example.net=alice@example.com" },
	{ "SRS0=xY9z=7K=example.net=alice@example.com",
	    "SRS#=#=example.net=alice@example.com" },
	{ "srs0=lw1d=3q=example.net=alice@example.com",
	    "srs#=#=example.net=alice@example.com" },
	{ "SRS0+xY9z=7K=example.net=alice@example.com",
	    "SRS#=#=example.net=alice@example.com" },
	{ "SRS0-xY9z=7K=example.net=alice@example.com",
	    "SRS#=#=example.net=alice@example.com" },
	{ "SRS0+abcd=QQ=example.net=alice+tag@example.com",
	    "SRS#=#=example.net=alice@example.com" },
	{ "SRS1=AbCd=relay.example==xY9z=7K=example.net=alice@example.com",
	    "SRS#=#=relay.example==#=example.net=alice@example.com" },
	{ "srs1=pqrs=relay.example==lw1d=3q=example.net=alice@example.com",
	    "srs#=#=relay.example==#=example.net=alice@example.com" },
	/* no separator behind "SRS1=#=": half a character must not go */
	{ "SRS1=AbCd=\xca\x9d\xd0\x9c@example.com",
	    "SRS#=#=\xca\x9d\xd0\x9c@example.com" },
	{ "SRS0=@example.com", "SRS#=@example.com" },
	{ "srs0@example.com", "srs#@example.com" },
	/* VERP: the recipient in it */
	{ "list-bounces-bob=example.org@example.com",
	    "list-bounces-#@example.com" },
	{ "list-return-1234-bob=example.org@example.com",
	    "list-return-#@example.com" },
	{ "owner-list*bob%example.org@example.com",
	    "owner-list*#@example.com" },
	{ "bounce-BOB=Example.ORG@example.com", "bounce-#@example.com" },
	{ "bounce.bob_at_example.org@example.com", "bounce.#@example.com" },
	{ "bounce-bob-at-example.org@example.com", "bounce-#@example.com" },
	{ "bob.at.example.org.bounce@example.com", "#.bounce@example.com" },
	{ "bob#example.org@example.com", "#@example.com" },
	{ "bounce-bob=example.net@example.com",
	    "bounce-bob=example.net@example.com" },
	{ "bounce-bo=example.org@example.com",
	    "bounce-bo=example.org@example.com" },
	/* an extension */
	{ "alice+news@example.com", "alice@example.com" },
	{ "bounces+1234-ab12-bob=example.org@em.example.com",
	    "bounces@em.example.com" },
	{ "list-bounces+bob=example.org@lists.example.com",
	    "list-bounces@lists.example.com" },
	{ "bounce+9e1b2c.a3f-bob=example.org@mg.example.com",
	    "bounce@mg.example.com" },
	{ "john+caf_=bob=example.org@example.com", "john@example.com" },
	{ "a+b+c@example.com", "a@example.com" },
	/* digits */
	{ "user17@example.com", "user#@example.com" },
	{ "17@example.com", "#@example.com" },
	{ "bounce-1234567@example.com", "bounce-#@example.com" },
	{ "bounce-1234567-89@example.com", "bounce-#@example.com" },
	{ "newsletter.2026.11.21@example.com", "newsletter.#@example.com" },
	{ "return_20261121_4711_x@example.com", "return_#_x@example.com" },
	{ "v-abjnmg_lhkdcnk_hfjdm-12@example.com",
	    "v-abjnmg_lhkdcnk_hfjdm-#@example.com" },
	{ "bounce-mc.us1_12345.678-bob=example.org@mail1.example.com",
	    "bounce-mc.us#_#@mail1.example.com" },
	{ "m1a2@example.com", "m#a#@example.com" },
	{ "x2y@example.com", "x#y@example.com" },
	/* hex and other tags */
	{ "bounce-0a1b2c3d@example.com", "bounce-#@example.com" },
	{ "DEADBEEFCAFE.bounce@example.com", "#.bounce@example.com" },
	{ "0102018f3a2b4c5d-1b4e28ba-2fa1-11d2-883f-b9a761bde3fb-000000@"
	  "eu-west-1.amazonses.example",
	    "#@eu-west-1.amazonses.example" },
	{ "1b4e28ba-2fa1-11d2-883f-b9a761bde3fb@example.com", "#@example.com" },
	{ "{1b4e28ba-2fa1-11d2-883f-b9a761bde3fb}@example.com",
	    "{#}@example.com" },
	{ "bounces.a1b2.c3d4@example.com", "bounces.#@example.com" },
	{ "s-2jx8kd0z9q7w6e5r4t3y2u1@example.com", "s-#@example.com" },
	{ "msg.5f3kq8zv1pw7xn4bt9yh2@example.com", "msg.#@example.com" },
	{ "bounce_html-12_aef01@example.com", "bounce_html-#@example.com" },
	{ "a1b2c3@example.com", "#@example.com" },
	{ "x#1@example.com", "x##@example.com" },
	{ "x1abcdefabcdef@example.com", "x#abcdefabcdef@example.com" },
};

static const char recipient[] = "bob@example.org";

static struct grey_bytes
fold(struct grey_bytes sender, char buffer[GREY_FOLD_MAX])
{
	return grey_fold_sender(sender, grey_bytes_of(recipient), buffer);
}

static void
shapes_are_folded(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		char buffer[GREY_FOLD_MAX];
		const struct grey_bytes got =
		    fold(grey_bytes_of(shapes[i].sender), buffer);

		if (!grey_bytes_equal(got, grey_bytes_of(shapes[i].want)))
			fail_msg("'%s': got '%.*s', want '%s'",
			    shapes[i].sender, (int)got.size, got.data,
			    shapes[i].want);
	}
	assert_true(sizeof(shapes) / sizeof(shapes[0]) >= 60);
}

static void
assert_idempotent(struct grey_bytes sender)
{
	char once[GREY_FOLD_MAX], twice[GREY_FOLD_MAX];
	const struct grey_bytes first = fold(sender, once);
	const struct grey_bytes second = fold(first, twice);

	if (!grey_bytes_equal(first, second) || first.size > sender.size)
		fail_msg("'%.*s': '%.*s', again '%.*s'", (int)sender.size,
		    sender.data, (int)first.size, first.data, (int)second.size,
		    second.data);
}

static void
folding_again_changes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		assert_idempotent(grey_bytes_of(shapes[i].sender));
}

/* Pieces that mean something, and bytes, in any order. */
static void
anything_is_folded(void **state)
{
	static const char *const pieces[] = { "prvs=", "btv1==", "msprvs1=",
		"SRS0", "srs1", "=", "==", "+", "-", "/", "@", "#", ".", "_",
		"bob=example.org", "bob_at_example.org", "bob", "deadbeef",
		"0a1b", "12", "7", "abcdefabcdefab", "x", "zz", "\"", " ",
		"\x80", "\r\n" };
	const char *rounds = getenv("EXIGREY_FUZZ");
	const long count = rounds != NULL ? atol(rounds) : 200000;

	(void)state;
	srandom(7);
	for (long round = 0; round < count; round++) {
		char text[256];
		size_t size = 0;

		for (long n = random() % 12; n >= 0; n--) {
			const char *piece = pieces[(size_t)random() %
			    (sizeof(pieces) / sizeof(pieces[0]))];

			while (*piece != '\0')
				text[size++] = *piece++;
		}
		assert_idempotent((struct grey_bytes){ text, size });
	}
}

static void
long_ones_are_left_alone(void **state)
{
	char text[GREY_FOLD_MAX + 1], buffer[GREY_FOLD_MAX];

	(void)state;
	memset(text, '1', sizeof(text));
	assert_int_equal(fold((struct grey_bytes){ text, GREY_FOLD_MAX },
			     buffer)
			     .size,
	    1);
	assert_ptr_equal(fold((struct grey_bytes){ text, sizeof(text) }, buffer)
			     .data,
	    text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(shapes_are_folded),
		cmocka_unit_test(folding_again_changes_nothing),
		cmocka_unit_test(anything_is_folded),
		cmocka_unit_test(long_ones_are_left_alone) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
