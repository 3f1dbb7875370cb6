/*
 * What a function of shared/ says about its outcome.
 *
 * Nothing here exits, prints or logs: a function returns a status and, where
 * that is a failure, fills an error once, at the place where it happened.
 */
#ifndef GREY_STATUS_H
#define GREY_STATUS_H

enum grey_status {
	GREY_OK,
	GREY_NOT_FOUND, /* no such key or file; no error, no text */
	GREY_INVALID,   /* an argument or a setting is wrong */
	GREY_BUSY,      /* the lock was not to be had in time */
	GREY_FULL,      /* a limit that the administrator set is reached */
	GREY_DAMAGED,   /* the file's content is broken */
	GREY_FAILED     /* the system said no: space, rights, I/O, memory */
};

/* The text is for people: lower case, names what it is about, no full stop. */
struct grey_error {
	char text[512];
};

/* Formats the text into err, which may be NULL. */
void grey_error_set(struct grey_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Formats the text into err and is status, so that a caller can fail in one
 * line.  A macro, so that an analyzer sees that status is not GREY_OK.
 */
#define grey_fail(err, status, ...) \
	(grey_error_set((err), __VA_ARGS__), (enum grey_status)(status))

#endif
