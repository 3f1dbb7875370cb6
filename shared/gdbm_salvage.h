/*
 * Records that the directory does not lead to any more.  A bucket that is
 * split moves: after a power loss the disk may have the directory, but not yet
 * the bucket that it leads to.  The old bucket still lies in what is free
 * space by now; or the new one is there, and the directory is old.
 */
#ifndef GREY_GDBM_SALVAGE_H
#define GREY_GDBM_SALVAGE_H

#include "gdbm_file.h"

/* Which hashes have a bucket that was read. */
struct grey_gdbm_cover {
	bool *map; /* of the first bits of a hash */
	int bits;
};

/* For the hashes of a file, after its header was read.  GREY_OK, GREY_FAILED. */
enum grey_status grey_gdbm_cover_init(const struct grey_gdbm_file *file,
    struct grey_gdbm_cover *cover_r, struct grey_error *err);
void grey_gdbm_cover_free(struct grey_gdbm_cover *cover);

/* Notes that the current bucket, that of a directory entry, is as it should. */
void grey_gdbm_cover_bucket(const struct grey_gdbm_file *file,
    struct grey_gdbm_cover *cover, const struct grey_gdbm_bucket *bucket);

typedef enum grey_status grey_gdbm_salvage_fn(void *arg,
    const struct grey_gdbm_element *element, struct grey_error *err);

/*
 * Looks through all of the file for buckets of hashes that are not covered,
 * and calls visit for their elements; of two that were one bucket at different
 * times, for those of the later.  What was deleted after the last of them was
 * written comes back.
 * Returns GREY_OK, GREY_FAILED, or what visit returned.
 */
enum grey_status
grey_gdbm_salvage(struct grey_gdbm_file *file, struct grey_gdbm_cover *cover,
    grey_gdbm_salvage_fn *visit, void *arg, struct grey_error *err);

#endif
