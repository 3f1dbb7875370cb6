/*
 * libdb of release 5.3, if its header is found at build time: without that
 * GREY_HAS_BERKELEY_DB is not defined, and there is nothing here.  The library
 * is loaded when a file of this kind is first used: who has none never loads it.
 *
 * It opens files by name only, so it is given the name of our descriptor in
 * /proc.  It writes whole pages and cuts the file whenever it likes, and syncs
 * at each close; all this goes through functions that can be set for the whole
 * process (db.h, db_env_set_func_pwrite).  They are set for the length of a
 * call into it, and reset, because Exim may use the same library.
 */
#ifndef GREY_BDB_LIBRARY_H
#define GREY_BDB_LIBRARY_H

#if defined __has_include && !defined WITHOUT_BERKELEY_DB
#if __has_include(<db.h>)
#include <db.h>
#endif
#endif

#if defined DB_VERSION_MAJOR && DB_VERSION_MAJOR == 5 && DB_VERSION_MINOR == 3
#define GREY_HAS_BERKELEY_DB

#include <sys/types.h>

#include <stdint.h>

#include "bdb_pages.h"
#include "greydb_driver.h"

#define GREY_BDB_NAME_SIZE 32

/*
 * A file in the library.  Before it is opened fd and mode are set, with
 * GREYDB_WRITE page_size too, and all else is 0.
 */
struct grey_bdb {
	const struct grey_bdb_library *library; /* its functions */
	DB *db;
	int fd;
	enum greydb_mode mode;
	uint32_t page_size;
	struct grey_bdb_pages pages; /* GREYDB_WRITE */
	char said[200];              /* by the library, about an error */
};

/* Before and after each call into the library that may read or write. */
void grey_bdb_enter(struct grey_bdb *handle);
void grey_bdb_leave(struct grey_bdb *handle);

/* The name by which the library opens a descriptor. */
void grey_bdb_name(int fd, char name[GREY_BDB_NAME_SIZE]);

/*
 * Fails with what the library says of an error that it returned: GREY_FAILED
 * if it is the system that is wrong, GREY_DAMAGED if it is the file.
 */
enum grey_status grey_bdb_failed(const struct grey_bdb *handle, int error,
    const char *what, struct grey_error *err);

/*
 * Makes a handle of the library, which grey_bdb_end closes, after a failure
 * too.  Returns GREY_OK; GREY_FAILED, also if there is no such library;
 * GREY_DAMAGED.
 */
enum grey_status
grey_bdb_begin(struct grey_bdb *handle, struct grey_error *err);

/* The same, and opens the file with DB->open's type and flags. */
enum grey_status grey_bdb_open(struct grey_bdb *handle, DBTYPE type,
    uint32_t flags, struct grey_error *err);

/*
 * Closes the handle, if there is one, and writes with it what the library has
 * not; what is kept back in pages and was not committed is forgotten.  fd stays
 * the caller's.  Returns 0 or the library's error.
 */
int grey_bdb_end(struct grey_bdb *handle, bool write);

#endif

#endif
