#include "server.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

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

#define FIRST_ACTIVATED  3
#define CONNECTIONS_MAX  4000
#define IDLE_MAX         3600 /* seconds; Postfix closes after 300 */
#define DESCRIPTORS_LEFT 32   /* for the database and others */

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
	struct connection **connections;
	size_t count, most;
	struct pollfd *polled;
};

static volatile sig_atomic_t ended;

static void
end(int signal_number)
{
	(void)signal_number;
	ended = 1;
}

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
connection_free(struct connection *connection)
{
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
	connection_free(connection);
	return GREY_OK;
}

static bool
is_served(const struct sockaddr_un *address)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool served;

	if (fd == -1)
		return false;
	served = connect(fd, (const struct sockaddr *)address,
		     sizeof(*address)) == 0;
	(void)close(fd);
	return served;
}

enum grey_status
server_socket(const char *path, int *fd_r, struct grey_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;

	if (strlcpy(address.sun_path, path, sizeof(address.sun_path)) >=
	    sizeof(address.sun_path))
		return grey_fail(err, GREY_FAILED,
		    "--socket '%.200s' is longer than %zu bytes", path,
		    sizeof(address.sun_path) - 1);
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return grey_fail(err, GREY_FAILED,
			    "'%.200s' is there, and no socket", path);
		if (is_served(&address))
			return grey_fail(err, GREY_FAILED,
			    "another server listens at '%.200s'", path);
		(void)unlink(path);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1 ||
	    chmod(path, 0666) == -1 || listen(fd, SOMAXCONN) == -1) {
		grey_error_set(err, "cannot listen at '%.200s': %s", path,
		    strerror(errno));
		if (fd != -1)
			(void)close(fd);
		return GREY_FAILED;
	}
	*fd_r = fd;
	return GREY_OK;
}

int
server_activated(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	long count;

	if (pid == NULL || fds == NULL || strtol(pid, NULL, 10) != getpid())
		return 0;
	count = strtol(fds, NULL, 10);
	return count > 0 && count <= SERVER_SOCKETS ? (int)count : 0;
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
	connection_free(server->connections[i]);
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
 * Fills in what to wait for; the listening sockets last, and not at all while
 * there is no room for more.  Returns how many.
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
	for (int i = 0;
	     i < server->socket_count && server->count < server->most; i++)
		server->polled[n++] = (struct pollfd){ .fd = server->sockets[i],
			.events = POLLIN };
	return n;
}

static void
serve_ready(struct server *server, nfds_t polled)
{
	const size_t before = server->count;
	const time_t now = monotonic();

	for (nfds_t i = before; i < polled; i++)
		if (server->polled[i].revents != 0 &&
		    server->count < server->most)
			accept_one(server, server->polled[i].fd);
	/* From the end: the last takes the place of one that is closed. */
	for (size_t i = before; i-- > 0;)
		if (server->polled[i].revents != 0 ?
			!serve(server->protocol, server->connections[i]) :
			now - server->connections[i]->used > IDLE_MAX)
			close_connection(server, i);
}

/* Signals end the poll only, never what is being done. */
static void
catch_signals(sigset_t *during_poll)
{
	struct sigaction action = { .sa_handler = end };
	sigset_t blocked;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGTERM);
	(void)sigaddset(&blocked, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &blocked, during_poll);
	(void)sigdelset(during_poll, SIGTERM);
	(void)sigdelset(during_poll, SIGINT);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
}

enum grey_status
server_run(const struct server_protocol *protocol, const int *sockets,
    int count, struct grey_error *err)
{
	const struct timespec minute = { .tv_sec = 60 };
	struct server server = { .protocol = protocol,
		.sockets = sockets,
		.socket_count = count,
		.most = connections_most() };
	sigset_t during_poll;
	nfds_t polled;

	server.connections = calloc(server.most, sizeof(struct connection *));
	server.polled =
	    calloc(server.most + (size_t)count, sizeof(*server.polled));
	if (server.connections == NULL || server.polled == NULL) {
		free(server.connections);
		free(server.polled);
		return grey_fail(err, GREY_FAILED, "out of memory");
	}
	for (int i = 0; i < count; i++)
		(void)fcntl(sockets[i], F_SETFL, O_NONBLOCK);
	catch_signals(&during_poll);
	while (!ended) {
		polled = fill_polled(&server);
		if (ppoll(server.polled, polled, &minute, &during_poll) >= 0)
			serve_ready(&server, polled);
	}
	while (server.count > 0)
		close_connection(&server, server.count - 1);
	free(server.connections);
	free(server.polled);
	return GREY_OK;
}
