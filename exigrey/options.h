/*
 * Options: which ones a command knows, reading them off the command line, and
 * their values.  getopt_long's array and the help are both made of the tables
 * of struct option_row.
 */
#ifndef EXIGREY_OPTIONS_H
#define EXIGREY_OPTIONS_H

#include "command.h"
#include "status.h"

/* Some of the options that a command knows. */
struct option_group {
	unsigned needs;    /* of commands that have them; 0: all */
	const char *title; /* for the help */
	const struct option_row *rows;
};

/* The groups that commands share; one without rows ends them. */
extern const struct option_group option_groups[];

/*
 * Takes the options before the command off argv: run gets them, and in argc
 * and argv what follows, the command's name first.
 * Returns GREY_OK, or GREY_INVALID with an error that names the option.
 */
enum grey_status options_before(struct invocation *run, int argc, char *argv[],
    struct grey_error *err);

/*
 * The same for run->command: takes its name and options off run->argv, in any
 * order with the arguments; "--" ends them.
 */
enum grey_status
options_of_command(struct invocation *run, struct grey_error *err);

/* Sets format and quiet as the options say.  GREY_OK or GREY_INVALID. */
enum grey_status options_global(struct invocation *run, struct grey_error *err);

/* Returns the value of an option, or NULL if it was not given. */
const char *option_value(const struct invocation *run, const char *name);

/* Was the option given? */
bool option_given(const struct invocation *run, const char *name);

/* How often was the option given? */
int option_count(const struct invocation *run, const char *name);

/* Was any option of the group given whose needs are these? */
bool options_given_of(const struct invocation *run, unsigned needs);

/*
 * Parse the value of an option; *value_r stays as it is where the option was
 * not given.  A number is decimal and not negative; a duration as in
 * duration.h; a moment as in moment.h.
 * Return GREY_OK, or GREY_INVALID with an error that names the option.
 */
enum grey_status option_number(const struct invocation *run, const char *name,
    int64_t *value_r, struct grey_error *err);
enum grey_status option_duration(const struct invocation *run, const char *name,
    int64_t *value_r, struct grey_error *err);
enum grey_status option_moment(const struct invocation *run, const char *name,
    int64_t *value_r, struct grey_error *err);

#endif
