#include "bdb_library.h"

#ifdef GREY_HAS_BERKELEY_DB

#include "bdb_check.h"

#include <sys/stat.h>

#include <stdlib.h>

#include "bdb_file.h"

int64_t
grey_bdb_records(int fd)
{
	struct grey_bdb_file file;

	return grey_bdb_header(fd, &file, NULL) == GREY_OK ? file.records : -1;
}

/* The library ends a handle that has checked. */
enum grey_status
grey_bdb_verify(int fd, FILE *salvage, struct grey_error *err)
{
	struct grey_bdb handle = { .fd = fd, .mode = GREYDB_READ };
	enum grey_status status = grey_bdb_begin(&handle, err);
	char name[GREY_BDB_NAME_SIZE];
	int error;

	if (status != GREY_OK)
		return status;
	grey_bdb_name(fd, name);
	grey_bdb_enter(&handle);
	error = handle.db->verify(handle.db, name, NULL, salvage,
	    salvage != NULL ? DB_SALVAGE : 0);
	grey_bdb_leave(&handle);
	if (error == 0)
		return GREY_OK;
	if (error == DB_VERIFY_BAD)
		return grey_fail(err, GREY_DAMAGED, "%s",
		    handle.said[0] != '\0' ? handle.said :
					     "its pages do not fit together");
	return grey_bdb_failed(&handle, error, "cannot check the database",
	    err);
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
	struct grey_bdb handle = { .fd = fd, .mode = GREYDB_READ };
	enum grey_status status =
	    grey_bdb_open(&handle, DB_UNKNOWN, DB_RDONLY, err);
	void *stat = NULL;
	int error;

	if (status == GREY_OK) {
		grey_bdb_enter(&handle);
		error = handle.db->stat(handle.db, NULL, &stat, 0);
		grey_bdb_leave(&handle);
		if (error != 0)
			status = grey_bdb_failed(&handle, error, "cannot count",
			    err);
		else if (is_btree)
			report_btree(stat, report);
		else
			report_hash(stat, report);
		free(stat);
	}
	(void)grey_bdb_end(&handle, false);
	return status;
}

enum grey_status
grey_bdb_check(int fd, bool keys, const struct greydb_watch *watch,
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
		status = grey_bdb_verify(fd, NULL, err);
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
enum grey_status
grey_bdb_settle(int fd, int64_t *records_r, struct grey_error *err)
{
	struct greydb_report report;
	enum grey_status status = grey_bdb_check(fd, true, NULL, &report, err);
	const int64_t told = grey_bdb_records(fd);

	*records_r = report.records;
	if (status == GREY_OK && told >= 0 && told != report.records)
		return grey_fail(err, GREY_DAMAGED,
		    "its first page counts %lld records, there are %lld",
		    (long long)told, (long long)report.records);
	return status;
}

#endif
