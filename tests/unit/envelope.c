#include "test.h"

#include <limits.h>

#include "envelope.h"

#define CLIENT "192.0.2.7"
#define BOB    "bob@example.org"
#define HOST   " host=" CLIENT

static struct test_db test;
static struct grey_settings settings;
static struct grey_whitelist *whitelist; /* NULL: none */

static int
setup(void **state)
{
	(void)state;
	test_db_begin(&test);
	settings = grey_settings_default();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	test_db_end(&test);
	return 0;
}

/* What is answered at a time, as text: "yes new", "no passed 0". */
static const char *
ask_dry(int64_t now, bool dry, const char *client, const char *sender,
    const char *recipient)
{
	static char line[GREY_ANSWER_TEXT + 8];
	const struct grey_envelope envelope = { .client = grey_bytes_of(client),
		.sender = grey_bytes_of(sender),
		.recipients = grey_bytes_of(recipient),
		.name = { "", 0 },
		.now = now,
		.dry_run = dry };
	char text[GREY_ANSWER_TEXT];
	struct grey_answer answer;
	struct grey_error err;

	if (grey_envelope_check(&test.session, &test.path, &settings, whitelist,
		&envelope, &answer, &err) != GREY_OK) {
		(void)snprintf(line, sizeof(line), "error: %.300s", err.text);
		return line;
	}
	(void)snprintf(line, sizeof(line), "%s %s", answer.pass ? "no" : "yes",
	    grey_answer_text(&answer, text));
	return line;
}

static const char *
ask(int64_t now, const char *client, const char *sender, const char *recipient)
{
	return ask_dry(now, false, client, sender, recipient);
}

/* The record of an item as text, or "". */
static const char *
stored(const char *item)
{
	static char text[256];
	struct greydb *db = test_open(&test);
	struct greydb_value value = { NULL, 0 };

	text[0] = '\0';
	if (greydb_fetch(db, test_key(item), &value, NULL) == GREY_OK)
		(void)snprintf(text, sizeof(text), "%s", value.data);
	greydb_value_free(&value);
	test_close(db);
	return text;
}

static void
put(const char *item, const char *value)
{
	struct greydb *db = test_open(&test);

	assert_int_equal(greydb_store(db, test_key(item),
			     (struct grey_bytes){ value, strlen(value) + 1 },
			     NULL),
	    GREY_OK);
	test_close(db);
}

static void
mail_waits_and_passes(void **state)
{
	(void)state;
	assert_string_equal(ask(1000, CLIENT, "A@x.example", BOB), "yes new");
	assert_string_equal(stored("192.0.2.0/a@x.example/" BOB),
	    "1000 1000 0" HOST);
	assert_string_equal(ask(1013, "192.0.2.200", "a@X.example", BOB),
	    "yes early 287");
	assert_string_equal(ask(1299, CLIENT, "a@x.example", BOB),
	    "yes early 1");
	assert_string_equal(ask_dry(1300, true, CLIENT, "a@x.example", BOB),
	    "no passed 0");
	assert_string_equal(ask(1300, CLIENT, "a@x.example", BOB),
	    "no passed 0");
	assert_string_equal(ask(1301, CLIENT, "a@x.example", BOB),
	    "no passed 1");
	assert_string_equal(stored("192.0.2.0/a@x.example/" BOB),
	    "1000 1301 2" HOST);
	/* Another network, sender, recipient. */
	assert_string_equal(ask(1301, "192.0.3.7", "a@x.example", BOB),
	    "yes new");
	assert_string_equal(ask(1301, CLIENT, "b@x.example", BOB), "yes new");
	assert_string_equal(ask(1301, CLIENT, "a@x.example", "c@example.org"),
	    "yes new");
	/* IPv4 in IPv6. */
	assert_string_equal(ask(1302, "::ffff:192.0.2.9", "a@x.example", BOB),
	    "no passed 2");
}

static void
lifetimes_end(void **state)
{
	(void)state;
	assert_string_equal(ask(1000, CLIENT, "a@x", BOB), "yes new");
	assert_string_equal(ask_dry(1000 + 86399, true, CLIENT, "a@x", BOB),
	    "no passed 0");
	assert_string_equal(ask(1000 + 86400, CLIENT, "a@x", BOB), "yes new");
	assert_string_equal(ask(87700, CLIENT, "a@x", BOB), "no passed 0");
	assert_string_equal(ask_dry(87700 + 36 * 86400 - 1, true, CLIENT, "a@x",
				BOB),
	    "no passed 1");
	assert_string_equal(ask_dry(87700 + 36 * 86400, true, CLIENT, "a@x",
				BOB),
	    "yes new");
}

