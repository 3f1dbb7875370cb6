/*
 * Stores keys and values of any bytes in a database, for tests of what reads
 * them:
 *
 *	store DB < LINES	each line: KEY VALUE, in hexadecimal digits
 *	store DB fill N		N records of items i0, i1 ...: created 1000 + i
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "greydb.h"
#include "record.h"

static void
die(const char *text)
{
	(void)fprintf(stderr, "store: %s\n", text);
	exit(1);
}

/* Turns digits into bytes in place; returns what follows the word. */
static char *
take_bytes(char *text, struct grey_bytes *bytes_r)
{
	unsigned byte;
	size_t n = 0;

	while (isspace((unsigned char)*text))
		text++;
	bytes_r->data = text;
	while (isxdigit((unsigned char)text[2 * n]) &&
	    sscanf(text + 2 * n, "%2x", &byte) == 1)
		text[n++] = (char)byte;
	bytes_r->size = n;
	return text + 2 * n;
}

static void
store_lines(struct greydb *db)
{
	struct grey_bytes key, value;
	struct grey_error err;
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, stdin) != -1) {
		(void)take_bytes(take_bytes(line, &key), &value);
		if (greydb_store(db, key, value, &err) != GREY_OK)
			die(err.text);
	}
	free(line);
}

static void
fill(struct greydb *db, long count)
{
	char item[32], buffer[GREY_VALUE_MAX];
	struct grey_bytes key = { item, 0 }, value;
	struct grey_error err;

	for (long i = 0; i < count; i++) {
		const struct grey_record record = {
			.created = 1000 + i, .used = 1000 + i,
			.flags = { "", 0 }
		};
		key.size = (size_t)snprintf(item, sizeof(item), "i%ld", i) + 1;
		if (grey_record_format(&record, 0, buffer, &value, &err) !=
		    GREY_OK || greydb_store(db, key, value, &err) != GREY_OK)
			die(err.text);
	}
}

int
main(int argc, char *argv[])
{
	const struct greydb_settings settings = { .timeout = 5,
	    .create = true };
	struct grey_session session;
	struct grey_dbpath path;
	struct grey_error err;
	struct greydb *db;

	if (argc != 2 && argc != 4)
		die("usage: store DB [fill N]");
	grey_session_init(&session, NULL, NULL);
	if (grey_dbpath_resolve(argv[1], "/", &path, &err) != GREY_OK ||
	    greydb_open(&session, &path, &settings, &db, &err) != GREY_OK ||
	    greydb_batch(db, &err) != GREY_OK)
		die(err.text);
	if (argc == 4)
		fill(db, strtol(argv[3], NULL, 10));
	else
		store_lines(db);
	if (greydb_close(&db, &err) != GREY_OK)
		die(err.text);
	grey_session_end(&session);
	return 0;
}
