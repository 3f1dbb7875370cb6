/*
 * FILTER: the options that choose records.
 *
 *	filter_begin, filter_match for each entry, filter_failed, filter_end
 */
#ifndef EXIGREY_FILTER_H
#define EXIGREY_FILTER_H

#include "command.h"
#include "entry.h"
#include "status.h"

struct filter;

/*
 * Makes a filter of the options of run; without any, all records match.
 * Returns GREY_OK with *filter_r, which filter_end frees; GREY_INVALID;
 * GREY_FAILED without memory.
 */
enum grey_status filter_begin(const struct invocation *run,
    struct filter **filter_r, struct grey_error *err);

/* Returns true if any of the options was given. */
bool filter_given(const struct invocation *run);

/*
 * Returns true if the entry is a record that matches.  What cannot be said
 * (the regular expression needs too long) is a no, which filter_failed tells.
 * filter is a struct filter *, so that this is a sweep_match_fn.
 */
bool filter_match(void *filter, const struct entry *entry);

/* Returns GREY_OK, or GREY_FAILED if a match could not be decided. */
enum grey_status
filter_failed(const struct filter *filter, struct grey_error *err);

/* Frees the filter; *filter becomes NULL. */
void filter_end(struct filter **filter);

#endif
