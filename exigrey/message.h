/* What a client is told that is put off. */
#ifndef EXIGREY_MESSAGE_H
#define EXIGREY_MESSAGE_H

#include "envelope.h"
#include "server.h"

/*
 * Puts a configured message behind what is in the reply.  %s in it is the
 * seconds until a pass (as postgrey has it), %t the same as HH:MM:SS, %% a
 * percent sign; any other % is itself.
 */
void message_say(struct server_reply *reply, const char *message,
    const struct grey_answer *answer);

#endif
