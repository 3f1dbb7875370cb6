/*
 * The machine dies: of the writes since the last sync the disk has any, page
 * by page and in any order, of the database as of its lock file.  All of them
 * are recorded here while real calls are made; files as the disk may then hold
 * them are put together at random, and opened after another boot.
 * EXIGREY_POWER_STATES says how many.
 */
#include "test.h"

#include "snapshot.h"
#include "writes.h"

#define PAGE        4096
#define STATES      1500 /* for each setting of sync */
#define ITEMS       2000
#define CLIENTS     100
#define VALUE_MAX   128
#define CHECKSUM    4  /* bytes, behind the text */
#define WINDOW_MAX  60 /* calls between two syncs */
#define PER_WINDOW  40 /* states that are made of each */
#define LOCK_STATES 4  /* one in so many has no lock file, one an empty one */

/* A file, and what was written to it since it was last synced. */
struct image {
	const char *name;
	ino_t inode;
	char *durable;
	size_t durable_size;
	size_t size;    /* now */
	bool is_synced; /* in this call, by itself */
};

enum { DATABASE, LOCK, IMAGES };

struct change {
	int image;
	int event;
	size_t page;
	size_t size; /* of the file, after it */
	char data[PAGE];
};

/* A value that a key once had; size 0: it was deleted. */
struct value {
	int call;
	size_t size;
	char data[VALUE_MAX];
};

struct key {
	char text[96];
	struct value *values;
	int count;
	bool found; /* in the state that is looked at */
};

/* What became of the states. */
struct figures {
	long states, nothing, settled, rebuilt, with_loss, set_aside;
	long lost;    /* records that were synced, and not touched since */
	long revived; /* records deleted before the sync */
	long changes; /* of the window, in all states */
	long undone;  /* of them */
	long most;    /* undone in one state */
	long torn;    /* values that do not parse */
};

static struct {
	struct test_db test; /* where the calls are made */
	bool recording;
	struct image images[IMAGES];
	struct change *changes;
	size_t count, room;
	int event; /* of the last write */
	int call;
	int first_event[WINDOW_MAX * 2]; /* of each call of the window */
	int first_call;                  /* of the window */
	int syncs[WINDOW_MAX * 2]; /* events after which the database was */
	int sync_count;
	ino_t fresh; /* a file that is to be renamed */
	bool fresh_synced, name_pending;
	struct key keys[ITEMS + CLIENTS];
} world = { .images = { { .name = "seen" }, { .name = "seen.lock" } } };

static bool
may_change(enum change_kind kind)
{
	(void)kind;
	return true;
}

/* Which of the files is it?  -1: none that is in place. */
static int
image_of(int fd, ino_t *inode_r)
{
	struct stat st;

	if (!world.recording || fstat(fd, &st) == -1)
		return -1;
	*inode_r = st.st_ino;
	for (int i = 0; i < IMAGES; i++)
		if (world.images[i].inode == st.st_ino)
			return i;
	return -1;
}

static size_t
size_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (size_t)st.st_size;
}

/* A change that has the event of another takes its place. */
static struct change *
add_change(int image, size_t page)
{
	for (size_t i = world.count; i > 0; i--) {
		struct change *last = &world.changes[i - 1];
		if (last->event != world.event)
			break;
		if (last->image == image && last->page == page) {
			last->size = world.images[image].size;
			return last;
		}
	}
	if (world.count == world.room) {
		world.room = world.room * 2 + 64;
		world.changes =
		    realloc(world.changes, world.room * sizeof(*world.changes));
		assert_non_null(world.changes);
	}
	world.changes[world.count] = (struct change){ .image = image,
		.event = world.event,
		.page = page,
		.size = world.images[image].size };
	return &world.changes[world.count++];
}

static void
was_written(int fd, off_t at, ssize_t size)
{
	ino_t inode = 0;
	const int image = image_of(fd, &inode);

	if (!world.recording || size <= 0)
		return;
	if (image == -1) {
		world.fresh = inode;
		world.fresh_synced = false;
		return;
	}
	if (image == DATABASE && world.name_pending)
		fail_msg("written to before its name is durable");
	world.event++;
	world.images[image].is_synced = false;
	world.images[image].size = size_of(fd);
	for (size_t page = (size_t)at / PAGE;
	     page <= (size_t)(at + size - 1) / PAGE; page++)
		assert_true(
		    syscall(SYS_pread64, fd, add_change(image, page)->data,
			PAGE, page * PAGE) > 0);
}

