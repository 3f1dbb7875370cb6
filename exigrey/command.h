/*
 * A command of exigrey: what its row in the table says, and what it is given
 * when it runs.
 */
#ifndef EXIGREY_COMMAND_H
#define EXIGREY_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "config.h"
#include "dbpath.h"
#include "editor.h"
#include "output.h"
#include "session.h"
#include "whitelist.h"

/* Exit statuses. */
enum {
	EXIT_DONE = 0,
	EXIT_NOT_FOUND = 1,
	EXIT_FAILED = 2 /* wrong usage, or something went wrong */
};

enum format { FORMAT_TEXT, FORMAT_TAB, FORMAT_JSON };

/* What a command takes or wants; the options follow from it (options.c). */
enum {
	NEEDS_DATABASE = 1 << 0,  /* where it is, and the right user */
	TAKES_FORMAT = 1 << 1,    /* --format */
	TAKES_FILTER = 1 << 2,    /* --state, --match ... */
	TAKES_LIFETIMES = 1 << 3, /* --grey, --passed */
	TAKES_OUTPUT = 1 << 4,    /* --output */
	HIDDEN = 1 << 5,          /* not for people: no help shows it */
	LISTS = 1 << 6,           /* prints records while it reads */
	USES_POLICY = 1 << 7 /* its whitelists, and its -d if none is given */
};

/* An option; a table of them ends with one without a name. */
struct option_row {
	const char *name;     /* of its long form */
	char letter;          /* of its short form, or 0 */
	const char *argument; /* its name, or NULL: it takes none */
	const char *help;
};

/* An option that was given; the last of its name counts. */
struct option_given {
	const struct option_row *row;
	const char *value; /* borrowed from argv; "" for none */
};

#define OPTIONS_GIVEN_MAX 64

struct command;

/* One run of exigrey. */
struct invocation {
	const struct command *command;
	int argc; /* what is no option */
	char **argv;
	struct option_given given[OPTIONS_GIVEN_MAX];
	size_t given_count;
	enum format format;
	bool quiet;
	int64_t now;                 /* seconds since 1970 */
	struct grey_session session; /* with NEEDS_DATABASE */
	struct grey_dbpath path;
	struct grey_config config;       /* exigrey.conf */
	struct grey_whitelist whitelist; /* with USES_POLICY */
	bool configured;      /* path is the database that it is for */
	struct output output; /* with TAKES_OUTPUT */
	struct editor editor; /* edit's */
	FILE *input;          /* import's */
	int64_t expected;     /* records, see greydb.h */
	bool fresh;           /* see there too */
	bool loose;           /* and there */
	bool sync;            /* what is written is to be on the disk */
	unsigned batches;     /* so many were worked on (batch.h) */
};

/* A row of the table; a command's file holds it. */
struct command {
	const char *name;
	int (*run)(struct invocation *run);
	/*
	 * Called while we still are who called, before the database's owner
	 * is assumed; NULL: nothing to do.
	 */
	enum grey_status (
	    *before)(struct invocation *run, struct grey_error *err);
	int min, max; /* arguments; max -1: any */
	unsigned needs;
	const struct option_row *options; /* of its own, or NULL */
	const char *usage;                /* what follows the name */
	const char *summary;              /* half a line */
	const char *help;                 /* what it does, an example */
};

#endif
