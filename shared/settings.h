/*
 * The settings of the whole policy (greylist, not unseen): what exigrey.conf
 * and OPTIONS can say, and what holds where they are silent.
 */
#ifndef GREY_SETTINGS_H
#define GREY_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "policy.h"
#include "setting.h"

/*
 * Section trap: which clients 'exigrey trap' traps, and for how long.  The
 * first five are those of OpenBSD's greytrapper.
 */
struct grey_trap_settings {
	int64_t expire;            /* seconds that a client stays trapped */
	int64_t suspect_tuples;    /* more waiting ones make it a suspect */
	int64_t max_domains;       /* of its senders, then */
	int64_t max_senders_ratio; /* unique senders to triplets, then */
	char trap_recipients[GREY_SETTING_TEXT]; /* file, or "" */
	char checker[GREY_SETTING_TEXT]; /* of recipients: program, or "" */
	int64_t checker_timeout;         /* seconds, for one recipient */
	int64_t checker_processes;       /* at once */
	int64_t dns_sockets;             /* queries at once; 0: none at all */
	int64_t dns_timeout;             /* seconds, for one domain */
	char dns_servers[GREY_SETTING_TEXT]; /* "": those of resolv.conf */
};

struct grey_settings {
	struct grey_policy policy;
	int64_t ipv4_prefix, ipv6_prefix;
	int key; /* enum grey_triplet_kind */
	bool fold_sender;
	bool lower_case;
	bool greylist_null_sender;
	int64_t
	    autowhitelist; /* credits that make a client trusted; 0: never */
	bool observe;      /* decide and log, never defer */
	char db[GREY_SETTING_TEXT];
	char directory[GREY_SETTING_TEXT]; /* of db, if that is a name; "" */
	/* Whitelists: files, "" for none. */
	char clients[GREY_SETTING_TEXT];
	char senders[GREY_SETTING_TEXT];
	char recipients[GREY_SETTING_TEXT];
	char keys[GREY_SETTING_TEXT];
	char postfix_message[GREY_SETTING_TEXT]; /* of a deferral */
	bool postfix_header; /* X-Greylist at a first pass */
	char courier_message[GREY_SETTING_TEXT];
	struct grey_trap_settings trap;
};

/* A section of the file, its settings and where they are kept. */
struct grey_section {
	const char *name;
	const struct grey_setting *settings; /* one without a name ends them */
	size_t offset; /* of what they are kept in, in grey_settings */
};

/* All of them; one without a name ends them. */
extern const struct grey_section grey_sections[];

/* How many settings there are in all, at most. */
#define GREY_SETTINGS_MAX 64

/* The defaults; README.md and exigrey.conf(5) list them. */
struct grey_settings grey_settings_default(void);

/*
 * Sets one setting, by its section and name.  *number_r is then its number, in
 * the order of grey_sections, from 0.
 * Returns GREY_OK, or GREY_INVALID with an error that names the setting.
 */
enum grey_status grey_settings_set(struct grey_settings *settings,
    const char *section, struct grey_bytes name, struct grey_bytes value,
    size_t *number_r, struct grey_error *err);

/*
 * Changes them as the words "name=value" of OPTIONS say; settings of section
 * greylist only.  "config=FILE" is left to grey_options_config.
 * Returns GREY_OK, or GREY_INVALID with an error that quotes the word; what
 * stood before it is set.
 */
enum grey_status grey_settings_options(struct grey_bytes text,
    struct grey_settings *settings, struct grey_error *err);

/* Returns the value of config=FILE in OPTIONS, or one without bytes. */
struct grey_bytes grey_options_config(struct grey_bytes text);

/*
 * Checks what no single setting shows.  Returns GREY_OK, or GREY_INVALID with
 * an error.
 */
enum grey_status grey_settings_check(const struct grey_settings *settings,
    struct grey_error *err);

#endif