static void
was_truncated(int fd)
{
	ino_t inode = 0;
	const int image = image_of(fd, &inode);
	size_t page;

	if (image == -1)
		return;
	world.event++;
	world.images[image].is_synced = false;
	world.images[image].size = size_of(fd);
	/* Its last page, as a place for the new size. */
	page = (world.images[image].size - 1) / PAGE;
	assert_true(syscall(SYS_pread64, fd, add_change(image, page)->data,
			PAGE, page * PAGE) > 0);
}

static void
was_synced(int fd)
{
	ino_t inode = 0;
	const int image = image_of(fd, &inode);
	struct stat st;

	if (!world.recording)
		return;
	if (image != -1)
		world.images[image].is_synced = true;
	if (image == DATABASE) {
		assert_true(world.sync_count < WINDOW_MAX * 2);
		world.syncs[world.sync_count++] = world.event;
	}
	if (inode == world.fresh)
		world.fresh_synced = true;
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		world.name_pending = false;
}

static ino_t
inode_of(const struct test_db *test, const char *name)
{
	char path[96];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", test->directory, name);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

static void
was_renamed(const char *to)
{
	if (!world.recording || strcmp(to, "seen") != 0)
		return;
	if (inode_of(&world.test, to) != world.fresh || !world.fresh_synced)
		fail_msg("renamed before it was synced");
	world.images[DATABASE].inode = world.fresh;
	world.name_pending = true;
}

/* The file is on the disk as it is now. */
static void
make_durable(int number)
{
	struct image *image = &world.images[number];
	int fd = test_file(&world.test, image->name, O_RDONLY);
	size_t kept = 0;

	image->inode = inode_of(&world.test, image->name);
	image->size = image->durable_size = size_of(fd);
	image->durable = realloc(image->durable, image->size + 1);
	assert_non_null(image->durable);
	assert_int_equal(read(fd, image->durable, image->size), image->size);
	(void)close(fd);
	for (size_t i = 0; i < world.count; i++)
		if (world.changes[i].image != number)
			world.changes[kept++] = world.changes[i];
	world.count = kept;
}

/* The window begins anew. */
static void
begin_window(void)
{
	world.sync_count = 0;
	world.first_call = world.call + 1;
	if (world.count == 0)
		world.event = 0;
	world.first_event[0] = world.event + 1;
}

/* Notes what the call that was just made did to a key. */
static void
note(struct key *key)
{
	const struct greydb_settings settings = { .timeout = 1,
		.read_only = true };
	const struct grey_bytes bytes = test_key(key->text);
	struct greydb_value found = { 0 };
	struct value *last =
	    key->count > 0 ? &key->values[key->count - 1] : NULL;
	struct grey_error err;

	if (greydb_peek(&world.test.session, &world.test.path, &settings,
		&bytes, 1, &found, &err) != GREY_OK)
		fail_msg("%s", err.text);
	assert_true(found.size <= VALUE_MAX);
	if (last == NULL ? found.size > 0 :
			   !grey_bytes_equal(greydb_value_bytes(&found),
			       (struct grey_bytes){ last->data, last->size })) {
		key->values = realloc(key->values,
		    (size_t)(key->count + 1) * sizeof(*key->values));
		assert_non_null(key->values);
		key->values[key->count] =
		    (struct value){ .call = world.call, .size = found.size };
		if (found.size > 0)
			memcpy(key->values[key->count].data, found.data,
			    found.size);
		key->count++;
	}
	greydb_value_free(&found);
}

static void
check_mail(struct test_db *test, const char *item, const char *client,
    bool sync)
{
	struct greylist_request request = { .policy = grey_policy_default(),
		.now = 1795230000 + world.call * 700 };
	struct greylist_answer answer;
	struct grey_error err;

	request.key.item = grey_bytes_of(item);
	request.key.suffix = grey_bytes_of(client);
	request.policy.sync = sync;
	if (greylist_check(&test->session, &test->path, &request, &answer,
		&err) != GREY_OK)
		fail_msg("%s", err.text);
}

static struct greydb *
open_base(bool sync)
{
	const struct greydb_settings settings = { .timeout = 1,
		.now = 1000,
		.sync = sync };
	struct grey_error err;
	struct greydb *db;

	if (greydb_open(&world.test.session, &world.test.path, &settings, &db,
		&err) != GREY_OK)
		fail_msg("%s", err.text);
	return db;
}

/* As purge does: one, or many at once. */
static void
delete_some(bool sync)
{
	const int some = rand() % 4 == 0 ? 30 : 1;
	struct key *chosen[30];
	struct greydb *db = open_base(sync);
	enum grey_status status;
	struct grey_error err;

	if (some > 1)
		assert_int_equal(greydb_batch(db, &err), GREY_OK);
	for (int i = 0; i < some; i++) {
		chosen[i] = &world.keys[rand() % (ITEMS + CLIENTS)];
		status = greydb_delete(db, test_key(chosen[i]->text), &err);
		assert_true(status == GREY_OK || status == GREY_NOT_FOUND);
	}
	test_close(db);
	for (int i = 0; i < some; i++)
		note(chosen[i]);
}

/* As edit and set do: another size, but none that is smaller. */
static void
store_one(bool sync)
{
	struct key *key = &world.keys[rand() % (ITEMS + CLIENTS)];
	struct greydb *db = open_base(sync);
	size_t old = key->count > 0 ? key->values[key->count - 1].size : 0;
	char value[VALUE_MAX] = "";
	struct grey_error err;
	size_t size;

	(void)snprintf(value, sizeof(value), "%d %d 1 note=%0*d", world.call,
	    world.call, rand() % 90, 0);
	size = (strlen(value) + 32) / 32 * 32;
	if (greydb_store(db, test_key(key->text),
		(struct grey_bytes){ value, size > old ? size : old },
		&err) != GREY_OK)
		fail_msg("%s", err.text);
	test_close(db);
	note(key);
}

static void
compact(size_t block_size)
{
	const struct greydb_settings settings = { .timeout = 1, .now = 1000 };
	struct greydb_rewrite rewrite = { .lose_nothing = true,
		.block_size = block_size };
	struct grey_error err;

	if (greydb_rewrite(&world.test.session, &world.test.path, &settings,
		&rewrite, &err) != GREY_OK)
		fail_msg("%s", err.text);
	assert_false(world.name_pending);
	make_durable(DATABASE);
}

/* A call as mail, a postmaster or a purge make it. */
static void
make_call(bool sync)
{
	const int kind = rand() % 100;

	world.call++;
	world.first_event[world.call - world.first_call] = world.event + 1;
	world.images[DATABASE].is_synced = false;
	world.recording = true;
	if (kind < 75) {
		struct key *item = &world.keys[rand() % ITEMS];
		struct key *client = &world.keys[ITEMS + rand() % CLIENTS];
		/* Few whitelisted clients, or no item would be new. */
		bool both = rand() % 4 == 0;

		check_mail(&world.test, item->text, both ? client->text : "",
		    sync);
		note(item);
		note(client);
	} else if (kind < 85)
		store_one(sync);
	else
		delete_some(sync);
	world.recording = false;
	if (strstr(world.test.log, "damaged") != NULL ||
	    strstr(world.test.log, "recovered") != NULL)
		fail_msg("%s", world.test.log);
}

static bool
is_changed(int image)
{
	for (size_t i = 0; i < world.count; i++)
		if (world.changes[i].image == image)
			return true;
	return false;
}

static void *
allocate(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (memory == NULL)
		abort();
	return memory;
}

/* Puts together what the disk may hold of a file after the event. */
static void
lose_power(int number, int event, const struct test_db *test)
{
	static const int chances[] = { 0, 3, 50, 97, 100 };
	const struct image *image = &world.images[number];
	const int chance = chances[rand() % 5];
	size_t size = image->durable_size, most = size, pages, *seen;
	const struct change **chosen;
	int fd, synced = -1;
	char *data;

	for (size_t i = 0; i < world.count; i++)
		if (world.changes[i].size > most)
			most = world.changes[i].size;
	pages = most / PAGE + 2;
	data = allocate(pages, PAGE);
	chosen = allocate(pages, sizeof(struct change *));
	seen = allocate(pages, sizeof(*seen));
	memcpy(data, image->durable, image->durable_size);
	for (int i = 0; number == DATABASE && i < world.sync_count; i++)
		if (world.syncs[i] < event)
			synced = world.syncs[i];
	/* Of each page the newest, or else any that it ever was. */
	for (size_t i = 0; i < world.count; i++) {
		const struct change *change = &world.changes[i];
		if (change->image != number || change->event > event)
			continue;
		if (change->event <= synced) {
			memcpy(data + change->page * PAGE, change->data, PAGE);
			size = change->size;
			continue;
		}
		if (rand() % 100 < chance)
			size = change->size;
		if (rand() % 100 < chance ||
		    (size_t)rand() % (++seen[change->page] + 1) == 0)
			chosen[change->page] = change;
	}
	for (size_t i = 0; i < pages; i++)
		if (chosen[i] != NULL &&
		    (chance == 100 || rand() % 100 < chance || rand() % 2 == 0))
			memcpy(data + i * PAGE, chosen[i]->data, PAGE);
	fd = test_file(test, image->name, O_RDWR | O_CREAT | O_TRUNC);
	assert_int_equal(write(fd, data, size), size);
	(void)close(fd);
	free(data);
	free(chosen);
	free(seen);
}

static struct key *
key_named(struct grey_bytes bytes)
{
	int i = -1;

	if (sscanf(bytes.data, "<sender-%d@", &i) != 1 &&
	    sscanf(bytes.data, "192.0.2.%d", &i) == 1)
		i += ITEMS;
	if (i < 0 || i >= ITEMS + CLIENTS ||
	    !grey_bytes_equal(bytes, test_key(world.keys[i].text)))
		fail_msg("a key that nobody stored: '%.*s'", (int)bytes.size,
		    bytes.data);
	return &world.keys[i];
}

struct look {
	struct figures *figures;
	int call; /* during which the power was lost */
	long undone;
};

/*
 * The first of a key's values that the disk may still have: what it was at the
 * last sync.  -1: none.
 */
static int
synced_value(const struct key *key)
{
	int i = key->count - 1;

	while (i >= 0 && key->values[i].call >= world.first_call)
		i--;
	return i;
}

/*
 * Is it this value?  An earlier state of a bucket may tell another size of what
 * lies there; then text and checksum count.
 */
static bool
is_value(struct grey_bytes value, const struct value *known)
{
	const size_t text = strnlen(known->data, known->size) + 1 + CHECKSUM;
	const size_t size = value.size == known->size ? value.size : text;

	return size <= value.size && size <= known->size &&
	    memcmp(value.data, known->data, size) == 0;
}

static enum grey_status
look_at_record(void *arg, struct grey_bytes bytes, struct grey_bytes value,
    struct grey_error *err)
{
	struct look *look = arg;
	struct key *key = key_named(bytes);
	const int first = synced_value(key);
	struct grey_record record;
	int i = key->count - 1;

	/* Of Berkeley DB, seldom, old and new half of a split bucket. */
	if (key->found && test_is_bdb())
		return GREY_OK;
	if (key->found)
		fail_msg("'%s' is there twice", key->text);
	key->found = true;
	while (i >= 0 &&
	    (key->values[i].call > look->call ||
		!is_value(value, &key->values[i])))
		i--;
	if (i < 0 && grey_record_parse(bytes, value, &record, err) != GREY_OK &&
	    key->values[key->count - 1].call >= world.first_call) {
		/* It counts as unknown, as if it had been lost. */
		look->figures->torn++;
		key->found = false;
		return GREY_OK;
	}
	if (i < 0)
		fail_msg("'%s' has a value that nobody stored: '%.*s'",
		    key->text, (int)value.size, value.data);
	if (i < first && key->values[first].size == 0)
		look->figures->revived++;
	else if (i < first)
		fail_msg("'%s' has a value older than what was synced",
		    key->text);
	for (i++; i < key->count && key->values[i].call < look->call; i++)
		look->undone++;
	return GREY_OK;
}

static void
look_for_missing(struct look *look)
{
	for (int i = 0; i < ITEMS + CLIENTS; i++) {
		struct key *key = &world.keys[i];
		const int first = synced_value(key);
		bool touched = false;

		for (int j = first + 1; j < key->count; j++)
			if (key->values[j].call <= look->call) {
				touched = true;
				look->figures->changes++;
				look->undone += !key->found &&
				    key->values[j].call < look->call &&
				    key->values[j].size > 0;
			}
		if (!key->found && !touched && first >= 0 &&
		    key->values[first].size > 0)
			look->figures->lost++;
		key->found = false;
	}
}

/* Whoever looks before anybody took the lock sees nothing wrong either. */
static void
peek_at(struct test_db *test)
{
	const struct greydb_settings settings = { .timeout = 1,
		.read_only = true };

	for (int i = 0; i < 5; i++) {
		struct key *key = &world.keys[rand() % (ITEMS + CLIENTS)];
		struct grey_bytes bytes = test_key(key->text);
		struct greydb_value value = { 0 };
		struct grey_record record;
		struct grey_error err;
		int j = 0;

		if (greydb_peek(&test->session, &test->path, &settings, &bytes,
			1, &value, &err) == GREY_OK &&
		    grey_record_parse(bytes, greydb_value_bytes(&value),
			&record, &err) == GREY_OK) {
			while (j < key->count &&
			    !grey_bytes_equal(greydb_value_bytes(&value),
				(struct grey_bytes){ key->values[j].data,
				    key->values[j].size }))
				j++;
			if (j == key->count)
				fail_msg("'%s' is seen with '%s'", key->text,
				    value.data);
		}
		greydb_value_free(&value);
	}
}

/* What did the first call after the boot have to do? */
static void
classify(const struct test_db *test, size_t size, ino_t inode,
    struct figures *figures)
{
	int fd = test_file(test, "seen", O_RDONLY);

	if (test->lines == 0) {
		assert_int_equal(inode_of(test, "seen"), inode);
		if (size_of(fd) == size)
			figures->nothing++;
		else
			figures->settled++;
	} else if (test_files(test, "corrupt") == 0)
		figures->rebuilt++;
	else if (strstr(test->log, " 0 records") != NULL)
		figures->set_aside++;
	else
		figures->with_loss++;
	(void)close(fd);
}

static void
expect_sound(struct test_db *test, int64_t records)
{
	struct greydb_report report;

	test_check(test, &report);
	assert_int_equal(report.records, records);
}

static void
boot(struct test_db *test, int call, struct figures *figures)
{
	const struct greydb_settings settings = { .timeout = 1, .now = 2000 };
	struct look look = { .figures = figures, .call = call };
	struct grey_snapshot *snapshot;
	struct grey_error err;
	const ino_t inode = inode_of(test, "seen");
	size_t size;
	int fd;

	fd = test_file(test, "seen", O_RDONLY);
	size = size_of(fd);
	(void)close(fd);
	test->lines = 0;
	if (rand() % 8 == 0)
		peek_at(test);
	test_close(test_open(test));
	classify(test, size, inode, figures);
	test->lines = 0;
	if (grey_snapshot_open(&test->session, &test->path, &settings,
		&snapshot, &err) != GREY_OK ||
	    grey_snapshot_walk(snapshot, look_at_record, &look, &err) !=
		GREY_OK)
		fail_msg("%s", err.text);
	expect_sound(test, grey_snapshot_records(snapshot));
	grey_snapshot_close(&snapshot);
	look_for_missing(&look);
	figures->undone += look.undone;
	if (look.undone > figures->most)
		figures->most = look.undone;
	/* Mail goes on. */
	check_mail(test, "new", "", false);
	assert_int_equal(test->lines, 0);
	figures->states++;
}

/* Loses power at some write of the window, again and again. */
static void
try_window(struct figures *figures, long states)
{
	const int first = world.first_event[0] - 1;

	for (long i = 0; i < states; i++) {
		const int event = first + rand() % (world.event - first + 1);
		struct test_db test;
		char name[96];
		int call = world.call;

		while (call >= world.first_call &&
		    world.first_event[call - world.first_call] > event)
			call--;
		test_db_begin(&test);
		memset(test.session.boot_id, 'b', GREY_BOOT_ID);
		(void)alarm(60); /* it hangs */
		lose_power(DATABASE, event, &test);
		lose_power(LOCK, event, &test);
		(void)snprintf(name, sizeof(name), "%s/seen.lock",
		    test.directory);
		if (rand() % LOCK_STATES == 0)
			assert_int_equal(rand() % 2 == 0 ? unlink(name) :
							   truncate(name, 0),
			    0);
		boot(&test, call, figures);
		(void)alarm(0);
		test_db_end(&test);
	}
}

static void
make_keys(void)
{
	memset(world.keys, 0, sizeof(world.keys));
	for (int i = 0; i < ITEMS + CLIENTS; i++)
		(void)snprintf(world.keys[i].text, sizeof(world.keys[i].text),
		    i < ITEMS ? "<sender-%d@%.*s.example>:<you@example.org>" :
				"192.0.2.%d",
		    i < ITEMS ? i : i - ITEMS, i % 30,
		    "a-domain-of-any-length-at-all-and-more");
}

static void
print_figures(const struct figures *f, const char *name)
{
	print_message("# %s: %ld states: %ld needed nothing, %ld another "
		      "length, %ld a rebuild,\n#   %ld a rebuild with a loss, "
		      "%ld were set aside\n",
	    name, f->states, f->nothing, f->settled, f->rebuilt, f->with_loss,
	    f->set_aside);
	print_message(
	    "#   synced records lost: %ld, deleted ones revived: "
	    "%ld; of %ld changes since\n#   the sync %ld were undone, "
	    "%ld in one state; %ld values do not parse\n",
	    f->lost, f->revived, f->changes, f->undone, f->most, f->torn);
}

static void
run(bool sync, size_t block_size, const char *name)
{
	const char *wanted = getenv("EXIGREY_POWER_STATES");
	const long states = wanted != NULL ? atol(wanted) : STATES;
	struct figures figures = { 0 };

	srand(20261121);
	make_keys();
	test_db_begin(&world.test);
	test_close(test_open(&world.test));
	if (block_size != 0)
		compact(block_size);
	make_durable(DATABASE);
	make_durable(LOCK);
	world.call = 0;
	begin_window();
	while (figures.states < states) {
		int calls = sync ? 1 : 1 + rand() % WINDOW_MAX;

		for (int i = 0; i < calls; i++)
			make_call(sync);
		try_window(&figures, sync ? 2 : PER_WINDOW);
		if (!sync && rand() % 10 == 0) {
			world.recording = true;
			compact(0);
			world.recording = false;
			begin_window();
			try_window(&figures, PER_WINDOW);
		}
		if (sync && is_changed(DATABASE) &&
		    !world.images[DATABASE].is_synced)
			fail_msg("call %d was not synced", world.call);
		make_durable(DATABASE);
		if (!sync || rand() % 30 == 0)
			make_durable(LOCK);
		begin_window();
	}
	print_figures(&figures, name);
	test_db_end(&world.test);
	for (int i = 0; i < ITEMS + CLIENTS; i++)
		free(world.keys[i].values);
	/*
	 * Of Berkeley DB, a split whose first page reached the disk and whose
	 * second did not loses records, as doc/reliability.md says.
	 */
	if (!test_is_bdb())
		assert_int_equal(figures.lost, 0);
}

static void
without_sync(void **state)
{
	(void)state;
	run(false, 0, "sync=no");
}

static void
with_sync(void **state)
{
	(void)state;
	run(true, 0, "sync=yes");
}

/* Buckets that are split all the time, so that their old places are used. */
static void
with_small_buckets(void **state)
{
	(void)state;
	if (test_is_bdb())
		return;
	run(false, 512, "sync=no, blocks of 512 bytes");
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(without_sync),
		cmocka_unit_test(with_sync),
		cmocka_unit_test(with_small_buckets) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
