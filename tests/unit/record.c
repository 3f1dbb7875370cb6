#include "test.h"

#include "record.h"

/* A value written as a C string literal may hold NULs. */
#define VALUE(text) \
	{ \
		text, sizeof(text) - 1 \
	}

/* 32 bytes */
#define OURS(sum, rest) \
	VALUE("1 2 3\0" sum "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" rest)

static const struct {
	const char *name;
	struct grey_bytes value;
	bool parses;
	int64_t created, used, count;
	const char *flags;
} cases[] = {
	{ "as Exim::Grey writes it", VALUE("1 2 3\0"), true, 1, 2, 3, "" },
	{ "with a flag", VALUE("1 2 1 auto\0"), true, 1, 2, 1, "auto" },
	{ "without NUL", VALUE("1 2 3"), true, 1, 2, 3, "" },
	{ "padded", VALUE("1 2 3\0\0\0\0\0"), true, 1, 2, 3, "" },
	{ "flags with values", VALUE("1 2 3 keep note=a%20b x-1\0"), true, 1, 2,
	    3, "keep note=a%20b x-1" },
	{ "zeros", VALUE("0 0 0\0"), true, 0, 0, 0, "" },
	{ "the largest", VALUE("9223372036854775807 0 9223372036854775807\0"),
	    true, INT64_MAX, 0, INT64_MAX, "" },
	{ "too large", VALUE("9223372036854775808 0 0\0"), false, 0, 0, 0, "" },
	{ "leading zero", VALUE("01 2 3\0"), false, 0, 0, 0, "" },
	{ "negative", VALUE("-1 2 3\0"), false, 0, 0, 0, "" },
	{ "two numbers", VALUE("1 2\0"), false, 0, 0, 0, "" },
	{ "two spaces", VALUE("1  2 3\0"), false, 0, 0, 0, "" },
	{ "space at the end", VALUE("1 2 3 \0"), false, 0, 0, 0, "" },
	{ "space after the flags", VALUE("1 2 3 auto \0"), false, 0, 0, 0, "" },
	{ "a letter in the count", VALUE("1 2 3x\0"), false, 0, 0, 0, "" },
	{ "a tab", VALUE("1\t2 3\0"), false, 0, 0, 0, "" },
	{ "more after NUL", VALUE("1 2 3\0auto"), false, 0, 0, 0, "" },
	{ "of our width, with a checksum", OURS("\xcb\x83\xa7\xc1", "\0\0"),
	    true, 1, 2, 3, "" },
	{ "of our width, without", OURS("\0\0\0\0", "\0\0"), false, 0, 0, 0,
	    "" },
	{ "another's checksum", OURS("\xcb\x83\xa7\xc0", "\0\0"), false, 0, 0,
	    0, "" },
	{ "more after the checksum", OURS("\xcb\x83\xa7\xc1", "\0x"), false, 0,
	    0, 0, "" },
	{ "a checksum, but another width", VALUE("1 2 3\0\xcb\x83\xa7\xc1"),
	    false, 0, 0, 0, "" },
	{ "the first 32 bytes of a longer value",
	    VALUE("1700000000 1700000000 1234 auto\0"), false, 0, 0, 0, "" },
	{ "the same, without NUL", VALUE("1700000000 1700000000 12345 auto"),
	    false, 0, 0, 0, "" },
	{ "as long, but another width",
	    VALUE("1700000000 1700000000 12345 auto\0"), true, 1700000000,
	    1700000000, 12345, "auto" },
	{ "a flag without name", VALUE("1 2 3 =x\0"), false, 0, 0, 0, "" },
	{ "a flag with a control byte", VALUE("1 2 3 a\033b\0"), false, 0, 0, 0,
	    "" },
	{ "empty", VALUE(""), false, 0, 0, 0, "" },
	{ "words", VALUE("hello\0"), false, 0, 0, 0, "" },
};

