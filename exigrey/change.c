#include "change.h"

#include "batch.h"
#include "database.h"
#include "entry.h"
#include "rows.h"

struct changing {
	const struct invocation *run;
	change_fn *change;
	void *arg;
	struct grey_policy policy; /* what is shown as expired */
	struct rows *changed;
};

static enum grey_status
store(struct changing *changing, struct greydb *db, struct grey_bytes key,
    const struct grey_record *record, size_t old_size, struct grey_error *err)
{
	char buffer[GREY_VALUE_MAX];
	struct grey_bytes value;
	enum grey_status status;
	struct entry entry;

	status = grey_record_format(record, key, old_size, buffer, &value, err);
	if (status == GREY_OK)
		status = greydb_store(db, key, value, err);
	if (status != GREY_OK)
		return status;
	entry_read(key, value, &changing->policy, changing->run->now, &entry);
	return rows_add(changing->changed, &entry, err);
}

static enum grey_status
change_one(void *arg, size_t number, struct greydb *db, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	struct changing *changing = arg;
	const int64_t now = changing->run->now;
	char flags[GREY_VALUE_MAX];
	struct grey_record record;
	enum grey_status status;
	size_t old_size = value.size;

	(void)number;
	if (value.data == NULL ||
	    grey_record_parse(key, value, &record, NULL) != GREY_OK) {
		record = (struct grey_record){ .created = now,
			.used = now,
			.flags = { "", 0 } };
		old_size = 0;
	}
	status = changing->change(changing->arg, &record, flags, err);
	return status == GREY_OK ?
	    store(changing, db, key, &record, old_size, err) :
	    status;
}

int
change_items(struct invocation *run, change_fn *change, void *arg)
{
	struct changing changing = { .run = run,
		.change = change,
		.arg = arg,
		.policy = grey_policy_default(),
		.changed = rows_new() };
	struct grey_error err;
	enum grey_status status;

	status = changing.changed != NULL ?
	    batch_items(run, true, change_one, &changing, &err) :
	    grey_fail(&err, GREY_FAILED, "out of memory");
	if (status == GREY_OK && !run->quiet)
		rows_print(changing.changed, run->format, INT64_MAX);
	rows_free(changing.changed);
	return status == GREY_OK ? EXIT_DONE :
				   database_failed(run, status, &err);
}
