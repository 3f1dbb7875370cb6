#include "deletion.h"

#include <stdio.h>
#include <stdlib.h>

#include "batch.h"
#include "complain.h"
#include "database.h"

struct deleting {
	const struct invocation *run;
	const struct deletion *deletion;
	struct grey_policy policy;
	bool *found; /* one for each argument */
};

static enum grey_status
delete_item(void *arg, size_t number, struct greydb *db, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	const struct deleting *deleting = arg;
	const struct deletion *deletion = deleting->deletion;
	struct entry entry;

	if (value.data == NULL)
		return GREY_OK;
	entry_read(key, value, &deleting->policy, deleting->run->now, &entry);
	if (!deletion->match(deletion->arg, &entry))
		return GREY_OK;
	deleting->found[number] = true;
	return deletion->dry_run ? GREY_OK : greydb_delete(db, key, err);
}

/* Names those that were not there.  Returns the exit status. */
static int
report(const struct deleting *deleting)
{
	const struct invocation *run = deleting->run;
	const struct deletion *deletion = deleting->deletion;
	int64_t deleted = 0;

	for (int i = 0; i < run->argc; i++) {
		deleted += deleting->found[i];
		if (!deleting->found[i])
			complain_about(grey_bytes_of(run->argv[i]),
			    deletion->missing);
	}
	if (run->quiet)
		;
	else if (run->format == FORMAT_JSON)
		(void)printf("{\"dry_run\":%s,\"deleted\":%lld}\n",
		    deletion->dry_run ? "true" : "false", (long long)deleted);
	else if (run->format == FORMAT_TAB)
		(void)printf("deleted\t%lld\n", (long long)deleted);
	else
		(void)printf("%s %lld of %d %s of %s/%s\n",
		    deletion->dry_run ? "would delete" : "deleted",
		    (long long)deleted, run->argc, deletion->what,
		    run->path.directory, run->path.file);
	return deleted == run->argc ? EXIT_DONE : EXIT_NOT_FOUND;
}

int
deletion_run(struct invocation *run, const struct deletion *deletion)
{
	struct deleting deleting = { .run = run, .deletion = deletion };
	struct grey_error err;
	enum grey_status status;
	int result;

	deleting.found = calloc((size_t)run->argc, sizeof(bool));
	if (deleting.found == NULL)
		status = grey_fail(&err, GREY_FAILED, "out of memory");
	else
		status = database_policy(run, &deleting.policy, &err);
	if (status == GREY_OK)
		status = batch_items(run, false, delete_item, &deleting, &err);
	if (status == GREY_OK)
		result = report(&deleting);
	else if (status == GREY_NOT_FOUND)
		result = database_missing(run, EXIT_NOT_FOUND);
	else
		result = database_failed(run, status, &err);
	free(deleting.found);
	return result;
}
