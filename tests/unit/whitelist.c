#include "test.h"

#include "network.h"
#include "whitelist.h"

static struct test_db test;
static struct grey_settings settings;
static struct grey_whitelist whitelist;
static char said[4096];

static int
setup(void **state)
{
	(void)state;
	test_db_begin(&test);
	settings = grey_settings_default();
	whitelist =
	    (struct grey_whitelist){ .files = { { .was_read = false } } };
	said[0] = '\0';
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	grey_whitelist_free(&whitelist);
	test_db_end(&test);
	return 0;
}

static void
hear(void *arg, const char *text)
{
	(void)arg;
	text += strlen(test.directory) + 1;
	(void)snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n",
	    text);
}

/* Makes a file and says so to the setting. */
static void
write_list(char setting[GREY_SETTING_TEXT], const char *name, const char *text)
{
	FILE *to;

	(void)snprintf(setting, GREY_SETTING_TEXT, "%s/%s", test.directory,
	    name);
	to = fopen(setting, "w");
	assert_non_null(to);
	assert_true(fputs(text, to) >= 0);
	assert_int_equal(fclose(to), 0);
}

static enum grey_status
read_lists(struct grey_error *err)
{
	return grey_whitelist_read(&whitelist, &settings, hear, NULL, err);
}

static struct grey_network
address_of(const char *text)
{
	struct grey_network address;

	assert_true(grey_address_parse(grey_bytes_of(text), &address));
	return address;
}

static int
client(const char *address, const char *name)
{
	const struct grey_network network = address_of(address);
	struct grey_listed listed;

	return grey_whitelist_client(&whitelist, &network, grey_bytes_of(name),
		   &listed) ?
	    listed.line :
	    0;
}

static void
clients_are_found(void **state)
{
	struct grey_error err;

	(void)state;
	write_list(settings.clients, "clients",
	    "# a comment\n"
	    "192.0.2.0/24\n"
	    "  192.0.2.128/25\t# smaller\n"
	    "\n"
	    "192.0.2.129\n"
	    "2001:DB8::/32\r\n"
	    "Mail.Example.COM\n"
	    ".example.net\n"
	    "/^mx\\d+\\.pool\\.example\\.org$/\n"
	    "10.0.0.0/8");
	if (read_lists(&err) != GREY_OK)
		fail_msg("%s", err.text);
	assert_int_equal(client("192.0.2.1", ""), 2);
	assert_int_equal(client("192.0.2.200", ""), 3);
	assert_int_equal(client("192.0.2.129", ""), 5);
	assert_int_equal(client("::ffff:192.0.2.129", ""), 5);
	assert_int_equal(client("192.0.3.1", ""), 0);
	assert_int_equal(client("2001:db8:ffff::1", ""), 6);
	assert_int_equal(client("2001:db9::1", ""), 0);
	assert_int_equal(client("10.255.255.255", ""), 10);
	assert_int_equal(client("9.9.9.9", "mail.example.com"), 7);
	assert_int_equal(client("9.9.9.9", "a.mail.example.com"), 7);
	assert_int_equal(client("9.9.9.9", "xmail.example.com"), 0);
	assert_int_equal(client("9.9.9.9", "example.com"), 0);
	assert_int_equal(client("9.9.9.9", "example.net"), 0);
	assert_int_equal(client("9.9.9.9", "a.b.example.net"), 8);
	assert_int_equal(client("9.9.9.9", "mx17.pool.example.org"), 9);
	assert_int_equal(client("9.9.9.9", "mx.pool.example.org"), 0);
	assert_int_equal(client("9.9.9.9", ""), 0);
}

static int
sender(const char *address)
{
	struct grey_listed listed;

	return grey_whitelist_sender(&whitelist, grey_bytes_of(address),
		   &listed) ?
	    listed.line :
	    0;
}

static void
senders_are_found(void **state)
{
	struct grey_error err;

	(void)state;
	write_list(settings.senders, "senders",
	    "alice@example.com\nexample.net\n.example.org\n@only.example\n"
	    "root@\n/\\+lists@/\nbad.example\n");
	assert_int_equal(read_lists(&err), GREY_OK);
	assert_int_equal(sender("alice@example.com"), 1);
	assert_int_equal(sender("malice@example.com"), 0);
	assert_int_equal(sender("x@example.net"), 2);
	assert_int_equal(sender("x@a.example.net"), 2);
	assert_int_equal(sender("x@notexample.net"), 0);
	assert_int_equal(sender("x@example.org"), 0);
	assert_int_equal(sender("x@a.example.org"), 3);
	assert_int_equal(sender("x@only.example"), 4);
	assert_int_equal(sender("x@a.only.example"), 0);
	assert_int_equal(sender("root@anywhere.example"), 5);
	assert_int_equal(sender("x+lists@anywhere.example"), 6);
	assert_int_equal(sender("x@y@bad.example"), 7);
	assert_int_equal(sender("bad.example@good.example"), 0);
	assert_int_equal(sender(""), 0);
	assert_int_equal(sender("@"), 0);
}

