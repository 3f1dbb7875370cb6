/*
 * Stores keys and values of any bytes in a database, for tests of what reads
 * them:
 *
 *	store DB < LINES	each line: KEY VALUE, in hexadecimal digits
 *	store DB fill N		N records of items i0, i1 ...: created 1000 + i
 *	store DB dump		the reverse: prints lines
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "greydb.h"
#include "record.h"
#include "snapshot.h"

static void
die(const char *text)
{
	(void)fprintf(stderr, "store: %s\n", text);
	exit(1);
}

static unsigned
digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : (c | ' ') - 'a' + 10);
}

/* Turns digits into bytes in place; returns what follows them. */
static char *
take_bytes(char *text, struct grey_bytes *bytes_r)
{
	size_t n = 0;

	bytes_r->data = text;
	for (; isxdigit((unsigned char)text[2 * n]); n++)
		text[n] =
		    (char)(digit(text[2 * n]) << 4 | digit(text[2 * n + 1]));
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
		char *space = take_bytes(line, &key);
		(void)take_bytes(space + 1, &value);
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
		const struct grey_record record = { .created = 1000 + i,
			.used = 1000 + i,
			.flags = { "", 0 } };
		key.size = (size_t)snprintf(item, sizeof(item), "i%ld", i) + 1;
		if (grey_record_format(&record, key, 0, buffer, &value, &err) !=
			GREY_OK ||
		    greydb_store(db, key, value, &err) != GREY_OK)
			die(err.text);
	}
}

static void
print_bytes(struct grey_bytes bytes, char after)
{
	for (size_t i = 0; i < bytes.size; i++)
		(void)printf("%02x", (unsigned char)bytes.data[i]);
	(void)putchar(after);
}

static enum grey_status
print_pair(void *arg, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	(void)arg;
	(void)err;
	print_bytes(key, ' ');
	print_bytes(value, '\n');
	return GREY_OK;
}

static void
dump(struct grey_session *session, const struct grey_dbpath *path,
    const struct greydb_settings *settings)
{
	struct grey_snapshot *snapshot;
	struct grey_error err;

	if (grey_snapshot_open(session, path, settings, &snapshot, &err) !=
		GREY_OK ||
	    grey_snapshot_walk(snapshot, print_pair, NULL, &err) != GREY_OK)
		die(err.text);
	grey_snapshot_close(&snapshot);
}

static void
store(struct grey_session *session, const struct grey_dbpath *path,
    const struct greydb_settings *settings, const char *count)
{
	struct grey_error err;
	struct greydb *db;

	if (greydb_open(session, path, settings, &db, &err) != GREY_OK ||
	    greydb_batch(db, &err) != GREY_OK)
		die(err.text);
	if (count != NULL)
		fill(db, strtol(count, NULL, 10));
	else
		store_lines(db);
	if (greydb_close(&db, &err) != GREY_OK)
		die(err.text);
}

int
main(int argc, char *argv[])
{
	const struct greydb_settings settings = { .timeout = 5,
		.create = true };
	struct grey_session session;
	struct grey_dbpath path;
	struct grey_error err;

	if (argc < 2 || argc > 4)
		die("usage: store DB [fill N | dump]");
	grey_session_init(&session, NULL, NULL);
	if (grey_dbpath_resolve(argv[1], "/", &path, &err) != GREY_OK)
		die(err.text);
	if (argc == 3)
		dump(&session, &path, &settings);
	else
		store(&session, &path, &settings, argc == 4 ? argv[3] : NULL);
	grey_session_end(&session);
	return 0;
}
