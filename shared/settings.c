#include "settings.h"

#include <stdio.h>
#include <string.h>

static const char *const no_yes[] = { "no", "yes", NULL };
static const char *const null_senders[] = { "pass", "greylist", NULL };
/* In the order of enum grey_triplet_kind. */
static const char *const key_kinds[] = { "triplet", "client", "client-sender",
	"sender-domain", "sender-recipient", NULL };

#define PLACE(field) .offset = offsetof(struct grey_settings, field)

static const struct grey_setting greylist_settings[] = {
	{ "delay", GREY_SETTING_DURATION, PLACE(policy.delay) },
	{ "ipv4_prefix", GREY_SETTING_NUMBER, PLACE(ipv4_prefix), .most = 32 },
	{ "ipv6_prefix", GREY_SETTING_NUMBER, PLACE(ipv6_prefix), .most = 128 },
	{ "key", GREY_SETTING_CHOICE, PLACE(key), .words = key_kinds },
	{ "fold_sender", GREY_SETTING_FLAG, PLACE(fold_sender),
	    .words = no_yes },
	{ "lower_case", GREY_SETTING_FLAG, PLACE(lower_case), .words = no_yes },
	{ "null_sender", GREY_SETTING_FLAG, PLACE(greylist_null_sender),
	    .words = null_senders },
	{ "autowhitelist", GREY_SETTING_NUMBER, PLACE(autowhitelist) },
	{ "observe", GREY_SETTING_FLAG, PLACE(observe), .words = no_yes },
	{ "db", GREY_SETTING_STRING, PLACE(db) },
	{ "directory", GREY_SETTING_STRING, PLACE(directory) },
	{ .name = NULL },
};

static const struct grey_setting whitelist_settings[] = {
	{ "clients", GREY_SETTING_STRING, PLACE(clients) },
	{ "senders", GREY_SETTING_STRING, PLACE(senders) },
	{ "recipients", GREY_SETTING_STRING, PLACE(recipients) },
	{ "keys", GREY_SETTING_STRING, PLACE(keys) },
	{ .name = NULL },
};

static const struct grey_setting trap_settings[] = {
	{ "expire", GREY_SETTING_DURATION, PLACE(trap.expire) },
	{ "suspect_tuples", GREY_SETTING_NUMBER, PLACE(trap.suspect_tuples) },
	{ "max_domains", GREY_SETTING_NUMBER, PLACE(trap.max_domains) },
	{ "max_senders_ratio", GREY_SETTING_RATIO,
	    PLACE(trap.max_senders_ratio) },
	{ "trap_recipients", GREY_SETTING_STRING, PLACE(trap.trap_recipients) },
	{ "checker", GREY_SETTING_STRING, PLACE(trap.checker) },
	{ "checker_timeout", GREY_SETTING_DURATION,
	    PLACE(trap.checker_timeout) },
	{ "checker_processes", GREY_SETTING_NUMBER,
	    PLACE(trap.checker_processes), .most = 100 },
	{ "dns_sockets", GREY_SETTING_NUMBER, PLACE(trap.dns_sockets),
	    .most = 1000 },
	{ "dns_timeout", GREY_SETTING_DURATION, PLACE(trap.dns_timeout) },
	{ "dns_servers", GREY_SETTING_STRING, PLACE(trap.dns_servers) },
	{ .name = NULL },
};

static const struct grey_setting postfix_settings[] = {
	{ "message", GREY_SETTING_STRING, PLACE(postfix_message) },
	{ "header", GREY_SETTING_FLAG, PLACE(postfix_header), .words = no_yes },
	{ .name = NULL },
};

static const struct grey_setting courier_settings[] = {
	{ "message", GREY_SETTING_STRING, PLACE(courier_message) },
	{ .name = NULL },
};

#undef PLACE

const struct grey_section grey_sections[] = {
	{ "greylist", greylist_settings, 0 },
	{ "greylist", grey_policy_settings,
	    offsetof(struct grey_settings, policy) },
	{ "whitelist", whitelist_settings, 0 },
	{ "postfix", postfix_settings, 0 },
	{ "courier", courier_settings, 0 },
	{ "trap", trap_settings, 0 },
	{ NULL, NULL, 0 },
};

struct grey_settings
grey_settings_default(void)
{
	struct grey_settings settings = { .policy = grey_policy_default(),
		.ipv4_prefix = 24,
		.ipv6_prefix = 64,
		.fold_sender = true,
		.lower_case = true,
		.autowhitelist = 5,
		.db = "greylist",
		.postfix_message = "4.2.0 Greylisted, please try again later",
		.courier_message = "4.7.1 Greylisted, please try again later",
		.trap = { .expire = 86400,
		    .suspect_tuples = 5,
		    .max_domains = 3,
		    .max_senders_ratio = 3 * GREY_RATIO_ONE / 4,
		    .checker_timeout = 10,
		    .checker_processes = 5,
		    .dns_sockets = 50,
		    .dns_timeout = 5 } };

	settings.policy.delay = 300;
	return settings;
}

