/*
 * Regular expressions, by PCRE2, which is loaded at the first of them only.
 */
#ifndef GREY_REGEX_H
#define GREY_REGEX_H

#include <stdbool.h>

#include "bytes.h"
#include "status.h"

struct grey_regex;

/*
 * Compiles an expression, which ignores case; grey_regex_free ends it.
 * Returns GREY_OK, GREY_INVALID with what is wrong with it, or GREY_FAILED.
 */
enum grey_status grey_regex_compile(struct grey_bytes text,
    struct grey_regex **regex_r, struct grey_error *err);

/* Does it match anywhere in text?  What is too hard to tell does not. */
bool grey_regex_matches(const struct grey_regex *regex, struct grey_bytes text);

/* Frees it; harmless on NULL. */
void grey_regex_free(struct grey_regex *regex);

#endif
