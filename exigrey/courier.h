/*
 * The protocol of Courier's mail filters (courierfilter(8), "MAIL FILTER
 * IMPLEMENTATION"): the name of the message's file, the names of its control
 * files, each on a line, and an empty line are a request; the reply is one of
 * SMTP.
 *
 * A control file has a record on each line, its kind first (the COMCTLFILE_
 * constants of courier/libs/comctlfile.h in Courier's sources).  Those that
 * matter here: s sender, r recipient, f "dns; HELO (NAME [ADDRESS])", u where
 * the message came from, i who authenticated, S and F the number of a recipient,
 * counted from 0 in each file, that is dealt with.
 */
#ifndef EXIGREY_COURIER_H
#define EXIGREY_COURIER_H

#include <stdbool.h>
#include <stddef.h>

#include "bytes.h"
#include "envelope.h"
#include "status.h"

/* The records of which the first counts, as for Courier itself. */
enum courier_field {
	COURIER_SENDER,
	COURIER_CLIENT,
	COURIER_SOURCE,
	COURIER_LOGIN,
	COURIER_FIELDS
};

/* What is known of a message; zeroed at first. */
struct courier_request {
	size_t names; /* lines so far */
	struct {
		char *data; /* NULL: there was none */
		size_t size;
	} fields[COURIER_FIELDS];
	char *recipients; /* each ended by a newline */
	size_t recipients_size, recipients_room;
	size_t recipient_count; /* those that are dealt with, too */
	bool failed;
	struct grey_error why; /* the first failure */
};

/*
 * Takes a line, and reads the control file that it names; what fails is
 * remembered.  A name that is no regular file, or a link, is a failure; nothing
 * is waited for.  Returns true at the end of the request.
 */
bool courier_take(struct courier_request *request, struct grey_bytes line);

/*
 * Takes the text of a control file.  Returns GREY_OK, or GREY_FAILED with an
 * error: out of memory, or too many recipients.
 */
enum grey_status courier_control(struct courier_request *request,
    struct grey_bytes text, struct grey_error *err);

/*
 * The envelope of a whole request; it points into it.  It has no client for
 * mail that did not come by SMTP, or whose sender may relay, or that has nobody
 * left to go to.
 * Returns GREY_OK, or GREY_FAILED with an error: something could not be read,
 * or there is no sender, recipient or client's address.
 */
enum grey_status courier_envelope(const struct courier_request *request,
    struct grey_envelope *envelope_r, struct grey_error *err);

/* Frees what a request holds, and makes ready for the next. */
void courier_forget(struct courier_request *request);

#endif
