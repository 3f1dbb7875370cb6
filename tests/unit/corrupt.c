/*
 * Random damage: a byte or a page of a database is changed, and then calls,
 * inserts that split buckets, and the real commands run on it, each in a
 * process of its own that may not crash, hang, fill the disk or answer a wrong
 * value.  EXIGREY_CORRUPTIONS says how often.
 */
#include "test.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <signal.h>

#include "gdbm_check.h"
#include "gdbm_find.h"
#include "record.h"

#define CORRUPTIONS 80
#define RECORDS     400
#define DELETED     200 /* others, so that there is free space */
#define CALLS       40
#define INSERTS     700 /* enough to split every bucket */
#define PAGE        4096
#define SECONDS     5
#define FIRST_ENTRY 112 /* of a bucket: GDBM 1.23, gdbmdefs.h */
#define ENTRY_SIZE  24
#define FILE_LIMIT  (64 << 20) /* bytes; the database has a hundred kB */

enum kind { BYTE, STRUCTURE_BYTE, NOISE, ZEROS, WRONG_PAGE, KINDS };

static const char *const kind_names[] = { "byte anywhere",
	"byte of the structure", "page of noise", "page of zeros",
	"another page" };

/* What came of all damage of a kind; shared with the processes. */
struct tally {
	int files;
	int crashes;
	int hangs;
	int full;  /* beyond FILE_LIMIT */
	int asked; /* records */
	int right;
	int forgotten;
	int survived; /* of these: neither record nor entry were hit */
	int wrong;
	int unreadable;
	int calls;
	int failed;
	int kept;       /* files set aside */
	int most_lines; /* that one process logged */
	int saved;      /* records, by repair */
	int unsound;    /* after repair */
};

/* Where a record is in the sound file: itself, its entry in a bucket. */
struct lies {
	off_t key_at;
	off_t end;
	off_t entry_at;
	char text[64];
};

struct trial {
	struct test_db test;
	char *sound;
	size_t size;
	char *lock;
	size_t lock_size;
	struct lies lies[RECORDS];
	char *structure; /* 1 for each byte of header, directory, buckets */
	size_t structure_bytes;
	size_t from; /* the damage: bytes from to end - 1 */
	size_t end;
	struct tally *tally; /* of this kind */
	const char *exigrey;
};

static uint32_t
any(uint32_t below)
{
	static uint64_t state = 20261121;

	state = state * 6364136223846793005U + 1442695040888963407U;
	return (uint32_t)((state >> 33) % below);
}

static void
item_of(int i, char item[64])
{
	(void)snprintf(item, 64, "<sender%d@example.org>:<user@example.net>",
	    i);
}

static void
store(struct greydb *db, int i, struct lies *lies)
{
	const struct grey_bytes none = { "", 0 };
	struct grey_record record = { .created = 1600000000 + i,
		.used = 1700000000 + i,
		.count = i % 7,
		.flags = none };
	char item[64], flags[64], buffer[GREY_VALUE_MAX];
	struct grey_bytes value;
	struct grey_error err;

	if (i % 3 == 0) {
		(void)snprintf(flags, sizeof(flags), "note=%.*s", i % 20,
		    "abcdefghijklmnopqrstu");
		record.flags = grey_bytes_of(flags);
	}
	item_of(i, item);
	assert_int_equal(grey_record_format(&record, test_key(item), 0, buffer,
			     &value, &err),
	    GREY_OK);
	assert_int_equal(greydb_store(db, test_key(item), value, &err),
	    GREY_OK);
	if (lies != NULL)
		(void)snprintf(lies->text, sizeof(lies->text), "%.63s", buffer);
}

static char *
slurp(struct test_db *test, const char *name, size_t *size_r)
{
	const int fd = test_file(test, name, O_RDONLY);
	struct stat st;
	char *bytes;

	assert_int_equal(fstat(fd, &st), 0);
	*size_r = (size_t)st.st_size;
	bytes = malloc(*size_r);
	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, *size_r), *size_r);
	(void)close(fd);
	return bytes;
}

