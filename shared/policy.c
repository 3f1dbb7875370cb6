#include "policy.h"

#include <stddef.h>

static const char *const no_yes[] = { "no", "yes", NULL };
static const char *const pass_defer[] = { "pass", "defer", NULL };

const struct grey_setting grey_policy_settings[] = {
#define PLACE(field) .offset = offsetof(struct grey_policy, field)
	{ "grey", GREY_SETTING_DURATION, PLACE(grey) },
	{ "passed", GREY_SETTING_DURATION, PLACE(passed) },
	{ "timeout", GREY_SETTING_DURATION, PLACE(timeout) },
	{ "max_records", GREY_SETTING_NUMBER, PLACE(max_records) },
	{ "on_failure", GREY_SETTING_FLAG, PLACE(defer_on_failure),
	    .words = pass_defer },
	{ "sync", GREY_SETTING_FLAG, PLACE(sync), .words = no_yes },
	{ .name = NULL }
#undef PLACE
};

struct grey_policy
grey_policy_default(void)
{
	return (struct grey_policy){ .delay = 600,
		.grey = 86400,
		.passed = 36 * 86400,
		.timeout = 5 };
}

enum grey_status
grey_policy_options(struct grey_bytes text, struct grey_policy *policy,
    struct grey_error *err)
{
	struct grey_option option;
	enum grey_status status;

	while (grey_option_next(&text, &option)) {
		status =
		    grey_option_set(grey_policy_settings, &option, policy, err);
		if (status == GREY_NOT_FOUND)
			return grey_fail(err, GREY_INVALID,
			    "OPTIONS: unknown option '%.*s' (known: grey "
			    "passed timeout max_records on_failure sync)",
			    (int)(option.name.size < 64 ? option.name.size :
							  64),
			    option.name.data);
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
