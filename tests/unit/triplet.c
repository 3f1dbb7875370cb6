#include "test.h"

#include "network.h"
#include "triplet.h"

/* An address, prefixes, and the client's part of an item; NULL: no address. */
static void
networks_are_masked(void **state)
{
	static const struct {
		const char *address;
		unsigned int ipv4, ipv6;
		const char *client, *item;
	} table[] = {
		{ "192.0.2.17", 24, 64, "192.0.2.0", "192.0.2.0%2F24" },
		{ "192.0.2.17", 32, 64, "192.0.2.17", "192.0.2.17" },
		{ "192.0.2.17", 0, 64, "0.0.0.0", "0.0.0.0%2F0" },
		{ "192.0.2.255", 25, 64, "192.0.2.128", "192.0.2.128%2F25" },
		{ "2001:db8:1:2:3:4:5:6", 24, 64,
		    "2001:db8:1:2::", "2001:db8:1:2::%2F64" },
		{ "2001:0DB8:0001:0002:0000:0000:0000:0001", 24, 128,
		    "2001:db8:1:2::1", "2001:db8:1:2::1" },
		{ "2001:db8::ffff", 24, 127, "2001:db8::fffe",
		    "2001:db8::fffe%2F127" },
		{ "::ffff:192.0.2.17", 24, 64, "192.0.2.0", "192.0.2.0%2F24" },
		{ "::FFFF:c000:211", 24, 64, "192.0.2.0", "192.0.2.0%2F24" },
		{ "::1", 24, 64, "::", "::%2F64" },
		{ "[192.0.2.1]", 32, 64, "192.0.2.1", "192.0.2.1" },
		{ "fe80::1%eth0", 32, 128, "fe80::1", "fe80::1" },
		{ "", 24, 64, NULL, NULL },
		{ "[]", 24, 64, NULL, NULL },
		{ "192.0.2", 24, 64, NULL, NULL },
		{ "192.0.2.1/24", 24, 64, NULL, NULL },
		{ "192.0.2.256", 24, 64, NULL, NULL },
		{ "unknown", 24, 64, NULL, NULL },
		{ "1:2:3:4:5:6:7:8:9", 24, 64, NULL, NULL },
		{ " 192.0.2.1", 24, 64, NULL, NULL },
		{ "0000000000000000000000000000000000000000000000000000::1", 24,
		    64, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char text[GREY_NETWORK_TEXT];
		struct grey_network address, network;

		if (!grey_address_parse(grey_bytes_of(table[i].address),
			&address)) {
			if (table[i].client != NULL)
				fail_msg("'%s' is refused", table[i].address);
			continue;
		}
		if (table[i].client == NULL)
			fail_msg("'%s' is taken", table[i].address);
		network =
		    grey_network_of(&address, table[i].ipv4, table[i].ipv6);
		assert_string_equal(grey_address_text(&network, text),
		    table[i].client);
		assert_string_equal(grey_network_item(&network, text),
		    table[i].item);
		assert_true(grey_network_holds(&network, &address));
	}
}

static void
networks_hold_addresses(void **state)
{
	static const struct {
		const char *network, *address;
		bool parses, holds;
	} table[] = {
		{ "192.0.2.0/24", "192.0.2.255", true, true },
		{ "192.0.2.77/24", "192.0.2.1", true, true },
		{ "192.0.2.0/24", "192.0.3.0", true, false },
		{ "192.0.2.1", "192.0.2.1", true, true },
		{ "192.0.2.1", "192.0.2.2", true, false },
		{ "0.0.0.0/0", "255.255.255.255", true, true },
		{ "0.0.0.0/0", "::1", true, false },
		{ "::/0", "192.0.2.1", true, false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true, true },
		{ "2001:db8::/33", "2001:db8:8000::1", true, false },
		{ "::ffff:192.0.2.0/120", "192.0.2.9", true, true },
		{ "192.0.2.0/24", "::ffff:192.0.2.9", true, true },
		{ "192.0.2.0/33", "192.0.2.0", false, false },
		{ "192.0.2.0/", "192.0.2.0", false, false },
		{ "192.0.2.0/x", "192.0.2.0", false, false },
		{ "192.0.2.0/-1", "192.0.2.0", false, false },
		{ "2001:db8::/129", "::", false, false },
		{ "::ffff:192.0.2.0/24", "192.0.2.0", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct grey_network network, address;
		const bool parses =
		    grey_network_parse(grey_bytes_of(table[i].network),
			&network);

		assert_true(grey_address_parse(grey_bytes_of(table[i].address),
		    &address));
		if (parses != table[i].parses ||
		    (parses &&
			grey_network_holds(&network, &address) !=
			    table[i].holds))
			fail_msg("%s and %s", table[i].network,
			    table[i].address);
	}
}

static void
items_have_their_form(void **state)
{
	static const struct {
		enum grey_triplet_kind kind;
		const char *client, *sender, *recipient, *want;
	} table[] = {
		{ GREY_KEY_TRIPLET, "192.0.2.0", "a@x", "b@y",
		    "192.0.2.0/a@x/b@y" },
		{ GREY_KEY_TRIPLET, "192.0.2.0", "", "b@y", "192.0.2.0//b@y" },
		{ GREY_KEY_CLIENT, "192.0.2.0", "a@x", "b@y", "192.0.2.0//" },
		{ GREY_KEY_CLIENT_SENDER, "::", "a@x", "b@y", "::/a@x/" },
		{ GREY_KEY_SENDER_DOMAIN, "::", "a@x", "b@y", "/@x/" },
		{ GREY_KEY_SENDER_DOMAIN, "::", "a@b@x", "b@y", "/@x/" },
		{ GREY_KEY_SENDER_DOMAIN, "::", "", "b@y", "/@/" },
		{ GREY_KEY_SENDER_RECIPIENT, "::", "a@x", "b@y", "/a@x/b@y" },
		{ GREY_KEY_TRIPLET, "::", "a/b@x", "50%@y",
		    "::/a%2Fb@x/50%25@y" },
		{ GREY_KEY_TRIPLET, "::", "a b\n@x", "\x7f\xc3\xbc@y",
		    "::/a%20b%0A@x/%7F%C3%BC@y" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct grey_triplet triplet = { grey_bytes_of(
							  table[i].client),
			grey_bytes_of(table[i].sender),
			grey_bytes_of(table[i].recipient) };
		char buffer[128];
		struct grey_bytes item;
		struct grey_error err;

		if (grey_triplet_item(table[i].kind, &triplet, buffer,
			sizeof(buffer), &item, &err) != GREY_OK)
			fail_msg("%s", err.text);
		if (!grey_bytes_equal(item, grey_bytes_of(table[i].want)))
			fail_msg("got '%.*s', want '%s'", (int)item.size,
			    item.data, table[i].want);
		assert_true(grey_is_triplet(item));
		assert_int_equal(grey_triplet_item(table[i].kind, &triplet,
				     buffer, item.size - 1, &item, &err),
		    GREY_INVALID);
	}
}

/* Whatever the parts are, they come back, and no two share an item. */
static void
items_split_back(void **state)
{
	static const char bytes[] = "/%@a0\x01\x20\x7f\xff.=";

	(void)state;
	srandom(3);
	for (int round = 0; round < 100000; round++) {
		char parts[3][8], buffer[128], back[128];
		struct grey_triplet triplet, split;
		struct grey_bytes part[3], item;

		for (int i = 0; i < 3; i++) {
			part[i] = (struct grey_bytes){ parts[i],
				(size_t)random() % 8 };
			for (size_t j = 0; j < part[i].size; j++)
				parts[i][j] = bytes[(size_t)random() %
				    (sizeof(bytes) - 1)];
		}
		triplet = (struct grey_triplet){ part[0], part[1], part[2] };
		assert_int_equal(grey_triplet_item(GREY_KEY_TRIPLET, &triplet,
				     buffer, sizeof(buffer), &item, NULL),
		    GREY_OK);
		assert_true(grey_triplet_split(item, back, &split));
		assert_true(grey_bytes_equal(split.client, part[0]));
		assert_true(grey_bytes_equal(split.sender, part[1]));
		assert_true(grey_bytes_equal(split.recipient, part[2]));
	}
}

static void
other_items_do_not_split(void **state)
{
	static const char *const items[] = { "", "192.0.2.1", "192.0.2.0%2F24",
		"a/b", "a/b/c/d", "a/%/b", "a/%2/b", "a/%2f/b", "a/%41/b",
		"a/b c/d", "a/\x80/b", "a/%ZZ/b" };

	(void)state;
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		char buffer[64];
		struct grey_triplet triplet;

		if (grey_triplet_split(grey_bytes_of(items[i]), buffer,
			&triplet))
			fail_msg("'%s' splits", items[i]);
	}
}

static void
the_host_is_read(void **state)
{
	static const struct {
		const char *flags, *want; /* NULL: none */
	} table[] = { { "host=192.0.2.7", "192.0.2.7" },
		{ "note=x host=2001:db8::7 y", "2001:db8::7" },
		{ "host=::ffff:192.0.2.7", "192.0.2.7" }, { "", NULL },
		{ "host", NULL }, { "host=", NULL }, { "host=x", NULL },
		{ "hosts=192.0.2.7", NULL }, { "host=192.0.2.0/24", NULL } };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct grey_record record = { .flags = grey_bytes_of(
							table[i].flags) };
		char text[GREY_ADDRESS_TEXT];
		struct grey_network address;

		if (grey_triplet_host(&record, &address) !=
		    (table[i].want != NULL))
			fail_msg("'%s'", table[i].flags);
		if (table[i].want != NULL)
			assert_string_equal(grey_address_text(&address, text),
			    table[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
						networks_are_masked),
		cmocka_unit_test(networks_hold_addresses),
		cmocka_unit_test(items_have_their_form),
		cmocka_unit_test(the_host_is_read),
		cmocka_unit_test(items_split_back),
		cmocka_unit_test(other_items_do_not_split) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
