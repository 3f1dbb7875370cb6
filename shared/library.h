/*
 * Libraries that are loaded when they are first needed, so that a call that
 * does without one does not pay for it (doc/performance.md, "Over SMTP").
 */
#ifndef GREY_LIBRARY_H
#define GREY_LIBRARY_H

#include <stddef.h>

#include "status.h"

/* A function's name as the linker knows it, where a header renames it too. */
#define GREY_NAME_OF(function)   GREY_NAME_OF_2(function)
#define GREY_NAME_OF_2(function) #function

/* What is wanted of a library. */
struct grey_symbol {
	const char *name;
	void *place; /* of the pointer to it, which is set */
};

/*
 * Loads a library by its soname and finds what is wanted of it; who, for the
 * message, is what needs it.
 * Returns GREY_OK with the library, which grey_library_close ends (a second load
 * is a second reference), or GREY_FAILED with err; some of the places may then
 * have been set.
 */
enum grey_status grey_library_load(const char *who, const char *soname,
    const struct grey_symbol *wanted, size_t count, void **library_r,
    struct grey_error *err);

/* Ends a reference to a library. */
void grey_library_close(void *library);

#endif
