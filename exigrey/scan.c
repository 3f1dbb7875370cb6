#include "scan.h"

#include "database.h"
#include "progress.h"
#include "snapshot.h"

struct scan {
	const struct grey_policy *policy;
	int64_t now;
	scan_visit_fn *visit;
	void *arg;
	struct scan_counts *counts;
	struct progress progress;
};

static enum grey_status
visit_entry(void *arg, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	struct scan *scan = arg;
	struct entry entry;

	entry_read(key, value, scan->policy, scan->now, &entry);
	progress_step(&scan->progress, 1);
	scan->counts->records++;
	scan->counts->broken += entry.kind == ENTRY_BROKEN;
	scan->counts->foreign += entry.kind == ENTRY_FOREIGN;
	return scan->visit(scan->arg, &entry, err);
}

enum grey_status
scan_database(struct invocation *run, const struct grey_policy *policy,
    scan_visit_fn *visit, void *arg, struct scan_counts *counts_r,
    struct grey_error *err)
{
	const struct greydb_settings settings = database_settings(run, false);
	struct scan scan = { .policy = policy,
		.now = run->now,
		.visit = visit,
		.arg = arg,
		.counts = counts_r };
	struct grey_snapshot *snapshot;
	enum grey_status status;

	*counts_r = (struct scan_counts){ 0 };
	status = grey_snapshot_open(&run->session, &run->path, &settings,
	    &snapshot, err);
	if (status != GREY_OK)
		return status;
	progress_begin(&scan.progress, "reading",
	    grey_snapshot_records(snapshot),
	    (run->command->needs & LISTS) != 0);
	status = grey_snapshot_walk(snapshot, visit_entry, &scan, err);
	progress_end(&scan.progress);
	grey_snapshot_close(&snapshot);
	return status;
}