/* Any bytes as the value of a flag, and back; what is no escape stays. */
static void
values_are_escaped(void **state)
{
	static const struct {
		struct grey_bytes text;
		const char *value;
	} table[] = { { VALUE(""), "" }, { VALUE("plain-x=1/"), "plain-x=1/" },
		{ VALUE("a b%c"), "a%20b%25c" },
		{ VALUE("\0\n\xff~\x7f"), "%00%0A%FF~%7F" } };
	static const struct {
		const char *value, *text;
	} back[] = { { "a%2", "a%2" }, { "%", "%" }, { "%zz%41", "%zzA" },
		{ "%4a%4A", "JJ" } };
	char buffer[64], again[64];
	struct grey_bytes got;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		(void)grey_flag_escape(table[i].text, buffer);
		assert_string_equal(buffer, table[i].value);
		got = grey_flag_unescape(grey_bytes_of(buffer), again);
		assert_true(grey_bytes_equal(got, table[i].text));
	}
	for (size_t i = 0; i < sizeof(back) / sizeof(back[0]); i++) {
		got = grey_flag_unescape(grey_bytes_of(back[i].value), again);
		assert_true(grey_bytes_equal(got, grey_bytes_of(back[i].text)));
	}
}

static void
parses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct grey_bytes key = VALUE("item\0");
		struct grey_record got = { 0 };
		struct grey_error err = { .text = "" };
		bool ok = grey_record_parse(key, cases[i].value, &got, &err) ==
		    GREY_OK;
		if (ok != cases[i].parses)
			fail_msg("%s: parses: got %d, want %d (%s)",
			    cases[i].name, ok, cases[i].parses, err.text);
		if (ok &&
		    (got.created != cases[i].created ||
			got.used != cases[i].used ||
			got.count != cases[i].count ||
			!grey_bytes_equal(got.flags,
			    grey_bytes_of(cases[i].flags))))
			fail_msg("%s: got '%lld %lld %lld %.*s'", cases[i].name,
			    (long long)got.created, (long long)got.used,
			    (long long)got.count, (int)got.flags.size,
			    got.flags.data);
		if (!ok && err.text[0] == '\0')
			fail_msg("%s: no error text", cases[i].name);
	}
}

static void
formats_with_padding(void **state)
{
	const struct grey_bytes key = VALUE("item\0");
	char buffer[GREY_VALUE_MAX], flags[GREY_VALUE_MAX];
	struct grey_record record = { 1700000000, 1700000000, 1, { "", 0 } };
	struct grey_bytes value;
	struct grey_error err;

	(void)state;
	assert_int_equal(grey_record_format(&record, key, 0, buffer, &value,
			     &err),
	    GREY_OK);
	assert_int_equal(value.size, 32);
	assert_string_equal(value.data, "1700000000 1700000000 1");
	/* An update never narrows; another width is widened. */
	(void)grey_record_format(&record, key, 96, buffer, &value, &err);
	assert_int_equal(value.size, 96);
	for (size_t i = 28; i < 96; i++)
		assert_int_equal(value.data[i], 0);
	(void)grey_record_format(&record, key, 33, buffer, &value, &err);
	assert_int_equal(value.size, 64);
	/* 27 bytes, the NUL and the checksum fit in 32; 28 do not. */
	record.flags = grey_bytes_of("abc");
	(void)grey_record_format(&record, key, 0, buffer, &value, &err);
	assert_int_equal(value.size, 32);
	record.flags = grey_bytes_of("abcd");
	(void)grey_record_format(&record, key, 0, buffer, &value, &err);
	assert_int_equal(value.size, 64);
	memset(flags, 'x', sizeof(flags));
	record.flags = (struct grey_bytes){ flags, sizeof(flags) };
	assert_int_equal(grey_record_format(&record, key, 0, buffer, &value,
			     &err),
	    GREY_INVALID);
	record.flags.size = GREY_TEXT_MAX - 24;
	assert_int_equal(grey_record_format(&record, key, 0, buffer, &value,
			     &err),
	    GREY_OK);
	assert_int_equal(value.size, GREY_VALUE_MAX);
	assert_int_equal(grey_record_parse(key, value, &record, &err), GREY_OK);
	record.flags = (struct grey_bytes){ flags, GREY_TEXT_MAX - 23 };
	assert_int_equal(grey_record_format(&record, key, 0, buffer, &value,
			     &err),
	    GREY_INVALID);
}

/* No byte of a value or its key can change, nor a value be another key's. */
static void
what_changed_is_noticed(void **state)
{
	char item[] = "192.0.2.1/a@example.com/b@example.org";
	const struct grey_bytes key = { item, sizeof(item) };
	char buffer[GREY_VALUE_MAX];
	struct grey_record record = { 1700000000, 1700000060, 7, { "", 0 } };
	struct grey_bytes value;
	struct grey_error err;

	(void)state;
	assert_int_equal(grey_record_format(&record, key, 0, buffer, &value,
			     &err),
	    GREY_OK);
	for (size_t i = 0; i < value.size; i++)
		for (int other = 1; other < 256; other++) {
			buffer[i] = (char)(buffer[i] ^ other);
			if (grey_record_parse(key, value, &record, &err) ==
			    GREY_OK)
				fail_msg("byte %zu ^ %#x", i, (unsigned)other);
			buffer[i] = (char)(buffer[i] ^ other);
		}
	for (size_t i = 0; i < sizeof(item); i++) {
		item[i] ^= 1;
		assert_int_equal(grey_record_parse(key, value, &record, &err),
		    GREY_DAMAGED);
		item[i] ^= 1;
	}
	assert_int_equal(grey_record_parse(key, value, &record, &err), GREY_OK);
}

