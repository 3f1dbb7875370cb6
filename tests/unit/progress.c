/* The progress bar: when there is one, what it shows, that it goes away. */
#include "test.h"

#include <errno.h>
#include <time.h>

static int64_t elapsed_ns; /* ns */

/* A clock that stands still until it is set. */
static int
clock_of_test(clockid_t clock, struct timespec *ts)
{
	(void)clock;
	ts->tv_sec = elapsed_ns / 1000000000;
	ts->tv_nsec = elapsed_ns % 1000000000;
	return 0;
}

#define clock_gettime clock_of_test
#include "../../exigrey/progress.c"
#undef clock_gettime

struct terminal {
	int fd;  /* what appears on it */
	int own; /* what is written here appears there */
	int pipe[2];
	int output; /* of the test itself */
	int error;
};

static struct terminal terminal;

static int
begin(void **state)
{
	struct terminal *t = &terminal;

	*state = t;
	elapsed_ns = 5 * SECOND;
	(void)setenv("TERM", "xterm", 1);
	t->fd = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(t->fd != -1);
	assert_int_equal(grantpt(t->fd), 0);
	assert_int_equal(unlockpt(t->fd), 0);
	t->own = open(ptsname(t->fd), O_RDWR | O_NOCTTY);
	assert_true(t->own != -1);
	assert_int_equal(pipe(t->pipe), 0);
	(void)fflush(stdout);
	t->output = dup(STDOUT_FILENO);
	t->error = dup(STDERR_FILENO);
	return 0;
}

static void
lead_to(const struct terminal *t, int descriptor, bool to_terminal)
{
	int fd = to_terminal ? open(ptsname(t->fd), O_RDWR | O_NOCTTY) :
			       dup(t->pipe[1]);

	assert_true(fd != -1);
	(void)dup2(fd, descriptor);
	(void)close(fd);
}

#define LAST "$"

/* All that was written up to a sign that is written now. */
static void
read_up_to_sign(int to, int from, char text[4096])
{
	size_t used = 0;
	ssize_t n;

	assert_int_equal(write(to, LAST, 1), 1);
	do {
		n = read(from, text + used, 4095 - used);
		assert_true(n > 0);
		used += (size_t)n;
	} while (text[used - 1] != LAST[0]);
	text[used - 1] = '\0';
}

/* Everything that appeared, on the terminal or else in the pipe. */
static const char *
appeared(struct terminal *t)
{
	static char text[4096];

	read_up_to_sign(t->own, t->fd, text);
	if (text[0] == '\0')
		read_up_to_sign(t->pipe[1], t->pipe[0], text);
	return text;
}

static int
end(void **state)
{
	const struct terminal *t = *state;

	(void)dup2(t->output, STDOUT_FILENO);
	(void)dup2(t->error, STDERR_FILENO);
	(void)close(t->output);
	(void)close(t->error);
	(void)close(t->own);
	(void)close(t->fd);
	(void)close(t->pipe[0]);
	(void)close(t->pipe[1]);
	return 0;
}

static void
shows_how_much_how_fast_how_long(void **state)
{
	struct terminal *t = *state;
	struct progress progress;

	lead_to(t, STDERR_FILENO, true);
	lead_to(t, STDOUT_FILENO, false);
	progress_begin(&progress, "reading", 1000000, false);
	progress_step(&progress, 1000);
	assert_string_equal(appeared(t), ""); /* no second yet */
	elapsed_ns += SECOND - 1;
	progress_step(&progress, 49000);
	assert_string_equal(appeared(t), "");
	elapsed_ns += 1;
	progress_step(&progress, 200000);
	assert_string_equal(appeared(t),
	    "\rreading "
	    "[#######.......................]  25 %, 250000/s, 3s left\033[K");
	elapsed_ns += EVERY - 1;
	progress_step(&progress, 1000);
	assert_string_equal(appeared(t), ""); /* too soon */
	elapsed_ns = 9 * SECOND;
	progress_step(&progress, 249000);
	assert_string_equal(appeared(t),
	    "\rreading "
	    "[###############...............]  50 %, 125000/s, 4s left\033[K");
	elapsed_ns = 10 * SECOND;
	progress_step(&progress, 700000); /* more than said */
	assert_string_equal(appeared(t),
	    "\rreading "
	    "[##############################] 100 %, 240000/s, 0s left\033[K");
	progress_end(&progress);
	assert_string_equal(appeared(t), "\r\033[K");
	progress_end(&progress);
	assert_string_equal(appeared(t), "");
}

