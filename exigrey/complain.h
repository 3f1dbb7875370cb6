/*
 * What exigrey says on standard error: one line each, "exigrey: ...".  It may
 * hold anything, a client's key too: what does not print is escaped.
 */
#ifndef EXIGREY_COMPLAIN_H
#define EXIGREY_COMPLAIN_H

#include "bytes.h"

void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same about bytes, an item or a key, which are quoted first. */
void complain_about(struct grey_bytes what, const char *text);

#endif
