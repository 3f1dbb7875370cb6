/*
 * Postfix's SMTPD policy delegation protocol
 * (https://www.postfix.org/SMTPD_POLICY_README.html): lines "name=value" up to
 * an empty one are a request; the answer is "action=..." and an empty line.
 */
#ifndef EXIGREY_POSTFIX_H
#define EXIGREY_POSTFIX_H

#include <stdbool.h>

#include "bytes.h"
#include "server.h"

#define POSTFIX_VALUE 512 /* bytes of a value that are looked at */

/* The attributes that matter, cut and ended by a NUL. */
struct postfix_request {
	char request[POSTFIX_VALUE + 1];
	char protocol_state[POSTFIX_VALUE + 1];
	char client_address[POSTFIX_VALUE + 1];
	char client_name[POSTFIX_VALUE + 1];
	char sender[POSTFIX_VALUE + 1];
	char recipient[POSTFIX_VALUE + 1];
	char instance[POSTFIX_VALUE + 1];
	bool begun; /* there was a line */
};

/* What a connection remembers. */
struct postfix_state {
	struct postfix_request request;
	char marked[POSTFIX_VALUE + 1]; /* instance that got a header */
};

/* Told of a line that is no attribute, as it came; one is passed over. */
typedef void postfix_warn_fn(void *arg, struct grey_bytes line);

/*
 * Takes a line.  Returns true if it ends a request that is to be answered and
 * then forgotten by postfix_forget; empty lines before one are passed over.
 */
bool postfix_take(struct postfix_request *request, struct grey_bytes line,
    postfix_warn_fn *warn, void *arg);

/* Is it a request that this protocol is for? */
bool postfix_is_policy(const struct postfix_request *request);

/* Makes ready for the next request. */
void postfix_forget(struct postfix_request *request);

#endif
