/*
 * The policy of one call: its delay, the lifetimes and what to do when the
 * database cannot be used.  OPTIONS, the text that changes it, comes from the
 * administrator, never from a client.
 */
#ifndef GREY_POLICY_H
#define GREY_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "setting.h"
#include "status.h"

struct grey_policy {
	int64_t delay;       /* seconds that a new item must wait */
	int64_t grey;        /* lifetime of one that never passed; 0: none */
	int64_t passed;      /* lifetime unused of one that did; 0: none */
	int64_t timeout;     /* seconds to wait for the lock; 0: try once */
	int64_t max_records; /* no new ones beyond; 0: no limit */
	bool defer_on_failure;
	bool sync; /* to the disk before the answer */
};

/* Delay 10m (Exim::Grey), grey 24h, passed 36d, timeout 5s, pass on failure. */
struct grey_policy grey_policy_default(void);

/* What OPTIONS and the configuration file can set; one without a name ends. */
extern const struct grey_setting grey_policy_settings[];

/*
 * Changes the policy as the words "name=value" of text say: grey passed
 * timeout (durations), on_failure (pass, defer), sync (yes, no), max_records
 * (a number).  Words are separated by spaces or tabs; the last of a name wins.
 * Returns GREY_OK, or GREY_INVALID with an error that quotes the word; the
 * policy is then undefined.
 */
enum grey_status grey_policy_options(struct grey_bytes text,
    struct grey_policy *policy, struct grey_error *err);

/*
 * Checks what no single setting shows: that grey, where there is one, is above
 * the delay.  Returns GREY_OK, or GREY_INVALID with an error.
 */
enum grey_status
grey_policy_check(const struct grey_policy *policy, struct grey_error *err);

#endif
