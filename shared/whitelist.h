/*
 * Whitelists in files: clients, senders, recipients, and expressions on the
 * joined key "client/sender/recipient".  A file is read at most once by a
 * process, and again when it has changed.
 */
#ifndef GREY_WHITELIST_H
#define GREY_WHITELIST_H

#include <sys/stat.h>

#include "config.h"
#include "namelist.h"
#include "netlist.h"
#include "settings.h"

struct grey_regex;

/* One file. */
struct grey_whitelist_file {
	char file[GREY_SETTING_TEXT]; /* "": none is configured */
	struct stat stat;
	bool was_read;
	struct grey_netlist networks;
	struct grey_namelist names;
	struct {
		struct grey_regex *regex;
		int line;
	} * regexes;
	size_t regex_count;
	struct grey_error first; /* mistake of it, or "" */
};

enum grey_list { /* in the order of their settings */
	GREY_LIST_CLIENTS,
	GREY_LIST_SENDERS,
	GREY_LIST_RECIPIENTS,
	GREY_LIST_KEYS
};
#define GREY_LISTS 4

/* Zeroed at first. */
struct grey_whitelist {
	struct grey_whitelist_file files[GREY_LISTS];
};

/* Where something was found. */
struct grey_listed {
	enum grey_list list;
	int line; /* of its file */
};

/*
 * Reads the files of the settings that are new or have changed; mistake (may be
 * NULL) is told of each mistake in them.
 * Returns GREY_OK; GREY_INVALID with the first mistake; GREY_FAILED for a file
 * that cannot be read.
 */
enum grey_status grey_whitelist_read(struct grey_whitelist *whitelist,
    const struct grey_settings *settings, grey_mistake_fn *mistake, void *arg,
    struct grey_error *err);

/*
 * Is the client (its address, and its name or none) whitelisted?  The sender?
 * The recipient, or the key?  Addresses are in lower case.
 * Return true with *listed_r.
 */
bool grey_whitelist_client(const struct grey_whitelist *whitelist,
    const struct grey_network *address, struct grey_bytes name,
    struct grey_listed *listed_r);
bool grey_whitelist_sender(const struct grey_whitelist *whitelist,
    struct grey_bytes sender, struct grey_listed *listed_r);
bool grey_whitelist_recipient(const struct grey_whitelist *whitelist,
    const struct grey_network *address, struct grey_bytes sender,
    struct grey_bytes recipient, struct grey_listed *listed_r);

/* The name of a list for people: "client", "sender" ...; it lives for ever. */
const char *grey_list_name(enum grey_list list);

void grey_whitelist_free(struct grey_whitelist *whitelist);

/*
 * The same for a file with an expression on each line, whatever it is for;
 * what names that in messages.  name "": there is none, and nothing matches.
 * Returns as grey_whitelist_read.
 */
enum grey_status grey_expressions_read(struct grey_whitelist_file *file,
    const char *what, const char *name, grey_mistake_fn *mistake, void *arg,
    struct grey_error *err);

/* Returns the line of the first expression that matches; 0: none. */
int grey_expressions_find(const struct grey_whitelist_file *file,
    struct grey_bytes text);

void grey_expressions_free(struct grey_whitelist_file *file);

#endif
