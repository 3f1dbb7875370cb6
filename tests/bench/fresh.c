/*
 * What the first call of an SMTP process costs, and loading the module before
 * it:
 *
 *	fresh SO DB ROUNDS
 *
 * Each round forks two processes: one that loads the module and calls, and one
 * whose parent had loaded it, as the daemon does with the README's option.
 * Prints "KIND P50 P99" in ns.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

typedef int dlfunc(unsigned char **yield, int argc, unsigned char *argv[]);

struct fresh {
	const char *so;
	unsigned char *db;
	void *module; /* NULL: the child loads it */
	int64_t *took;
};

static dlfunc *
function(void *module, const char *name)
{
	dlfunc *found = NULL;
	void *symbol = dlsym(module, name);

	memcpy(&found, &symbol, sizeof(found));
	return found;
}

static bool
call_unseen(void *module, unsigned char *db)
{
	unsigned char key[] = "<first@call>:<of@process>", delay[] = "10m";
	unsigned char none[] = "", *argv[] = { key, delay, db, none, none };
	unsigned char *answer = none;
	dlfunc *unseen = function(module, "unseen");

	return unseen != NULL && unseen(&answer, 5, argv) == 0 &&
	    strcmp((const char *)answer, "yes") == 0;
}

/* In the new process. */
static int
first_call(const struct fresh *fresh)
{
	const int64_t start = bench_now();
	void *module = fresh->module;

	if (module == NULL)
		module = dlopen(fresh->so, RTLD_NOW);
	if (module == NULL || !call_unseen(module, fresh->db))
		return 1;
	*fresh->took = bench_now() - start;
	return 0;
}

static bool
run_child(const struct fresh *fresh)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(first_call(fresh));
	return pid != -1 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void
report(const char *kind, int64_t *took, long rounds)
{
	bench_sort(took, rounds);
	(void)printf("%s %" PRId64 " %" PRId64 "\n", kind,
	    bench_quantile(took, rounds, 0.5),
	    bench_quantile(took, rounds, 0.99));
}

/* All rounds without the module, then with it: it cannot be unloaded. */
static bool
measure(struct fresh *fresh, const char *kind, int64_t *took, long rounds)
{
	for (long i = 0; i < rounds; i++) {
		if (!run_child(fresh)) {
			(void)fprintf(stderr, "fresh: %s: no answer\n", kind);
			return false;
		}
		took[i] = *fresh->took;
	}
	report(kind, took, rounds);
	return true;
}

int
main(int argc, char *argv[])
{
	const long rounds = argc == 4 ? atol(argv[3]) : 0;
	unsigned char none[] = "", *text = none;
	struct fresh fresh = { 0 };
	int64_t *took;
	bool ok;

	if (rounds <= 0) {
		(void)fprintf(stderr, "usage: fresh SO DB ROUNDS\n");
		return 2;
	}
	fresh.so = argv[1];
	fresh.db = (unsigned char *)argv[2];
	fresh.took = mmap(NULL, sizeof(int64_t), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	took = calloc((size_t)rounds, sizeof(*took));
	if (fresh.took == MAP_FAILED || took == NULL) {
		free(took);
		return 2;
	}
	ok = measure(&fresh, "loads", took, rounds);
	fresh.module = dlopen(fresh.so, RTLD_NOW);
	ok = ok && fresh.module != NULL &&
	    function(fresh.module, "version")(&text, 0, NULL) == 0 &&
	    measure(&fresh, "loaded", took, rounds);
	free(took);
	return !ok;
}
