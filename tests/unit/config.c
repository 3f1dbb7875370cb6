#include "test.h"

#include "config.h"

static struct test_db test;
static char file[96];
static char said[4096];

static void
hear(void *arg, const char *text)
{
	const size_t skip = strlen(file) + 1;

	(void)arg;
	if (strncmp(text, file, skip - 1) == 0)
		text += skip;
	(void)snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n",
	    text);
}

static int
setup(void **state)
{
	(void)state;
	test_db_begin(&test);
	(void)snprintf(file, sizeof(file), "%s/exigrey.conf", test.directory);
	said[0] = '\0';
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	test_db_end(&test);
	return 0;
}

static void
write_file(const char *text)
{
	FILE *to = fopen(file, "w");

	assert_non_null(to);
	assert_true(fputs(text, to) >= 0);
	assert_int_equal(fclose(to), 0);
}

static enum grey_status
read_it(struct grey_config *config, struct grey_error *err)
{
	return grey_config_read(config, file, hear, NULL, err);
}

static void
without_a_file_there_are_defaults(void **state)
{
	struct grey_config config = { .exists = true };
	struct grey_error err;

	(void)state;
	assert_int_equal(read_it(&config, &err), GREY_OK);
	assert_false(config.exists);
	assert_int_equal(config.settings.policy.delay, 300);
	assert_int_equal(config.settings.policy.grey, 86400);
	assert_int_equal(config.settings.policy.passed, 36 * 86400);
	assert_int_equal(config.settings.policy.timeout, 5);
	assert_int_equal(config.settings.ipv4_prefix, 24);
	assert_int_equal(config.settings.ipv6_prefix, 64);
	assert_int_equal(config.settings.autowhitelist, 5);
	assert_true(config.settings.fold_sender);
	assert_true(config.settings.lower_case);
	assert_false(config.settings.greylist_null_sender);
	assert_false(config.settings.observe);
	assert_string_equal(config.settings.db, "greylist");
	assert_int_equal(config.settings.trap.expire, 86400);
	assert_int_equal(config.settings.trap.suspect_tuples, 5);
	assert_int_equal(config.settings.trap.max_domains, 3);
	assert_int_equal(config.settings.trap.max_senders_ratio, 750000);
	assert_string_equal(config.settings.trap.trap_recipients, "");
	assert_string_equal(config.settings.trap.checker, "");
	assert_int_equal(config.settings.trap.checker_timeout, 10);
	assert_int_equal(config.settings.trap.checker_processes, 5);
	assert_int_equal(config.settings.trap.dns_sockets, 50);
	assert_int_equal(config.settings.trap.dns_timeout, 5);
	assert_string_equal(config.settings.trap.dns_servers, "");
}

static void
settings_are_read(void **state)
{
	struct grey_config config = { .exists = false };
	struct grey_error err;

	(void)state;
	write_file("# comment\n; comment\ndelay = 10m\n[greylist]\n"
		   "  grey=2h ; inline\n\tkey : sender-domain\r\n"
		   "on_failure = defer\n");
	if (read_it(&config, &err) != GREY_OK)
		fail_msg("%s", err.text);
	assert_true(config.exists);
	assert_int_equal(config.settings.policy.delay, 600);
	assert_int_equal(config.settings.policy.grey, 7200);
	assert_int_equal(config.settings.key, 3);
	assert_true(config.settings.policy.defer_on_failure);
	assert_int_equal(config.lines[0], 3); /* delay is the first */
	assert_string_equal(said, "");
}

static void
it_is_read_again_when_it_changes(void **state)
{
	struct grey_config config = { .exists = false };
	struct grey_error err;

	(void)state;
	write_file("delay = 1m\n");
	assert_int_equal(read_it(&config, &err), GREY_OK);
	config.settings.policy.delay = 7; /* would be undone by reading */
	assert_int_equal(read_it(&config, &err), GREY_OK);
	assert_int_equal(config.settings.policy.delay, 7);
	write_file("delay = 20m\n");
	assert_int_equal(read_it(&config, &err), GREY_OK);
	assert_int_equal(config.settings.policy.delay, 1200);
	write_file("delay = x\n");
	assert_int_equal(read_it(&config, &err), GREY_INVALID);
	/* Still, and told only once. */
	assert_int_equal(read_it(&config, &err), GREY_INVALID);
	assert_string_equal(said,
	    "1: delay: 'x' is no duration: write seconds, or "
	    "numbers with w, d, h, m, s, as in 1h30m\n");
	assert_int_equal(unlink(file), 0);
	assert_int_equal(read_it(&config, &err), GREY_OK);
	assert_int_equal(config.settings.policy.delay, 300);
}

