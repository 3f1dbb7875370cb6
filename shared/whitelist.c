#include "whitelist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "network.h"
#include "regex.h"

#define KEY_MAX 4096 /* of what expressions on keys look at */

/* A file while it is read. */
struct reading {
	struct grey_whitelist_file *file;
	const char *what; /* it is, for messages */
	enum grey_list list;
	int line;
	grey_mistake_fn *mistake;
	void *arg;
};

void
grey_expressions_free(struct grey_whitelist_file *file)
{
	grey_netlist_free(&file->networks);
	grey_namelist_free(&file->names);
	for (size_t i = 0; i < file->regex_count; i++)
		grey_regex_free(file->regexes[i].regex);
	free(file->regexes);
	*file = (struct grey_whitelist_file){ .regexes = NULL };
}

void
grey_whitelist_free(struct grey_whitelist *whitelist)
{
	for (size_t i = 0; i < GREY_LISTS; i++)
		grey_expressions_free(&whitelist->files[i]);
}

static void
tell(struct reading *reading, const char *what)
{
	struct grey_error text;

	grey_error_set(&text, "%.255s:%d: %.200s", reading->file->file,
	    reading->line, what);
	if (reading->file->first.text[0] == '\0')
		reading->file->first = text;
	if (reading->mistake != NULL)
		reading->mistake(reading->arg, text.text);
}

static enum grey_status
add_regex(struct reading *reading, struct grey_bytes text,
    struct grey_error *err)
{
	struct grey_whitelist_file *file = reading->file;
	struct grey_regex *regex;
	enum grey_status status;
	void *more;

	status = grey_regex_compile(text, &regex, err);
	if (status != GREY_OK)
		return status;
	more = reallocarray(file->regexes, file->regex_count + 1,
	    sizeof(*file->regexes));
	if (more == NULL) {
		grey_regex_free(regex);
		return grey_fail(err, GREY_FAILED, "out of memory");
	}
	file->regexes = more;
	file->regexes[file->regex_count].regex = regex;
	file->regexes[file->regex_count++].line = reading->line;
	return GREY_OK;
}

/* Letters, digits and what else names of hosts and addresses have. */
static bool
is_name(struct grey_bytes text)
{
	for (size_t i = 0; i < text.size; i++)
		if ((unsigned char)text.data[i] <= 0x20 ||
		    text.data[i] == 0x7f ||
		    strchr("/,;()<>[]", text.data[i]) != NULL)
			return false;
	return true;
}

static bool
looks_like_address(struct grey_bytes text)
{
	return memchr(text.data, ':', text.size) != NULL ||
	    (text.data[text.size - 1] >= '0' &&
		text.data[text.size - 1] <= '9');
}

/* One entry, which is not empty. */
static enum grey_status
add_entry(struct reading *reading, struct grey_bytes text,
    struct grey_error *err)
{
	struct grey_network network;

	if (reading->list == GREY_LIST_KEYS)
		return add_regex(reading, text, err);
	if (text.size > 2 && text.data[0] == '/' &&
	    text.data[text.size - 1] == '/')
		return add_regex(reading,
		    (struct grey_bytes){ text.data + 1, text.size - 2 }, err);
	if (reading->list == GREY_LIST_CLIENTS) {
		if (grey_network_parse(text, &network))
			return grey_netlist_add(&reading->file->networks,
			    &network, reading->line, err);
		if (looks_like_address(text))
			return grey_fail(err, GREY_INVALID,
			    "'%.*s' is no address, network or name",
			    (int)(text.size < 64 ? text.size : 64), text.data);
	}
	if (!is_name(text))
		return grey_fail(err, GREY_INVALID,
		    "'%.*s' is no name or address; an expression stands "
		    "between two /",
		    (int)(text.size < 64 ? text.size : 64), text.data);
	return grey_namelist_add(&reading->file->names, text, reading->line,
	    err);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/*
 * What a line says: without the space around it, and without a comment, which
 * begins with "#" at its start or behind a space.  An expression may hold
 * anything but " #".
 */
static struct grey_bytes
content_of(char *line, size_t length)
{
	struct grey_bytes text = { line, length };

	for (size_t i = 0; i < length; i++)
		if (line[i] == '#' && (i == 0 || is_blank(line[i - 1]))) {
			text.size = i;
			break;
		}
	while (text.size > 0 && is_blank(text.data[0])) {
		text.data++;
		text.size--;
	}
	while (text.size > 0 && is_blank(text.data[text.size - 1]))
		text.size--;
	return text;
}

static void
lower(char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] = (char)(text[i] - 'A' + 'a');
}

