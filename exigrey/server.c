#include "server.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "notify.h"
#include "signals.h"

#define CONNECTIONS_MAX  4000
#define DRAIN_MAX        10 /* seconds that clients have at the end */
#define DESCRIPTORS_LEFT 32 /* for the database and others */

struct connection {
	int in, out;
	char line[SERVER_LINE];
	size_t line_size;
	struct server_reply reply;
	size_t sent; /* of the reply */
	bool closing;
	time_t used;
	/* The next two: read, but not yet taken as lines. */
	char input[4096];
	size_t input_size;
	size_t input_at;
	void *state;
};

struct server {
	const struct server_protocol *protocol;
	const int *sockets;
	int socket_count;
	int until;      /* -1, or the descriptor whose end ends us */
	time_t drained; /* 0, or when clients must be done */
	struct connection **connections;
	size_t count, most;
	struct pollfd *polled;
};

void
server_say(struct server_reply *reply, const char *format, ...)
{
	const size_t room = sizeof(reply->text) - reply->size;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(reply->text + reply->size, room, format, ap);
	va_end(ap);
	if (n > 0)
		reply->size += (size_t)n < room ? (size_t)n : room - 1;
}

static time_t
monotonic(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static struct connection *
connection_new(const struct server_protocol *protocol, int in, int out)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL)
		return NULL;
	connection->state = calloc(1, protocol->state_size);
	if (connection->state == NULL) {
		free(connection);
		return NULL;
	}
	connection->in = in;
	connection->out = out;
	connection->used = monotonic();
	return connection;
}

static void
connection_free(const struct server_protocol *protocol,
    struct connection *connection)
{
	if (protocol->end != NULL)
		protocol->end(connection->state);
	free(connection->state);
	free(connection);
}

/*
 * Takes lines from what was read until there is a reply to send.  What is
 * behind the last line waits for the rest of it.
 */
static void
take_lines(const struct server_protocol *protocol,
    struct connection *connection)
{
	while (connection->input_at < connection->input_size &&
	    connection->reply.size == 0 && !connection->closing) {
		const char c = connection->input[connection->input_at++];
		struct grey_bytes line = { connection->line,
			connection->line_size };

		if (c != '\n') {
			if (connection->line_size < sizeof(connection->line))
				connection->line[connection->line_size++] = c;
			continue;
		}
		if (line.size > 0 && line.data[line.size - 1] == '\r')
			line.size--;
		connection->line_size = 0;
		connection->closing = !protocol->line(protocol->arg,
		    connection->state, line, &connection->reply);
	}
}

static bool
would_wait(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* Sends what is to be sent.  Returns false if the connection is broken. */
static bool
send_reply(struct connection *connection)
{
	ssize_t n;

	while (connection->sent < connection->reply.size) {
		n = write(connection->out,
		    connection->reply.text + connection->sent,
		    connection->reply.size - connection->sent);
		if (n == -1)
			return would_wait();
		connection->sent += (size_t)n;
	}
	connection->sent = connection->reply.size = 0;
	return true;
}

/* Goes on until it must wait.  Returns false when the connection is over. */
static bool
serve(const struct server_protocol *protocol, struct connection *connection)
{
	ssize_t n;

	for (;;) {
		if (!send_reply(connection))
			return false;
		if (connection->reply.size > 0)
			return true;
		if (connection->closing)
			return false;
		take_lines(protocol, connection);
		if (connection->reply.size > 0 || connection->closing)
			continue;
		connection->input_at = connection->input_size = 0;
		n = read(connection->in, connection->input,
		    sizeof(connection->input));
		if (n <= 0)
			return n == -1 && would_wait();
		connection->input_size = (size_t)n;
		connection->used = monotonic();
	}
}

enum grey_status
server_stdio(const struct server_protocol *protocol, struct grey_error *err)
{
	struct connection *connection =
	    connection_new(protocol, STDIN_FILENO, STDOUT_FILENO);
	struct pollfd polled = { .events = POLLIN };

	if (connection == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	(void)signal(SIGPIPE, SIG_IGN);
	/* They may be non-blocking, as whoever started us likes it. */
	while (serve(protocol, connection)) {
		const bool sends = connection->reply.size > 0;

		polled.fd = sends ? connection->out : connection->in;
		polled.events = sends ? POLLOUT : POLLIN;
		(void)poll(&polled, 1, -1);
	}
	connection_free(protocol, connection);
	return GREY_OK;
}

/* As many connections as there may be descriptors. */
static size_t
connections_most(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return 200;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur > CONNECTIONS_MAX + DESCRIPTORS_LEFT)
		return CONNECTIONS_MAX;
	return limit.rlim_cur > 2 * DESCRIPTORS_LEFT ?
	    (size_t)limit.rlim_cur - DESCRIPTORS_LEFT :
	    DESCRIPTORS_LEFT;
}

static void
close_connection(struct server *server, size_t i)
{
	(void)close(server->connections[i]->in);
	connection_free(server->protocol, server->connections[i]);
	server->connections[i] = server->connections[--server->count];
}

static void
accept_one(struct server *server, int listening)
{
	struct connection *connection;
	const int fd =
	    accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd == -1)
		return;
	connection = connection_new(server->protocol, fd, fd);
	if (connection == NULL) {
		(void)close(fd);
		return;
	}
	server->connections[server->count++] = connection;
}