static void
keys_tell_apart(void **state)
{
	static const struct {
		const char *key, *item;
	} table[] = { { "triplet", "192.0.2.0/a@x/" BOB },
		{ "client", "192.0.2.0//" },
		{ "client-sender", "192.0.2.0/a@x/" },
		{ "sender-domain", "/@x/" },
		{ "sender-recipient", "/a@x/" BOB } };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char options[64];

		(void)snprintf(options, sizeof(options), "key=%s",
		    table[i].key);
		assert_int_equal(grey_settings_options(grey_bytes_of(options),
				     &settings, NULL),
		    GREY_OK);
		assert_string_equal(ask(1000, CLIENT, "a+1@x", BOB), "yes new");
		assert_string_equal(stored(table[i].item), "1000 1000 0" HOST);
	}
	settings = grey_settings_default();
	settings.fold_sender = settings.lower_case = false;
	settings.ipv4_prefix = 32;
	assert_string_equal(ask(1000, CLIENT, "A+1@x", BOB), "yes new");
	assert_string_equal(stored(CLIENT "/A+1@x/" BOB), "1000 1000 0" HOST);
}

static void
who_is_not_greylisted(void **state)
{
	(void)state;
	assert_string_equal(ask(1000, CLIENT, "", BOB), "no null sender");
	assert_string_equal(ask(1000, "", "a@x", BOB), "no local");
	assert_int_equal(test_files(&test, "seen"), 0);
	settings.greylist_null_sender = true;
	assert_string_equal(ask(1000, CLIENT, "", BOB), "yes new");
	assert_string_equal(stored("192.0.2.0//" BOB), "1000 1000 0" HOST);
	assert_string_equal(ask(1000, "unknown", "a@x", BOB),
	    "error: CLIENT 'unknown' is no IP address");
}

/* Lets a sender of the network pass for the first time, at a time. */
static void
first_pass(int64_t now, int sender)
{
	char address[32];

	(void)snprintf(address, sizeof(address), "%c@x", 'a' + sender);
	assert_string_equal(ask(now - 300, CLIENT, address, BOB), "yes new");
	assert_string_equal(ask(now, CLIENT, address, BOB), "no passed 0");
}

static void
a_client_earns_trust(void **state)
{
	static const char network[] = "192.0.2.0%2F24";

	(void)state;
	first_pass(10000, 0);
	assert_string_equal(stored(network), "10000 10000 1 credit");
	/* Not within the hour, not for the same mail. */
	first_pass(13599, 1);
	assert_string_equal(ask(13700, CLIENT, "a@x", BOB), "no passed 1");
	assert_string_equal(stored(network), "10000 10000 1 credit");
	first_pass(13900, 2);
	first_pass(17500, 3);
	first_pass(21100, 4);
	assert_string_equal(stored(network), "10000 21100 4 credit");
	assert_string_equal(ask(24000, CLIENT, "n@x", BOB), "yes new");
	assert_string_equal(ask(24000, CLIENT, "f@x", BOB), "yes new");
	assert_string_equal(ask(24700, CLIENT, "f@x", BOB), "no passed 0");
	assert_string_equal(stored(network), "10000 24700 5 auto");
	assert_string_equal(ask_dry(24701, true, CLIENT, "n@x", BOB),
	    "no auto");
	assert_string_equal(ask(24701, "192.0.2.99", "new@y", BOB), "no auto");
	assert_string_equal(stored(network), "10000 24701 6 auto");
	assert_string_equal(stored("192.0.2.0/new@y/" BOB), "");
	assert_string_equal(ask(24701, "192.0.3.1", "n@x", BOB), "yes new");
	/* Unused, it is forgotten. */
	assert_string_equal(ask(24701 + 36 * 86400, CLIENT, "o@x", BOB),
	    "yes new");
}

static void
trust_may_be_off_or_quick(void **state)
{
	(void)state;
	settings.autowhitelist = 0;
	first_pass(10000, 0);
	assert_string_equal(stored("192.0.2.0%2F24"), "");
	settings.autowhitelist = 1;
	first_pass(10000, 1);
	assert_string_equal(stored("192.0.2.0%2F24"), "10000 10000 1 auto");
	assert_string_equal(ask(10001, CLIENT, "new@x", BOB), "no auto");
}

