/*
 * What cannot be told from the records of those that wait: whether there are
 * such recipients, which the external checker knows, and whether mail can go
 * back to the senders' domains, which DNS knows.  Each is asked about once, and
 * only for clients that are not suspect already.
 */
#ifndef EXIGREY_INQUIRY_H
#define EXIGREY_INQUIRY_H

#include "status.h"
#include "suspects.h"

/*
 * May the checker be run, if there is one?  To be asked before the database is
 * read.  Returns GREY_OK, or GREY_FAILED with what to do.
 */
enum grey_status
inquiry_allowed(const struct invocation *run, struct grey_error *err);

/*
 * Ask about all of them, and make suspect whoever must be.
 * Return GREY_OK, also where there is nobody to ask; GREY_BUSY if SIGTERM or
 * SIGINT came; GREY_FAILED, GREY_INVALID for what the settings name.
 */
enum grey_status inquiry_recipients(const struct invocation *run,
    struct suspects *suspects, struct grey_error *err);
enum grey_status inquiry_domains(const struct invocation *run,
    struct suspects *suspects, struct grey_error *err);

#endif