static enum grey_status
read_lines(struct reading *reading, FILE *from, struct grey_error *err)
{
	enum grey_status status = GREY_OK;
	struct grey_bytes text;
	char *line = NULL;
	size_t room = 0;
	ssize_t length;

	while (status != GREY_FAILED &&
	    (length = getline(&line, &room, from)) != -1) {
		reading->line++;
		text = content_of(line, (size_t)length);
		if (text.size == 0)
			continue;
		/* Not an expression: \S is not \s. */
		if (reading->list != GREY_LIST_KEYS && text.data[0] != '/')
			lower(line, (size_t)length);
		status = add_entry(reading, text, err);
		if (status == GREY_INVALID)
			tell(reading, err->text);
	}
	if (status != GREY_FAILED && ferror(from))
		status = grey_fail(err, GREY_FAILED, "cannot read '%.255s'",
		    reading->file->file);
	free(line);
	return status == GREY_FAILED ? status : GREY_OK;
}

static enum grey_status
read_file(struct reading *reading, const char *name, const struct stat *now,
    struct grey_error *err)
{
	struct grey_whitelist_file *file = reading->file;
	enum grey_status status;
	FILE *from;

	grey_expressions_free(file);
	file->stat = *now;
	(void)snprintf(file->file, sizeof(file->file), "%s", name);
	from = S_ISREG(now->st_mode) ? fopen(name, "re") : NULL;
	if (from == NULL)
		return grey_fail(err, GREY_FAILED,
		    "cannot open %s '%.255s': %s", reading->what, name,
		    S_ISREG(now->st_mode) ? strerror(errno) : "it is no file");
	status = read_lines(reading, from, err);
	(void)fclose(from);
	grey_netlist_sort(&file->networks);
	grey_namelist_sort(&file->names);
	file->was_read = status == GREY_OK;
	return status;
}

static enum grey_status
refresh(struct reading *reading, const char *name, struct grey_error *err)
{
	struct grey_whitelist_file *file = reading->file;
	struct stat now;

	if (name[0] == '\0') {
		if (file->file[0] != '\0')
			grey_expressions_free(file);
		return GREY_OK;
	}
	if (stat(name, &now) == -1)
		return grey_fail(err, GREY_FAILED,
		    "cannot open %s '%.255s': %s", reading->what, name,
		    strerror(errno));
	if (!file->was_read || strcmp(file->file, name) != 0 ||
	    !grey_stat_same(&file->stat, &now)) {
		enum grey_status status = read_file(reading, name, &now, err);

		if (status != GREY_OK)
			return status;
	}
	return file->first.text[0] == '\0' ?
	    GREY_OK :
	    grey_fail(err, GREY_INVALID, "%s", file->first.text);
}

enum grey_status
grey_whitelist_read(struct grey_whitelist *whitelist,
    const struct grey_settings *settings, grey_mistake_fn *mistake, void *arg,
    struct grey_error *err)
{
	const char *const names[GREY_LISTS] = { [GREY_LIST_CLIENTS] =
						    settings->clients,
		[GREY_LIST_SENDERS] = settings->senders,
		[GREY_LIST_RECIPIENTS] = settings->recipients,
		[GREY_LIST_KEYS] = settings->keys };
	enum grey_status status, worst = GREY_OK;
	struct grey_error why;