/* Where the entry of what was found last is: it has the record's address. */
static off_t
entry_at(const struct grey_gdbm_file *file)
{
	for (off_t at = FIRST_ENTRY;; at += ENTRY_SIZE) {
		off_t to;

		assert_true(at < (off_t)file->bucket_size);
		memcpy(&to, file->bucket + at + ENTRY_SIZE - 16, sizeof(to));
		if (to == file->found.at)
			return file->current.at + at;
	}
}

/* Notes where the records are, and what is structure. */
static void
map_file(struct trial *trial)
{
	struct grey_gdbm_file file;
	struct grey_gdbm_bucket bucket;
	struct grey_bytes value;
	struct grey_error err;
	uint32_t entry = 0;
	char item[64];

	assert_int_equal(grey_gdbm_begin(test_file(&trial->test, "seen",
					     O_RDONLY),
			     &file, &err),
	    GREY_OK);
	for (int i = 0; i < RECORDS; i++) {
		struct lies *lies = &trial->lies[i];
		item_of(i, item);
		assert_int_equal(grey_gdbm_find(&file, test_key(item), &value,
				     &err),
		    GREY_OK);
		lies->key_at = file.found.at;
		lies->end =
		    lies->key_at + (off_t)(file.found.key_size + value.size);
		lies->entry_at = entry_at(&file);
	}
	memset(trial->structure, 1, file.block_size);
	memset(trial->structure + file.directory_at, 1,
	    file.entries * sizeof(off_t));
	while (grey_gdbm_next_bucket(&file, &entry, &bucket, &err) == GREY_OK)
		memset(trial->structure + bucket.at, 1, file.bucket_size);
	for (size_t i = 0; i < trial->size; i++)
		trial->structure_bytes += (size_t)trial->structure[i];
	(void)close(file.fd);
	grey_gdbm_end(&file);
}

static void
begin(struct trial *trial)
{
	struct greydb *db;
	char item[64];

	test_db_begin(&trial->test);
	db = test_open(&trial->test);
	for (int i = 0; i < RECORDS; i++)
		store(db, i, &trial->lies[i]);
	for (int i = RECORDS; i < RECORDS + DELETED; i++)
		store(db, i, NULL);
	for (int i = RECORDS; i < RECORDS + DELETED; i++) {
		item_of(i, item);
		assert_int_equal(greydb_delete(db, test_key(item), NULL),
		    GREY_OK);
	}
	test_close(db);
	trial->sound = slurp(&trial->test, "seen", &trial->size);
	trial->lock = slurp(&trial->test, "seen.lock", &trial->lock_size);
	trial->structure = calloc(1, trial->size);
	assert_non_null(trial->structure);
	map_file(trial);
}

static void
end(struct trial *trial)
{
	free(trial->sound);
	free(trial->lock);
	free(trial->structure);
	test_db_end(&trial->test);
}

static size_t
structure_byte(const struct trial *trial)
{
	size_t left = any((uint32_t)trial->structure_bytes), at = 0;

	for (;; at++)
		if (trial->structure[at] && left-- == 0)
			return at;
}

/* Damages a copy of the sound file. */
static void
damage(struct trial *trial, enum kind kind, char *copy)
{
	const size_t pages = trial->size / PAGE;
	const size_t page = any((uint32_t)pages) * PAGE;

	memcpy(copy, trial->sound, trial->size);
	trial->from = page;
	trial->end = page + PAGE;
	switch (kind) {
	case BYTE:
	case STRUCTURE_BYTE:
		trial->from = kind == BYTE ? any((uint32_t)trial->size) :
					     structure_byte(trial);
		trial->end = trial->from + 1;
		copy[trial->from] =
		    (char)((unsigned char)copy[trial->from] ^ (1 + any(255)));
		break;
	case NOISE:
		for (size_t i = 0; i < PAGE; i++)
			copy[page + i] = (char)any(256);
		break;
	case ZEROS:
		memset(copy + page, 0, PAGE);
		break;
	default:
		memcpy(copy + page, trial->sound + any((uint32_t)pages) * PAGE,
		    PAGE);
	}
}

