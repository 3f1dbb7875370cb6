/*
 * Berkeley DB, of the version that is found at build time.  The library is
 * loaded when a file of this kind is first used: who has none never loads it.
 *
 * It opens files by name only, so it is given the name of our descriptor in
 * /proc.  It writes whole pages and cuts the file whenever it likes, and syncs
 * at each close; all this goes through functions that can be set for the whole
 * process (db.h, db_env_set_func_pwrite).  They are set for the length of a
 * call into it, and reset, because Exim may use the same library.
 */
#include "greydb_driver.h"

#include "bdb_file.h"

#if defined __has_include && !defined WITHOUT_BERKELEY_DB
#if __has_include(<db.h>)
#include <db.h>
#endif
#endif

#if defined DB_VERSION_MAJOR && DB_VERSION_MAJOR == 5 && DB_VERSION_MINOR == 3

#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bdb_dump.h"
#include "bdb_pages.h"
#include "library.h"

/* A page: a write of one cannot be cut by a kill. */
#define PAGE_SIZE 4096
/* Room for the pages of a batch; what does not fit is read again. */
#define CACHE_SIZE (2 << 20)

#define LIBRARY "libdb-5.3.so"

/* What is called by name; all else is called through the handle. */
struct library {
	int (*create)(DB **, DB_ENV *, uint32_t);
	char *(*strerror)(int);
	int (*set_pread)(ssize_t (*)(int, void *, size_t, off_t));
	int (*set_pwrite)(ssize_t (*)(int, const void *, size_t, off_t));
	int (*set_fsync)(int (*)(int));
	int (*set_ftruncate)(int (*)(int, off_t));
};

struct handle {
	const struct library *library;
	DB *db;
	int fd;
	enum greydb_mode mode;
	uint32_t page_size;
	struct grey_bdb_pages pages; /* GREYDB_WRITE */
	char said[200];              /* by the library, about an error */
};

/*
 * The library's functions have no argument that would tell them whose call
 * they are in: so this does, for the length of the call.
 */
static struct handle *current;

