/* Readers of text files. */
#include "foreign.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "duration.h"
#include "number.h"

/* spamd(8): a whitelisted host is kept so long after its last connection. */
#define SPAMD_WHITE_LIFE (36 * 24 * 3600)

typedef enum grey_status line_fn(struct foreign *foreign, void *arg,
    struct grey_bytes line, struct grey_error *err);

/* Calls take for each line without its newline; "-" is standard input. */
static enum grey_status
read_lines(struct foreign *foreign, const char *path, line_fn *take, void *arg,
    struct grey_error *err)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	enum grey_status status = GREY_OK;
	char *line = NULL;
	size_t room = 0;
	ssize_t n = 0;

	if (file == NULL)
		return grey_fail(err, GREY_FAILED, "cannot open '%.200s': %s",
		    path, strerror(errno));
	while (status == GREY_OK && (n = getline(&line, &room, file)) != -1) {
		if (n > 0 && line[n - 1] == '\n')
			n--;
		status = take(foreign, arg,
		    (struct grey_bytes){ line, (size_t)n }, err);
	}
	if (status == GREY_OK && ferror(file) != 0)
		status = grey_fail(err, GREY_FAILED, "cannot read '%.200s': %s",
		    path, strerror(errno));
	free(line);
	if (file != stdin)
		(void)fclose(file);
	return status;
}

/* "<a@b>" is a@b. */
static struct grey_bytes
without_brackets(struct grey_bytes address)
{
	if (address.size >= 2 && address.data[0] == '<' &&
	    address.data[address.size - 1] == '>')
		return (
		    struct grey_bytes){ address.data + 1, address.size - 2 };
	return address;
}

/* Fields of a line of spamdb(8). */
enum {
	SPAMDB_TYPE,
	SPAMDB_HOST,
	SPAMDB_HELO,
	SPAMDB_FROM,
	SPAMDB_TO,
	SPAMDB_FIRST,
	SPAMDB_PASS,
	SPAMDB_EXPIRE,
	SPAMDB_BLOCK,
	SPAMDB_COUNT,
	SPAMDB_FIELDS
};

/*
 * How many fields there are.  An older spamdb has no HELO: then it is empty.
 * A white host has none of what identifies mail, which is "||".
 */
static int
split_spamdb(struct grey_bytes line, struct grey_bytes fields_r[SPAMDB_FIELDS])
{
	bool more = true;
	int n;

	for (n = 0; n < SPAMDB_FIELDS && more; n++)
		more = foreign_part(&line, '|', &fields_r[n]);
	if (more)
		return SPAMDB_FIELDS + 1;
	if (n != SPAMDB_FIELDS - 1)
		return n;
	memmove(&fields_r[SPAMDB_FROM], &fields_r[SPAMDB_HELO],
	    (SPAMDB_COUNT - SPAMDB_HELO) * sizeof(*fields_r));
	return SPAMDB_FIELDS;
}

static enum grey_status
take_white(struct foreign *foreign, const struct grey_bytes *fields,
    int64_t first, int64_t pass, int64_t expire, int64_t count,
    struct grey_error *err)
{
	int64_t used = pass;

	if (!foreign_is_host(fields[SPAMDB_HOST])) {
		foreign_skip(foreign, "a client that is no address");
		return GREY_OK;
	}
	if (expire - SPAMD_WHITE_LIFE > used)
		used = expire - SPAMD_WHITE_LIFE;
	if (used > foreign->now)
		used = foreign->now;
	foreign->taken++;
	return foreign_host(foreign, fields[SPAMDB_HOST], first, used,
	    count > 0 ? count : 1, err);
}

static enum grey_status
take_spamdb(struct foreign *foreign, void *arg, struct grey_bytes line,
    struct grey_error *err)
{
	struct grey_bytes fields[SPAMDB_FIELDS];
	struct grey_record record = { .flags = { "", 0 } };
	int64_t pass, expire, count;
	int n;

