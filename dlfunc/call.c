#include "call.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "record.h"

int
call_yields(uschar **yield, const char *text)
{
	/* It is not const in Exim, which only reads it. */
	union {
		const char *from;
		uschar *to;
	} pointer = { .from = text };

	*yield = pointer.to;
	return EXIM_OK;
}

int
call_fails(uschar **yield, const char *name, const char *message)
{
	static char answer_text[GREY_VALUE_MAX];
	char text[sizeof(((struct grey_error *)NULL)->text) + 32];

	(void)snprintf(text, sizeof(text), "exigrey %s: %s", name, message);
	exim_printable(answer_text, sizeof(answer_text), text);
	*yield = (uschar *)answer_text;
	return EXIM_FAIL;
}

int64_t
call_now(void)
{
	return (int64_t)time(NULL);
}

static void
log_now(void *arg, const char *text)
{
	(void)arg;
	exim_log(text, (long long)call_now());
}

struct grey_session *
call_session(void)
{
	static struct grey_session the_session;
	static bool ready;

	if (!ready) {
		grey_session_init(&the_session, log_now, NULL);
		ready = true;
	}
	return &the_session;
}

const char *
call_argument(int argc, uschar *argv[], int i)
{
	return i < argc && argv[i][0] != '\0' ? (const char *)argv[i] : NULL;
}

enum grey_status
call_check_count(int argc, uschar *argv[], int most, const char *names,
    struct grey_error *err)
{
	static const char *const ordinals[] = { "first", "second", "third",
		"fourth", "fifth", "sixth", "seventh", "eighth" };

	if (most > 0 && argc < 1)
		return grey_fail(err, GREY_INVALID, "%.*s is missing",
		    (int)strcspn(names, "}"), names);
	if (argc > most)
		return grey_fail(err, GREY_INVALID,
		    "it takes %s%s; there is "
		    "no %s argument ('%.64s')",
		    most > 0 ? "{" : "no argument", names, ordinals[most],
		    (const char *)argv[most]);
	return GREY_OK;
}

int
call_shown(struct grey_bytes bytes)
{
	return bytes.size < 80 ? (int)bytes.size : 80;
}