static const struct library *
library(struct grey_error *err)
{
	static struct library found;
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

static void
enter(struct handle *handle)
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

static void
leave(struct handle *handle)
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
static enum grey_status
failed(const struct handle *handle, int error, const char *what,
    struct grey_error *err)
{
	const bool is_system =
	    error > 0 && error != EINVAL && error != EFAULT && error != EIO;

	return grey_fail(err, is_system ? GREY_FAILED : GREY_DAMAGED,
	    "%s: %s%s%s", what, handle->library->strerror(error),
	    handle->said[0] != '\0' ? ": " : "", handle->said);
}

static void
name_of(int fd, char name[32])
{
	(void)snprintf(name, 32, "/proc/self/fd/%d", fd);
}

/* Makes a handle of the library; closes it again after a failure. */
static enum grey_status
begin(struct handle *handle, struct grey_error *err)
{
	int error;

	handle->library = library(err);
	if (handle->library == NULL)
		return GREY_FAILED;
	error = handle->library->create(&handle->db, NULL, 0);
	if (error != 0)
		return failed(handle, error, "cannot start Berkeley DB", err);
	handle->db->set_errcall(handle->db, hear);
	(void)handle->db->set_cachesize(handle->db, 0, CACHE_SIZE, 1);
	return GREY_OK;
}

/* What is kept back and was not committed is forgotten. */
static int
end(struct handle *handle, bool write)
{
	int error = 0;

	if (handle->db != NULL) {
		enter(handle);
		error = handle->db->close(handle->db, write ? 0 : DB_NOSYNC);
		leave(handle);
	}
	handle->db = NULL;
	grey_bdb_pages_end(&handle->pages);
	return error;
}

static enum grey_status
open_file(struct handle *handle, DBTYPE type, uint32_t flags,
    struct grey_error *err)
{
	enum grey_status status = begin(handle, err);
	char name[32];
	int error;

	if (status != GREY_OK)
		return status;
	name_of(handle->fd, name);
	enter(handle);
	error = handle->db->open(handle->db, NULL, name, NULL, type,
	    flags | DB_NOMMAP, 0);
	leave(handle);
	return error == 0 ?
	    GREY_OK :
	    failed(handle, error, "cannot open the database", err);
}

static enum grey_status
driver_create(int fd, size_t block_size, struct grey_error *err)
{
	struct handle handle = { .fd = fd, .mode = GREYDB_FILL };
	enum grey_status status;
	char name[32];
	int error = EINVAL;

	if (block_size == 0)
		block_size = PAGE_SIZE;
	if (block_size < GREY_BDB_PAGE_MIN || block_size > GREY_BDB_PAGE_MAX ||
	    (block_size & (block_size - 1)) != 0)
		return grey_fail(err, GREY_INVALID,
		    "a page size is a power of two from %d to %d",
		    GREY_BDB_PAGE_MIN, GREY_BDB_PAGE_MAX);
	status = begin(&handle, err);
	if (status != GREY_OK)
		return status;
	name_of(fd, name);
	enter(&handle);
	/* With checksums damage is an error, not a crash or a wrong value. */
	if (handle.db->set_flags(handle.db, DB_CHKSUM) == 0 &&
	    handle.db->set_pagesize(handle.db, (uint32_t)block_size) == 0)
		error = handle.db->open(handle.db, NULL, name, NULL, DB_HASH,
		    DB_CREATE, 0);
	leave(&handle);
	if (error != 0)
		status = failed(&handle, error, "cannot make a database", err);
	error = end(&handle, status == GREY_OK);
	if (status == GREY_OK && error != 0)
		status = failed(&handle, error, "cannot make a database", err);
	if (status == GREY_OK && fsync(fd) == -1)
		status = grey_fail(err, GREY_FAILED, "cannot sync: %s",
		    strerror(errno));
	return status;
}

static enum grey_status
driver_open(int fd, const struct grey_start *start, enum greydb_mode mode,
    void **handle_r, struct grey_error *err)
{
	struct handle *handle = calloc(1, sizeof(*handle));
	struct grey_bdb_file header;
	enum grey_status status;

	if (handle == NULL)
		status = grey_fail(err, GREY_FAILED, "out of memory");
	else
		status = grey_bdb_header_of(start, &header, err);
	if (status == GREY_OK) {
		handle->fd = fd;
		handle->mode = mode == GREYDB_FRESH ? GREYDB_WRITE : mode;
		handle->page_size = header.page_size;
		status = open_file(handle, DB_UNKNOWN,
		    mode == GREYDB_READ ? DB_RDONLY : 0, err);
		if (status != GREY_OK)
			(void)end(handle, false);
	}
	if (status == GREY_OK) {
		*handle_r = handle;
		return status;
	}
	free(handle);
	(void)close(fd);
	return status;
}

static int
driver_descriptor(const void *arg)
{
	const struct handle *handle = arg;

	return handle->fd;
}

/* Its DBT is not const, though it writes to none that it is given. */
static DBT
dbt_of(struct grey_bytes bytes)
{
	union {
		const char *from;
		void *to;
	} pointer = { .from = bytes.data };

	return (DBT){ .data = pointer.to, .size = (uint32_t)bytes.size };
}

static enum grey_status
driver_fetch(void *arg, struct grey_bytes key, struct greydb_value *value_r,
    struct grey_error *err)
{
	struct handle *handle = arg;
	DBT wanted = dbt_of(key), found = { .flags = DB_DBT_MALLOC };
	int error;

	enter(handle);
	error = handle->db->get(handle->db, NULL, &wanted, &found, 0);
	leave(handle);
	if (error == DB_NOTFOUND)
		return GREY_NOT_FOUND;
	if (error != 0)
		return failed(handle, error, "cannot fetch", err);
	/* An empty value has data too. */
	if (found.data == NULL)
		found.data = malloc(1);
	if (found.data == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	*value_r = (struct greydb_value){ found.data, found.size };
	return GREY_OK;
}

static enum grey_status
driver_store(void *arg, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	struct handle *handle = arg;
	DBT to = dbt_of(key), what = dbt_of(value);
	int error;

	enter(handle);
	error = handle->db->put(handle->db, NULL, &to, &what, 0);
	leave(handle);
	return error == 0 ? GREY_OK :
			    failed(handle, error, "cannot store", err);
}

static enum grey_status
driver_remove(void *arg, struct grey_bytes key, bool later,
    struct grey_error *err)
{
	struct handle *handle = arg;
	DBT what = dbt_of(key);
	int error;

	(void)later; /* all is */
	enter(handle);
	error = handle->db->del(handle->db, NULL, &what, 0);
	leave(handle);
	if (error == DB_NOTFOUND)
		return GREY_NOT_FOUND;
	return error == 0 ? GREY_OK :
			    failed(handle, error, "cannot delete", err);
}

/* One bucket is split at a time: there is nothing that grows beyond reason. */
static enum grey_status
driver_admit(void *handle, struct grey_bytes key, int64_t records,
    struct grey_error *err)
{
	(void)handle;
	(void)key;
	(void)records;
	(void)err;
	return GREY_OK;
}

static enum grey_status
driver_collect(void *arg, struct grey_bytes *blocks_r, bool *single_r,
    struct grey_error *err)
{
	struct handle *handle = arg;
	int error;

	enter(handle);
	error = handle->db->sync(handle->db, 0);
	leave(handle);
	if (error != 0)
		return failed(handle, error, "cannot store", err);
	return grey_bdb_pages_collect(&handle->pages, handle->fd, blocks_r,
	    single_r, err);
}

/* Cuts off what lies behind the end that the first page tells. */
static enum grey_status
cut(int fd, struct grey_error *err)
{
	struct grey_bdb_file header;
	enum grey_status status = grey_bdb_header(fd, &header, err);
	struct stat st;

	if (status != GREY_OK)
		return status;
	if (fstat(fd, &st) == 0 &&
	    (st.st_size <= header.size || ftruncate(fd, header.size) == 0))
		return GREY_OK;
	return grey_fail(err, GREY_DAMAGED, "cannot cut the file: %s",
	    strerror(errno));
}

static enum grey_status
driver_commit(void *arg, bool sync, struct grey_error *err)
{
	struct handle *handle = arg;
	enum grey_status status =
	    grey_bdb_pages_commit(&handle->pages, handle->fd, err);

	if (status == GREY_OK)
		status = cut(handle->fd, err);
	/* It is written; what the disk has of it nobody knows. */
	if (status == GREY_OK && sync && fsync(handle->fd) == -1)
		return grey_fail(err, GREY_DAMAGED, "cannot sync: %s",
		    strerror(errno));
	return status;
}

static enum grey_status
driver_replay(int fd, struct grey_bytes pages, struct grey_error *err)
{
	enum grey_status status = grey_bdb_pages_replay(fd, pages, err);

	return status == GREY_OK ? cut(fd, err) : status;
}

static enum grey_status
driver_close(void *arg, int sync_sink, struct grey_error *err)
{
	struct handle *handle = arg;
	const int fd = handle->fd;
	const bool fills = handle->mode == GREYDB_FILL;
	enum grey_status status = GREY_OK;
	int error;

	error = end(handle, fills);
	if (fills && error != 0)
		status =
		    failed(handle, error, "cannot close the database", err);
	if (handle->mode != GREYDB_READ && sync_sink == -1 && fsync(fd) == -1 &&
	    status == GREY_OK)
		status = grey_fail(err, GREY_FAILED, "cannot sync: %s",
		    strerror(errno));
	free(handle);
	(void)close(fd);
	return status;
}

static size_t
driver_block_size(int fd)
{
	struct grey_bdb_file file;

	return grey_bdb_header(fd, &file, NULL) == GREY_OK ? file.page_size : 0;
}

static int64_t
driver_records(int fd)
{
	struct grey_bdb_file file;

	return grey_bdb_header(fd, &file, NULL) == GREY_OK ? file.records : -1;
}

/* Checks all pages.  The library ends a handle that has done so. */
static enum grey_status
verify(int fd, FILE *salvage, struct grey_error *err)
{
	struct handle handle = { .fd = fd, .mode = GREYDB_READ };
	enum grey_status status = begin(&handle, err);
	char name[32];
	int error;

	if (status != GREY_OK)
		return status;
	name_of(fd, name);
	enter(&handle);
	error = handle.db->verify(handle.db, name, NULL, salvage,
	    salvage != NULL ? DB_SALVAGE : 0);
	leave(&handle);
	if (error == 0)
		return GREY_OK;
	if (error == DB_VERIFY_BAD)
		return grey_fail(err, GREY_DAMAGED, "%s",
		    handle.said[0] != '\0' ? handle.said :
					     "its pages do not fit together");
	return failed(&handle, error, "cannot check the database", err);
}

static void
report_hash(const DB_HASH_STAT *stat, struct greydb_report *report)
{
	report->records = stat->hash_ndata;
	report->buckets = stat->hash_buckets;
	report->block_size = stat->hash_pagesize;
	report->free_space = (int64_t)(stat->hash_bfree + stat->hash_big_bfree +
				 stat->hash_ovfl_free) +
	    (int64_t)stat->hash_free * stat->hash_pagesize;
}

static void
report_btree(const DB_BTREE_STAT *stat, struct greydb_report *report)
{
	report->records = stat->bt_ndata;
	report->buckets = stat->bt_leaf_pg;
	report->block_size = stat->bt_pagesize;
	report->free_space =
	    (int64_t)(stat->bt_leaf_pgfree + stat->bt_over_pgfree) +
	    (int64_t)stat->bt_free * stat->bt_pagesize;
}

/* Counts; goes through all of the file. */
static enum grey_status
count(int fd, bool is_btree, struct greydb_report *report,
    struct grey_error *err)
{
	struct handle handle = { .fd = fd, .mode = GREYDB_READ };
	enum grey_status status =
	    open_file(&handle, DB_UNKNOWN, DB_RDONLY, err);
	void *stat = NULL;
	int error;

	if (status == GREY_OK) {
		enter(&handle);
		error = handle.db->stat(handle.db, NULL, &stat, 0);
		leave(&handle);
		if (error != 0)
			status = failed(&handle, error, "cannot count", err);
		else if (is_btree)
			report_btree(stat, report);
		else
			report_hash(stat, report);
		free(stat);
	}
	(void)end(&handle, false);
	return status;
}

static enum grey_status
driver_check(int fd, bool keys, const struct greydb_watch *watch,
    struct greydb_report *report_r, struct grey_error *err)
{
	struct grey_bdb_file header;
	enum grey_status status;
	struct stat st;

	(void)keys; /* it has no way to check less */
	*report_r = (struct greydb_report){ 0 };
	if (fstat(fd, &st) == 0)
		report_r->file_size = st.st_size;
	status = grey_bdb_header(fd, &header, err);
	if (status == GREY_OK)
		status = verify(fd, NULL, err);
	if (status == GREY_OK)
		status = count(fd, header.is_btree, report_r, err);
	if (status != GREY_DAMAGED)
		return status;
	report_r->problems = 1;
	if (watch != NULL && watch->problem != NULL)
		watch->problem(watch->arg, err->text);
	return status;
}

/*
 * The library's check does not count; after a crash of the machine the first
 * page may be older than the others.
 */
static enum grey_status
driver_settle(int fd, int64_t *records_r, struct grey_error *err)
{
	struct greydb_report report;
	enum grey_status status = driver_check(fd, true, NULL, &report, err);
	const int64_t told = driver_records(fd);

	*records_r = report.records;
	if (status == GREY_OK && told >= 0 && told != report.records)
		return grey_fail(err, GREY_DAMAGED,
		    "its first page counts %lld records, there are %lld",
		    (long long)told, (long long)report.records);
	return status;
}

static void
step(struct greydb_walk *walk)
{
	walk->records++;
	if (walk->watch.step != NULL)
		walk->watch.step(walk->watch.arg, walk->total);
}

static enum grey_status
walk_cursor(struct handle *handle, greydb_visit_fn *visit, void *arg,
    struct greydb_walk *walk, struct grey_error *err)
{
	enum grey_status status = GREY_OK;
	DBT key = { .flags = 0 }, value = { .flags = 0 };
	DBC *cursor = NULL;
	int error;

	enter(handle);
	error = handle->db->cursor(handle->db, NULL, &cursor, 0);
	leave(handle);
	while (error == 0 && status == GREY_OK) {
		enter(handle);
		error = cursor->get(cursor, &key, &value, DB_NEXT);
		leave(handle);
		if (error != 0)
			break;
		step(walk);
		status = visit(arg, (struct grey_bytes){ key.data, key.size },
		    (struct grey_bytes){ value.data, value.size }, err);
	}
	if (cursor != NULL)
		(void)cursor->close(cursor);
	if (status == GREY_OK && error != 0 && error != DB_NOTFOUND)
		status = failed(handle, error, "cannot read on", err);
	return status;
}

struct rescue {
	greydb_visit_fn *visit;
	void *arg;
	struct greydb_walk *walk;
};

static enum grey_status
rescue_record(void *arg, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	const struct rescue *rescue = arg;

	step(rescue->walk);
	return rescue->visit(rescue->arg, key, value, err);
}

/* Reads what the library can find in the pages, whatever leads to them. */
static enum grey_status
salvage(int fd, greydb_visit_fn *visit, void *arg, struct greydb_walk *walk,
    struct grey_error *err)
{
	struct rescue rescue = { visit, arg, walk };
	struct grey_error why;
	enum grey_status status;
	FILE *text = tmpfile();

	if (text == NULL)
		return grey_fail(err, GREY_FAILED,
		    "cannot make a temporary file: %s", strerror(errno));
	status = verify(fd, text, &why);
	if (status == GREY_FAILED)
		*err = why;
	else
		status = grey_bdb_dump_read(text, rescue_record, &rescue, err);
	(void)fclose(text);
	return status;
}

static enum grey_status
walk_damaged(int fd, greydb_visit_fn *visit, void *arg,
    struct greydb_walk *walk, struct grey_error *err)
{
	walk->lost = 1;
	if (walk->watch.problem != NULL)
		walk->watch.problem(walk->watch.arg, err->text);
	return salvage(fd, visit, arg, walk, err);
}

static enum grey_status
driver_walk(int fd, bool rescue, greydb_visit_fn *visit, void *arg,
    struct greydb_walk *walk, struct grey_error *err)
{
	struct handle handle = { .fd = fd, .mode = GREYDB_READ };
	struct grey_bdb_file header;
	enum grey_status status;

	walk->records = walk->lost = 0;
	status = grey_bdb_header(fd, &header, err);
	if (status == GREY_OK && rescue)
		status = verify(fd, NULL, err);
	if (status == GREY_DAMAGED && rescue)
		return walk_damaged(fd, visit, arg, walk, err);
	if (status != GREY_OK)
		return status;
	status = open_file(&handle, DB_UNKNOWN, DB_RDONLY, err);
	if (status == GREY_OK)
		status = walk_cursor(&handle, visit, arg, walk, err);
	(void)end(&handle, false);
	return status;
}

const struct greydb_driver greydb_bdb = { .name = "Berkeley DB",
	.reads_under_lock = true,
	.create = driver_create,
	.open = driver_open,
	.descriptor = driver_descriptor,
	.fetch = driver_fetch,
	.admit = driver_admit,
	.store = driver_store,
	.remove = driver_remove,
	.collect = driver_collect,
	.commit = driver_commit,
	.replay = driver_replay,
	.settle = driver_settle,
	.close = driver_close,
	.records = driver_records,
	.recognizes = grey_bdb_recognizes,
	.block_size = driver_block_size,
	.check = driver_check,
	.walk = driver_walk };

#else /* without <db.h> */

#include <unistd.h>

static enum grey_status
left_out(struct grey_error *err)
{
	return grey_fail(err, GREY_INVALID,
	    "it is a Berkeley DB file, and this exigrey was built without "
	    "Berkeley DB (libdb5.3-dev)");
}

static enum grey_status
left_out_create(int fd, size_t block_size, struct grey_error *err)
{
	(void)fd;
	(void)block_size;
	return left_out(err);
}

static enum grey_status
left_out_open(int fd, const struct grey_start *start, enum greydb_mode mode,
    void **handle_r, struct grey_error *err)
{
	(void)start;
	(void)mode;
	(void)handle_r;
	(void)close(fd);
	return left_out(err);
}

static size_t
left_out_block_size(int fd)
{
	(void)fd;
	return 0;
}

static enum grey_status
left_out_settle(int fd, int64_t *records_r, struct grey_error *err)
{
	(void)fd;
	(void)records_r;
	return left_out(err);
}

static enum grey_status
left_out_check(int fd, bool keys, const struct greydb_watch *watch,
    struct greydb_report *report_r, struct grey_error *err)
{
	(void)fd;
	(void)keys;
	(void)watch;
	(void)report_r;
	return left_out(err);
}

static enum grey_status
left_out_walk(int fd, bool rescue, greydb_visit_fn *visit, void *arg,
    struct greydb_walk *walk, struct grey_error *err)
{
	(void)fd;
	(void)rescue;
	(void)visit;
	(void)arg;
	(void)walk;
	return left_out(err);
}

/* It is never open, so the rest is never called. */
const struct greydb_driver greydb_bdb = { .name = "Berkeley DB",
	.create = left_out_create,
	.open = left_out_open,
	.settle = left_out_settle,
	.recognizes = grey_bdb_recognizes,
	.block_size = left_out_block_size,
	.check = left_out_check,
	.walk = left_out_walk };

#endif