static void
records_of_clients_decide(void **state)
{
	(void)state;
	put("192.0.2.0%2F24", "1000 1000 3 keep");
	assert_string_equal(ask(2000, CLIENT, "a@x", BOB), "no keep");
	assert_string_equal(stored("192.0.2.0%2F24"), "1000 2000 4 keep");
	/* The address before its network. */
	put(CLIENT, "1000 1000 3 auto");
	assert_string_equal(ask(2000, CLIENT, "a@x", BOB), "no auto");
	assert_string_equal(stored("192.0.2.0%2F24"), "1000 2000 4 keep");
	/* Other records say nothing. */
	put("192.0.2.0%2F24", "1000 1000 9");
	put("192.0.2.9", "1000 1000 9 note=x");
	assert_string_equal(ask(2000, "192.0.2.9", "a@x", BOB), "yes new");
	/* No credit over a record of another kind. */
	assert_string_equal(ask(2300, "192.0.2.9", "a@x", BOB), "no passed 0");
	assert_string_equal(stored("192.0.2.0%2F24"), "1000 1000 9");
	put("192.0.2.0/k@x/" BOB, "1000 1000 0 keep");
	assert_string_equal(ask(1001, "192.0.2.9", "k@x", BOB), "no keep");
}

#define TRAP "1000 1000 0 trap expires=5000 note=x"

static void
a_trapped_client_is_deferred(void **state)
{
	static const char mail[] = "192.0.2.0/a@x/" BOB;

	(void)state;
	first_pass(1500, 0);
	put(CLIENT, TRAP);
	assert_string_equal(ask(2000, CLIENT, "a@x", BOB), "yes trapped");
	assert_string_equal(ask(2000, "::ffff:" CLIENT, "a@x", BOB),
	    "yes trapped");
	assert_string_equal(ask(2000, CLIENT, "new@x", BOB), "yes trapped");
	assert_string_equal(ask(2000, CLIENT, "", BOB), "yes trapped");
	assert_string_equal(ask_dry(4999, true, CLIENT, "a@x", BOB),
	    "yes trapped");
	/* That changes nothing. */
	assert_string_equal(stored(CLIENT), TRAP);
	assert_string_equal(stored(mail), "1200 1500 1 host=" CLIENT);
	assert_string_equal(stored("192.0.2.0/new@x/" BOB), "");
	/* Its neighbours are none of it. */
	assert_string_equal(ask(2000, "192.0.2.8", "a@x", BOB), "no passed 1");
	/* Then it is as before. */
	assert_string_equal(ask(5000, CLIENT, "a@x", BOB), "no passed 2");
	assert_string_equal(ask(5000, CLIENT, "new@x", BOB), "yes new");
	assert_string_equal(ask(5000, CLIENT, "", BOB), "no null sender");
	assert_string_equal(stored(CLIENT), TRAP);
	/* IPv6, and one that was trapped without an end. */
	put("2001:db8::7", "5000 5000 0 trap");
	assert_string_equal(ask(5001, "2001:db8::7", "a@x", BOB),
	    "yes trapped");
	assert_string_equal(ask(5001, "2001:db8::8", "a@x", BOB), "yes new");
	assert_string_equal(ask(5000 + 86400, "2001:db8::7", "b@x", BOB),
	    "yes new");
}

static void
who_is_stronger_than_a_trap(void **state)
{
	(void)state;
	/* What the network has earned is not, before and after. */
	put("192.0.2.0%2F24", "1000 1000 9 auto");
	put(CLIENT, TRAP);
	assert_string_equal(ask(2000, CLIENT, "a@x", BOB), "yes trapped");
	assert_string_equal(ask(2000, "192.0.2.8", "a@x", BOB), "no auto");
	assert_string_equal(ask(5000, CLIENT, "a@x", BOB), "no auto");
	/* keep is, of either. */
	put("192.0.2.0%2F24", "1000 1000 9 keep");
	assert_string_equal(ask(2000, CLIENT, "a@x", BOB), "no keep");
	assert_string_equal(stored("192.0.2.0%2F24"), "1000 2000 10 keep");
	assert_string_equal(stored(CLIENT), TRAP);
	put("192.0.2.0%2F24", "1000 1000 9");
	put(CLIENT, "1000 1000 0 keep trap expires=5000");
	assert_string_equal(ask(2000, CLIENT, "a@x", BOB), "no keep");
	/* A network may be trapped, and its host have earned trust. */
	put("192.0.3.0%2F24", TRAP);
	put("192.0.3.9", "1000 1000 1 auto");
	assert_string_equal(ask(2000, "192.0.3.8", "a@x", BOB), "yes trapped");
	assert_string_equal(ask(2000, "192.0.3.9", "a@x", BOB), "no auto");
}

