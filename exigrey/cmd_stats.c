#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "complain.h"
#include "database.h"
#include "duration.h"
#include "escape.h"
#include "key.h"
#include "options.h"
#include "progress.h"
#include "size.h"
#include "snapshot.h"
#include "stats.h"

static const struct option_row stats_options[] = {
	{ "prometheus", 0, NULL,
	    "in the text format of Prometheus, for the "
	    "node exporter's textfile directory" },
	{ NULL, 0, NULL, NULL }
};

/* The quantiles that are shown. */
static const struct part {
	const char *name;
	double value;
} parts[] = { { "0.5", 0.5 }, { "0.9", 0.9 }, { "0.99", 0.99 } };
#define PARTS (sizeof(parts) / sizeof(parts[0]))

/* The distributions that are shown. */
struct distribution {
	const char *name; /* for programs */
	const char *text; /* for people */
	const char *help; /* for Prometheus */
	const struct quantile *quantile;
};
#define DISTRIBUTIONS 3

struct view {
	const struct invocation *run;
	const struct stats *stats;
	const struct greydb_report *file;
	struct distribution distributions[DISTRIBUTIONS];
};

struct collect {
	struct stats *stats;
	struct grey_policy policy;
	struct progress progress;
};

static enum grey_status
visit(void *arg, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	struct collect *collect = arg;
	struct entry entry;

	(void)err;
	entry_read(key, value, &collect->policy, collect->stats->now, &entry);
	stats_add(collect->stats, &entry);
	progress_step(&collect->progress, 1);
	return GREY_OK;
}

