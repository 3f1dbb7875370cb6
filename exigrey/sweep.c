#include "sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "figures.h"

/*
 * Of a batch.  Mail waits for it some tenths of a millisecond; fewer would take
 * longer in all.  (Measured: doc/performance.md.)
 */
#define KEYS_MAX   64
#define MEMORY_MAX (1 << 20) /* of the keys; or one key */

/* Keys that matched in the snapshot, until there are enough for a batch. */
struct sweeping {
	struct invocation *run;
	struct sweep *sweep;
	struct grey_bytes keys[KEYS_MAX];
	size_t count;
	size_t size; /* bytes */
	bool began;
};

static void
count_entry(struct sweep *sweep, const struct entry *entry)
{
	if (entry->kind != ENTRY_RECORD)
		sweep->broken++;
	else if (grey_record_flag(&entry->record, GREY_FLAG_EXPIRES, NULL))
		sweep->with_expires++;
	else if (entry->record.count == 0)
		sweep->never_passed++;
	else
		sweep->passed++;
}

/* Under the lock: it may have changed since, or be gone. */
static enum grey_status
judge_again(void *arg, size_t number, struct greydb *db, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	struct sweeping *sweeping = arg;
	struct sweep *sweep = sweeping->sweep;
	enum grey_status status;
	struct entry entry;

	(void)number;
	if (value.data == NULL)
		return GREY_OK;
	entry_read(key, value, &sweep->policy, sweeping->run->now, &entry);
	if (!sweep->match(sweep->arg, &entry))
		return GREY_OK;
	status = greydb_delete(db, key, err);
	if (status == GREY_OK)
		count_entry(sweep, &entry);
	return status;
}

static void
forget_keys(struct sweeping *sweeping)
{
	while (sweeping->count > 0)
		free((char *)(uintptr_t)sweeping->keys[--sweeping->count].data);
	sweeping->size = 0;
}

static enum grey_status
delete_batch(struct sweeping *sweeping, struct grey_error *err)
{
	enum grey_status status;

	if (sweeping->count == 0)
		return GREY_OK;
	if (sweeping->began)
		batch_pause(sweeping->run);
	sweeping->began = true;
	status = batch_keys(sweeping->run, false, sweeping->keys,
	    sweeping->count, judge_again, sweeping, err);
	forget_keys(sweeping);
	return status;
}

static enum grey_status
add_key(struct sweeping *sweeping, struct grey_bytes key,
    struct grey_error *err)
{
	char *copy = malloc(key.size + 1);

	if (copy == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	memcpy(copy, key.data, key.size);
	sweeping->keys[sweeping->count++] =
	    (struct grey_bytes){ copy, key.size };
	sweeping->size += key.size;
	return GREY_OK;
}

static enum grey_status
visit(void *arg, const struct entry *entry, struct grey_error *err)
{
	struct sweeping *sweeping = arg;
	struct sweep *sweep = sweeping->sweep;
	enum grey_status status;

	if (!sweep->match(sweep->arg, entry))
		return GREY_OK;
	if (sweep->dry_run) {
		count_entry(sweep, entry);
		return GREY_OK;
	}
	status = add_key(sweeping, entry->key, err);
	if (status == GREY_OK &&
	    (sweeping->count == KEYS_MAX || sweeping->size >= MEMORY_MAX))
		status = delete_batch(sweeping, err);
	return status;
}

enum grey_status
sweep_database(struct invocation *run, struct sweep *sweep,
    struct grey_error *err)
{
	struct sweeping sweeping = { .run = run, .sweep = sweep };
	enum grey_status status;

	run->loose = sweep->loose && !sweep->dry_run;
	status = scan_database(run, &sweep->policy, visit, &sweeping,
	    &sweep->found, err);
	if (status == GREY_DAMAGED && run->loose) {
		/* It changed while it was copied, or is damaged. */
		run->loose = false;
		status = scan_database(run, &sweep->policy, visit, &sweeping,
		    &sweep->found, err);
	}
	run->loose = false;
	if (status == GREY_OK)
		status = delete_batch(&sweeping, err);
	forget_keys(&sweeping);
	return status;
}

static void
print_text(const struct invocation *run, const struct sweep *sweep,
    int64_t deleted)
{
	const int64_t left =
	    sweep->found.broken + sweep->found.foreign - sweep->broken;

	(void)printf("%s %lld of %lld records of %s/%s: %lld never "
		     "passed, %lld passed, %lld with an end date",
	    sweep->dry_run ? "would delete" : "deleted", (long long)deleted,
	    (long long)sweep->found.records, run->path.directory,
	    run->path.file, (long long)sweep->never_passed,
	    (long long)sweep->passed, (long long)sweep->with_expires);
	if (sweep->broken > 0)
		(void)printf(", %lld did not parse", (long long)sweep->broken);
	(void)printf("\n");
	if (left > 0)
		(void)printf("left alone: %lld that do not parse (exigrey "
			     "list names them)\n",
		    (long long)left);
}

void
sweep_print(const struct invocation *run, const struct sweep *sweep)
{
	const int64_t deleted = sweep->never_passed + sweep->passed +
	    sweep->with_expires + sweep->broken;
	const struct figure figures[] = { { "deleted", deleted },
		{ "records", sweep->found.records },
		{ "never_passed", sweep->never_passed },
		{ "passed", sweep->passed },
		{ "with_expires", sweep->with_expires },
		{ "broken", sweep->broken } };

	if (run->quiet)
		return;
	if (run->format == FORMAT_TEXT)
		print_text(run, sweep, deleted);
	figures_print(run->format, sweep->dry_run, figures,
	    sizeof(figures) / sizeof(figures[0]));
}