static void
a_trapped_client_earns_nothing(void **state)
{
	static const char trap[] = "1000 1000 0 trap expires=90000";

	(void)state;
	settings.autowhitelist = 1;
	settings.ipv4_prefix = 32;
	assert_string_equal(ask(2000, CLIENT, "a@x", BOB), "yes new");
	put(CLIENT, trap);
	assert_string_equal(ask(2300, CLIENT, "a@x", BOB), "yes trapped");
	assert_string_equal(stored(CLIENT), trap);
	assert_string_equal(ask(90000, CLIENT, "b@x", BOB), "yes new");
	assert_string_equal(ask(90300, CLIENT, "b@x", BOB), "no passed 0");
	assert_string_equal(stored(CLIENT), "90300 90300 1 auto");
}

static size_t
stored_size(const char *item)
{
	struct greydb *db = test_open(&test);
	struct greydb_value value = { NULL, 0 };
	size_t size;

	assert_int_equal(greydb_fetch(db, test_key(item), &value, NULL),
	    GREY_OK);
	size = value.size;
	greydb_value_free(&value);
	test_close(db);
	return size;
}

/* The client that mail came from last; its length changes no size. */
static void
the_client_is_noted(void **state)
{
	static const char item[] = "192.0.2.0/a@x/" BOB;
	static const char v6[] = "2001:db8:1:2::/a@x/" BOB;

	(void)state;
	assert_string_equal(ask(1000, "192.0.2.1", "a@x", BOB), "yes new");
	assert_string_equal(stored(item), "1000 1000 0 host=192.0.2.1");
	assert_int_equal(stored_size(item), 64);
	/* Also by who comes too early. */
	assert_string_equal(ask(1001, "192.0.2.222", "a@x", BOB),
	    "yes early 299");
	assert_string_equal(stored(item), "1000 1000 0 host=192.0.2.222");
	assert_string_equal(ask_dry(1300, true, CLIENT, "a@x", BOB),
	    "no passed 0");
	assert_string_equal(stored(item), "1000 1000 0 host=192.0.2.222");
	assert_string_equal(ask(1300, CLIENT, "a@x", BOB), "no passed 0");
	assert_string_equal(stored(item), "1000 1300 1 host=" CLIENT);
	assert_int_equal(stored_size(item), 64);
	assert_string_equal(ask(1000, "2001:db8:1:2::1", "a@x", BOB),
	    "yes new");
	assert_string_equal(stored(v6), "1000 1000 0 host=2001:db8:1:2::1");
	assert_int_equal(stored_size(v6), 96);
	assert_string_equal(ask(1001, "2001:db8:1:2:3333:4444:5555:6666", "a@x",
				BOB),
	    "yes early 299");
	assert_string_equal(stored(v6),
	    "1000 1000 0 host=2001:db8:1:2:3333:4444:5555:6666");
	assert_int_equal(stored_size(v6), 96);
	/* Other flags stay; a record from before gets it. */
	put(item, "1000 1300 1 note=x");
	assert_string_equal(ask(1400, CLIENT, "a@x", BOB), "no passed 1");
	assert_string_equal(stored(item), "1000 1400 2 note=x host=" CLIENT);
}

static void
of_several_the_slowest_decides(void **state)
{
	(void)state;
	assert_string_equal(ask(1000, CLIENT, "a@x", "b@y"), "yes new");
	assert_string_equal(ask(1300, CLIENT, "a@x", "b@y"), "no passed 0");
	assert_string_equal(ask(1300, CLIENT, "a@x", "b@y, c@y\nd@y"),
	    "yes new");
	assert_string_equal(stored("192.0.2.0/a@x/b@y"), "1000 1300 2" HOST);
	assert_string_equal(stored("192.0.2.0/a@x/c@y"), "1300 1300 0" HOST);
	assert_string_equal(stored("192.0.2.0/a@x/d@y"), "1300 1300 0" HOST);
	assert_string_equal(ask(1400, CLIENT, "a@x", "e@y"), "yes new");
	assert_string_equal(ask_dry(1600, true, CLIENT, "a@x",
				"b@y,c@y,e@y,d@y"),
	    "yes early 100");
	assert_string_equal(ask(1700, CLIENT, "a@x", "c@y, d@y, e@y, b@y"),
	    "no passed 0");
	/* One credit for all of them. */
	assert_string_equal(stored("192.0.2.0%2F24"), "1300 1300 1 credit");
	/* A comma of a local part is none of the list. */
	assert_string_equal(ask(1000, CLIENT, "a@x", "p,q@y"), "yes new");
	assert_string_equal(stored("192.0.2.0/a@x/p,q@y"), "1000 1000 0" HOST);
	assert_string_equal(ask(1000, CLIENT, "z@x", ""), "yes new");
	assert_string_equal(stored("192.0.2.0/z@x/"), "1000 1000 0" HOST);
}

