/*
 * A server of a protocol in lines: for one client on standard input and
 * output, or for many on sockets, with poll(2) and without threads.  What is
 * said is the protocol's matter, one file each.
 */
#ifndef EXIGREY_SERVER_H
#define EXIGREY_SERVER_H

#include <stdbool.h>
#include <time.h>

#include "bytes.h"
#include "status.h"

#define SERVER_LINE  1024 /* a line is cut there */
#define SERVER_REPLY 1024

/* A reply to one line. */
struct server_reply {
	char text[SERVER_REPLY];
	size_t size;
};

/* What is served. */
struct server_protocol {
	size_t state_size; /* of a connection; zeroed at its beginning */
	/*
	 * Takes one line, without its end, and may fill the reply, which is
	 * empty.  Returns false to close the connection once that is sent.
	 */
	bool (*line)(void *arg, void *state, struct grey_bytes line,
	    struct server_reply *reply);
	/* Frees what the state of a connection holds; or NULL. */
	void (*end)(void *state);
	/* Called at SIGHUP. */
	void (*reread)(void *arg);
	void *arg;
	int ready_fd; /* closed once clients can be served; or -1 */
	time_t idle;  /* seconds after which a silent client is closed */
};

/* Puts text behind what is in the reply; what does not fit is left out. */
void server_say(struct server_reply *reply, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Serves standard input until its end.  Returns GREY_OK, or GREY_FAILED with
 * an error.
 */
enum grey_status
server_stdio(const struct server_protocol *protocol, struct grey_error *err);

/*
 * Serves count listening sockets until SIGTERM or SIGINT, or until the
 * descriptor until (-1: none) comes to its end: then the sockets are closed, and
 * clients have ten seconds to finish.  systemd is told of begin and end.
 * Returns GREY_OK, or GREY_FAILED with an error.
 */
enum grey_status server_run(const struct server_protocol *protocol,
    const int *sockets, int count, int until, struct grey_error *err);

#endif
