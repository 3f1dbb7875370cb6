#include "courier.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "network.h"
#include "number.h"
#include "server.h"

/*
 * Courier puts 100 recipients (batchsize) into a control file, of three records
 * each; nothing of its own comes near these.
 */
#define CONTROL_MAX    (4 << 20)  /* bytes of a control file */
#define RECIPIENTS_MAX (16 << 20) /* bytes of all recipients */

/* A record's kind, and the field that it fills. */
static const char field_kinds[COURIER_FIELDS] = { [COURIER_SENDER] = 's',
	[COURIER_CLIENT] = 'f',
	[COURIER_SOURCE] = 'u',
	[COURIER_LOGIN] = 'i' };

/* Takes the next line off *text, without its end.  Returns false at the end. */
static bool
next_line(struct grey_bytes *text, struct grey_bytes *line_r)
{
	const char *end;

	if (text->size == 0)
		return false;
	end = memchr(text->data, '\n', text->size);
	*line_r = *text;
	if (end != NULL)
		line_r->size = (size_t)(end - text->data);
	text->data += line_r->size;
	text->size -= line_r->size;
	if (end != NULL) {
		text->data++;
		text->size--;
	}
	return true;
}

static enum grey_status
out_of_memory(struct grey_error *err)
{
	return grey_fail(err, GREY_FAILED, "out of memory");
}

static enum grey_status
set_field(struct courier_request *request, struct grey_bytes line,
    struct grey_error *err)
{
	for (size_t i = 0; i < COURIER_FIELDS; i++) {
		if (line.data[0] != field_kinds[i] ||
		    request->fields[i].data != NULL)
			continue;
		/* One byte at least: the null sender is there, too. */
		request->fields[i].data = malloc(line.size);
		if (request->fields[i].data == NULL)
			return out_of_memory(err);
		request->fields[i].size = line.size - 1;
		memcpy(request->fields[i].data, line.data + 1, line.size - 1);
	}
	return GREY_OK;
}

static enum grey_status
add_recipient(struct courier_request *request, struct grey_bytes one,
    struct grey_error *err)
{
	const size_t size = request->recipients_size + one.size + 1;
	size_t room = request->recipients_room;
	char *recipients = request->recipients;

	if (size > RECIPIENTS_MAX)
		return grey_fail(err, GREY_FAILED, "too many recipients");
	if (size > room) {
		room = 2 * size;
		recipients = realloc(recipients, room);
		if (recipients == NULL)
			return out_of_memory(err);
		request->recipients = recipients;
		request->recipients_room = room;
	}
	memcpy(recipients + request->recipients_size, one.data, one.size);
	recipients[size - 1] = '\n';
	request->recipients_size = size;
	return GREY_OK;
}

static size_t
count_recipients(struct grey_bytes text)
{
	struct grey_bytes line;
	size_t count = 0;

	while (next_line(&text, &line))
		if (line.size > 0 && line.data[0] == 'r')
			count++;
	return count;
}

/* Marks the recipients that are delivered to, an alias for example, or failed. */
static void
mark_done(struct grey_bytes text, bool *done, size_t count)
{
	struct grey_bytes line, number;
	int64_t n;

	while (next_line(&text, &line)) {
		if (line.size < 2 ||
		    (line.data[0] != 'S' && line.data[0] != 'F'))
			continue;
		number = (struct grey_bytes){ line.data + 1, 0 };
		while (number.size < line.size - 1 &&
		    number.data[number.size] != ' ')
			number.size++;
		if (grey_number_parse(number, &n) && n >= 0 &&
		    (uint64_t)n < count)
			done[n] = true;
	}
}

static enum grey_status
take_records(struct courier_request *request, struct grey_bytes text,
    const bool *done, struct grey_error *err)
{
	enum grey_status status = GREY_OK;
	struct grey_bytes line;
	size_t number = 0;

	while (status == GREY_OK && next_line(&text, &line)) {
		if (line.size == 0)
			continue;
		if (line.data[0] != 'r')
			status = set_field(request, line, err);
		else if (!done[number++])
			status = add_recipient(request,
			    (struct grey_bytes){ line.data + 1, line.size - 1 },
			    err);
	}
	return status;
}

enum grey_status
courier_control(struct courier_request *request, struct grey_bytes text,
    struct grey_error *err)
{
	const size_t count = count_recipients(text);
	bool *done = calloc(count + 1, sizeof(*done));
	enum grey_status status;

	if (done == NULL)
		return out_of_memory(err);
	mark_done(text, done, count);
	status = take_records(request, text, done, err);
	request->recipient_count += count;
	free(done);
	return status;
}

