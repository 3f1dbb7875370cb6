/*
 * Folding a sender: what changes from one try of a message to the next, or
 * from one message of a list to the next, is left out, so that a retry is
 * known for what it is.  The result names a record; nobody gets mail there.
 *
 *	prvs=TAG=u@d, btv1==TAG==u@d	u@d		BATV
 *	SRS0=HASH=DAY=dom=u@d		SRS#=#=dom=u@d		SRS
 *	bounce-rcpt=rdom@d		bounce-#@d	VERP
 *	u+anything@d			u@d		an extension
 *	bounce-123-1a2b3c@d		bounce-#@d	digits, hex
 */
#ifndef GREY_FOLD_H
#define GREY_FOLD_H

#include "bytes.h"

/* Room for any folded sender; a longer one is left as it is. */
#define GREY_FOLD_MAX 1024

/*
 * Folds sender into buffer; recipient is whom the mail is for, in the same
 * case.  Folding the result again changes nothing, and what was an address
 * stays one if the recipient is UTF-8; a quoted local part is left as it is.
 * Returns the folded sender, which points into buffer, or sender itself where
 * it is longer than GREY_FOLD_MAX.
 */
struct grey_bytes grey_fold_sender(struct grey_bytes sender,
    struct grey_bytes recipient, char buffer[GREY_FOLD_MAX]);

#endif
