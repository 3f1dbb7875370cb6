/*
 * All that is known of Exim's API, which is not stable: symbols come, go and
 * change between releases.  Everything is reached through weak symbols that
 * are tested before use, so that one file serves Exim 4.94 to 4.100 and a
 * program that is no Exim at all.  No Exim header is needed.
 */
#ifndef EXIGREY_EXIM_H
#define EXIGREY_EXIM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What a function called by ${dlfunc} returns (Exim's macros.h).  OK: *yield
 * is the text.  FAIL: the expansion fails with *yield as its message, which
 * is a 451 to the client and a line in the main log.
 */
enum exim_result { EXIM_OK = 0, EXIM_FAIL = 2 };

/*
 * Exim's spool directory: from Exim if it tells, else as compiled in.  Asked
 * once; the text lives for ever.
 */
const char *exim_spool_directory(void);

/* Returns true under exim -bh, when nothing must be written. */
bool exim_host_checking(void);

/*
 * Copies a text that may quote what a client sent, so that every byte prints:
 * all but printable ASCII becomes a backslash and three octal digits.  What
 * does not fit is left out.
 */
void exim_printable(char *text_r, size_t room, const char *text);

/*
 * Writes a line to Exim's main log, or to syslog where this release's
 * log_write is not known.  The same text is written once a minute at most;
 * now is in seconds since 1970.  Made printable here.
 */
void exim_log(const char *text, long long now);

/* Writes a line where exim -d shows it.  Made printable here. */
void exim_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
