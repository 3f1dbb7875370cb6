/* Readers of database files: of GDBM or Berkeley DB, the file tells. */
#include "foreign.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "key.h"
#include "number.h"
#include "snapshot.h"

/* Makes entries of a key and a value.  GREY_OK or GREY_FAILED. */
typedef enum grey_status take_fn(struct foreign *foreign, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err);

struct reader {
	struct foreign *foreign;
	take_fn *take;
};

static enum grey_status
visit(void *arg, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	const struct reader *reader = arg;
	const size_t before = reader->foreign->count;
	enum grey_status status;

	reader->foreign->read++;
	status = reader->take(reader->foreign, key, value, err);
	reader->foreign->taken += reader->foreign->count > before;
	return status;
}

static enum grey_status
name_error(const char *path, enum grey_status status, struct grey_error *err)
{
	const struct grey_error why = *err;

	return status == GREY_OK ?
	    status :
	    grey_fail(err, status, "'%.200s': %.280s", path, why.text);
}

/* Reads all of a file.  GREY_NOT_FOUND without an error if there is none. */
static enum grey_status
read_database(struct foreign *foreign, const char *path, take_fn *take,
    struct grey_error *err)
{
	struct reader reader = { foreign, take };
	struct grey_snapshot *snapshot = NULL;
	enum grey_status status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd == -1 && errno == ENOENT)
		return GREY_NOT_FOUND;
	if (fd == -1)
		return grey_fail(err, GREY_FAILED, "cannot open '%.200s': %s",
		    path, strerror(errno));
	status = grey_snapshot_of_file(fd, &snapshot, err);
	(void)close(fd);
	if (status == GREY_OK)
		status = grey_snapshot_walk(snapshot, visit, &reader, err);
	grey_snapshot_close(&snapshot);
	return name_error(path, status, err);
}

static enum grey_status
missing(const char *path, enum grey_status status, struct grey_error *err)
{
	return status == GREY_NOT_FOUND ?
	    grey_fail(err, GREY_FAILED, "'%.300s': there is no such file",
		path) :
	    status;
}

/* Numbers separated by a character; returns how many there are, or -1. */
static int
read_numbers(struct grey_bytes text, char separator, int64_t numbers_r[3])
{
	struct grey_bytes part;
	bool more = true;
	int n;

	for (n = 0; n < 3 && more; n++) {
		more = foreign_part(&text, separator, &part);
		if (!grey_number_parse(part, &numbers_r[n]))
			return -1;
	}
	return n;
}

/* Ours are the same. */
static enum grey_status
take_exim_grey(struct foreign *foreign, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	struct grey_record record;
	struct grey_bytes item;

	if (!grey_item_of_key(key, &item))
		foreign_skip(foreign, "a key without a NUL at its end");
	else if (grey_record_parse(key, value, &record, NULL) != GREY_OK)
		foreign_skip(foreign, "a value that is no record");
	else
		return foreign_raw(foreign, key, value, err);
	return GREY_OK;
}

enum grey_status
foreign_read_exim_grey(struct foreign *foreign, const char *path,
    struct grey_error *err)
{
	return missing(path, read_database(foreign, path, take_exim_grey, err),
	    err);
}

/*
 * Exim 4.96, dbstuff.h, dbdata_seen: a time_t, which for a string of "seen" is
 * when it was first seen, or, after "refresh", seen again.
 */
static enum grey_status
take_exim_seen(struct foreign *foreign, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	struct grey_record record = { .flags = { "", 0 } };
	struct grey_bytes item;
	int64_t when;

	if (value.size != sizeof(when)) {
		foreign_skip(foreign, "a value that is no time");
		return GREY_OK;
	}
	memcpy(&when, value.data, sizeof(when));
	if (!grey_item_of_key(key, &item))
		item = key;
	if (when <= 0 || when > foreign->now) {
		foreign_skip(foreign, "a time that cannot be");
		return GREY_OK;
	}
	record.created = record.used = when;
	record.count = foreign->assume_passed;
	return foreign_item(foreign, item, &record, err);
}

enum grey_status
foreign_read_exim_seen(struct foreign *foreign, const char *path,
    struct grey_error *err)
{
	return missing(path, read_database(foreign, path, take_exim_seen, err),
	    err);
}

/*
 * SENDER/RECIPIENT.  An address may hold "/": then the one is meant that
 * leaves an "@" in each, if there is but one.
 */
static bool
split_pair(struct grey_bytes key, struct grey_bytes *sender_r,
    struct grey_bytes *recipient_r)
{
	int found = 0;

	for (size_t i = 0; i < key.size; i++) {
		const size_t after = key.size - i - 1;
		if (key.data[i] != '/' ||
		    memchr(key.data + i + 1, '@', after) == NULL ||
		    (i > 0 && memchr(key.data, '@', i) == NULL))
			continue;
		*sender_r = (struct grey_bytes){ key.data, i };
		*recipient_r = (struct grey_bytes){ key.data + i + 1, after };
		found++;
	}
	return found == 1;
}

static bool
is_hashed(struct grey_bytes key)
{
	return key.size == 40 && memchr(key.data, '/', key.size) == NULL &&
	    memchr(key.data, '.', key.size) == NULL;
}

static const char hashed[] =
    "hashed (--privacy): what was hashed cannot be known";