static double
percent(int64_t part, int64_t whole)
{
	return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static void
print_distribution(const struct distribution *distribution)
{
	const struct quantile *quantile = distribution->quantile;
	char text[PARTS + 1][GREY_DURATION_TEXT];

	if (quantile->total == 0) {
		(void)printf("%-18s none\n", distribution->text);
		return;
	}
	for (size_t i = 0; i < PARTS; i++)
		(void)grey_duration_text(quantile_at(quantile, parts[i].value),
		    text[i]);
	(void)printf("%-18s median %s, 90 %% %s, 99 %% %s, longest %s\n",
	    distribution->text, text[0], text[1], text[2],
	    grey_duration_text(quantile->largest, text[PARTS]));
}

static void
print_advice(const struct view *view)
{
	const int64_t advised = stats_block_size(view->stats->records);
	const struct greydb_report *file = view->file;

	if (advised != file->block_size)
		(void)printf("advice:            exigrey compact --block-size "
			     "%" PRId64 ", which suits %" PRId64 " records\n",
		    advised, view->stats->records);
	else if (file->free_space > file->file_size / 2 &&
	    file->file_size > 1000000)
		(void)printf("advice:            exigrey compact, to give "
			     "the free space back\n");
	if (view->stats->states[GREY_STATE_EXPIRED] >
		view->stats->records / 2 &&
	    view->stats->records > 1000)
		(void)printf("advice:            most records are expired: "
			     "is exigrey purge run daily?\n");
}

static void
print_text(const struct view *view)
{
	const struct stats *stats = view->stats;
	const struct greydb_report *file = view->file;
	char size[SIZE_TEXT], unused[SIZE_TEXT];

	(void)printf("%-18s %s/%s\n%-18s %" PRId64 "\n",
	    "database:", view->run->path.directory, view->run->path.file,
	    "records:", stats->records);
	for (int i = 0; i < GREY_STATES; i++)
		(void)printf("  %-16s %" PRId64 " (%.1f %%)\n",
		    grey_state_name((enum grey_state)i), stats->states[i],
		    percent(stats->states[i], stats->records));
	if (stats->broken > 0)
		(void)printf("  %-16s %" PRId64 " (exigrey check names "
			     "them)\n",
		    "do not parse", stats->broken);
	(void)printf("%-18s %" PRId64 "\n%-18s %" PRId64 "\n",
	    "passes:", stats->passes, "never came back:", stats->never_retried);
	for (size_t i = 0; i < DISTRIBUTIONS; i++)
		print_distribution(&view->distributions[i]);
	(void)printf("%-18s %s, %s of it free, block size %" PRId64 "\n",
	    "file:", size_text(file->file_size, size),
	    size_text(file->free_space, unused), file->block_size);
	if (stats->top_count > 0)
		(void)puts("most used of those that are whitelisted "
			   "automatically:");
	for (size_t i = 0; i < stats->top_count; i++) {
		(void)printf("  %12" PRId64 "  ", stats->top[i].count);
		escape_text(stdout,
		    (struct grey_bytes){ stats->top[i].item,
			stats->top[i].size });
		(void)putchar('\n');
	}
	print_advice(view);
}

static void
print_json(const struct view *view)
{
	const struct stats *stats = view->stats;
	const struct greydb_report *file = view->file;

	(void)printf("{\"records\":%" PRId64 ",\"states\":{", stats->records);
	for (int i = 0; i < GREY_STATES; i++)
		(void)printf("%s\"%s\":%" PRId64, i > 0 ? "," : "",
		    grey_state_name((enum grey_state)i), stats->states[i]);
	(void)printf("},\"broken\":%" PRId64 ",\"passes\":%" PRId64
		     ",\"never_retried\":%" PRId64,
	    stats->broken, stats->passes, stats->never_retried);
	for (size_t i = 0; i < DISTRIBUTIONS; i++) {
		const struct distribution *d = &view->distributions[i];
		(void)printf(",\"%s\":{\"n\":%" PRId64, d->name,
		    d->quantile->total);
		for (size_t p = 0; p < PARTS; p++)
			(void)printf(",\"%s\":%" PRId64, parts[p].name,
			    quantile_at(d->quantile, parts[p].value));
		(void)printf(",\"max\":%" PRId64 "}", d->quantile->largest);
	}
	(void)printf(",\"file_size\":%" PRId64 ",\"free_space\":%" PRId64
		     ",\"block_size\":%" PRId64
		     ",\"advised_block_size\":%" PRId64 ",\"top\":[",
	    file->file_size, file->free_space, file->block_size,
	    stats_block_size(stats->records));
	for (size_t i = 0; i < stats->top_count; i++) {
		struct grey_bytes item = { stats->top[i].item,
			stats->top[i].size };
		(void)printf("%s{\"item", i > 0 ? "," : "");
		if (escape_is_utf8(item)) {
			(void)printf("\":");
			escape_json(stdout, item);
		} else {
			(void)printf("_hex\":\"");
			escape_hex(stdout, item);
			(void)printf("\"");
		}
		(void)printf(",\"count\":%" PRId64 "}", stats->top[i].count);
	}
	(void)puts("]}");
}

/* A name and a number on each line; for the top, also the item. */
static void
print_tab(const struct view *view)
{
	const struct stats *stats = view->stats;
	const struct greydb_report *file = view->file;

	(void)printf("records\t%" PRId64 "\n", stats->records);
	for (int i = 0; i < GREY_STATES; i++)
		(void)printf("%s\t%" PRId64 "\n",
		    grey_state_name((enum grey_state)i), stats->states[i]);
	(void)printf("broken\t%" PRId64 "\npasses\t%" PRId64
		     "\nnever_retried\t%" PRId64 "\n",
	    stats->broken, stats->passes, stats->never_retried);
	for (size_t i = 0; i < DISTRIBUTIONS; i++) {
		const struct distribution *d = &view->distributions[i];
		(void)printf("%s n\t%" PRId64 "\n", d->name,
		    d->quantile->total);
		for (size_t p = 0; p < PARTS; p++)
			(void)printf("%s %s\t%" PRId64 "\n", d->name,
			    parts[p].name,
			    quantile_at(d->quantile, parts[p].value));
		(void)printf("%s max\t%" PRId64 "\n", d->name,
		    d->quantile->largest);
	}
	(void)printf("file_size\t%" PRId64 "\nfree_space\t%" PRId64
		     "\nblock_size\t%" PRId64 "\nadvised_block_size\t%" PRId64
		     "\n",
	    file->file_size, file->free_space, file->block_size,
	    stats_block_size(stats->records));
	for (size_t i = 0; i < stats->top_count; i++) {
		(void)printf("top\t%" PRId64 "\t", stats->top[i].count);
		escape_text(stdout,
		    (struct grey_bytes){ stats->top[i].item,
			stats->top[i].size });
		(void)putchar('\n');
	}
}

/* In a label a backslash and a quote are escaped; DB holds no newline. */
static void
print_label(const struct view *view)
{
	(void)fputs("{db=\"", stdout);
	for (const char *p = view->run->path.file; *p != '\0'; p++) {
		if (*p == '\\' || *p == '"')
			(void)putchar('\\');
		(void)putchar(*p);
	}
	(void)putchar('"');
}

static void
print_gauge(const struct view *view, const char *name, const char *help,
    int64_t value)
{
	(void)printf("# HELP exigrey_%s %s\n# TYPE exigrey_%s gauge\n"
		     "exigrey_%s",
	    name, help, name, name);
	print_label(view);
	(void)printf("} %" PRId64 "\n", value);
}

static void
print_summary(const struct view *view, const struct distribution *distribution)
{
	(void)printf("# HELP exigrey_%s %s\n# TYPE exigrey_%s gauge\n",
	    distribution->name, distribution->help, distribution->name);
	for (size_t i = 0; i < PARTS; i++) {
		(void)printf("exigrey_%s", distribution->name);
		print_label(view);
		(void)printf(",quantile=\"%s\"} %" PRId64 "\n", parts[i].name,
		    quantile_at(distribution->quantile, parts[i].value));
	}
}

static void
print_prometheus(const struct view *view)
{
	const struct stats *stats = view->stats;

	(void)puts("# HELP exigrey_records Records by state.\n"
		   "# TYPE exigrey_records gauge");
	for (int i = 0; i < GREY_STATES; i++) {
		(void)fputs("exigrey_records", stdout);
		print_label(view);
		(void)printf(",state=\"%s\"} %" PRId64 "\n",
		    grey_state_name((enum grey_state)i), stats->states[i]);
	}
	print_gauge(view, "broken_records", "Records that do not parse.",
	    stats->broken);
	print_gauge(view, "passes", "The sum of all counts.", stats->passes);
	print_gauge(view, "never_retried", "Expired records that never passed.",
	    stats->never_retried);
	for (size_t i = 0; i < DISTRIBUTIONS; i++)
		print_summary(view, &view->distributions[i]);
	print_gauge(view, "file_size_bytes", "Size of the file.",
	    view->file->file_size);
	print_gauge(view, "free_space_bytes", "Unused space in the file.",
	    view->file->free_space);
	print_gauge(view, "block_size_bytes", "Block size of the file.",
	    view->file->block_size);
	print_gauge(view, "stats_time_seconds",
	    "When these figures were made, since 1970.", stats->now);
}

static void
print(const struct invocation *run, const struct stats *stats,
    const struct greydb_report *file)
{
	const struct view view = { .run = run,
		.stats = stats,
		.file = file,
		.distributions = {
		    { "age_seconds",
			"age:", "Seconds since the records were created.",
			&stats->ages },
		    { "idle_seconds", "unused for:",
			"Seconds since the records were last used.",
			&stats->idle },
		    { "retry_seconds", "first retry after:",
			"Seconds from the first try to the first pass.",
			&stats->retries } } };

	if (option_given(run, "prometheus"))
		print_prometheus(&view);
	else if (run->format == FORMAT_JSON)
		print_json(&view);
	else if (run->format == FORMAT_TAB)
		print_tab(&view);
	else
		print_text(&view);
}

static enum grey_status
collect_all(struct invocation *run, struct stats *stats,
    struct greydb_report *file, struct grey_error *err)
{
	const struct greydb_settings settings = database_settings(run, false);
	struct collect collect = { .stats = stats };
	struct grey_snapshot *snapshot;
	enum grey_status status;

	status = database_policy(run, &collect.policy, err);
	if (status == GREY_OK)
		status = grey_snapshot_open(&run->session, &run->path,
		    &settings, &snapshot, err);
	if (status != GREY_OK)
		return status;
	progress_begin(&collect.progress, "reading",
	    grey_snapshot_records(snapshot), false);
	stats_begin(stats, run->now);
	status = grey_snapshot_check(snapshot, false, NULL, file, err);
	if (status == GREY_OK)
		status = grey_snapshot_walk(snapshot, visit, &collect, err);
	stats_end(stats);
	progress_end(&collect.progress);
	grey_snapshot_close(&snapshot);
	return status;
}

static int
run_stats(struct invocation *run)
{
	struct stats *stats = malloc(sizeof(*stats));
	struct greydb_report file;
	struct grey_error err;
	enum grey_status status;
	int result = EXIT_DONE;

	if (option_given(run, "prometheus") && option_given(run, "format")) {
		complain("--prometheus and --format exclude each other");
		free(stats);
		return EXIT_FAILED;
	}
	if (stats == NULL) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	status = collect_all(run, stats, &file, &err);
	if (status == GREY_OK)
		print(run, stats, &file);
	else if (status == GREY_NOT_FOUND)
		result = database_missing(run, EXIT_DONE);
	else
		result = database_failed(run, status, &err);
	if (status == GREY_DAMAGED)
		complain("exigrey check tells more");
	free(stats);
	return result;
}

const struct command command_stats = {
	.name = "stats",
	.run = run_stats,
	.max = 0,
	.needs = NEEDS_DATABASE | TAKES_FORMAT | TAKES_LIFETIMES | TAKES_OUTPUT,
	.options = stats_options,
	.usage = "[--prometheus] [--output FILE]",
	.summary = "count records, ages, retries, and look at the file",
	.help =
	    "Counts the records by state, how old they are, how long it "
	    "took those that\npassed once to come back, how many never did, "
	    "which automatically whitelisted\nsuffixes are used most; tells "
	    "the file's size, free space and block size, and\nadvises.  "
	    "Quantiles are within 1.6 per cent.\n\n"
	    "    exigrey stats --prometheus --output "
	    "/var/lib/node_exporter/exigrey.prom\n",
};
