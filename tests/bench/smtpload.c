/*
 * SMTP clients of 127.0.0.1, all in one process:
 *
 *	smtpload PORT CONNECTIONS MILLISECONDS MIX KNOWN RUN EXPECT
 *
 * So many connections are kept open.  Each gives a sender and RECIPIENTS
 * recipients, one after the other, ends, and is opened anew until the time is
 * over.  MIX is new, known, or mixed: seven connections of ten are known ones.
 * Known senders are 0 to KNOWN / RECIPIENTS - 1, each from an address of its
 * own; the keys are those of known_key() in tests/lib/Peers.pm.  RUN makes new
 * senders differ from those of other runs.  EXPECT is grey, if new ones must be
 * put off with the word "Greylisted", or pass, if all must be accepted.
 *
 * Prints one line of "NAME VALUE" pairs: recipients asked for, and by the
 * second; what an answer took in us; wrong answers by kind.  The first answer
 * that is neither of both goes to the standard error.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define RECIPIENTS      5
#define CONNECTIONS_MAX 256
#define MS_MAX          120000
#define ANSWERS_MAX     4000000
#define ERRORS_MAX      1000 /* then it ends */
#define PATIENCE        30   /* seconds for an answer */

enum state { GREETING, EHLO, MAIL, RCPT, RSET, QUIT };

struct client {
	int fd; /* -1: none */
	enum state state;
	bool known;
	long sender;
	int recipient;
	int64_t asked; /* when the last command went out */
	size_t length;
	char buffer[2048];
};

struct load {
	struct client clients[CONNECTIONS_MAX];
	int epoll, port;
	long connections, known, run, new_senders, open;
	char mix; /* n, k, m */
	bool greylists;
	int64_t end;
	int64_t *took;
	long answers, in_time; /* those before the end */
	long new_accepted, known_deferred, other;
};

static void
error(struct load *load, const char *what)
{
	if (load->other++ == 0)
		(void)fprintf(stderr, "smtpload: %s\n", what);
}

/* Known senders have addresses from 127.1.0.0 on, new ones from 127.128. */
static struct sockaddr_in
source(const struct load *load, const struct client *client)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	const uint32_t number = (uint32_t)client->sender;

	address.sin_addr.s_addr = htonl(0x7f000000 |
	    (client->known ?
		    number + 0x10000 :
		    ((number + (uint32_t)load->run * 9973) & 0x3fffff) |
			0x800000));
	return address;
}

static void
choose_sender(struct load *load, struct client *client)
{
	client->known =
	    load->mix == 'k' || (load->mix == 'm' && random() % 10 < 7);
	client->sender = client->known ? random() % (load->known / RECIPIENTS) :
					 load->new_senders++;
	client->recipient = 0;
}

static void
close_client(struct load *load, struct client *client)
{
	(void)close(client->fd);
	client->fd = -1;
	load->open--;
}

static void
open_client(struct load *load, struct client *client)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)load->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
	struct sockaddr_in from;
	const int one = 1;

	choose_sender(load, client);
	from = source(load, client);
	client->fd =
	    socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	load->open++;
	client->state = GREETING;
	client->length = 0;
	client->asked = bench_now();
	(void)setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
	    sizeof(one));
	(void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one,
	    sizeof(one));
	if (bind(client->fd, (const struct sockaddr *)&from, sizeof(from)) !=
		0 ||
	    (connect(client->fd, (const struct sockaddr *)&to, sizeof(to)) !=
		    0 &&
		errno != EINPROGRESS) ||
	    epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0) {
		error(load, strerror(errno));
		close_client(load, client);
	}
}

/* Sends the next command; a sender that got so far is told all of it. */
static void
ask(const struct load *load, struct client *client, enum state state)
{
	char command[128];
	int n = 0;

	switch (state) {
	case EHLO:
		n = snprintf(command, sizeof(command), "EHLO load.example\r\n");
		break;
	case MAIL:
		n = client->known ? snprintf(command, sizeof(command),
					"MAIL FROM:<k%07ld@known.example>\r\n",
					client->sender) :
				    snprintf(command, sizeof(command),
					"MAIL FROM:<n%lx.%lx@new.example>\r\n",
					load->run, client->sender);
		break;
	case RCPT:
		n = snprintf(command, sizeof(command),
		    "RCPT TO:<u%d@example.org>\r\n", client->recipient++);
		break;
	case RSET:
		n = snprintf(command, sizeof(command), "RSET\r\n");
		break;
	case GREETING:
	case QUIT:
		n = snprintf(command, sizeof(command), "QUIT\r\n");
		break;
	}
	client->state = state;
	client->asked = bench_now();
	/* What does not go out shows as a connection that ends. */
	(void)send(client->fd, command, (size_t)n, MSG_NOSIGNAL);
	/* Exim withholds its last answer for 200 ms from a client that could
	 * still send something. */
	if (state == QUIT)
		(void)shutdown(client->fd, SHUT_WR);
}