static void
put_file(struct trial *trial, const char *name, const char *bytes, size_t size)
{
	const int fd =
	    test_file(&trial->test, name, O_WRONLY | O_CREAT | O_TRUNC);

	assert_int_equal(write(fd, bytes, size), size);
	(void)close(fd);
}

/* The damaged file and nothing else, each time; mostly with its lock. */
static void
place(struct trial *trial, const char *copy, bool lock)
{
	DIR *dir = opendir(trial->test.directory);
	const struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	(void)closedir(dir);
	put_file(trial, "seen", copy, trial->size);
	if (lock)
		put_file(trial, "seen.lock", trial->lock, trial->lock_size);
}

static void
note_lines(struct trial *trial)
{
	if (trial->test.lines > trial->tally->most_lines)
		trial->tally->most_lines = trial->test.lines;
}

static bool
is_hit(const struct trial *trial, off_t from, off_t end)
{
	return (off_t)trial->from < end && (off_t)trial->end > from;
}

/* Asks for a record; anything but what was stored is told apart. */
static void
ask(struct trial *trial, int i)
{
	const struct greydb_settings settings = { .timeout = 10,
		.now = 1750000000 };
	const struct lies *lies = &trial->lies[i];
	struct tally *tally = trial->tally;
	struct greydb_value value = { 0 };
	struct grey_record record;
	struct grey_error err;
	enum grey_status status;
	struct grey_bytes key;
	char item[64];

	item_of(i, item);
	key = test_key(item);
	tally->asked++;
	status = greydb_peek(&trial->test.session, &trial->test.path, &settings,
	    &key, 1, &value, &err);
	if (status == GREY_OK && value.data == NULL) {
		tally->forgotten++;
		tally->survived += !is_hit(trial, lies->key_at, lies->end) &&
		    !is_hit(trial, lies->entry_at, lies->entry_at + ENTRY_SIZE);
	} else if (status != GREY_OK)
		tally->failed++;
	else if (grey_record_parse(key, greydb_value_bytes(&value), &record,
		     &err) != GREY_OK)
		tally->unreadable++;
	else if (grey_bytes_equal(grey_record_text(greydb_value_bytes(&value)),
		     grey_bytes_of(lies->text)))
		tally->right++;
	else
		tally->wrong++;
	greydb_value_free(&value);
}

static void
ask_all(struct trial *trial)
{
	for (int i = 0; i < RECORDS; i++)
		ask(trial, i);
	note_lines(trial);
}

static void
call(struct trial *trial, int i)
{
	struct greylist_request request = { .policy = grey_policy_default(),
		.now = 1700003600 };
	struct greylist_answer answer;
	struct grey_error err;
	char item[64];

	item_of(i, item);
	request.key.item = grey_bytes_of(item);
	trial->tally->calls++;
	trial->tally->failed +=
	    greylist_check(&trial->test.session, &trial->test.path, &request,
		&answer, &err) != GREY_OK;
}

static void
call_some(struct trial *trial)
{
	for (int i = 0; i < CALLS; i++) {
		call(trial, (int)any(RECORDS));
		call(trial, 10000 + i);
	}
	note_lines(trial);
}

static void
insert_many(struct trial *trial)
{
	for (int i = 0; i < INSERTS; i++)
		call(trial, 20000 + i);
	note_lines(trial);
}

static void
run_command(struct trial *trial, const char *command)
{
	const int null = open("/dev/null", O_RDWR);
	char name[96];

	(void)snprintf(name, sizeof(name), "%s/seen", trial->test.directory);
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	(void)dup2(null, STDERR_FILENO);
	(void)execl(trial->exigrey, "exigrey", "-d", name, command,
	    (char *)NULL);
	_exit(99);
}

static void
list(struct trial *trial)
{
	run_command(trial, "list");
}

static void
check(struct trial *trial)
{
	run_command(trial, "check");
}

static void
purge(struct trial *trial)
{
	run_command(trial, "purge");
}

static void
repair(struct trial *trial)
{
	run_command(trial, "repair");
}

