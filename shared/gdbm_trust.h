/*
 * What libgdbm trusts when it changes a file, checked before it may.
 *
 * libgdbm 1.23 looks at offsets and counts, but not whether two things lie in
 * the same place.  Where free space is the bucket that is to be split, or is
 * told of twice, its list of buckets becomes a ring: the process is aborted, or
 * never comes back.  Where the directory leads to a bucket from other entries
 * than the bucket says, or a bucket holds what does not belong there, records
 * are lost without a word.
 */
#ifndef GREY_GDBM_TRUST_H
#define GREY_GDBM_TRUST_H

#include "gdbm_file.h"

enum grey_gdbm_look {
	GREY_GDBM_LOOK_BUCKET, /* and the directory entries that lead there */
	GREY_GDBM_LOOK_AGAIN,  /* also what may have changed since the first */
	GREY_GDBM_LOOK_FIRST   /* also at the free space */
};

/*
 * Looks at what a change of a key would touch, after grey_gdbm_header: neither
 * the free space that it may use, nor header, directory, bucket and the
 * bucket's records, may have a byte in common.
 * Returns GREY_OK, GREY_DAMAGED, GREY_FAILED.
 */
enum grey_status grey_gdbm_trust(struct grey_gdbm_file *file,
    struct grey_bytes key, enum grey_gdbm_look look, struct grey_error *err);

#endif