static void
recipients_and_keys_are_found(void **state)
{
	const struct grey_network address = address_of("198.51.100.9");
	const struct {
		const char *sender, *recipient;
		int list, line;
	} table[] = { { "a@x", "postmaster@example.org", GREY_LIST_RECIPIENTS,
			  1 },
		{ "a@x", "b@example.org", -1, 0 },
		{ "a@x.example", "b@example.org", GREY_LIST_KEYS, 3 },
		{ "a@y.example", "news@example.org", GREY_LIST_KEYS, 1 } };
	struct grey_error err;

	(void)state;
	write_list(settings.recipients, "recipients", "postmaster@\n");
	write_list(settings.keys, "keys",
	    "/NEWS@example\\.org$\n# Postfix's greylist.pl has such lines\n"
	    "^198\\.51\\.100\\.\\d+/.*@x\\.example/\n");
	if (read_lists(&err) != GREY_OK)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct grey_listed listed = { .line = 0 };
		const bool found = grey_whitelist_recipient(&whitelist,
		    &address, grey_bytes_of(table[i].sender),
		    grey_bytes_of(table[i].recipient), &listed);

		assert_int_equal(found, table[i].list != -1);
		if (!found)
			continue;
		assert_int_equal(listed.list, table[i].list);
		assert_int_equal(listed.line, table[i].line);
	}
}

static void
mistakes_have_their_line(void **state)
{
	struct grey_error err;

	(void)state;
	write_list(settings.clients, "clients",
	    "192.0.2.0/33\n192.0.2.1\n1.2.3\n/(/\nname with space\n::1::2\n");
	assert_int_equal(read_lists(&err), GREY_INVALID);
	assert_string_equal(said,
	    "clients:1: '192.0.2.0/33' is no address, network or name\n"
	    "clients:3: '1.2.3' is no address, network or name\n"
	    "clients:4: byte 2: missing closing parenthesis\n"
	    "clients:5: 'name with space' is no name or address; an "
	    "expression stands between two /\n"
	    "clients:6: '::1::2' is no address, network or name\n");
	assert_non_null(strstr(err.text, "clients:1: "));
	/* It stays so until the file changes. */
	assert_int_equal(read_lists(&err), GREY_INVALID);
	write_list(settings.clients, "clients", "192.0.2.1\n");
	assert_int_equal(read_lists(&err), GREY_OK);
	assert_int_equal(client("192.0.2.1", ""), 1);
	/* No file, no list. */
	(void)snprintf(settings.clients, sizeof(settings.clients), "%s/none",
	    test.directory);
	assert_int_equal(read_lists(&err), GREY_FAILED);
	assert_non_null(strstr(err.text, "cannot open whitelist"));
	settings.clients[0] = '\0';
	assert_int_equal(read_lists(&err), GREY_OK);
	assert_int_equal(client("192.0.2.1", ""), 0);
}

/* Against looking at each network in turn. */
static void
many_networks_are_searched_right(void **state)
{
	struct grey_netlist list = { .entries = NULL };
	struct grey_network networks[300];

	(void)state;
	srandom(5);
	for (int i = 0; i < 300; i++) {
		struct grey_network address = { .ipv4 = random() % 2 == 0 };

		for (int j = 0; j < (address.ipv4 ? 4 : 16); j++)
			address.bytes[j] = (uint8_t)(random() % 4);
		address.prefix = address.ipv4 ? 32 : 128;
		networks[i] =
		    grey_network_of(&address, (unsigned int)(random() % 33),
			(unsigned int)(random() % 129));
		assert_int_equal(grey_netlist_add(&list, &networks[i], i + 1,
				     NULL),
		    GREY_OK);
	}
	grey_netlist_sort(&list);
	for (int i = 0; i < 20000; i++) {
		struct grey_network address = { .ipv4 = random() % 2 == 0 };
		unsigned int best = 0;
		bool holds = false;
		int line;

		for (int j = 0; j < (address.ipv4 ? 4 : 16); j++)
			address.bytes[j] = (uint8_t)(random() % 4);
		address.prefix = address.ipv4 ? 32 : 128;
		for (int j = 0; j < 300; j++)
			if (grey_network_holds(&networks[j], &address) &&
			    networks[j].prefix >= best) {
				best = networks[j].prefix;
				holds = true;
			}
		line = grey_netlist_find(&list, &address);
		if ((line != 0) != holds ||
		    (holds && networks[line - 1].prefix != best))
			fail_msg("address %d: line %d", i, line);
	}
	grey_netlist_free(&list);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(clients_are_found),
		TEST(senders_are_found), TEST(recipients_and_keys_are_found),
		TEST(mistakes_have_their_line),
		TEST(many_networks_are_searched_right) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
