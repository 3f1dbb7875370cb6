/*
 * A GDBM file whose header cannot be trusted, as it may have been: what
 * grey_gdbm_salvage needs to find its buckets.
 */
#ifndef GREY_GDBM_GUESS_H
#define GREY_GDBM_GUESS_H

#include "gdbm_file.h"

/*
 * Makes file_r that of a file with blocks of this size, without a directory; fd
 * stays the caller's, and grey_gdbm_end frees it, after a failure too.
 * Returns GREY_OK or GREY_FAILED.
 */
enum grey_status grey_gdbm_guess(int fd, size_t block_size,
    struct grey_gdbm_file *file_r, struct grey_error *err);

#endif
