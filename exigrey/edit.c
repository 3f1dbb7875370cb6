#include "edit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/tree.h>

#include "batch.h"
#include "complain.h"
#include "escape.h"
#include "key.h"
#include "wanted.h"

#define MARK "#! " /* starts a comment that tells a mistake */

/* A record as it was shown, and as it is wanted; data NULL: none. */
struct edited {
	RB_ENTRY(edited) entry;
	struct grey_bytes key; /* all are owned */
	struct grey_bytes shown;
	struct grey_bytes wanted;
	bool is_record; /* what is wanted */
	bool refused;
};

RB_HEAD(edited_tree, edited);

struct edit {
	struct edited_tree tree;
};

static int
compare(struct edited *a, struct edited *b)
{
	size_t common = a->key.size < b->key.size ? a->key.size : b->key.size;
	int order = common == 0 ? 0 : memcmp(a->key.data, b->key.data, common);

	return order != 0 ?
	    order :
	    (a->key.size > b->key.size) - (a->key.size < b->key.size);
}

/* libbsd's RB_GENERATE_STATIC needs an attribute that glibc does not have. */
RB_GENERATE_INTERNAL(edited_tree, edited, entry, compare,
    __attribute__((unused)) static)

static void
release(struct grey_bytes *bytes)
{
	free((char *)(uintptr_t)bytes->data);
	*bytes = (struct grey_bytes){ NULL, 0 };
}

static bool
keep(struct grey_bytes *to, struct grey_bytes from)
{
	char *copy = malloc(from.size + 1);

	if (copy == NULL)
		return false;
	if (from.size > 0)
		memcpy(copy, from.data, from.size);
	release(to);
	*to = (struct grey_bytes){ copy, from.size };
	return true;
}

/* Finds or makes the place of a key; NULL without memory. */
static struct edited *
place_of(struct edit *edit, struct grey_bytes key)
{
	struct edited wanted = { .key = key }, *found;

	found = RB_FIND(edited_tree, &edit->tree, &wanted);
	if (found != NULL)
		return found;
	found = calloc(1, sizeof(*found));
	if (found == NULL || !keep(&found->key, key)) {
		free(found);
		return NULL;
	}
	(void)RB_INSERT(edited_tree, &edit->tree, found);
	return found;
}

struct edit *
edit_begin(void)
{
	struct edit *edit = calloc(1, sizeof(*edit));

	if (edit != NULL)
		RB_INIT(&edit->tree);
	return edit;
}

void
edit_end(struct edit **edit)
{
	struct edited *next;

	if (*edit == NULL)
		return;
	while ((next = RB_MIN(edited_tree, &(*edit)->tree)) != NULL) {
		(void)RB_REMOVE(edited_tree, &(*edit)->tree, next);
		release(&next->key);
		release(&next->shown);
		release(&next->wanted);
		free(next);
	}
	free(*edit);
	*edit = NULL;
}

enum grey_status
edit_show(struct edit *edit, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	struct edited *edited = place_of(edit, key);

	if (edited == NULL || !keep(&edited->shown, value))
		return grey_fail(err, GREY_FAILED, "out of memory");
	return GREY_OK;
}