static void *
base_of(struct grey_settings *settings, const struct grey_section *section)
{
	return (char *)settings + section->offset;
}

/* Section greylist needs no name: most files have no other. */
static bool
is_section(const struct grey_section *section, const char *name)
{
	return strcmp(section->name, name[0] != '\0' ? name : "greylist") == 0;
}

enum grey_status
grey_settings_set(struct grey_settings *settings, const char *section,
    struct grey_bytes name, struct grey_bytes value, size_t *number_r,
    struct grey_error *err)
{
	const struct grey_setting *setting;
	bool known = false;
	struct grey_error why;

	*number_r = 0;
	for (const struct grey_section *s = grey_sections; s->name != NULL; s++)
		for (setting = s->settings; setting->name != NULL;
		     setting++, ++*number_r) {
			if (!is_section(s, section))
				continue;
			known = true;
			if (!grey_bytes_equal(name,
				grey_bytes_of(setting->name)))
				continue;
			if (grey_setting_set(setting, value,
				base_of(settings, s), &why) == GREY_OK)
				return GREY_OK;
			return grey_fail(err, GREY_INVALID, "%s: %.400s",
			    setting->name, why.text);
		}
	if (!known)
		return grey_fail(err, GREY_INVALID, "unknown section [%.64s]",
		    section);
	return grey_fail(err, GREY_INVALID, "unknown setting '%.*s'%s%.64s%s",
	    (int)(name.size < 64 ? name.size : 64), name.data,
	    section[0] != '\0' ? " in section [" : "", section,
	    section[0] != '\0' ? "]" : "");
}

static bool
is_config(const struct grey_option *option)
{
	return grey_bytes_equal(option->name, grey_bytes_of("config"));
}

struct grey_bytes
grey_options_config(struct grey_bytes text)
{
	struct grey_bytes file = { "", 0 };
	struct grey_option option;

	while (grey_option_next(&text, &option))
		if (is_config(&option))
			file = option.value;
	return file;
}

enum grey_status
grey_settings_options(struct grey_bytes text, struct grey_settings *settings,
    struct grey_error *err)
{
	struct grey_option option;
	struct grey_error why;
	size_t number;

	while (grey_option_next(&text, &option)) {
		if (is_config(&option))
			continue;
		if (grey_settings_set(settings, "", option.name, option.value,
			&number, &why) != GREY_OK)
			return grey_fail(err, GREY_INVALID, "OPTIONS: %.480s",
			    why.text);
	}
	return GREY_OK;
}

static enum grey_status
not_absolute(const char *name, const char *path, struct grey_error *err)
{
	return grey_fail(err, GREY_INVALID, "%s: '%s' does not start with /",
	    name, path);
}

static enum grey_status
trap_check(const struct grey_trap_settings *trap, struct grey_error *err)
{
	if (trap->trap_recipients[0] != '\0' && trap->trap_recipients[0] != '/')
		return not_absolute("trap_recipients", trap->trap_recipients,
		    err);
	if (trap->checker[0] != '\0' && trap->checker[0] != '/')
		return not_absolute("checker", trap->checker, err);
	if (trap->expire == 0)
		return grey_fail(err, GREY_INVALID,
		    "expire: a trap of 0 seconds would hold nobody");
	if (trap->checker_processes == 0 || trap->checker_timeout == 0)
		return grey_fail(err, GREY_INVALID,
		    "%s: it must be above 0; an empty checker switches it off",
		    trap->checker_processes == 0 ? "checker_processes" :
						   "checker_timeout");
	if (trap->dns_timeout == 0)
		return grey_fail(err, GREY_INVALID,
		    "dns_timeout: it must be above 0; dns_sockets = 0 "
		    "switches DNS off");
	return GREY_OK;
}

enum grey_status
grey_settings_check(const struct grey_settings *settings,
    struct grey_error *err)
{
	const struct grey_policy *policy = &settings->policy;
	const char *base = (const char *)settings;

	if (settings->db[0] == '\0')
		return grey_fail(err, GREY_INVALID, "db: it names no file");
	if (settings->directory[0] != '\0' && settings->directory[0] != '/')
		return not_absolute("directory", settings->directory, err);
	for (const struct grey_setting *s = whitelist_settings; s->name != NULL;
	     s++)
		if (base[s->offset] != '\0' && base[s->offset] != '/')
			return not_absolute(s->name, base + s->offset, err);
	if (policy->grey != 0 && policy->grey <= policy->delay)
		return grey_fail(err, GREY_INVALID,
		    "delay (%llds) is not below grey (%llds), the lifetime of "
		    "what waits: no mail would ever pass",
		    (long long)policy->delay, (long long)policy->grey);
	return trap_check(&settings->trap, err);
}