static void
the_count_saturates(void **state)
{
	struct grey_record record = { .count = INT64_MAX - 1 };

	(void)state;
	grey_record_count(&record);
	assert_int_equal(record.count, INT64_MAX);
	grey_record_count(&record);
	assert_int_equal(record.count, INT64_MAX);
}

static void
flags_are_found(void **state)
{
	struct grey_record record = { .flags = grey_bytes_of(
					  "keeper keep=1 expires=77 note=") };
	struct grey_bytes value;
	int64_t expires = 0;

	(void)state;
	assert_true(grey_record_flag(&record, "keep", &value));
	assert_true(grey_bytes_equal(value, grey_bytes_of("1")));
	assert_true(grey_record_flag(&record, "note", &value));
	assert_int_equal(value.size, 0);
	assert_false(grey_record_flag(&record, "kee", NULL));
	assert_false(grey_record_flag(&record, "auto", NULL));
	assert_true(grey_record_expires(&record, &expires));
	assert_int_equal(expires, 77);
	record.flags = grey_bytes_of("expires=soon");
	assert_false(grey_record_expires(&record, &expires));
	record.flags = grey_bytes_of("expires");
	assert_false(grey_record_expires(&record, &expires));
}

static void
flags_are_set_and_removed(void **state)
{
	static const struct {
		const char *flags, *name, *value, *set, *removed;
	} table[] = {
		{ "", "keep", NULL, "keep", "" },
		{ "auto", "keep", NULL, "auto keep", "auto" },
		{ "keep auto", "keep", NULL, "auto keep", "auto" },
		{ "a expires=1 b", "expires", "2", "a b expires=2", "a b" },
		{ "keeper", "keep", NULL, "keeper keep", "keeper" },
	};
	char buffer[GREY_VALUE_MAX], large[GREY_VALUE_MAX];
	struct grey_bytes got;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(grey_flags_set(grey_bytes_of(table[i].flags),
				     table[i].name, table[i].value, buffer,
				     &got, NULL),
		    GREY_OK);
		assert_true(grey_bytes_equal(got, grey_bytes_of(table[i].set)));
		assert_int_equal(grey_flags_remove(grey_bytes_of(
						       table[i].flags),
				     table[i].name, buffer, &got, NULL),
		    GREY_OK);
		assert_true(
		    grey_bytes_equal(got, grey_bytes_of(table[i].removed)));
	}
	memset(large, 'x', sizeof(large));
	assert_int_equal(grey_flags_set((struct grey_bytes){ large,
					    GREY_VALUE_MAX - 3 },
			     "keep", NULL, buffer, &got, NULL),
	    GREY_INVALID);
}

static void
typed_flags_are_checked(void **state)
{
	static const struct {
		const char *flags;
		bool ok;
	} table[] = { { "", true }, { "keep", true },
		{ "keep note=a%20b", true }, { "expires=5", true },
		{ "expires=", false }, { "expires=x", false },
		{ "a  b", false }, { " a", false }, { "a ", false },
		{ "=x", false }, { "n=%2", false }, { "n=%zz", false },
		{ "n=%41", true }, { "a/b", false }, { "n=\033[1m", false },
		{ "n=\303\244", false }, { "n=a=b", true } };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct grey_error err;
		if ((grey_flags_check(grey_bytes_of(table[i].flags), &err) ==
			GREY_OK) != table[i].ok)
			fail_msg("'%s': want %s", table[i].flags,
			    table[i].ok ? "ok" : "an error");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(parses),
		cmocka_unit_test(values_are_escaped),
		cmocka_unit_test(formats_with_padding),
		cmocka_unit_test(what_changed_is_noticed),
		cmocka_unit_test(the_count_saturates),
		cmocka_unit_test(flags_are_found),
		cmocka_unit_test(flags_are_set_and_removed),
		cmocka_unit_test(typed_flags_are_checked) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
