#include "trap_scan.h"

#include <poll.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>

#include "complain.h"
#include "configured.h"
#include "database.h"
#include "figures.h"
#include "notify.h"
#include "options.h"
#include "signals.h"
#include "suspects.h"
#include "trap.h"

static int64_t
count_trapped(const struct suspects *suspects)
{
	int64_t trapped = 0;

	for (size_t i = 0; i < suspects->trap_count; i++)
		trapped += suspects->traps[i].outcome == TRAP_DONE;
	return trapped;
}

static void
print_text(const struct suspects *suspects, int64_t trapped,
    const struct trap_order *order)
{
	(void)printf("%s %lld of %lld clients, %lld skipped (passed, trapped "
		     "or whitelisted); %lld of %lld records wait\n",
	    order->dry_run ? "would trap" : "trapped", (long long)trapped,
	    (long long)suspects->waits, (long long)suspects->skipped,
	    (long long)suspects->mail, (long long)suspects->records);
	if (suspects->left_alone > 0)
		(void)printf("left alone: %lld that do not tell client, sender "
			     "and recipient\n",
		    (long long)suspects->left_alone);
	if (suspects->recipients_unknown > 0)
		(void)printf("not known: %lld of %lld recipients: the checker "
			     "could not tell\n",
		    (long long)suspects->recipients_unknown,
		    (long long)suspects->recipients_asked);
	if (suspects->domains_unknown > 0)
		(void)printf("not known: %lld of %lld sender domains: no "
			     "answer from DNS\n",
		    (long long)suspects->domains_unknown,
		    (long long)suspects->domains_asked);
}

static void
print_counts(const struct invocation *run, const struct suspects *suspects,
    const struct trap_order *order)
{
	const int64_t trapped = count_trapped(suspects);
	const struct figure figures[] = { { "records", suspects->records },
		{ "left_alone", suspects->left_alone },
		{ "waiting", suspects->mail }, { "clients", suspects->waits },
		{ "skipped", suspects->skipped }, { "trapped", trapped },
		{ "recipients_asked", suspects->recipients_asked },
		{ "recipients_unknown", suspects->recipients_unknown },
		{ "domains_asked", suspects->domains_asked },
		{ "domains_unknown", suspects->domains_unknown } };

	if (run->quiet)
		return;
	if (run->format == FORMAT_TEXT)
		print_text(suspects, trapped, order);
	figures_print(run->format, order->dry_run, figures,
	    sizeof(figures) / sizeof(figures[0]));
}

/* Whoever looks for lost mail looks there, whatever was printed. */
static void
log_trap(const struct trap *trap)
{
	char address[GREY_ADDRESS_TEXT];

	complain_syslog(LOG_INFO, "trapped %s: %s",
	    grey_address_text(&trap->client, address), trap->note);
}

static void
tell(struct invocation *run, struct suspects *suspects,
    const struct trap_order *order)
{
	for (size_t i = 0; i < suspects->trap_count; i++) {
		const struct trap *trap = &suspects->traps[i];

		/* Since the database was read. */
		suspects->skipped += trap->outcome != TRAP_DONE;
		if (trap->outcome == TRAP_DONE && !order->dry_run)
			log_trap(trap);
		trap_print(run, trap, order);
	}
	if (suspects->domains_unknown > 1 &&
	    suspects->domains_unknown == suspects->domains_asked)
		complain("DNS has told nothing of any sender domain: see "
			 "dns_servers and dns_timeout in exigrey.conf(5)");
	print_counts(run, suspects, order);
}

static enum grey_status
scan(struct invocation *run, const struct trap_order *order,
    struct grey_error *err)
{
	struct suspects suspects = { .clients = NULL };
	enum grey_status status;

	status = suspects_find(run, &suspects, err);
	/* It may have taken its time. */
	run->now = (int64_t)time(NULL);
	for (size_t i = 0; status == GREY_OK && i < suspects.trap_count; i++)
		suspects.traps[i].expires = trap_end(run);
	if (status == GREY_OK)
		status = trap_clients(run, suspects.traps, suspects.trap_count,
		    order, err);
	if (status == GREY_OK)
		tell(run, &suspects, order);
	suspects_free(&suspects);
	return status;
}

static int
scan_once(struct invocation *run, const struct trap_order *order)
{
	struct grey_error err;
	const enum grey_status status = scan(run, order, &err);

	if (status == GREY_OK)
		return EXIT_DONE;
	if (status == GREY_NOT_FOUND)
		return database_missing(run, EXIT_DONE);
	return database_failed(run, status, &err);
}

/*
 * Waits for the next scan: until it is time, or SIGHUP.  A mistake in the files
 * is told, and there is none until they are read without one: what is trapped
 * stays so, and mail goes on.
 * Returns false if there shall be no other.
 */
static bool
wait_for_next(struct invocation *run, int64_t interval, const sigset_t *waiting)
{
	const struct timespec pause = { .tv_sec = interval };
	struct grey_error err;

	for (;;) {
		if (!signals_ended())
			(void)ppoll(NULL, 0, &pause, waiting);
		if (signals_ended())
			return false;
		if (configured_read(run, NULL, NULL, &err) == GREY_OK)
			return true;
		complain("not scanned: %s", err.text);
	}
}

static void
scan_every(struct invocation *run, const struct trap_order *order,
    int64_t interval)
{
	sigset_t waiting;

	signals_catch(&waiting);
	notify_systemd("READY=1");
	do {
		run->now = (int64_t)time(NULL);
		(void)scan_once(run, order);
		(void)fflush(stdout);
	} while (wait_for_next(run, interval, &waiting));
	notify_systemd("STOPPING=1");
}

int
trap_scan(struct invocation *run)
{
	const struct trap_order order = { .dry_run =
					      option_given(run, "dry-run") };
	int64_t interval = 0;
	struct grey_error err;

	if (option_duration(run, "every", &interval, &err) != GREY_OK) {
		complain("%s", err.text);
		return EXIT_FAILED;
	}
	if (!option_given(run, "every"))
		return scan_once(run, &order);
	if (interval <= 0) {
		complain("--every: how long between two scans? say, 10m");
		return EXIT_FAILED;
	}
	scan_every(run, &order, interval);
	return EXIT_DONE;
}