/*
 * Fills in what to wait for; after the connections what ends us, then the
 * listening sockets, these not at all while there is no room for more.
 * Returns how many.
 */
static nfds_t
fill_polled(struct server *server)
{
	nfds_t n = 0;

	for (size_t i = 0; i < server->count; i++)
		server->polled[n++] =
		    (struct pollfd){ .fd = server->connections[i]->in,
			    .events = server->connections[i]->reply.size > 0 ?
				POLLOUT :
				POLLIN };
	server->polled[n++] =
	    (struct pollfd){ .fd = server->until, .events = POLLIN };
	for (int i = 0;
	     i < server->socket_count && server->count < server->most; i++)
		server->polled[n++] = (struct pollfd){ .fd = server->sockets[i],
			.events = POLLIN };
	return n;
}

/* From now on nobody may connect; who has may finish. */
static void
drain(struct server *server)
{
	for (int i = 0; i < server->socket_count; i++)
		(void)close(server->sockets[i]);
	server->socket_count = 0;
	server->until = -1;
	server->drained = monotonic() + DRAIN_MAX;
}

/* What comes there means nothing, but its end does. */
static bool
is_over(int fd)
{
	char ignored[512];
	const ssize_t n = read(fd, ignored, sizeof(ignored));

	return n == 0 || (n == -1 && !would_wait());
}

static void
serve_ready(struct server *server, nfds_t polled)
{
	const size_t before = server->count;
	const time_t now = monotonic();

	for (nfds_t i = before + 1; i < polled; i++)
		if (server->polled[i].revents != 0 &&
		    server->count < server->most)
			accept_one(server, server->polled[i].fd);
	/* From the end: the last takes the place of one that is closed. */
	for (size_t i = before; i-- > 0;)
		if (server->polled[i].revents != 0 ?
			!serve(server->protocol, server->connections[i]) :
			now - server->connections[i]->used >
			    server->protocol->idle)
			close_connection(server, i);
	if (server->polled[before].revents != 0 && is_over(server->until))
		drain(server);
}

static bool
goes_on(const struct server *server)
{
	if (signals_ended())
		return false;
	return server->drained == 0 ||
	    (server->count > 0 && monotonic() < server->drained);
}

static void
run(struct server *server)
{
	const struct server_protocol *protocol = server->protocol;
	const struct timespec minute = { .tv_sec = 60 }, second = { 1, 0 };
	sigset_t during_poll;
	nfds_t polled;

	signals_catch(&during_poll);
	if (protocol->ready_fd != -1)
		(void)close(protocol->ready_fd);
	notify_systemd("READY=1");
	while (goes_on(server)) {
		polled = fill_polled(server);
		if (ppoll(server->polled, polled,
			server->drained != 0 ? &second : &minute,
			&during_poll) >= 0)
			serve_ready(server, polled);
		if (signals_hung_up())
			protocol->reread(protocol->arg);
	}
	notify_systemd("STOPPING=1");
	while (server->count > 0)
		close_connection(server, server->count - 1);
}

enum grey_status
server_run(const struct server_protocol *protocol, const int *sockets,
    int count, int until, struct grey_error *err)
{
	struct server server = { .protocol = protocol,
		.sockets = sockets,
		.socket_count = count,
		.until = until,
		.most = connections_most() };

	server.connections = calloc(server.most, sizeof(struct connection *));
	server.polled =
	    calloc(server.most + 1 + (size_t)count, sizeof(*server.polled));
	if (server.connections == NULL || server.polled == NULL) {
		free(server.connections);
		free(server.polled);
		return grey_fail(err, GREY_FAILED, "out of memory");
	}
	for (int i = 0; i < count; i++)
		(void)fcntl(sockets[i], F_SETFL, O_NONBLOCK);
	run(&server);
	free(server.connections);
	free(server.polled);
	return GREY_OK;
}