static void
count_answer(struct load *load, const struct client *client, const char *line)
{
	const int64_t now = bench_now();
	const bool deferred =
	    line[0] == '4' && strstr(line, "Greylisted") != NULL;

	load->took[load->answers++] = now - client->asked;
	load->in_time += now <= load->end;
	if (!deferred && strncmp(line, "250", 3) != 0)
		error(load, line);
	else if (deferred && (client->known || !load->greylists))
		load->known_deferred++;
	else if (!deferred && !client->known && load->greylists)
		load->new_accepted++;
}

/* Returns false when the connection is over. */
static bool
on_reply(struct load *load, struct client *client, const char *line)
{
	if (client->state == RCPT) {
		count_answer(load, client, line);
	} else if (line[0] != '2') {
		error(load, line);
		return false;
	}
	if (client->state == QUIT || load->answers == ANSWERS_MAX)
		return false;
	ask(load, client,
	    client->state != RCPT || client->recipient == RECIPIENTS ?
		client->state + 1 :
		RCPT);
	return true;
}

/* Takes the whole lines that have come; a reply ends with "250 ...". */
static bool
take_lines(struct load *load, struct client *client)
{
	char *line = client->buffer, *end;

	while ((end = strchr(line, '\n')) != NULL) {
		*end = '\0';
		if (end - line > 3 && line[3] == ' ' &&
		    !on_reply(load, client, line))
			return false;
		line = end + 1;
	}
	client->length -= (size_t)(line - client->buffer);
	memmove(client->buffer, line, client->length + 1);
	return true;
}

static void
on_input(struct load *load, struct client *client)
{
	const ssize_t n = read(client->fd, client->buffer + client->length,
	    sizeof(client->buffer) - 1 - client->length);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0) {
		client->length += (size_t)n;
		client->buffer[client->length] = '\0';
		if (take_lines(load, client))
			return;
	} else if (client->state != QUIT) {
		error(load, n == 0 ? "connection closed" : strerror(errno));
	}
	close_client(load, client);
}

static void
give_up_waiting(struct load *load)
{
	const int64_t since = bench_now() - PATIENCE * INT64_C(1000000000);

	for (long i = 0; i < load->connections; i++) {
		if (load->clients[i].fd >= 0 &&
		    load->clients[i].asked < since) {
			error(load, "no answer in time");
			close_client(load, &load->clients[i]);
		}
	}
}

static void
run(struct load *load)
{
	struct epoll_event events[CONNECTIONS_MAX];
	bool more = true;
	int n;

	while (more || load->open > 0) {
		more = bench_now() < load->end && load->other < ERRORS_MAX &&
		    load->answers < ANSWERS_MAX;
		for (long i = 0; more && i < load->connections; i++)
			if (load->clients[i].fd < 0)
				open_client(load, &load->clients[i]);
		n = epoll_wait(load->epoll, events, CONNECTIONS_MAX, 100);
		for (int i = 0; i < n; i++)
			on_input(load, events[i].data.ptr);
		if (n == 0)
			give_up_waiting(load);
	}
}

static double
quantile(const struct load *load, double part)
{
	return load->answers == 0 ?
	    0 :
	    (double)bench_quantile(load->took, load->answers, part) / 1e3;
}

int
main(int argc, char *argv[])
{
	static struct load load;
	long ms;

	if (argc != 8 || (load.port = atoi(argv[1])) <= 0 ||
	    (load.connections = atol(argv[2])) <= 0 ||
	    load.connections > CONNECTIONS_MAX || (ms = atol(argv[3])) <= 0 ||
	    ms > MS_MAX || strchr("nkm", load.mix = argv[4][0]) == NULL ||
	    (load.known = atol(argv[5])) < RECIPIENTS) {
		(void)fprintf(stderr,
		    "usage: smtpload PORT CONNECTIONS "
		    "MILLISECONDS new|known|mixed KNOWN RUN "
		    "grey|pass\n");
		return 2;
	}
	load.run = atol(argv[6]);
	load.greylists = strcmp(argv[7], "grey") == 0;
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.took = calloc(ANSWERS_MAX, sizeof(*load.took));
	if (load.epoll < 0 || load.took == NULL) {
		perror("smtpload");
		return 2;
	}
	for (long i = 0; i < load.connections; i++)
		load.clients[i].fd = -1;
	srandom((unsigned int)load.run);
	load.end = bench_now() + ms * 1000000;
	run(&load);
	bench_sort(load.took, load.answers);
	(void)printf("rcpts %ld rate %.1f p50 %.1f p95 %.1f p99 %.1f max %.1f "
		     "new_accepted %ld known_deferred %ld other %ld\n",
	    load.answers, (double)load.in_time * 1000 / (double)ms,
	    quantile(&load, 0.5), quantile(&load, 0.95), quantile(&load, 0.99),
	    quantile(&load, 1), load.new_accepted, load.known_deferred,
	    load.other);
	free(load.took);
	return 0;
}
