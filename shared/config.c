#include "config.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "library.h"

#define LIBRARY   "libinih.so.1"
#define LINES_MAX 10000
#define BAD_MAX   100 /* lines that are looked for one by one */

static const char not_understood[] =
    "this is neither [section], name = value nor a comment";

typedef int
parse_fn(ini_reader reader, void *stream, ini_handler handler, void *user);

/* The file while it is parsed: libinih asks for lines and tells settings. */
struct reading {
	struct grey_config *config;
	FILE *file;
	int line;    /* the last that was given */
	bool counts; /* settings are taken and mistakes told */
	bool bad[LINES_MAX + 1];
	grey_mistake_fn *mistake;
	void *arg;
};

static void
tell(struct reading *reading, int line, const char *what)
{
	struct grey_config *config = reading->config;
	struct grey_error text;

	grey_error_set(&text, "%.200s:%d: %.280s", config->file, line, what);
	if (config->mistakes++ == 0)
		config->first = text;
	if (reading->mistake != NULL)
		reading->mistake(reading->arg, text.text);
}

/* The rest of a line that did not fit. */
static void
skip_line(FILE *file)
{
	int c;

	do {
		c = getc(file);
	} while (c != '\n' && c != EOF);
}

/*
 * Gives libinih a line as fgets(3) does, without the space before it, which
 * would make it the continuation of the one above; a bad one becomes empty.
 */
static char *
next_line(char *text, int size, void *stream)
{
	struct reading *reading = stream;
	size_t blank, length;

	if (reading->line == LINES_MAX ||
	    fgets(text, size, reading->file) == NULL)
		return NULL;
	reading->line++;
	length = strlen(text);
	if (length + 1 == (size_t)size && text[length - 1] != '\n') {
		skip_line(reading->file);
		reading->bad[reading->line] = true;
		if (reading->counts)
			tell(reading, reading->line, "the line is too long");
		text[0] = '\0';
		length = 0;
	} else if (reading->bad[reading->line]) {
		if (reading->counts)
			tell(reading, reading->line, not_understood);
		length = 0;
	}
	blank = strspn(text, " \t");
	memmove(text, text + blank, length > blank ? length - blank + 1 : 1);
	if (length == 0)
		(void)strcpy(text, "\n");
	return text;
}

static int
take_setting(void *user, const char *section, const char *name,
    const char *value)
{
	struct reading *reading = user;
	struct grey_config *config = reading->config;
	struct grey_error why;
	char text[96];
	size_t number;

	if (!reading->counts)
		return 1;
	if (grey_settings_set(&config->settings, section, grey_bytes_of(name),
		grey_bytes_of(value), &number, &why) != GREY_OK) {
		tell(reading, reading->line, why.text);
		return 1;
	}
	if (config->lines[number] != 0) {
		(void)snprintf(text, sizeof(text),
		    "%.32s was set before, in line %d", name,
		    config->lines[number]);
		tell(reading, reading->line, text);
	}
	config->lines[number] = reading->line;
	return 1;
}

/*
 * libinih tells the first line that it does not understand, and goes on.  So
 * it parses until there is no such line, and then once more, which counts.
 */
static enum grey_status
parse(struct reading *reading, parse_fn *ini_parse_stream_,
    struct grey_error *err)
{
	int bad, found = 0;

	do {
		rewind(reading->file);
		reading->line = 0;
		bad = ini_parse_stream_(next_line, reading, take_setting,
		    reading);
		if (bad > 0)
			reading->bad[bad] = true;
	} while (bad > 0 && ++found < BAD_MAX);
	rewind(reading->file);
	reading->line = 0;
	reading->counts = true;
	bad = ini_parse_stream_(next_line, reading, take_setting, reading);
	if (bad > 0)
		tell(reading, bad, not_understood);
	if (bad < 0 || ferror(reading->file))
		return grey_fail(err, GREY_FAILED, "cannot read '%.300s'",
		    reading->config->file);
	if (reading->line == LINES_MAX)
		tell(reading, LINES_MAX, "the file has too many lines");
	return GREY_OK;
}

static enum grey_status
load_and_parse(struct reading *reading, struct grey_error *err)
{
	parse_fn *parse_stream;
	const struct grey_symbol wanted = { "ini_parse_stream", &parse_stream };
	enum grey_status status;
	void *library;

	status = grey_library_load(reading->config->file, LIBRARY, &wanted, 1,
	    &library, err);
	if (status != GREY_OK)
		return status;
	status = parse(reading, parse_stream, err);
	grey_library_close(library);
	return status;
}

static void
check_whole(struct reading *reading)
{
	struct grey_config *config = reading->config;
	struct grey_error why;

	if (config->mistakes > 0 ||
	    grey_settings_check(&config->settings, &why) == GREY_OK)
		return;
	config->mistakes = 1;
	grey_error_set(&config->first, "%.200s: %.280s", config->file,
	    why.text);
	if (reading->mistake != NULL)
		reading->mistake(reading->arg, config->first.text);
}

static enum grey_status
read_file(struct grey_config *config, grey_mistake_fn *mistake, void *arg,
    struct grey_error *err)
{
	struct reading reading = { .config = config,
		.mistake = mistake,
		.arg = arg };
	enum grey_status status;

	if (!S_ISREG(config->stat.st_mode))
		return grey_fail(err, GREY_FAILED, "'%.300s' is no file",
		    config->file);
	reading.file = fopen(config->file, "re");
	if (reading.file == NULL)
		return grey_fail(err, GREY_FAILED, "cannot open '%.300s': %s",
		    config->file, strerror(errno));
	status = load_and_parse(&reading, err);
	(void)fclose(reading.file);
	if (status == GREY_OK)
		check_whole(&reading);
	return status;
}

bool
grey_stat_same(const struct stat *then, const struct stat *now)
{
	return now->st_dev == then->st_dev && now->st_ino == then->st_ino &&
	    now->st_size == then->st_size &&
	    now->st_mtim.tv_sec == then->st_mtim.tv_sec &&
	    now->st_mtim.tv_nsec == then->st_mtim.tv_nsec;
}

static enum grey_status
outcome(const struct grey_config *config, struct grey_error *err)
{
	return config->mistakes == 0 ?
	    GREY_OK :
	    grey_fail(err, GREY_INVALID, "%s", config->first.text);
}

enum grey_status
grey_config_read(struct grey_config *config, const char *file,
    grey_mistake_fn *mistake, void *arg, struct grey_error *err)
{
	enum grey_status status;
	struct stat now = { .st_size = -1 };
	const bool exists = stat(file, &now) == 0;

	if (!exists && errno != ENOENT && errno != ENOTDIR)
		return grey_fail(err, GREY_FAILED, "cannot open '%.300s': %s",
		    file, strerror(errno));
	if (config->was_read && strcmp(config->file, file) == 0 &&
	    grey_stat_same(&config->stat, &now))
		return outcome(config, err);
	*config = (struct grey_config){ .settings = grey_settings_default(),
		.exists = exists,
		.stat = now };
	(void)snprintf(config->file, sizeof(config->file), "%s", file);
	if (exists) {
		status = read_file(config, mistake, arg, err);
		if (status != GREY_OK)
			return status;
	}
	config->was_read = true;
	return outcome(config, err);
}