static enum grey_status
want(struct edit *edit, const struct dump_entry *entry, struct grey_error *err)
{
	struct edited *edited = place_of(edit, entry->key);

	if (edited == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	if (edited->wanted.data != NULL)
		return grey_fail(err, GREY_INVALID,
		    "the item stands twice in this text");
	edited->is_record = entry->is_record;
	return keep(&edited->wanted, entry->value) ?
	    GREY_OK :
	    grey_fail(err, GREY_FAILED, "out of memory");
}

/* Takes the marks of an earlier round out of the text, in place. */
static size_t
remove_marks(char *text, size_t size)
{
	char *to = text;

	for (const char *from = text, *end = text + size; from < end;) {
		const char *newline = memchr(from, '\n', (size_t)(end - from));
		const size_t length = newline == NULL ?
		    (size_t)(end - from) :
		    (size_t)(newline + 1 - from);
		if (length < strlen(MARK) ||
		    memcmp(from, MARK, strlen(MARK)) != 0) {
			memmove(to, from, length);
			to += length;
		}
		from += length;
	}
	return (size_t)(to - text);
}

/* The text again, up to a line. */
struct marking {
	FILE *out;
	const char *next;
	const char *end;
	long line;
};

static void
copy_lines(struct marking *marking, long before)
{
	while (marking->next < marking->end && marking->line < before) {
		const char *newline = memchr(marking->next, '\n',
		    (size_t)(marking->end - marking->next));
		const char *stop = newline == NULL ? marking->end : newline + 1;
		(void)fwrite(marking->next, 1, (size_t)(stop - marking->next),
		    marking->out);
		marking->next = stop;
		marking->line++;
	}
}

static void
mark(struct marking *marking, long line, const struct grey_error *err)
{
	copy_lines(marking, line);
	(void)fputs(MARK, marking->out);
	escape_message(marking->out, err->text);
	(void)fputs("\n", marking->out);
	complain("line %ld: %s", line, err->text);
}

static enum grey_status
read_entries(struct edit *edit, FILE *in, struct marking *marking,
    int64_t *mistakes_r, struct grey_error *err)
{
	struct dump_reader reader;
	struct dump_entry entry;
	enum grey_status status;

	*mistakes_r = 0;
	status = dump_reader_begin(&reader, in, err);
	if (status == GREY_INVALID) {
		mark(marking, 1, err);
		++*mistakes_r;
		status = GREY_NOT_FOUND;
	}
	while (status == GREY_OK) {
		status = dump_read(&reader, &entry, err);
		if (status == GREY_OK)
			status = want(edit, &entry, err);
		if (status != GREY_INVALID)
			continue;
		mark(marking, reader.line, err);
		++*mistakes_r;
		status = GREY_OK;
	}
	dump_reader_end(&reader);
	return status == GREY_NOT_FOUND ? GREY_OK : status;
}

enum grey_status
edit_read(struct edit *edit, char *text, size_t size, char **marked_r,
    size_t *marked_size_r, struct grey_error *err)
{
	struct marking marking = { .next = text, .line = 1 };
	enum grey_status status = GREY_FAILED;
	struct edited *edited;
	int64_t mistakes;
	FILE *in;

	size = remove_marks(text, size);
	marking.end = text + size;
	in = fmemopen(text, size > 0 ? size : 1, "r");
	RB_FOREACH(edited, edited_tree, &edit->tree)
	release(&edited->wanted);
	marking.out = open_memstream(marked_r, marked_size_r);
	if (in == NULL || marking.out == NULL)
		grey_error_set(err, "out of memory");
	else
		status = read_entries(edit, in, &marking, &mistakes, err);
	if (marking.out != NULL) {
		copy_lines(&marking, INT64_MAX);
		(void)fclose(marking.out);
	}
	if (in != NULL)
		(void)fclose(in);
	if (status == GREY_OK && mistakes > 0)
		return grey_fail(err, GREY_INVALID, "%lld mistake%s",
		    (long long)mistakes, mistakes == 1 ? "" : "s");
	return status;
}

/* Is it to be as it was? */
static bool
is_same(const struct edited *edited)
{
	if (edited->shown.data == NULL || edited->wanted.data == NULL)
		return edited->shown.data == edited->wanted.data;
	return wanted_is_there(edited->key, edited->wanted, edited->is_record,
	    edited->shown);
}

bool
edit_has_changes(const struct edit *edit)
{
	struct edited_tree tree = edit->tree;
	struct edited *edited;

	RB_FOREACH(edited, edited_tree, &tree)
	if (!is_same(edited))
		return true;
	return false;
}

struct applying {
	struct edited *batch[BATCH_MAX];
	struct edit_result *result;
};

static enum grey_status
apply_one(void *arg, size_t number, struct greydb *db, struct grey_bytes key,
    struct grey_bytes now, struct grey_error *err)
{
	struct applying *applying = arg;
	struct edited *edited = applying->batch[number];
	struct edit_result *result = applying->result;
	enum grey_status status;

	if ((now.data == NULL) != (edited->shown.data == NULL) ||
	    (now.data != NULL && !grey_bytes_equal(now, edited->shown))) {
		edited->refused = true;
		result->refused++;
		return GREY_OK;
	}
	status = edited->wanted.data == NULL ?
	    greydb_delete(db, key, err) :
	    wanted_store(db, key, edited->wanted, edited->is_record, now, err);
	if (status != GREY_OK)
		return status;
	if (edited->wanted.data == NULL)
		result->deleted++;
	else if (edited->shown.data == NULL)
		result->added++;
	else
		result->changed++;
	return GREY_OK;
}

static void
tell_refused(const struct edited *edited)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct grey_bytes item = edited->key;

	if (out == NULL)
		return;
	(void)grey_item_of_key(edited->key, &item);
	escape_text(out, item);
	(void)fclose(out);
	complain(edited->shown.data == NULL ?
		"'%s' exists already, but was not shown: left as it is" :
		"'%s' was changed by somebody else meanwhile: left as it is",
	    text);
	free(text);
}

static enum grey_status
apply_batch(struct applying *applying, struct invocation *run, size_t count,
    struct grey_error *err)
{
	struct grey_bytes keys[BATCH_MAX] = { { NULL, 0 } };
	enum grey_status status;

	for (size_t i = 0; i < count; i++)
		keys[i] = applying->batch[i]->key;
	status = batch_keys(run, true, keys, count, apply_one, applying, err);
	for (size_t i = 0; i < count; i++)
		if (applying->batch[i]->refused)
			tell_refused(applying->batch[i]);
	return status;
}

enum grey_status
edit_apply(struct edit *edit, struct invocation *run,
    struct edit_result *result_r, struct grey_error *err)
{
	struct applying applying = { .result = result_r };
	enum grey_status status = GREY_OK;
	struct edited *edited;
	size_t count = 0;

	*result_r = (struct edit_result){ 0 };
	RB_FOREACH(edited, edited_tree, &edit->tree)
	{
		if (is_same(edited))
			continue;
		applying.batch[count++] = edited;
		if (count < BATCH_MAX)
			continue;
		status = apply_batch(&applying, run, count, err);
		if (status != GREY_OK)
			return status;
		count = 0;
		batch_pause(run);
	}
	return count > 0 ? apply_batch(&applying, run, count, err) : status;
}
