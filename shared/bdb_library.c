#include "bdb_library.h"

#ifdef GREY_HAS_BERKELEY_DB

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "library.h"

/* Room for the pages of a batch; what does not fit is read again. */
#define CACHE_SIZE (2 << 20)

#define LIBRARY "libdb-5.3.so"

/* What is called by name; all else is called through the handle. */
struct grey_bdb_library {
	int (*create)(DB **, DB_ENV *, uint32_t);
	char *(*strerror)(int);
	int (*set_pread)(ssize_t (*)(int, void *, size_t, off_t));
	int (*set_pwrite)(ssize_t (*)(int, const void *, size_t, off_t));
	int (*set_fsync)(int (*)(int));
	int (*set_ftruncate)(int (*)(int, off_t));
};

/*
 * The library's functions have no argument that would tell them whose call
 * they are in: so this does, for the length of the call.
 */
static struct grey_bdb *current;

static const struct grey_bdb_library *
library(struct grey_error *err)
{
	static struct grey_bdb_library found;
	static void *loaded;
	const struct grey_symbol wanted[] = {
		{ GREY_NAME_OF(db_create), &found.create },
		{ GREY_NAME_OF(db_strerror), &found.strerror },
		{ GREY_NAME_OF(db_env_set_func_pread), &found.set_pread },
		{ GREY_NAME_OF(db_env_set_func_pwrite), &found.set_pwrite },
		{ GREY_NAME_OF(db_env_set_func_fsync), &found.set_fsync },
		{ GREY_NAME_OF(db_env_set_func_ftruncate),
		    &found.set_ftruncate },
	};

	if (loaded == NULL &&
	    grey_library_load("a Berkeley DB file", LIBRARY, wanted,
		sizeof(wanted) / sizeof(wanted[0]), &loaded, err) != GREY_OK)
		return NULL;
	return &found;
}

static ssize_t
read_kept(int fd, void *buffer, size_t size, off_t at)
{
	return grey_bdb_pages_read(&current->pages, fd, buffer, size, at);
}

static ssize_t
keep_back(int fd, const void *data, size_t size, off_t at)
{
	(void)fd;
	if (grey_bdb_pages_write(&current->pages, data, size, at))
		return (ssize_t)size;
	errno = ENOMEM;
	return -1;
}

/*
 * It frees the last page by cutting it off.  Here it becomes zeros, as what it
 * may ask for behind the end, and commit cuts the file when it has announced
 * and written what belongs to that.
 */
static int
cut_later(int fd, off_t size)
{
	const size_t page_size = current->page_size;
	char *zeros = calloc(1, page_size);
	struct stat st;
	int result = 0;

	if (zeros == NULL || fstat(fd, &st) == -1) {
		free(zeros);
		return -1;
	}
	for (off_t at = size; result == 0 &&
	     at < grey_bdb_pages_size(&current->pages, st.st_size);
	     at += (off_t)page_size)
		if (!grey_bdb_pages_write(&current->pages, zeros, page_size,
			at))
			result = -1;
	free(zeros);
	return result;
}

static int
sync_nothing(int fd)
{
	(void)fd;
	return 0;
}

void
grey_bdb_enter(struct grey_bdb *handle)
{
	current = handle;
	handle->said[0] = '\0';
	(void)handle->library->set_fsync(sync_nothing);
	if (handle->mode != GREYDB_WRITE)
		return;
	(void)handle->library->set_pread(read_kept);
	(void)handle->library->set_pwrite(keep_back);
	(void)handle->library->set_ftruncate(cut_later);
}

void
grey_bdb_leave(struct grey_bdb *handle)
{
	(void)handle->library->set_fsync(NULL);
	(void)handle->library->set_pread(NULL);
	(void)handle->library->set_pwrite(NULL);
	(void)handle->library->set_ftruncate(NULL);
	current = NULL;
}

/* Else it would print on standard error. */
static void
hear(const DB_ENV *env, const char *prefix, const char *text)
{
	(void)env;
	(void)prefix;
	if (current != NULL && current->said[0] == '\0')
		(void)snprintf(current->said, sizeof(current->said), "%s",
		    text);
}

/* Is it the file that is wrong, and not the system? */
enum grey_status
grey_bdb_failed(const struct grey_bdb *handle, int error, const char *what,
    struct grey_error *err)
{
	const bool is_system =
	    error > 0 && error != EINVAL && error != EFAULT && error != EIO;

	return grey_fail(err, is_system ? GREY_FAILED : GREY_DAMAGED,
	    "%s: %s%s%s", what, handle->library->strerror(error),
	    handle->said[0] != '\0' ? ": " : "", handle->said);
}

void
grey_bdb_name(int fd, char name[GREY_BDB_NAME_SIZE])
{
	(void)snprintf(name, GREY_BDB_NAME_SIZE, "/proc/self/fd/%d", fd);
}

enum grey_status
grey_bdb_begin(struct grey_bdb *handle, struct grey_error *err)
{
	int error;

	handle->library = library(err);
	if (handle->library == NULL)
		return GREY_FAILED;
	error = handle->library->create(&handle->db, NULL, 0);
	if (error != 0)
		return grey_bdb_failed(handle, error,
		    "cannot start Berkeley DB", err);
	handle->db->set_errcall(handle->db, hear);
	(void)handle->db->set_cachesize(handle->db, 0, CACHE_SIZE, 1);
	return GREY_OK;
}

/* What is kept back and was not committed is forgotten. */
int
grey_bdb_end(struct grey_bdb *handle, bool write)
{
	int error = 0;

	if (handle->db != NULL) {
		grey_bdb_enter(handle);
		error = handle->db->close(handle->db, write ? 0 : DB_NOSYNC);
		grey_bdb_leave(handle);
	}
	handle->db = NULL;
	grey_bdb_pages_end(&handle->pages);
	return error;
}

enum grey_status
grey_bdb_open(struct grey_bdb *handle, DBTYPE type, uint32_t flags,
    struct grey_error *err)
{
	enum grey_status status = grey_bdb_begin(handle, err);
	char name[GREY_BDB_NAME_SIZE];
	int error;

	if (status != GREY_OK)
		return status;
	grey_bdb_name(handle->fd, name);
	grey_bdb_enter(handle);
	error = handle->db->open(handle->db, NULL, name, NULL, type,
	    flags | DB_NOMMAP, 0);
	grey_bdb_leave(handle);
	return error == 0 ?
	    GREY_OK :
	    grey_bdb_failed(handle, error, "cannot open the database", err);
}

#endif