static void
every_mistake_has_its_line(void **state)
{
	struct grey_config config = { .exists = false };
	struct grey_error err;
	char text[2048], longest[600];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	(void)snprintf(text, sizeof(text),
	    "dealy = 5m\n"
	    "nonsense\n"
	    "ipv4_prefix = 33\n"
	    "on_failure = defer\n"
	    "[greylist\n"
	    "key = triple\n"
	    "%s\n"
	    "delay = 1m\n"
	    "delay = 2m\n"
	    "sync = maybe\n"
	    "[other]\n"
	    "delay = 1m\n"
	    "more nonsense\n",
	    longest);
	write_file(text);
	assert_int_equal(read_it(&config, &err), GREY_INVALID);
	assert_string_equal(said,
	    "1: unknown setting 'dealy'\n"
	    "2: this is neither [section], name = value nor a comment\n"
	    "3: ipv4_prefix: '33' is no number from 0 to 32\n"
	    "5: this is neither [section], name = value nor a comment\n"
	    "6: key: 'triple' is none of: triplet client client-sender "
	    "sender-domain sender-recipient\n"
	    "7: the line is too long\n"
	    "9: delay was set before, in line 8\n"
	    "10: sync: 'maybe' is none of: no yes\n"
	    "12: unknown section [other]\n"
	    "13: this is neither [section], name = value nor a comment\n");
	assert_non_null(strstr(err.text, ".conf:1: unknown setting 'dealy'"));
	/* What was understood tells what the failure means. */
	assert_true(config.settings.policy.defer_on_failure);
}

static void
what_belongs_together_is_checked(void **state)
{
	struct grey_config config = { .exists = false };
	struct grey_error err;

	(void)state;
	write_file("delay = 2h\ngrey = 1h\n");
	assert_int_equal(read_it(&config, &err), GREY_INVALID);
	assert_non_null(strstr(err.text, "delay (7200s) is not below grey"));
	write_file("directory = here\n");
	assert_int_equal(read_it(&config, &err), GREY_INVALID);
	assert_non_null(strstr(err.text, "does not start with /"));
	write_file("db =\n");
	assert_int_equal(read_it(&config, &err), GREY_INVALID);
	assert_non_null(strstr(err.text, "db: it names no file"));
}

static void
traps_are_set(void **state)
{
	static const struct {
		const char *ratio;
		int64_t want; /* -1: a mistake */
	} ratios[] = { { "0", 0 }, { "1", 1000000 }, { "1.0", 1000000 },
		{ "0.5", 500000 }, { ".25", 250000 }, { "0.", 0 },
		{ "0.123456", 123456 }, { "0.000001", 1 }, { "0.1234567", -1 },
		{ "1.000001", -1 }, { "2", -1 }, { "-0.5", -1 }, { "75%", -1 },
		{ "0,75", -1 }, { "", -1 }, { "0.7x", -1 },
		{ "99999999999999999999", -1 } };
	static const struct {
		const char *line, *said;
	} mistakes[] = { { "expire = 0", "expire: a trap of 0 seconds" },
		{ "checker = rcpt", "checker: 'rcpt' does not start with /" },
		{ "trap_recipients = x", "trap_recipients: 'x' does not" },
		{ "checker_processes = 0", "checker_processes: it must be" },
		{ "checker_processes = 101", "no number from 0 to 100" },
		{ "checker_timeout = 0", "checker_timeout: it must be" },
		{ "dns_timeout = 0", "dns_timeout: it must be above 0" },
		{ "dns_sockets = 1001", "no number from 0 to 1000" } };
	struct grey_config config = { .exists = false };
	struct grey_error err;
	char text[256];

	(void)state;
	write_file("[trap]\nexpire = 7d\nsuspect_tuples = 9\n"
		   "max_domains = 0\ntrap_recipients = /r\nchecker = /c\n"
		   "checker_timeout = 1m\nchecker_processes = 100\n"
		   "dns_sockets = 0\ndns_timeout = 1s\n"
		   "dns_servers = 127.0.0.1:53,[::1]:54\n");
	if (read_it(&config, &err) != GREY_OK)
		fail_msg("%s", err.text);
	assert_int_equal(config.settings.trap.expire, 7 * 86400);
	assert_int_equal(config.settings.trap.suspect_tuples, 9);
	assert_int_equal(config.settings.trap.max_domains, 0);
	assert_string_equal(config.settings.trap.trap_recipients, "/r");
	assert_string_equal(config.settings.trap.checker, "/c");
	assert_int_equal(config.settings.trap.checker_timeout, 60);
	assert_int_equal(config.settings.trap.checker_processes, 100);
	assert_int_equal(config.settings.trap.dns_sockets, 0);
	assert_int_equal(config.settings.trap.dns_timeout, 1);
	assert_string_equal(config.settings.trap.dns_servers,
	    "127.0.0.1:53,[::1]:54");
	for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++) {
		enum grey_status status;

		(void)snprintf(text, sizeof(text),
		    "[trap]\nmax_senders_ratio = %s\n", ratios[i].ratio);
		write_file(text);
		config.was_read = false;
		status = read_it(&config, &err);
		if ((status == GREY_OK) != (ratios[i].want != -1) ||
		    (status == GREY_OK &&
			config.settings.trap.max_senders_ratio !=
			    ratios[i].want))
			fail_msg("ratio '%s': got %d, %lld", ratios[i].ratio,
			    (int)status,
			    (long long)config.settings.trap.max_senders_ratio);
	}
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		(void)snprintf(text, sizeof(text), "[trap]\n%s\n",
		    mistakes[i].line);
		write_file(text);
		config.was_read = false;
		assert_int_equal(read_it(&config, &err), GREY_INVALID);
		if (strstr(err.text, mistakes[i].said) == NULL)
			fail_msg("%s: got '%s', want '%s'", mistakes[i].line,
			    err.text, mistakes[i].said);
	}
}

