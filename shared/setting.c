#include "setting.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "duration.h"
#include "number.h"

#define QUOTED_MAX 64 /* bytes of a value that an error shows */

static int
quoted_size(struct grey_bytes value)
{
	return (int)(value.size < QUOTED_MAX ? value.size : QUOTED_MAX);
}

static enum grey_status
set_number(const struct grey_setting *setting, struct grey_bytes value,
    int64_t *number_r, struct grey_error *err)
{
	const int64_t most = setting->most != 0 ? setting->most : INT64_MAX;
	int64_t number;

	if (!grey_number_parse(value, &number) || number > most)
		return grey_fail(err, GREY_INVALID,
		    "'%.*s' is no number from 0 to %lld", quoted_size(value),
		    value.data, (long long)most);
	*number_r = number;
	return GREY_OK;
}

/* "0.75", ".75", "1": what has more digits than GREY_RATIO_ONE is none. */
static bool
ratio_parse(struct grey_bytes value, int64_t *ratio_r)
{
	int64_t whole = 0, ratio = 0, part = GREY_RATIO_ONE;
	size_t at = 0;

	if (value.size == 0 ||
	    (value.data[0] != '.' && !grey_number_read(value, &at, &whole)) ||
	    whole > 1)
		return false;
	if (at < value.size && value.data[at++] != '.')
		return false;
	for (; at < value.size; at++) {
		const char c = value.data[at];

		part /= 10;
		if (c < '0' || c > '9' || part == 0)
			return false;
		ratio += (c - '0') * part;
	}
	*ratio_r = whole * GREY_RATIO_ONE + ratio;
	return *ratio_r <= GREY_RATIO_ONE;
}

static enum grey_status
set_ratio(struct grey_bytes value, int64_t *ratio_r, struct grey_error *err)
{
	int64_t ratio;

	if (!ratio_parse(value, &ratio))
		return grey_fail(err, GREY_INVALID,
		    "'%.*s' is no number from 0 to 1, as in 0.75",
		    quoted_size(value), value.data);
	*ratio_r = ratio;
	return GREY_OK;
}

static void
ratio_text(int64_t ratio, char text[GREY_SETTING_TEXT])
{
	int length = snprintf(text, GREY_SETTING_TEXT, "%lld.%06lld",
	    (long long)(ratio / GREY_RATIO_ONE),
	    (long long)(ratio % GREY_RATIO_ONE));

	while (text[length - 1] == '0')
		text[--length] = '\0';
	if (text[length - 1] == '.')
		text[length - 1] = '\0';
}

/* "neither a nor b", "none of a b c" */
static enum grey_status
no_such_word(const struct grey_setting *setting, struct grey_bytes value,
    struct grey_error *err)
{
	char known[128] = "";
	size_t used = 0;

	for (const char *const *word = setting->words; *word != NULL; word++)
		used += (size_t)snprintf(known + used, sizeof(known) - used,
		    " %s", *word);
	return grey_fail(err, GREY_INVALID, "'%.*s' is none of:%s",
	    quoted_size(value), value.data, known);
}

static enum grey_status
find_word(const struct grey_setting *setting, struct grey_bytes value,
    int *number_r, struct grey_error *err)
{
	for (int i = 0; setting->words[i] != NULL; i++)
		if (grey_bytes_equal(value, grey_bytes_of(setting->words[i]))) {
			*number_r = i;
			return GREY_OK;
		}
	return no_such_word(setting, value, err);
}

static enum grey_status
set_string(struct grey_bytes value, char text[GREY_SETTING_TEXT],
    struct grey_error *err)
{
	if (value.size >= GREY_SETTING_TEXT)
		return grey_fail(err, GREY_INVALID,
		    "'%.*s...' is longer than %d bytes", quoted_size(value),
		    value.data, GREY_SETTING_TEXT - 1);
	for (size_t i = 0; i < value.size; i++)
		if ((unsigned char)value.data[i] < 0x20 ||
		    value.data[i] == 0x7f)
			return grey_fail(err, GREY_INVALID,
			    "it must not hold a control character");
	if (value.size > 0)
		memcpy(text, value.data, value.size);
	text[value.size] = '\0';
	return GREY_OK;
}