	for (size_t i = 0; i < GREY_LISTS; i++) {
		struct reading reading = { .file = &whitelist->files[i],
			.what = "whitelist",
			.list = (enum grey_list)i,
			.mistake = mistake,
			.arg = arg };

		status = refresh(&reading, names[i], &why);
		if (status == GREY_FAILED && mistake != NULL)
			mistake(arg, why.text);
		if (status != GREY_OK && worst == GREY_OK)
			worst = grey_fail(err, status, "%s", why.text);
	}
	return worst;
}

enum grey_status
grey_expressions_read(struct grey_whitelist_file *file, const char *what,
    const char *name, grey_mistake_fn *mistake, void *arg,
    struct grey_error *err)
{
	struct reading reading = { .file = file,
		.what = what,
		.list = GREY_LIST_KEYS,
		.mistake = mistake,
		.arg = arg };

	return refresh(&reading, name, err);
}

int
grey_expressions_find(const struct grey_whitelist_file *file,
    struct grey_bytes text)
{
	for (size_t i = 0; i < file->regex_count; i++)
		if (grey_regex_matches(file->regexes[i].regex, text))
			return file->regexes[i].line;
	return 0;
}

static int
find_address(const struct grey_whitelist_file *file, struct grey_bytes address)
{
	const int line = grey_namelist_find(&file->names, address);

	return line != 0 ? line : grey_expressions_find(file, address);
}

static bool
found(enum grey_list list, int line, struct grey_listed *listed_r)
{
	*listed_r = (struct grey_listed){ list, line };
	return line != 0;
}

bool
grey_whitelist_client(const struct grey_whitelist *whitelist,
    const struct grey_network *address, struct grey_bytes name,
    struct grey_listed *listed_r)
{
	const struct grey_whitelist_file *file =
	    &whitelist->files[GREY_LIST_CLIENTS];
	int line = grey_netlist_find(&file->networks, address);

	if (line == 0 && name.size > 0)
		line = find_address(file, name);
	return found(GREY_LIST_CLIENTS, line, listed_r);
}

bool
grey_whitelist_sender(const struct grey_whitelist *whitelist,
    struct grey_bytes sender, struct grey_listed *listed_r)
{
	return found(GREY_LIST_SENDERS,
	    find_address(&whitelist->files[GREY_LIST_SENDERS], sender),
	    listed_r);
}

/* "client/sender/recipient", each as it came (Postfix's greylist.pl). */
static int
find_key(const struct grey_whitelist_file *file,
    const struct grey_network *address, struct grey_bytes sender,
    struct grey_bytes recipient)
{
	char client[GREY_ADDRESS_TEXT], key[KEY_MAX];
	int n;

	if (file->regex_count == 0)
		return 0;
	n = snprintf(key, sizeof(key), "%s/%.*s/%.*s",
	    grey_address_text(address, client), (int)sender.size,
	    sender.size > 0 ? sender.data : "", (int)recipient.size,
	    recipient.size > 0 ? recipient.data : "");
	if (n < 0 || (size_t)n >= sizeof(key))
		return 0;
	return grey_expressions_find(file,
	    (struct grey_bytes){ key, (size_t)n });
}

bool
grey_whitelist_recipient(const struct grey_whitelist *whitelist,
    const struct grey_network *address, struct grey_bytes sender,
    struct grey_bytes recipient, struct grey_listed *listed_r)
{
	return found(GREY_LIST_RECIPIENTS,
		   find_address(&whitelist->files[GREY_LIST_RECIPIENTS],
		       recipient),
		   listed_r) ||
	    found(GREY_LIST_KEYS,
		find_key(&whitelist->files[GREY_LIST_KEYS], address, sender,
		    recipient),
		listed_r);
}

const char *
grey_list_name(enum grey_list list)
{
	static const char *const names[] = { [GREY_LIST_CLIENTS] = "client",
		[GREY_LIST_SENDERS] = "sender",
		[GREY_LIST_RECIPIENTS] = "recipient",
		[GREY_LIST_KEYS] = "key" };

	return names[list];
}