/* A pair that came first and last at these times. */
static enum grey_status
take_pair(struct foreign *foreign, struct grey_bytes pair, int64_t first,
    int64_t last, struct grey_error *err)
{
	const bool passed = last - first >= foreign->delay;
	const struct grey_record record = { .created = first,
		.used = passed ? last : first,
		.count = passed,
		.flags = { "", 0 } };
	struct grey_bytes sender, recipient;

	if (!split_pair(pair, &sender, &recipient)) {
		foreign_skip(foreign,
		    "a key that is not clearly CLIENT/SENDER/RECIPIENT");
		return GREY_OK;
	}
	return foreign_pair(foreign, sender, recipient, &record, err);
}

/* Its CLIENT is NETWORK/BITS, in older versions NETWORK: drops both. */
static struct grey_bytes
without_mask(struct grey_bytes key)
{
	struct grey_bytes rest = key, part;
	int64_t bits;

	(void)foreign_part(&rest, '/', &part);
	key = rest;
	if (foreign_part(&rest, '/', &part) && grey_number_parse(part, &bits) &&
	    bits <= 128)
		key = rest;
	return key;
}

/* postgrey(8) 1.37: FIRST,LAST or FIRST,LAST,HOST */
static enum grey_status
take_postgrey(struct foreign *foreign, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	struct grey_bytes rest = value, from, to;
	int64_t first, last;

	(void)foreign_part(&rest, ',', &from);
	(void)foreign_part(&rest, ',', &to);
	if (is_hashed(key))
		foreign_skip(foreign, hashed);
	else if (!grey_number_parse(from, &first) ||
	    !grey_number_parse(to, &last) || last < first ||
	    last > foreign->now)
		foreign_skip(foreign, "times that cannot be");
	else
		return take_pair(foreign, without_mask(key), first, last, err);
	return GREY_OK;
}

/* COUNT,LAST: how often a new triplet of this host has passed. */
static enum grey_status
take_postgrey_client(struct foreign *foreign, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	int64_t numbers[3];

	if (is_hashed(key))
		foreign_skip(foreign, hashed);
	else if (!foreign_is_host(key))
		foreign_skip(foreign, "a client that is no address");
	else if (read_numbers(value, ',', numbers) != 2 || numbers[0] == 0 ||
	    numbers[1] > foreign->now)
		foreign_skip(foreign, "times that cannot be");
	else
		return foreign_host(foreign, key, numbers[1], numbers[1],
		    numbers[0], err);
	return GREY_OK;
}

static bool
below(const char *directory, const char *name, char path_r[PATH_MAX])
{
	return snprintf(path_r, PATH_MAX, "%s/%s", directory, name) < PATH_MAX;
}

enum grey_status
foreign_read_postgrey(struct foreign *foreign, const char *path,
    struct grey_error *err)
{
	char name[PATH_MAX];
	enum grey_status status;

	if (!below(path, "postgrey.db", name))
		return grey_fail(err, GREY_INVALID, "the path is too long");
	status = missing(name, read_database(foreign, name, take_postgrey, err),
	    err);
	if (status != GREY_OK || !below(path, "postgrey_clients.db", name))
		return status;
	status = read_database(foreign, name, take_postgrey_client, err);
	return status == GREY_NOT_FOUND ? GREY_OK : status;
}

/*
 * CTIME/ATIME/COUNT.  The count has early retries in it, so it tells nothing:
 * who came again after the delay has passed once at least.
 */
static enum grey_status
take_policy_greylist(struct foreign *foreign, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	struct grey_bytes rest = key, client;
	enum grey_status status;
	int64_t numbers[3];
	size_t before = foreign->count;

	if (read_numbers(value, '/', numbers) != 3 ||
	    numbers[0] > foreign->now || numbers[1] > foreign->now) {
		foreign_skip(foreign, "times that cannot be");
		return GREY_OK;
	}
	(void)foreign_part(&rest, '/', &client);
	status = take_pair(foreign, rest, numbers[0],
	    numbers[1] == 0 ? numbers[0] : numbers[1], err);
	if (status != GREY_OK || foreign->count == before ||
	    numbers[1] - numbers[0] < foreign->delay ||
	    !foreign_is_host(client))
		return status;
	return foreign_host(foreign, client, numbers[1], numbers[1], 1, err);
}

enum grey_status
foreign_read_policy_greylist(struct foreign *foreign, const char *path,
    struct grey_error *err)
{
	return missing(path,
	    read_database(foreign, path, take_policy_greylist, err), err);
}

/*
 * A host's time: until when it must wait, or when it last passed.  Which of
 * these cannot be told.
 */
static enum grey_status
take_graylist(struct foreign *foreign, struct grey_bytes key,
    struct grey_bytes value, struct grey_error *err)
{
	int64_t when;

	if (!foreign_is_host(key))
		foreign_skip(foreign, "a client that is no address");
	else if (!grey_number_parse(value, &when) || when <= 0)
		foreign_skip(foreign, "a value that is no time");
	else {
		if (when > foreign->now)
			when = foreign->now;
		return foreign_host(foreign, key, when, when,
		    foreign->assume_passed, err);
	}
	return GREY_OK;
}

/* dbmopen(3perl) adds an ending, which depends on its library. */
enum grey_status
foreign_read_graylist(struct foreign *foreign, const char *path,
    struct grey_error *err)
{
	static const char *const endings[] = { "", ".pag", ".db" };
	enum grey_status status = GREY_NOT_FOUND;
	char name[PATH_MAX];

	for (size_t i = 0; status == GREY_NOT_FOUND &&
	     i < sizeof(endings) / sizeof(endings[0]);
	     i++)
		if (snprintf(name, sizeof(name), "%s%s", path, endings[i]) <
		    PATH_MAX)
			status =
			    read_database(foreign, name, take_graylist, err);
	return missing(path, status, err);
}
