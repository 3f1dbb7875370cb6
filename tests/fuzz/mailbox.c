/*
 * A sender and, behind the first newline, its recipient: is it an address, and
 * is it still one when it was folded?
 */
#include "fuzz.h"

#include <string.h>

#include "../../exigrey/escape.h"
#include "../../exigrey/mailbox.h"
#include "fold.h"

static void
is_within(struct grey_bytes part, struct grey_bytes text)
{
	require(part.data >= text.data &&
	    part.data + part.size <= text.data + text.size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct grey_bytes sender = fuzz_bytes(data, size);
	struct grey_bytes recipient = { sender.data + sender.size, 0 };
	const char *end = memchr(data, '\n', size);
	char folded[GREY_FOLD_MAX];
	struct mailbox mailbox;

	if (end != NULL) {
		sender.size = (size_t)(end - sender.data);
		recipient =
		    (struct grey_bytes){ end + 1, size - sender.size - 1 };
	}
	(void)mailbox_domain(sender);
	if (!mailbox_parse(sender, &mailbox))
		return 0;
	if (sender.size > 0) {
		is_within(mailbox.local, sender);
		is_within(mailbox.domain, sender);
		require(mailbox.local.size + 1 + mailbox.domain.size ==
		    sender.size);
		require(mailbox_domain(mailbox.domain));
	}
	/* Of UTF-8, or it might cut a character of the sender in two. */
	sender = grey_fold_sender(sender, recipient, folded);
	require(!escape_is_utf8(recipient) || mailbox_parse(sender, &mailbox));
	return 0;
}