/* Opens a file; nothing is waited for, should it be a FIFO. */
static int
open_control(const char *path, size_t *size_r, struct grey_error *err)
{
	const int fd = open(path,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd == -1) {
		grey_error_set(err, "cannot open control file '%.300s': %s",
		    path, strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		grey_error_set(err, "control file '%.300s' is no file", path);
	else if (st.st_size > CONTROL_MAX)
		grey_error_set(err,
		    "control file '%.300s' is larger than %d bytes", path,
		    CONTROL_MAX);
	else {
		*size_r = (size_t)st.st_size;
		return fd;
	}
	(void)close(fd);
	return -1;
}

static enum grey_status
read_control(struct courier_request *request, const char *path,
    struct grey_error *err)
{
	size_t size, have = 0;
	enum grey_status status = GREY_OK;
	const int fd = open_control(path, &size, err);
	ssize_t n = 1;
	char *text;

	if (fd == -1)
		return GREY_FAILED;
	text = malloc(size + 1);
	while (text != NULL && n > 0 && have < size) {
		n = read(fd, text + have, size - have);
		if (n > 0)
			have += (size_t)n;
	}
	if (text == NULL)
		status = out_of_memory(err);
	else if (n == -1)
		status = grey_fail(err, GREY_FAILED,
		    "cannot read control file '%.300s': %s", path,
		    strerror(errno));
	else
		status = courier_control(request,
		    (struct grey_bytes){ text, have }, err);
	free(text);
	(void)close(fd);
	return status;
}

bool
courier_take(struct courier_request *request, struct grey_bytes line)
{
	char path[SERVER_LINE];

	if (line.size == 0)
		return true;
	request->names++;
	/* The first is the message itself. */
	if (request->names == 1 || request->failed)
		return false;
	/* A line that fills the room has been cut. */
	if (line.size >= sizeof(path) ||
	    memchr(line.data, '\0', line.size) != NULL) {
		grey_error_set(&request->why,
		    "the name of a control file is too long or has a NUL");
		request->failed = true;
		return false;
	}
	memcpy(path, line.data, line.size);
	path[line.size] = '\0';
	request->failed = read_control(request, path, &request->why) != GREY_OK;
	return false;
}

/*
 * Takes address and name of the host apart.  The HELO name in front is the
 * client's to choose, so it is looked at from the end.  The name is verified:
 * couriertcpd(1) has looked up its address, too.
 */
static bool
parse_client(struct grey_bytes text, struct grey_bytes *address_r,
    struct grey_bytes *name_r)
{
	static const struct grey_bytes unknown = { "softdnserr", 10 };
	struct grey_network address;
	size_t end = text.size, begin, name;

	while (end > 0 && text.data[end - 1] != ']')
		end--;
	for (begin = end; begin > 0 && text.data[begin - 1] != '[';)
		begin--;
	if (begin == 0)
		return false;
	*address_r = (struct grey_bytes){ text.data + begin, end - 1 - begin };
	end = begin - 1;
	while (end > 0 && text.data[end - 1] == ' ')
		end--;
	for (name = end; name > 0 && text.data[name - 1] != '(' &&
	     text.data[name - 1] != ' ';)
		name--;
	*name_r = (struct grey_bytes){ text.data + name, end - name };
	if (grey_bytes_equal(*name_r, unknown))
		name_r->size = 0;
	return grey_address_parse(*address_r, &address);
}

static struct grey_bytes
field(const struct courier_request *request, enum courier_field which)
{
	return (struct grey_bytes){ request->fields[which].data,
		request->fields[which].size };
}

/*
 * Mail of our own, or of who may relay: there is a source, and it is not "smtp"
 * but "authsmtp" (after a login, or with RELAYCLIENT), "local", "dsn", "uucp".
 */
static bool
is_exempt(const struct courier_request *request)
{
	const struct grey_bytes source = field(request, COURIER_SOURCE);

	return field(request, COURIER_LOGIN).size > 0 ||
	    (source.data != NULL &&
		!grey_bytes_equal(source, grey_bytes_of("smtp")) &&
		!grey_bytes_equal(source, grey_bytes_of("esmtp")));
}

enum grey_status
courier_envelope(const struct courier_request *request,
    struct grey_envelope *envelope_r, struct grey_error *err)
{
	const struct grey_bytes client = field(request, COURIER_CLIENT);
	struct grey_bytes address, name;

	*envelope_r = (struct grey_envelope){ .sender = field(request,
						  COURIER_SENDER),
		.recipients = { request->recipients, request->recipients_size },
		.lines = true };
	if (request->failed)
		return grey_fail(err, GREY_FAILED, "%s", request->why.text);
	if (request->names < 2)
		return grey_fail(err, GREY_FAILED, "no control file is named");
	if (envelope_r->sender.data == NULL || request->recipient_count == 0)
		return grey_fail(err, GREY_FAILED,
		    "the control files have no %s",
		    envelope_r->sender.data == NULL ? "sender" : "recipient");
	if (is_exempt(request) || request->recipients_size == 0)
		return GREY_OK;
	if (client.data == NULL || !parse_client(client, &address, &name))
		return grey_fail(err, GREY_FAILED,
		    "the control files have no address of the client");
	envelope_r->client = address;
	envelope_r->name = name;
	return GREY_OK;
}

void
courier_forget(struct courier_request *request)
{
	for (size_t i = 0; i < COURIER_FIELDS; i++)
		free(request->fields[i].data);
	free(request->recipients);
	memset(request, 0, sizeof(*request));
}