	(void)arg;
	if (line.size == 0)
		return GREY_OK;
	foreign->read++;
	n = split_spamdb(line, fields);
	if (grey_bytes_equal(fields[0], grey_bytes_of("TRAPPED")) ||
	    grey_bytes_equal(fields[0], grey_bytes_of("SPAMTRAP"))) {
		foreign_skip(foreign, "traps, which are not taken over");
		return GREY_OK;
	}
	if (n != SPAMDB_FIELDS ||
	    !grey_number_parse(fields[SPAMDB_FIRST], &record.created) ||
	    !grey_number_parse(fields[SPAMDB_PASS], &pass) ||
	    !grey_number_parse(fields[SPAMDB_EXPIRE], &expire) ||
	    !grey_number_parse(fields[SPAMDB_COUNT], &count))
		return grey_fail(err, GREY_INVALID,
		    "line %lld is none of spamdb: '%.*s'",
		    (long long)foreign->read,
		    line.size > 100 ? 100 : (int)line.size, line.data);
	if (grey_bytes_equal(fields[0], grey_bytes_of("WHITE")))
		return take_white(foreign, fields, record.created, pass, expire,
		    count, err);
	if (!grey_bytes_equal(fields[0], grey_bytes_of("GREY"))) {
		foreign_skip(foreign, "lines of an unknown type");
		return GREY_OK;
	}
	record.used = record.created;
	foreign->taken++;
	return foreign_pair(foreign, without_brackets(fields[SPAMDB_FROM]),
	    without_brackets(fields[SPAMDB_TO]), &record, err);
}

enum grey_status
foreign_read_spamdb(struct foreign *foreign, const char *path,
    struct grey_error *err)
{
	return read_lines(foreign, path, take_spamdb, NULL, err);
}

/* One number of greylistd's states, and what it says about it. */
struct state {
	int64_t number;
	int64_t last;
	int64_t first;
	int64_t count;
	bool is_white;
	bool is_named; /* a triplet of this number was met */
};

struct states {
	struct state *states;
	size_t count, room;
	bool is_white, is_grey; /* the section that is read */
};

/* A Python hash may be negative. */
static bool
read_hash(struct grey_bytes text, int64_t *number_r)
{
	const bool negative = text.size > 0 && text.data[0] == '-';

	if (negative)
		text = (struct grey_bytes){ text.data + 1, text.size - 1 };
	if (!grey_number_parse(text, number_r))
		return false;
	if (negative)
		*number_r = -*number_r;
	return true;
}

/* "NUMBER = REST" */
static bool
split_assignment(struct grey_bytes line, int64_t *number_r,
    struct grey_bytes *rest_r)
{
	struct grey_bytes word, equals;

	*rest_r = line;
	return foreign_part(rest_r, ' ', &word) && read_hash(word, number_r) &&
	    foreign_part(rest_r, ' ', &equals) &&
	    grey_bytes_equal(equals, grey_bytes_of("="));
}

static enum grey_status
add_state(struct states *states, const struct state *state,
    struct grey_error *err)
{
	struct state *grown = states->states;

	if (states->count == states->room) {
		states->room = states->room * 2 + 1024;
		grown = reallocarray(grown, states->room, sizeof(*grown));
		if (grown == NULL)
			return grey_fail(err, GREY_FAILED, "out of memory");
		states->states = grown;
	}
	grown[states->count++] = *state;
	return GREY_OK;
}

static enum grey_status
take_state(struct foreign *foreign, void *arg, struct grey_bytes line,
    struct grey_error *err)
{
	struct states *states = arg;
	struct state state = { .is_white = states->is_white };
	struct grey_bytes rest, last, first;

