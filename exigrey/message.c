#include "message.h"

#include <string.h>

static void
say_time(struct server_reply *reply, int64_t seconds)
{
	server_say(reply, "%02lld:%02lld:%02lld", (long long)(seconds / 3600),
	    (long long)(seconds / 60 % 60), (long long)(seconds % 60));
}

/* Says what comes next; returns how many bytes of the message that was. */
static size_t
say_next(struct server_reply *reply, const char *message, int64_t wait)
{
	const size_t plain = strcspn(message, "%");

	if (plain > 0) {
		server_say(reply, "%.*s", (int)plain, message);
		return plain;
	}
	switch (message[1]) {
	case 's':
		server_say(reply, "%lld", (long long)wait);
		return 2;
	case 't':
		say_time(reply, wait);
		return 2;
	default:
		server_say(reply, "%%");
		return message[1] == '%' ? 2 : 1;
	}
}

void
message_say(struct server_reply *reply, const char *message,
    const struct grey_answer *answer)
{
	while (*message != '\0')
		message += say_next(reply, message, answer->wait);
}
