/*
 * What the functions that Exim calls have in common: their arguments, what they
 * yield, the clock and the session.
 */
#ifndef EXIGREY_CALL_H
#define EXIGREY_CALL_H

#include <stdint.h>

#include "bytes.h"
#include "exim.h"
#include "session.h"
#include "status.h"

typedef unsigned char uschar;

#define EXPORT __attribute__((visibility("default")))

/*
 * Yields text, which stays the caller's and must last until the next call: Exim
 * copies it.  Returns EXIM_OK.
 */
int call_yields(uschar **yield, const char *text);

/* Makes the expansion fail with "exigrey NAME: MESSAGE".  Returns EXIM_FAIL. */
int call_fails(uschar **yield, const char *name, const char *message);

/* Seconds since 1970, by the wall clock. */
int64_t call_now(void);

/* The session of this process, made at the first call. */
struct grey_session *call_session(void);

/* Argument number i, or NULL if it is not there or empty: its default. */
const char *call_argument(int argc, uschar *argv[], int i);

/*
 * Checks that there are one to most arguments (none, with most 0); names is
 * "FIRST}{SECOND}".  Returns GREY_OK or GREY_INVALID.
 */
enum grey_status call_check_count(int argc, uschar *argv[], int most,
    const char *names, struct grey_error *err);

/* How much of an address or key a line shows; for "%.*s". */
int call_shown(struct grey_bytes bytes);

#endif
