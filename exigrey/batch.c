#include "batch.h"

#include <stdlib.h>

#include "database.h"
#include "key.h"
#include "lockfile.h"

static enum grey_status
work_on(struct greydb *db, const struct grey_bytes *keys, size_t count,
    batch_work_fn *work, void *arg, struct grey_error *err)
{
	enum grey_status status = GREY_OK;

	if (count > 1)
		status = greydb_batch(db, err);
	for (size_t i = 0; status == GREY_OK && i < count; i++) {
		struct greydb_value value = { 0 };
		status = greydb_fetch(db, keys[i], &value, err);
		if (status == GREY_OK || status == GREY_NOT_FOUND)
			status = work(arg, i, db, keys[i],
			    greydb_value_bytes(&value), err);
		greydb_value_free(&value);
	}
	return status;
}

enum grey_status
batch_keys(struct invocation *run, bool create, const struct grey_bytes *keys,
    size_t count, batch_work_fn *work, void *arg, struct grey_error *err)
{
	const struct greydb_settings settings = database_settings(run, create);
	enum grey_status status, closed;
	struct greydb *db;

	status = greydb_open(&run->session, &run->path, &settings, &db, err);
	if (status != GREY_OK)
		return status;
	status = work_on(db, keys, count, work, arg, err);
	closed = greydb_close(&db, status == GREY_OK ? err : NULL);
	return status == GREY_OK ? closed : status;
}

/* Hands the number of the argument on, not that in the batch. */
struct items_work {
	batch_work_fn *work;
	void *arg;
	size_t first;
};

static enum grey_status
work_on_item(void *arg, size_t number, struct greydb *db, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	const struct items_work *items = arg;

	return items->work(items->arg, items->first + number, db, key, value,
	    err);
}

static enum grey_status
work_on_items(struct invocation *run, bool create, size_t count,
    struct items_work *items, struct grey_item_key *keys,
    struct grey_error *err)
{
	struct grey_bytes bytes[BATCH_MAX] = { { NULL, 0 } };
	enum grey_status status = GREY_OK;
	size_t made;

	for (made = 0; made < count && status == GREY_OK; made++) {
		status = grey_item_key_init(&keys[made],
		    grey_bytes_of(run->argv[items->first + made]), err);
		bytes[made] = keys[made].bytes;
	}
	if (status == GREY_OK)
		status = batch_keys(run, create, bytes, count, work_on_item,
		    items, err);
	while (made > 0)
		grey_item_key_free(&keys[--made]);
	return status;
}

static enum grey_status
check_items(const struct invocation *run, struct grey_error *err)
{
	enum grey_status status = GREY_OK;

	for (int i = 0; i < run->argc && status == GREY_OK; i++) {
		const struct grey_key key = { .item =
						  grey_bytes_of(run->argv[i]) };
		status = grey_key_check(&key, err);
	}
	return status;
}

enum grey_status
batch_items(struct invocation *run, bool create, batch_work_fn *work, void *arg,
    struct grey_error *err)
{
	const size_t items_count = (size_t)run->argc;
	struct items_work items = { .work = work, .arg = arg };
	struct grey_item_key *keys;
	enum grey_status status;
	size_t count;

	status = check_items(run, err);
	if (status != GREY_OK)
		return status;
	keys = calloc(BATCH_MAX, sizeof(*keys));
	if (keys == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	while (status == GREY_OK && items.first < items_count) {
		if (items.first > 0)
			batch_pause(run);
		count = items_count - items.first;
		if (count > BATCH_MAX)
			count = BATCH_MAX;
		status = work_on_items(run, create, count, &items, keys, err);
		items.first += count;
	}
	free(keys);
	return status;
}

void
batch_pause(struct invocation *run)
{
	grey_lock_give_way(&run->path, run->batches++);
}
