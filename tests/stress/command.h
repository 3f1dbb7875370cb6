/* Runs exigrey and reads what it prints. */
#ifndef COMMAND_H
#define COMMAND_H

#include "worker.h"

#define ITEM_SIZE 128

/* Writes the item of a key. */
void command_item(int32_t key, char item[ITEM_SIZE]);

/* Called for each line of its output, without the newline. */
typedef void command_line_fn(void *arg, char *line);

/*
 * Runs "exigrey -d DB" with these arguments, up to a NULL.  Returns its exit
 * status, or -1 if it did not run or was killed; *error_r is the last line of
 * its standard error.
 */
int command_run(const struct stress *stress, const char *const *arguments,
    command_line_fn *line, void *arg, char error_r[ERROR_SIZE]);

/*
 * For command_run: reads the lines of list --format tab, or of export, into
 * the content, an array of KEYS states.  The database may have items of other
 * names.
 */
struct command_reading {
	struct state *content;
	bool has_state; /* list: the second field is one */
	int misread;    /* lines that make no sense */
};
command_line_fn command_read_record;

#endif
