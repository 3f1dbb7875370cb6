/*
 * Writers that use GDBM as its manual says, with GDBM's own lock: what
 * exigrey's lock is compared with.
 *
 *	gdbm_writers FILE PROCESSES SECONDS KEYS
 *
 * Each opens the file, fetches a record, stores it anew, closes, without a
 * pause; where the lock is not to be had it tries again after a moment.
 * Prints "writes N" and "refused N", how often it was not.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <gdbm.h>

struct counts {
	long writes, refused;
};

static void
change(GDBM_FILE file, long keys)
{
	char item[32], text[64];
	datum key = { .dptr = item }, old, value = { .dptr = text };
	const long now = (long)time(NULL);

	key.dsize =
	    snprintf(item, sizeof(item), "key %ld", (long)rand() % keys) + 1;
	old = gdbm_fetch(file, key);
	memset(text, 0, sizeof(text));
	(void)snprintf(text, sizeof(text), "%ld %ld %d", now, now,
	    old.dptr != NULL ? 1 : 0);
	value.dsize = 32;
	(void)gdbm_store(file, key, value, GDBM_REPLACE);
	free(old.dptr);
}

static void
write_until(const char *name, time_t end, long keys, struct counts *counts)
{
	const struct timespec moment = { .tv_nsec = 200000 };
	GDBM_FILE file;

	srand((unsigned)getpid());
	while (time(NULL) < end) {
		file = gdbm_open(name, 4096, GDBM_WRCREAT, 0644, NULL);
		if (file == NULL) {
			__atomic_fetch_add(&counts->refused, 1,
			    __ATOMIC_RELAXED);
			(void)nanosleep(&moment, NULL);
			continue;
		}
		change(file, keys);
		(void)gdbm_close(file);
		__atomic_fetch_add(&counts->writes, 1, __ATOMIC_RELAXED);
	}
}

int
main(int argc, char *argv[])
{
	struct counts *counts = mmap(NULL, sizeof(*counts),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	time_t end;

	if (argc != 5 || counts == MAP_FAILED) {
		(void)fprintf(stderr,
		    "usage: gdbm_writers FILE PROCESSES SECONDS KEYS\n");
		return 2;
	}
	end = time(NULL) + atol(argv[3]);
	for (long i = atol(argv[2]); i > 0; i--)
		if (fork() == 0) {
			write_until(argv[1], end, atol(argv[4]), counts);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	(void)printf("writes: %ld\nrefused: %ld\n", counts->writes,
	    counts->refused);
	return 0;
}
