/*
 * What Berkeley DB would write, kept back until it has been announced: it
 * writes whole pages, several for one record, and a process that is killed
 * between two of them leaves a file in which records are missing.  So the
 * pages are gathered here, as blocks that a kill cannot cut, together with
 * what they replace; the lot is written into the journal, and only then into
 * the file.  Whoever finds it in the journal writes it again.
 *
 *	grey_bdb_pages_write	instead of write(2), any number of times
 *	grey_bdb_pages_collect	all that differs from the file, as bytes
 *	grey_bdb_pages_commit	into the file
 */
#ifndef GREY_BDB_PAGES_H
#define GREY_BDB_PAGES_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "bytes.h"
#include "status.h"

struct grey_bdb_page {
	off_t at;
	size_t size;
	char *data;
};

struct grey_bdb_pages {
	struct grey_bdb_page *pages;
	size_t count, room;
	char *blocks; /* collected */
	size_t blocks_size;
};

/* Frees all; what was not committed is forgotten. */
void grey_bdb_pages_end(struct grey_bdb_pages *pages);

/* Keeps a copy of data.  Returns false without memory. */
bool grey_bdb_pages_write(struct grey_bdb_pages *pages, const void *data,
    size_t size, off_t at);

/* Returns the length of a file of file_size bytes with what is kept. */
off_t grey_bdb_pages_size(const struct grey_bdb_pages *pages, off_t file_size);

/*
 * Reads as pread(2) does, from the file and what is kept on top of it.
 * Returns the number of bytes, or -1 with errno.
 */
ssize_t grey_bdb_pages_read(const struct grey_bdb_pages *pages, int fd,
    void *buffer, size_t size, off_t at);

/*
 * Returns GREY_OK with all blocks that differ from the file, which live until
 * the next call, size 0 if none does; *single_r: it is but one, which a kill
 * leaves whole.  GREY_FAILED.
 */
enum grey_status grey_bdb_pages_collect(struct grey_bdb_pages *pages, int fd,
    struct grey_bytes *blocks_r, bool *single_r, struct grey_error *err);

/*
 * Writes what was collected into the file; forgets it.  Returns GREY_OK;
 * GREY_FAILED, the file then as before; GREY_DAMAGED if not even that could be
 * had.
 */
enum grey_status grey_bdb_pages_commit(struct grey_bdb_pages *pages, int fd,
    struct grey_error *err);

/*
 * Writes blocks that a process announced before it died.  Returns GREY_OK;
 * GREY_DAMAGED, and the file is not touched, if somebody else changed it since
 * or the blocks make no sense; GREY_FAILED.
 */
enum grey_status
grey_bdb_pages_replay(int fd, struct grey_bytes blocks, struct grey_error *err);

#endif
