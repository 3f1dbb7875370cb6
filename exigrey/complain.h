/*
 * What exigrey says on standard error, or to syslog: one line each.  It may
 * hold anything, a client's key too: what does not print is escaped.
 */
#ifndef EXIGREY_COMPLAIN_H
#define EXIGREY_COMPLAIN_H

#include "bytes.h"

void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on what is said goes to syslog (mail, warning) instead. */
void complain_to_syslog(void);

/* Says it to syslog only, with that level (LOG_INFO ...). */
void complain_syslog(int level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* As complain, about bytes, an item or a key, which are quoted first. */
void complain_about(struct grey_bytes what, const char *text);

#endif