static void
act(struct trial *trial, void (*action)(struct trial *), bool is_command)
{
	const struct rlimit limit = { FILE_LIMIT, FILE_LIMIT };
	pid_t pid = fork();
	int status;

	assert_true(pid != -1);
	if (pid == 0) {
		(void)setrlimit(RLIMIT_FSIZE, &limit);
		(void)alarm(SECONDS);
		action(trial);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		trial->tally->hangs++;
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ)
		trial->tally->full++;
	/* A command may say that it cannot: 2. */
	else if (WIFSIGNALED(status) ||
	    WEXITSTATUS(status) > (is_command ? 2 : 0))
		trial->tally->crashes++;
	trial->tally->kept += test_files(&trial->test, "corrupt");
}

/* After repair: is it sound, and how much is left? */
static void
look(struct trial *trial)
{
	const int fd = test_file(&trial->test, "seen", O_RDONLY);
	struct greydb_report report;

	if (grey_gdbm_check(fd, true, NULL, &report, NULL) != GREY_OK)
		trial->tally->unsound++;
	trial->tally->saved += (int)report.records;
	(void)close(fd);
}

static void
try_one(struct trial *trial, enum kind kind, struct tally *tallies)
{
	static const struct {
		void (*action)(struct trial *);
		bool is_command;
	} actions[] = { { ask_all, false }, { call_some, false },
		{ insert_many, false }, { list, true }, { check, true },
		{ purge, true }, { repair, true } };
	char *copy = malloc(trial->size);
	bool lock;

	assert_non_null(copy);
	trial->tally = &tallies[kind];
	trial->tally->files++;
	damage(trial, kind, copy);
	/* Without its magic number and its lock nobody knows it for ours. */
	lock = trial->from < sizeof(uint32_t) || any(5) > 0;
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		place(trial, copy, lock);
		act(trial, actions[i].action, actions[i].is_command);
	}
	look(trial);
	free(copy);
}

static void
report(const struct tally *tallies)
{
	print_message("# %-22s files crash hang disk  records   right "
		      "forgotten lost wrong unreadable   calls failed "
		      "aside lines saved%% unsound\n",
	    "");
	for (int i = 0; i < KINDS; i++) {
		const struct tally *t = &tallies[i];

		print_message("# %-22s %5d %5d %4d %4d %8d %7d %9d %4d %5d "
			      "%10d %7d %6d %5d %5d %6.1f %7d\n",
		    kind_names[i], t->files, t->crashes, t->hangs, t->full,
		    t->asked, t->right, t->forgotten, t->survived, t->wrong,
		    t->unreadable, t->calls, t->failed, t->kept, t->most_lines,
		    100.0 * t->saved / (t->files * (double)RECORDS),
		    t->unsound);
	}
}

static void
damage_does_no_harm(void **state)
{
	const char *wanted = getenv("EXIGREY_CORRUPTIONS");
	const char *build = getenv("EXIGREY_BUILD");
	const int count = wanted != NULL ? atoi(wanted) : CORRUPTIONS;
	struct tally *tallies = mmap(NULL, KINDS * sizeof(*tallies),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	static struct trial trial;
	char exigrey[4096];

	(void)state;
	assert_true(tallies != MAP_FAILED);
	(void)snprintf(exigrey, sizeof(exigrey), "%s/exigrey",
	    build != NULL ? build : "build");
	assert_int_equal(access(exigrey, X_OK), 0);
	trial.exigrey = exigrey;
	begin(&trial);
	for (int i = 0; i < count; i++)
		try_one(&trial, (enum kind)(i % KINDS), tallies);
	report(tallies);
	for (int i = 0; i < KINDS; i++) {
		assert_int_equal(tallies[i].crashes, 0);
		assert_int_equal(tallies[i].hangs, 0);
		assert_int_equal(tallies[i].full, 0);
		assert_int_equal(tallies[i].wrong, 0);
		assert_int_equal(tallies[i].unsound, 0);
	}
	end(&trial);
	(void)munmap(tallies, KINDS * sizeof(*tallies));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
	    damage_does_no_harm) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
