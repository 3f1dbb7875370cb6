/*
 * GDBM's hash of a key is linear: whoever chooses the bytes of keys, and a
 * sender's address is a client's choice, finds as many of the same hash as he
 * likes.  A bucket that is full of them is split, and the directory doubled,
 * until it has 2^31 entries, all of it within one store.
 */
#ifndef GREY_GDBM_ADMIT_H
#define GREY_GDBM_ADMIT_H

#include "gdbm_file.h"

/*
 * Looks whether a new key, with those in its bucket, would make the directory
 * larger than so many records need; after grey_gdbm_header.
 * Returns GREY_OK; GREY_FULL if it would; GREY_DAMAGED; GREY_FAILED.
 */
enum grey_status grey_gdbm_admit(struct grey_gdbm_file *file,
    struct grey_bytes key, int64_t records, struct grey_error *err);

#endif