static void
fits_a_line(void **state)
{
	struct terminal *t = *state;
	struct progress progress;

	lead_to(t, STDERR_FILENO, true);
	lead_to(t, STDOUT_FILENO, false);
	progress_begin(&progress, "importing", INT64_MAX / 2, false);
	elapsed_ns += 1000 * SECOND;
	progress_step(&progress, 1234567890);
	/* 79 columns, and what moves the cursor. */
	assert_in_range(strlen(appeared(t)), 60, 79 + 4);
}

static void
total_unknown(void **state)
{
	struct terminal *t = *state;
	struct progress progress;

	lead_to(t, STDERR_FILENO, true);
	lead_to(t, STDOUT_FILENO, false);
	progress_begin(&progress, "reading", 0, false);
	elapsed_ns += 2 * SECOND;
	progress_step(&progress, 1000);
	assert_string_equal(appeared(t), "\rreading: 1000, 500/s\033[K");
}

/* The next step shows it again, though it was taken away. */
static void
gives_way(void **state)
{
	struct terminal *t = *state;
	struct progress progress;

	lead_to(t, STDERR_FILENO, true);
	lead_to(t, STDOUT_FILENO, true);
	progress_begin(&progress, "checking", 10000, false);
	elapsed_ns += 2 * SECOND;
	progress_step(&progress, 5000);
	assert_non_null(strstr(appeared(t), " 50 %"));
	progress_end(&progress);
	assert_string_equal(appeared(t), "\r\033[K");
	progress_step(&progress, 1000);
	assert_non_null(strstr(appeared(t), " 60 %"));
}

static void
only_where_it_can(void **state)
{
	static const struct {
		const char *name;
		const char *kind; /* TERM; NULL: none */
		bool error;       /* leads to the terminal */
		bool output;
		bool lists;
		bool want;
	} cases[] = { { "all on the terminal", "xterm", true, true, false,
			  true },
		{ "output elsewhere", "xterm", true, false, false, true },
		{ "a list elsewhere", "xterm", true, false, true, true },
		{ "a list on it", "xterm", true, true, true, false },
		{ "errors elsewhere", "xterm", false, true, false, false },
		{ "all elsewhere", "xterm", false, false, true, false },
		{ "a dumb terminal", "dumb", true, true, false, false },
		{ "TERM empty", "", true, true, false, false },
		{ "no TERM", NULL, true, true, false, false } };
	struct terminal *t = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct progress progress;
		const char *text;
		lead_to(t, STDERR_FILENO, cases[i].error);
		lead_to(t, STDOUT_FILENO, cases[i].output);
		if (cases[i].kind != NULL)
			(void)setenv("TERM", cases[i].kind, 1);
		else
			(void)unsetenv("TERM");
		progress_begin(&progress, "reading", 1000, cases[i].lists);
		elapsed_ns += 2 * SECOND;
		progress_step(&progress, 500);
		progress_end(&progress);
		text = appeared(t);
		(void)dup2(t->output, STDOUT_FILENO);
		if ((strstr(text, "50 %") != NULL) != cases[i].want ||
		    (text[0] != '\0') != cases[i].want)
			fail_msg("%s: got '%s'", cases[i].name, text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    shows_how_much_how_fast_how_long, begin, end),
		cmocka_unit_test_setup_teardown(fits_a_line, begin, end),
		cmocka_unit_test_setup_teardown(total_unknown, begin, end),
		cmocka_unit_test_setup_teardown(gives_way, begin, end),
		cmocka_unit_test_setup_teardown(only_where_it_can, begin, end)
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