enum grey_status
grey_setting_set(const struct grey_setting *setting, struct grey_bytes value,
    void *base, struct grey_error *err)
{
	void *place = (char *)base + setting->offset;
	enum grey_status status;
	int word = 0;

	switch (setting->kind) {
	case GREY_SETTING_DURATION:
		return grey_duration_parse(value, place, err);
	case GREY_SETTING_NUMBER:
		return set_number(setting, value, place, err);
	case GREY_SETTING_RATIO:
		return set_ratio(value, place, err);
	case GREY_SETTING_STRING:
		return set_string(value, place, err);
	default:
		break;
	}
	status = find_word(setting, value, &word, err);
	if (status == GREY_OK && setting->kind == GREY_SETTING_FLAG)
		*(bool *)place = word != 0;
	else if (status == GREY_OK)
		*(int *)place = word;
	return status;
}

/* Exactly: grey_duration_text rounds. */
static void
duration_text(int64_t seconds, char text[GREY_SETTING_TEXT])
{
	struct grey_bytes rounded;
	int64_t same = -1;

	rounded = grey_bytes_of(grey_duration_text(seconds, text));
	if (grey_duration_parse(rounded, &same, NULL) != GREY_OK ||
	    same != seconds)
		(void)snprintf(text, GREY_SETTING_TEXT, "%llds",
		    (long long)seconds);
}

const char *
grey_setting_text(const struct grey_setting *setting, const void *base,
    char text[GREY_SETTING_TEXT])
{
	const void *place = (const char *)base + setting->offset;

	switch (setting->kind) {
	case GREY_SETTING_DURATION:
		duration_text(*(const int64_t *)place, text);
		break;
	case GREY_SETTING_NUMBER:
		(void)snprintf(text, GREY_SETTING_TEXT, "%lld",
		    (long long)*(const int64_t *)place);
		break;
	case GREY_SETTING_RATIO:
		ratio_text(*(const int64_t *)place, text);
		break;
	case GREY_SETTING_FLAG:
		(void)strcpy(text, setting->words[*(const bool *)place]);
		break;
	case GREY_SETTING_CHOICE:
		(void)strcpy(text, setting->words[*(const int *)place]);
		break;
	case GREY_SETTING_STRING:
		(void)strcpy(text, place);
		break;
	}
	return text;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

bool
grey_option_next(struct grey_bytes *text, struct grey_option *option_r)
{
	struct grey_bytes word = *text;
	const char *equals;

	while (word.size > 0 && is_blank(word.data[0])) {
		word.data++;
		word.size--;
	}
	*text = word;
	if (word.size == 0)
		return false;
	for (word.size = 0; word.size < text->size; word.size++)
		if (is_blank(word.data[word.size]))
			break;
	text->data += word.size;
	text->size -= word.size;
	equals = memchr(word.data, '=', word.size);
	*option_r = (struct grey_option){ word, { "", 0 } };
	if (equals == NULL)
		return true;
	option_r->name.size = (size_t)(equals - word.data);
	option_r->value.data = equals + 1;
	option_r->value.size = word.size - option_r->name.size - 1;
	return true;
}

enum grey_status
grey_option_set(const struct grey_setting *settings,
    const struct grey_option *option, void *base, struct grey_error *err)
{
	struct grey_error why;

	for (; settings->name != NULL; settings++) {
		if (!grey_bytes_equal(option->name,
			grey_bytes_of(settings->name)))
			continue;
		if (grey_setting_set(settings, option->value, base, &why) ==
		    GREY_OK)
			return GREY_OK;
		return grey_fail(err, GREY_INVALID, "OPTIONS: %s: %.400s",
		    settings->name, why.text);
	}
	return GREY_NOT_FOUND;
}
