/* What c-ares calls deprecated since 1.28 is all that Debian 12's 1.18 has. */
#define CARES_NO_DEPRECATED

#include "domains.h"

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <sys/time.h>

#include <ares.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "signals.h"

#define HEADER_SIZE 12 /* of a reply (RFC 1035, section 4.1.1) */
#define FLAGS       2  /* of its bytes: where they are */
#define HAS_AA      0x04
#define HAS_RA      0x80 /* in the next byte */

/* Tries for one query.  The second may take twice as long as the first. */
#define TRIES      2
#define TRIES_TAKE 3

/* How many times as many as are asked at once may stay without an answer. */
#define SILENT_TURNS 4

struct asking {
	const char *const *domains;
	size_t count;
	const struct domains_settings *settings;
	domain_told_fn *told;
	void *arg;
	ares_channel channel;
	size_t next;    /* the first that was not asked for */
	size_t pending; /* asked for, and not told of */
	size_t silent;  /* told of in a row, and none of them known */
};

/* One domain, for the length of its queries. */
struct query {
	struct asking *asking;
	size_t number;
};

static void
tell(struct query *query, enum domain_verdict verdict)
{
	struct asking *asking = query->asking;

	asking->pending--;
	asking->silent = verdict == DOMAIN_UNKNOWN ? asking->silent + 1 : 0;
	asking->told(asking->arg, query->number, verdict);
	free(query);
}

static void
ask(struct query *query, int type, ares_callback callback)
{
	const struct asking *asking = query->asking;

	ares_query(asking->channel, asking->domains[query->number], ns_c_in,
	    type, callback, query);
}

/*
 * Is it the word of a server that knows, or that asks those who do?  Others
 * refer to who may know, and that looks like a reply without records.
 */
static bool
is_authentic(const unsigned char *reply, int size)
{
	return reply != NULL && size >= HEADER_SIZE &&
	    ((reply[FLAGS] & HAS_AA) != 0 || (reply[FLAGS + 1] & HAS_RA) != 0);
}

/* The status of a reply, but of a referral that it tells nothing. */
static int
status_of(int status, const unsigned char *reply, int size)
{
	return (status == ARES_ENOTFOUND || status == ARES_ENODATA) &&
		!is_authentic(reply, size) ?
	    ARES_EBADRESP :
	    status;
}

/*
 * What is known without a record.  Only the server's word that there is none is
 * held against a name, and that no query can hold it.
 */
static enum domain_verdict
verdict_of(int status)
{
	return status == ARES_ENOTFOUND || status == ARES_ENODATA ||
		status == ARES_EBADNAME ?
	    DOMAIN_NO_MAIL :
	    DOMAIN_UNKNOWN;
}

static void
take_aaaa(void *arg, int status, int timeouts, unsigned char *reply, int size)
{
	struct ares_addr6ttl address;
	int count = 1;

	(void)timeouts;
	status = status_of(status, reply, size);
	if (status == ARES_SUCCESS)
		status =
		    ares_parse_aaaa_reply(reply, size, NULL, &address, &count);
	if (status == ARES_SUCCESS && count == 0)
		status = ARES_ENODATA;
	tell(arg, status == ARES_SUCCESS ? DOMAIN_OK : verdict_of(status));
}

static void
take_a(void *arg, int status, int timeouts, unsigned char *reply, int size)
{
	struct ares_addrttl address;
	int count = 1;

	(void)timeouts;
	status = status_of(status, reply, size);
	if (status == ARES_SUCCESS)
		status =
		    ares_parse_a_reply(reply, size, NULL, &address, &count);
	if (status == ARES_ENODATA || (status == ARES_SUCCESS && count == 0))
		ask(arg, ns_t_aaaa, take_aaaa);
	else
		tell(arg,
		    status == ARES_SUCCESS ? DOMAIN_OK : verdict_of(status));
}

/* RFC 7505, section 3: one record, of preference 0, with the root as host. */
static bool
is_null_mx(const struct ares_mx_reply *mx)
{
	return mx->next == NULL && mx->priority == 0 &&
	    (mx->host[0] == '\0' || strcmp(mx->host, ".") == 0);
}

static void
take_mx(void *arg, int status, int timeouts, unsigned char *reply, int size)
{
	struct ares_mx_reply *mx = NULL;
	enum domain_verdict verdict = DOMAIN_OK;

	(void)timeouts;
	status = status_of(status, reply, size);
	if (status == ARES_SUCCESS)
		status = ares_parse_mx_reply(reply, size, &mx);
	/* An alias of a name that has none is a success without one. */
	if (status == ARES_SUCCESS && mx == NULL)
		status = ARES_ENODATA;
	if (status == ARES_ENODATA) {
		ask(arg, ns_t_a, take_a);
		return;
	}
	if (status != ARES_SUCCESS)
		verdict = verdict_of(status);
	else if (is_null_mx(mx))
		verdict = DOMAIN_NULL_MX;
	ares_free_data(mx);
	tell(arg, verdict);
}

