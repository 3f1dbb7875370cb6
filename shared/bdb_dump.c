#include "bdb_dump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Turns " 6162\n" into bytes, in place.  False if it is not that. */
static bool
take_bytes(char *line, struct grey_bytes *bytes_r)
{
	size_t n = 0;

	if (line[0] != ' ')
		return false;
	for (; digit(line[1 + 2 * n]) != -1 && digit(line[2 + 2 * n]) != -1;
	     n++)
		line[n] = (char)(digit(line[1 + 2 * n]) << 4 |
		    digit(line[2 + 2 * n]));
	*bytes_r = (struct grey_bytes){ line, n };
	return line[1 + 2 * n] == '\n' || line[1 + 2 * n] == '\0';
}

/* Lines of a pair; each getline keeps its own memory. */
struct lines {
	char *text[2];
	size_t room[2];
	int next; /* 0: a key, 1: its value */
};

static enum grey_status
take_line(struct lines *lines, struct grey_bytes pair[2],
    greydb_visit_fn *visit, void *arg, struct grey_error *err)
{
	char *line = lines->text[lines->next];

	/* A header or an end: what follows starts with a key. */
	if (!take_bytes(line, &pair[lines->next])) {
		lines->next = 0;
		return GREY_OK;
	}
	lines->next = !lines->next;
	return lines->next == 0 ? visit(arg, pair[0], pair[1], err) : GREY_OK;
}

enum grey_status
grey_bdb_dump_read(FILE *file, greydb_visit_fn *visit, void *arg,
    struct grey_error *err)
{
	struct lines lines = { .next = 0 };
	struct grey_bytes pair[2] = { { NULL, 0 }, { NULL, 0 } };
	enum grey_status status = GREY_OK;

	rewind(file);
	errno = 0;
	while (status == GREY_OK &&
	    getline(&lines.text[lines.next], &lines.room[lines.next], file) !=
		-1)
		status = take_line(&lines, pair, visit, arg, err);
	if (status == GREY_OK && ferror(file) != 0)
		status = grey_fail(err, GREY_FAILED,
		    "cannot read what was saved: %s", strerror(errno));
	free(lines.text[0]);
	free(lines.text[1]);
	return status;
}