	if (line.size > 0 && line.data[0] == '[') {
		states->is_white =
		    grey_bytes_equal(line, grey_bytes_of("[white]"));
		states->is_grey =
		    grey_bytes_equal(line, grey_bytes_of("[grey]"));
		return GREY_OK;
	}
	if (line.size == 0 || (!states->is_white && !states->is_grey))
		return GREY_OK;
	foreign->read++;
	if (!split_assignment(line, &state.number, &rest) ||
	    !foreign_part(&rest, ' ', &last) ||
	    !foreign_part(&rest, ' ', &first) ||
	    !grey_number_parse(last, &state.last) ||
	    !grey_number_parse(first, &state.first) ||
	    !grey_number_parse(rest, &state.count))
		return grey_fail(err, GREY_INVALID,
		    "'%.*s' is none of greylistd's states",
		    line.size > 100 ? 100 : (int)line.size, line.data);
	return add_state(states, &state, err);
}

static int
compare_states(const void *a, const void *b)
{
	const int64_t x = ((const struct state *)a)->number;
	const int64_t y = ((const struct state *)b)->number;

	return (x > y) - (x < y);
}

static enum grey_status
take_named(struct foreign *foreign, const struct state *state,
    struct grey_bytes host, struct grey_bytes sender,
    struct grey_bytes recipient, struct grey_error *err)
{
	const struct grey_record record = { .created = state->first,
		.used = state->is_white ? state->last : state->first,
		.count = state->is_white,
		.flags = { "", 0 } };
	enum grey_status status;

	foreign->taken++;
	status = foreign_pair(foreign, sender, recipient, &record, err);
	if (status != GREY_OK || !state->is_white)
		return status;
	return foreign_host(foreign, host, state->last, state->last, 1, err);
}

static enum grey_status
take_triplet(struct foreign *foreign, void *arg, struct grey_bytes line,
    struct grey_error *err)
{
	struct states *states = arg;
	struct state wanted = { .number = 0 }, *state;
	struct grey_bytes rest, host, sender;

	if (line.size == 0 || !split_assignment(line, &wanted.number, &rest))
		return GREY_OK;
	state = states->count == 0 ?
	    NULL :
	    bsearch(&wanted, states->states, states->count,
		sizeof(*states->states), compare_states);
	if (state == NULL || state->is_named)
		return GREY_OK;
	state->is_named = true;
	if (!foreign_part(&rest, ' ', &host) || !foreign_is_host(host) ||
	    !foreign_part(&rest, ' ', &sender) ||
	    memchr(rest.data, ' ', rest.size) != NULL) {
		foreign_skip(foreign,
		    "a triplet that is not ADDRESS SENDER RECIPIENT");
		return GREY_OK;
	}
	return take_named(foreign, state, host, without_brackets(sender),
	    without_brackets(rest), err);
}

/*
 * greylistd(8) 0.9: "states" has NUMBER = LAST FIRST COUNT in sections,
 * "triplets" NUMBER = ADDRESS SENDER RECIPIENT.  The numbers are hashes that
 * each of its processes makes anew; only both files together tell anything.
 */
enum grey_status
foreign_read_greylistd(struct foreign *foreign, const char *path,
    struct grey_error *err)
{
	struct states states = { .count = 0 };
	char names[2][PATH_MAX];
	enum grey_status status;

	if (snprintf(names[0], PATH_MAX, "%s/states", path) >= PATH_MAX ||
	    snprintf(names[1], PATH_MAX, "%s/triplets", path) >= PATH_MAX)
		return grey_fail(err, GREY_INVALID, "the path is too long");
	status = read_lines(foreign, names[0], take_state, &states, err);
	if (status == GREY_OK && states.count > 0)
		qsort(states.states, states.count, sizeof(*states.states),
		    compare_states);
	if (status == GREY_OK)
		status =
		    read_lines(foreign, names[1], take_triplet, &states, err);
	for (size_t i = 0; status == GREY_OK && i < states.count; i++)
		if (!states.states[i].is_named)
			foreign_skip(foreign,
			    "a hash whose triplet is not in 'triplets'");
	free(states.states);
	return status;
}
