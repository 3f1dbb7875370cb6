#include "policy.h"

#include <stddef.h>
#include <string.h>

#include "duration.h"
#include "number.h"

typedef enum grey_status
set_fn(struct grey_bytes value, void *setting, struct grey_error *err);

static enum grey_status
set_duration(struct grey_bytes value, void *setting, struct grey_error *err)
{
	return grey_duration_parse(value, setting, err);
}

static enum grey_status
set_number(struct grey_bytes value, void *setting, struct grey_error *err)
{
	if (grey_number_parse(value, setting))
		return GREY_OK;
	return grey_fail(err, GREY_INVALID, "'%.*s' is no number",
	    (int)value.size, value.data);
}

/* Stores whether value is the first of two words. */
static enum grey_status
set_choice(struct grey_bytes value, const char *first, const char *second,
    bool *setting, struct grey_error *err)
{
	*setting = grey_bytes_equal(value, grey_bytes_of(first));
	if (*setting || grey_bytes_equal(value, grey_bytes_of(second)))
		return GREY_OK;
	return grey_fail(err, GREY_INVALID, "'%.*s' is neither %s nor %s",
	    (int)value.size, value.data, first, second);
}

static enum grey_status
set_yes(struct grey_bytes value, void *setting, struct grey_error *err)
{
	return set_choice(value, "yes", "no", setting, err);
}

static enum grey_status
set_failure(struct grey_bytes value, void *setting, struct grey_error *err)
{
	return set_choice(value, "defer", "pass", setting, err);
}

static const struct option {
	const char *name;
	set_fn *set;
	size_t offset;
} options[] = {
#define OPTION(name, set, field) \
	{ \
		name, set, offsetof(struct grey_policy, field) \
	}
	OPTION("grey", set_duration, grey),
	OPTION("passed", set_duration, passed),
	OPTION("timeout", set_duration, timeout),
	OPTION("max_records", set_number, max_records),
	OPTION("on_failure", set_failure, defer_on_failure),
	OPTION("sync", set_yes, sync),
#undef OPTION
};

struct grey_policy
grey_policy_default(void)
{
	return (struct grey_policy){ .delay = 600,
		.grey = 86400,
		.passed = 36 * 86400,
		.timeout = 5 };
}

static enum grey_status
set_word(struct grey_bytes word, struct grey_policy *policy,
    struct grey_error *err)
{
	const char *equals = memchr(word.data, '=', word.size);
	struct grey_bytes name = word, value = { "", 0 };
	struct grey_error why;

	if (equals != NULL) {
		name.size = (size_t)(equals - word.data);
		value.data = equals + 1;
		value.size = word.size - name.size - 1;
	}
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (!grey_bytes_equal(name, grey_bytes_of(options[i].name)))
			continue;
		if (options[i].set(value, (char *)policy + options[i].offset,
			&why) == GREY_OK)
			return GREY_OK;
		return grey_fail(err, GREY_INVALID, "OPTIONS: %s: %s",
		    options[i].name, why.text);
	}
	return grey_fail(err, GREY_INVALID,
	    "OPTIONS: unknown option '%.*s' "
	    "(known: grey passed timeout max_records on_failure sync)",
	    (int)(name.size < 64 ? name.size : 64), name.data);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

enum grey_status
grey_policy_options(struct grey_bytes text, struct grey_policy *policy,
    struct grey_error *err)
{
	enum grey_status status;
	size_t at = 0;

	while (at < text.size) {
		struct grey_bytes word = { text.data + at, 0 };
		while (at < text.size && !is_blank(text.data[at])) {
			at++;
			word.size++;
		}
		if (word.size == 0) {
			at++;
			continue;
		}
		status = set_word(word, policy, err);
		if (status != GREY_OK)
			return status;
	}
	return GREY_OK;
}

enum grey_status
grey_policy_check(const struct grey_policy *policy, struct grey_error *err)
{
	if (policy->grey != 0 && policy->grey <= policy->delay)
		return grey_fail(err, GREY_INVALID,
		    "DELAY (%llds) is not "
		    "below the lifetime of what waits (%llds): no mail would "
		    "ever pass; OPTIONS grey= sets it (default 24h)",
		    (long long)policy->delay, (long long)policy->grey);
	return GREY_OK;
}
