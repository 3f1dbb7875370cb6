/*
 * A setting: its name, the form of its value, and where in a struct it is kept.
 * Tables of these serve OPTIONS, the configuration file and what prints them.
 */
#ifndef GREY_SETTING_H
#define GREY_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "status.h"

/* Room for a value as text, its NUL included. */
#define GREY_SETTING_TEXT 256

/* A ratio of 1; 0.75 is kept as 750000, so that comparing it is exact. */
#define GREY_RATIO_ONE 1000000

/* What is kept: its type in the struct. */
enum grey_setting_kind {
	GREY_SETTING_DURATION, /* int64_t, seconds */
	GREY_SETTING_NUMBER,   /* int64_t, from 0 to most */
	GREY_SETTING_RATIO,    /* int64_t, from 0 to GREY_RATIO_ONE */
	GREY_SETTING_FLAG,     /* bool: the first word is false */
	GREY_SETTING_CHOICE,   /* int: the number of the word */
	GREY_SETTING_STRING    /* char[GREY_SETTING_TEXT] */
};

struct grey_setting {
	const char *name;
	enum grey_setting_kind kind;
	size_t offset;
	int64_t most;             /* of a number; 0: INT64_MAX */
	const char *const *words; /* of a flag or choice; NULL ends them */
};

/*
 * Parses value into the setting's place in *base.
 * Returns GREY_OK, or GREY_INVALID with an error that quotes the value; the
 * place is then as it was.
 */
enum grey_status grey_setting_set(const struct grey_setting *setting,
    struct grey_bytes value, void *base, struct grey_error *err);

/* Writes the value in *base as grey_setting_set reads it.  Returns text. */
const char *grey_setting_text(const struct grey_setting *setting,
    const void *base, char text[GREY_SETTING_TEXT]);

/* One word "name=value" of OPTIONS; both point into it. */
struct grey_option {
	struct grey_bytes name;
	struct grey_bytes value;
};

/*
 * Takes the next word off *text; without "=" its value is empty.
 * Returns false at the end.
 */
bool grey_option_next(struct grey_bytes *text, struct grey_option *option_r);

/*
 * Sets what the option names, if one of these settings has that name.
 * Returns GREY_OK; GREY_NOT_FOUND if none has; GREY_INVALID.
 */
enum grey_status grey_option_set(const struct grey_setting *settings,
    const struct grey_option *option, void *base, struct grey_error *err);

#endif