static void
what_is_no_file_is_a_failure(void **state)
{
	struct grey_config config = { .exists = false };
	struct grey_error err;

	(void)state;
	assert_int_equal(grey_config_read(&config, test.directory, hear, NULL,
			     &err),
	    GREY_FAILED);
	assert_non_null(strstr(err.text, "is no file"));
}

/* Any bytes: an answer, and neither a crash nor a hang. */
static void
garbage_is_survived(void **state)
{
	static const char *const pieces[] = { "delay", "=", " = ", "5m", "\n",
		"[greylist]", "[", "]", "\n\n", ";", "#", " ", "key", "\r",
		"\t", "triplet", "\xef\xbb\xbf", "\x01", "xxxxxxxxxxxxxxxxxxxx",
		"yes", "db", ":" };
	struct grey_config config = { .exists = false };
	struct grey_error err;

	(void)state;
	srandom(11);
	for (int round = 0; round < 2000; round++) {
		FILE *to = fopen(file, "w");

		assert_non_null(to);
		for (long n = random() % 200; n > 0; n--)
			(void)fputs(pieces[(size_t)random() %
					(sizeof(pieces) / sizeof(pieces[0]))],
			    to);
		assert_int_equal(fclose(to), 0);
		config.was_read = false;
		said[0] = '\0';
		if (read_it(&config, &err) != GREY_OK &&
		    config.first.text[0] == '\0')
			fail_msg("a mistake without a text");
	}
}

static void
options_override(void **state)
{
	struct grey_settings settings = grey_settings_default();
	struct grey_error err;

	(void)state;
	assert_int_equal(
	    grey_settings_options(grey_bytes_of("delay=2m db=other config=/x "
						"observe=yes"),
		&settings, &err),
	    GREY_OK);
	assert_int_equal(settings.policy.delay, 120);
	assert_string_equal(settings.db, "other");
	assert_true(settings.observe);
	assert_true(grey_bytes_equal(grey_options_config(grey_bytes_of(
					 "delay=2m config=/x a=b")),
	    grey_bytes_of("/x")));
	assert_int_equal(grey_settings_options(grey_bytes_of("dealy=2m"),
			     &settings, &err),
	    GREY_INVALID);
	assert_string_equal(err.text, "OPTIONS: unknown setting 'dealy'");
	assert_int_equal(grey_settings_options(grey_bytes_of("delay=x"),
			     &settings, &err),
	    GREY_INVALID);
	assert_non_null(strstr(err.text, "OPTIONS: delay: 'x'"));
}

/* What is printed is read as the same. */
static void
texts_are_read_back(void **state)
{
	struct grey_settings settings = grey_settings_default();
	const struct grey_settings before = settings;

	(void)state;
	settings.policy.delay = 90061;
	settings.key = 4;
	settings.trap.max_senders_ratio = 100200;
	for (const struct grey_section *s = grey_sections; s->name != NULL; s++)
		for (const struct grey_setting *row = s->settings;
		     row->name != NULL; row++) {
			struct grey_settings copy = before;
			char text[GREY_SETTING_TEXT], again[GREY_SETTING_TEXT];
			size_t number;

			(void)grey_setting_text(row,
			    (char *)&settings + s->offset, text);
			assert_int_equal(grey_settings_set(&copy, s->name,
					     grey_bytes_of(row->name),
					     grey_bytes_of(text), &number,
					     NULL),
			    GREY_OK);
			assert_true(number < GREY_SETTINGS_MAX);
			(void)grey_setting_text(row, (char *)&copy + s->offset,
			    again);
			assert_string_equal(again, text);
		}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_file_there_are_defaults),
		TEST(settings_are_read), TEST(it_is_read_again_when_it_changes),
		TEST(every_mistake_has_its_line),
		TEST(what_belongs_together_is_checked), TEST(traps_are_set),
		TEST(what_is_no_file_is_a_failure), TEST(garbage_is_survived),
		TEST(options_override), TEST(texts_are_read_back)
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