static void
limits_and_damage(void **state)
{
	(void)state;
	settings.policy.max_records = 1;
	assert_string_equal(ask(1000, CLIENT, "a@x", BOB), "yes new");
	assert_non_null(
	    strstr(ask(1000, CLIENT, "b@x", BOB), "max_records is 1"));
	/* No room for a credit is no failure. */
	assert_string_equal(ask(1300, CLIENT, "a@x", BOB), "no passed 0");
	assert_string_equal(stored("192.0.2.0%2F24"), "");
	settings.policy.max_records = 0;
	put("192.0.2.0%2F24", "broken");
	assert_string_equal(ask(1301, CLIENT, "a@x", BOB), "no passed 1");
	assert_non_null(strstr(test.log, "does not parse"));
	settings.policy.grey = 300;
	assert_non_null(strstr(ask(1000, CLIENT, "c@x", BOB), "delay"));
}

static void
a_dry_run_changes_nothing(void **state)
{
	(void)state;
	assert_string_equal(ask_dry(1000, true, CLIENT, "a@x", BOB), "yes new");
	assert_int_equal(test_files(&test, "seen"), 0);
	put("192.0.2.0%2F24", "1000 1000 5 auto");
	assert_string_equal(ask_dry(2000, true, CLIENT, "a@x", BOB), "no auto");
	assert_string_equal(stored("192.0.2.0%2F24"), "1000 1000 5 auto");
}

/* Where the database is, by settings and spool. */
static void
paths_are_resolved(void **state)
{
	static const struct {
		const char *options, *spool, *want;
	} table[] = { { "", "/spool", "/spool/grey/greylist" },
		{ "", NULL, "/var/lib/exigrey/greylist" },
		{ "db=x", "/spool", "/spool/grey/x" },
		{ "db=/a/b", "/spool", "/a/b" }, { "db=/a/b", NULL, "/a/b" },
		{ "directory=/d", "/spool", "/d/greylist" },
		{ "directory=/d db=/a/b", "/spool", "/a/b" },
		{ "directory=/d db=x", NULL, "/d/x" },
		{ "db=../x", "/spool", NULL },
		{ "db=../x directory=/d", "/spool", NULL },
		{ "directory=/d db=bdb:x", "/spool", "/d/x" },
		{ "db=bdb:x", NULL, "/var/lib/exigrey/x" },
		{ "db=x.lock", NULL, NULL } };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char got[PATH_MAX + 256];
		struct grey_dbpath path;

		settings = grey_settings_default();
		assert_int_equal(grey_settings_options(grey_bytes_of(
							   table[i].options),
				     &settings, NULL),
		    GREY_OK);
		if (grey_settings_path(&settings, table[i].spool, &path,
			NULL) != GREY_OK) {
			assert_null(table[i].want);
			continue;
		}
		(void)snprintf(got, sizeof(got), "%s/%s", path.directory,
		    path.file);
		assert_non_null(table[i].want);
		assert_string_equal(got, table[i].want);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(mail_waits_and_passes),
		TEST(lifetimes_end), TEST(keys_tell_apart),
		TEST(who_is_not_greylisted), TEST(a_client_earns_trust),
		TEST(trust_may_be_off_or_quick),
		TEST(records_of_clients_decide),
		TEST(a_trapped_client_is_deferred),
		TEST(who_is_stronger_than_a_trap),
		TEST(a_trapped_client_earns_nothing), TEST(the_client_is_noted),
		TEST(of_several_the_slowest_decides), TEST(limits_and_damage),
		TEST(a_dry_run_changes_nothing), TEST(paths_are_resolved) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
