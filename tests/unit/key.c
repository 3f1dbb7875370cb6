#include "test.h"

#include "key.h"

static void
is_cut_at_the_first_slash(void **state)
{
	static const struct {
		const char *text, *item, *suffix;
	} table[] = { { "a", "a", "" }, { "", "", "" }, { "a/b", "a", "b" },
		{ "a/b/c", "a", "b/c" }, { "a/", "a/", "" }, { "/", "/", "" },
		{ "/b", "", "b" }, { "//", "", "/" }, { "a//b", "a", "/b" },
		/* The trap of the form with one argument. */
		{ "<a/evil@x>:<u@d>/192.0.2.1", "<a",
		    "evil@x>:<u@d>/192.0.2.1" } };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct grey_key got =
		    grey_key_split(grey_bytes_of(table[i].text));
		if (!grey_bytes_equal(got.item, grey_bytes_of(table[i].item)) ||
		    !grey_bytes_equal(got.suffix,
			grey_bytes_of(table[i].suffix)))
			fail_msg("'%s': got '%.*s' and '%.*s'", table[i].text,
			    (int)got.item.size, got.item.data,
			    (int)got.suffix.size, got.suffix.data);
	}
}

static void
has_a_longest_length(void **state)
{
	struct grey_key key = { { "", GREY_KEY_MAX }, { "", GREY_KEY_MAX } };
	struct grey_error err;

	(void)state;
	assert_int_equal(grey_key_check(&key, &err), GREY_OK);
	key.item.size++;
	assert_int_equal(grey_key_check(&key, &err), GREY_INVALID);
	assert_non_null(strstr(err.text, "KEY"));
	key.item.size--;
	key.suffix.size++;
	assert_int_equal(grey_key_check(&key, &err), GREY_INVALID);
	assert_non_null(strstr(err.text, "SUFFIX"));
}

static void
is_stored_with_a_nul(void **state)
{
	static const size_t sizes[] = { 0, 1, 254, 255, 256, 257, 65536 };
	struct grey_item_key key;
	struct grey_bytes item;
	char text[65536];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct grey_bytes want = { text, sizes[i] };
		assert_int_equal(grey_item_key_init(&key, want, NULL), GREY_OK);
		assert_int_equal(key.bytes.size, sizes[i] + 1);
		assert_true(grey_item_of_key(key.bytes, &item));
		assert_true(grey_bytes_equal(item, want));
		grey_item_key_free(&key);
	}
	assert_false(grey_item_of_key((struct grey_bytes){ "a", 1 }, &item));
	assert_false(grey_item_of_key((struct grey_bytes){ "", 0 }, &item));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
						is_cut_at_the_first_slash),
		cmocka_unit_test(has_a_longest_length),
		cmocka_unit_test(is_stored_with_a_nul) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