static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

/* Asks for the next domain, or tells of it at once. */
static void
begin_next(struct asking *asking)
{
	const size_t number = asking->next++;
	struct query *query = NULL;

	/* Internationalized ones would have to be encoded (RFC 5890). */
	if (asking->silent < SILENT_TURNS * (size_t)asking->settings->sockets &&
	    is_ascii(asking->domains[number]))
		query = malloc(sizeof(*query));
	if (query == NULL) {
		asking->told(asking->arg, number, DOMAIN_UNKNOWN);
		return;
	}
	*query = (struct query){ asking, number };
	asking->pending++;
	ask(query, ns_t_mx, take_mx);
}

/* Waits for an answer, for the time at which one is late, or for a signal. */
static void
wait_for_answers(struct asking *asking, const sigset_t *waiting)
{
	ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
	struct pollfd fds[ARES_GETSOCK_MAXNUM];
	struct timeval limit = { .tv_sec = 1 }, *wait;
	struct timespec timeout;
	nfds_t count = 0;
	const unsigned bits = (unsigned)ares_getsock(asking->channel, sockets,
	    ARES_GETSOCK_MAXNUM);
	int ready;

	for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
		short events = 0;

		/* As its macros do, which shift into an int's sign. */
		if ((bits >> i & 1) != 0)
			events |= POLLIN;
		if ((bits >> (i + ARES_GETSOCK_MAXNUM) & 1) != 0)
			events |= POLLOUT;
		if (events != 0)
			fds[count++] = (struct pollfd){ sockets[i], events, 0 };
	}
	wait = ares_timeout(asking->channel, &limit, &limit);
	timeout = (struct timespec){ .tv_sec = wait->tv_sec,
		.tv_nsec = wait->tv_usec * 1000 };
	ready = ppoll(fds, count, &timeout, waiting);
	for (nfds_t i = 0; ready > 0 && i < count; i++)
		if (fds[i].revents != 0)
			ares_process_fd(asking->channel,
			    fds[i].revents & ~POLLOUT ? fds[i].fd :
							ARES_SOCKET_BAD,
			    fds[i].revents & POLLOUT ? fds[i].fd :
						       ARES_SOCKET_BAD);
	/* Those that are late. */
	ares_process_fd(asking->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static enum grey_status
begin(struct asking *asking, struct grey_error *err)
{
	struct ares_options options = {
		/* No search list, and CNAMEs as the server gives them. */
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
		.timeout = asking->settings->timeout * 1000 / TRIES_TAKE,
		.tries = TRIES,
	};
	int status = ares_library_init(ARES_LIB_INIT_ALL);

	if (status == ARES_SUCCESS)
		status = ares_init_options(&asking->channel, &options,
		    ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
	if (status != ARES_SUCCESS)
		return grey_fail(err, GREY_FAILED, "cannot ask the DNS: %s",
		    ares_strerror(status));
	if (asking->settings->server == NULL)
		return GREY_OK;
	status = ares_set_servers_ports_csv(asking->channel,
	    asking->settings->server);
	if (status == ARES_SUCCESS)
		return GREY_OK;
	ares_destroy(asking->channel);
	return grey_fail(err, GREY_INVALID,
	    "'%.200s' is no name server, which is ADDRESS or ADDRESS:PORT",
	    asking->settings->server);
}

enum grey_status
domains_ask(const char *const *domains, size_t count,
    const struct domains_settings *settings, domain_told_fn *told, void *arg,
    struct grey_error *err)
{
	struct asking asking = { .domains = domains,
		.count = count,
		.settings = settings,
		.told = told,
		.arg = arg };
	enum grey_status status = begin(&asking, err);
	sigset_t waiting;

	if (status != GREY_OK)
		return status;
	signals_waiting(&waiting);
	while (
	    !signals_ended() && (asking.next < count || asking.pending > 0)) {
		while (asking.next < count &&
		    asking.pending < (size_t)settings->sockets)
			begin_next(&asking);
		if (asking.pending > 0)
			wait_for_answers(&asking, &waiting);
	}
	if (signals_ended())
		status = grey_fail(err, GREY_BUSY, "stopped");
	/* Those that are asked for still are told of: unknown. */
	ares_destroy(asking.channel);
	ares_library_cleanup();
	return status;
}
