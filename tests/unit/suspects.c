/*
 * What trap scan counts with: texts by numbers, and who waits with too many
 * senders or domains.
 */
#include "test.h"

#include "../../exigrey/names.c"
#include "../../exigrey/waiting.c"

/* Of the paper's appendix, and vectors.h of the authors' reference. */
static void
hash_is_siphash(void **state)
{
	static const uint64_t key[2] = { 0x0706050403020100,
		0x0f0e0d0c0b0a0908 };
	static const struct {
		size_t size; /* of 00 01 02 ... */
		uint64_t hash;
	} table[] = { { 0, 0x726fdb47dd0e0e31 }, { 1, 0x74f839c593dc67fd },
		{ 2, 0x0d6c8009d9a94f5a }, { 7, 0xab0200f58b01d137 },
		{ 8, 0x93f5f5799a932462 }, { 15, 0xa129ca6149be45e5 } };
	char bytes[16];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)i;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(names_hash(key,
				     (struct grey_bytes){ bytes,
					 table[i].size }),
		    table[i].hash);
}

/* Number i; one of them is empty, some hold a NUL, some are long. */
static struct grey_bytes
name(uint32_t i, char buffer[512])
{
	int size = snprintf(buffer, 512, "%u:%0*u", i, (int)(i % 300) + 1, 0U);

	assert_true(size > 0 && size < 512);
	if (i == 7)
		size = 0;
	else if (i % 5 == 0)
		buffer[size - 1] = '\0';
	return (struct grey_bytes){ buffer, (size_t)size };
}

static void
names_keep_their_numbers(void **state)
{
	const uint32_t count = 20000;
	struct names names = { .texts = NULL };
	struct grey_bytes first = { NULL, 0 };
	char buffer[512];
	uint32_t number = 0;

	(void)state;
	assert_false(names_have(&names, grey_bytes_of("")));
	for (uint32_t i = 0; i < count; i++) {
		assert_false(names_have(&names, name(i, buffer)));
		assert_true(names_add(&names, name(i, buffer), &number));
		assert_int_equal(number, i);
		if (i == 0)
			first = names.texts[0];
	}
	for (uint32_t i = 0; i < count; i++) {
		assert_true(names_have(&names, name(i, buffer)));
		assert_true(names_add(&names, name(i, buffer), &number));
		assert_int_equal(number, i);
		assert_true(grey_bytes_equal(names.texts[i], name(i, buffer)));
	}
	assert_int_equal(names.count, count);
	assert_ptr_equal(first.data, names.texts[0].data);
	names_free(&names);
	assert_int_equal(names.count, 0);
}

/* Mail of three clients, added all mixed. */
static void
mail_is_counted_by_client(void **state)
{
	static const struct waiting_mail mail[] = {
		{ .client = 2, .sender = 5, .domain = 1, .recipient = 1 },
		{ .client = 0, .sender = 9, .domain = 3, .recipient = 1 },
		{ .client = 2, .sender = 6, .domain = 1, .recipient = 2 },
		{ .client = 1, .domain = WAITING_NONE },
		{ .client = 2, .sender = 5, .domain = 1, .recipient = 3 },
		{ .client = 1, .domain = WAITING_NONE },
		{ .client = 2, .sender = 7, .domain = WAITING_NONE },
		{ .client = 2, .sender = 8, .domain = 0, .recipient = 1 },
	};
	static const int64_t wanted[][3] = { { 1, 1, 1 }, { 2, 0, 0 },
		{ 5, 4, 2 } };
	struct waiting waiting = { .mail = NULL };
	struct waiting_client client;
	size_t at = 0;

	(void)state;
	assert_false(waiting_next(&waiting, &at, &client));
	for (size_t i = 0; i < sizeof(mail) / sizeof(mail[0]); i++)
		assert_true(waiting_add(&waiting, &mail[i]));
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(waiting_next(&waiting, &at, &client));
		assert_int_equal(client.client, i);
		assert_int_equal(client.tuples, wanted[i][0]);
		assert_int_equal(client.senders, wanted[i][1]);
		assert_int_equal(client.domains, wanted[i][2]);
	}
	assert_false(waiting_next(&waiting, &at, &client));
	waiting_free(&waiting);
}

/* Each threshold from both sides; with the usual settings. */
static void
numbers_are_judged(void **state)
{
	static const struct {
		int64_t tuples, senders, domains;
		enum waiting_verdict verdict;
	} table[] = {
		{ 0, 0, 0, WAITING_FINE }, { 5, 5, 5, WAITING_FINE },
		{ 6, 4, 3, WAITING_FINE }, { 6, 4, 4, WAITING_DOMAINS },
		{ 6, 5, 3, WAITING_SENDERS }, { 6, 6, 6, WAITING_DOMAINS },
		{ 8, 6, 1, WAITING_FINE }, /* 0.75: not above it */
		{ 8, 7, 1, WAITING_SENDERS },
		{ 1000000, 750000, 1, WAITING_FINE },
		{ 1000000, 750001, 1, WAITING_SENDERS },
		{ 500, 1, 1, WAITING_FINE }, /* a mailing list */
		{ 500, 0, 3, WAITING_FINE }, /* senders that are not known */
	};
	const struct grey_settings settings = grey_settings_default();

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct waiting_client client = { .tuples =
							   table[i].tuples,
			.senders = table[i].senders,
			.domains = table[i].domains };

		if (waiting_judge(&client, &settings.trap) != table[i].verdict)
			fail_msg("case %zu", i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_is_siphash),
		cmocka_unit_test(names_keep_their_numbers),
		cmocka_unit_test(mail_is_counted_by_client),
		cmocka_unit_test(numbers_are_judged),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
