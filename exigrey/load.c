#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wanted.h"

void
load_begin(struct load *load, struct invocation *run, const char *title,
    int64_t records)
{
	load->run = run;
	run->expected = records;
	progress_begin(&load->progress, title, records, false);
}

static enum grey_status
store_pair(void *arg, size_t number, struct greydb *db, struct grey_bytes key,
    struct grey_bytes old, struct grey_error *err)
{
	struct load *load = arg;
	const struct load_pair *pair = &load->pairs[number];
	enum grey_status status;

	if (load->added + load->same + load->kept == 0)
		load->run->fresh = greydb_records(db) == 0;
	if (old.data != NULL &&
	    wanted_is_there(key, pair->value, pair->is_record, old)) {
		load->same++;
		return GREY_OK;
	}
	if (old.data != NULL && !load->replace) {
		load->kept++;
		return GREY_OK;
	}
	status = wanted_store(db, key, pair->value, pair->is_record, old, err);
	if (status == GREY_FULL) {
		/* This key, and not the others (gdbm_admit.h). */
		load->refused++;
		load->why = *err;
		return GREY_OK;
	}
	if (status == GREY_OK && old.data != NULL)
		load->replaced++;
	else if (status == GREY_OK)
		load->added++;
	return status;
}

static void
forget_batch(struct load *load)
{
	while (load->count > 0)
		free(load->pairs[--load->count].memory);
}

static enum grey_status
write_batch(struct load *load, struct grey_error *err)
{
	enum grey_status status = GREY_OK;

	if (load->count > 0)
		status = batch_keys(load->run, true, load->keys, load->count,
		    store_pair, load, err);
	progress_step(&load->progress, (int64_t)load->count);
	forget_batch(load);
	return status;
}

enum grey_status
load_add(struct load *load, struct grey_bytes key, struct grey_bytes value,
    bool is_record, struct grey_error *err)
{
	struct load_pair *pair = &load->pairs[load->count];
	enum grey_status status;

	pair->memory = malloc(key.size + value.size + 1);
	if (pair->memory == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	memcpy(pair->memory, key.data, key.size);
	memcpy(pair->memory + key.size, value.data, value.size);
	load->keys[load->count] = (struct grey_bytes){ pair->memory, key.size };
	pair->value =
	    (struct grey_bytes){ pair->memory + key.size, value.size };
	pair->is_record = is_record;
	if (++load->count < BATCH_MAX)
		return GREY_OK;
	status = write_batch(load, err);
	batch_pause(load->run);
	return status;
}

enum grey_status
load_end(struct load *load, enum grey_status status, struct grey_error *err)
{
	load->run->sync = load->run->fresh;
	load->run->fresh = false;
	if (status == GREY_OK)
		status = write_batch(load, err);
	load->run->sync = false;
	forget_batch(load);
	progress_end(&load->progress);
	if (status == GREY_OK && load->refused > 0)
		return grey_fail(err, GREY_FULL,
		    "%lld could not be added: %.400s", (long long)load->refused,
		    load->why.text);
	return status;
}

void
load_sum_up(const struct load *load)
{
	(void)printf("%lld added, %lld replaced, %lld the same, %lld existed "
		     "and stayed%s\n",
	    (long long)load->added, (long long)load->replaced,
	    (long long)load->same, (long long)load->kept,
	    load->kept > 0 ? " (--replace overwrites them)" : "");
}
