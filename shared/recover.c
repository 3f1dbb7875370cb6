#include "recover.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "prefetch.h"
#include "set_aside.h"

#define NAME_SIZE    (GREY_DB_NAME_MAX + 48)
#define LEFTOVER_AGE 3600      /* seconds */
#define ROOM_MORE    (1 << 20) /* bytes, beside the file's size */

/* The file that is being made; a name that no database can have. */
static void
new_name(const struct greydb_place *place, char name[NAME_SIZE])
{
	(void)snprintf(name, NAME_SIZE, "%s.lock-new", place->path->file);
}

/* Makes the new file and puts an empty database into it. */
static enum grey_status
start_new(const struct greydb_place *place, const struct grey_directory *owner,
    size_t block_size, int *fd_r, struct grey_error *err)
{
	char name[NAME_SIZE];
	enum grey_status status;
	int fd;

	new_name(place, name);
	(void)unlinkat(place->directory->fd, name, 0);
	status = grey_directory_file(place->directory, name,
	    O_RDWR | O_CREAT | O_EXCL, &fd, err);
	if (status != GREY_OK)
		return GREY_FAILED;
	status = grey_directory_adopt(owner, fd, owner->mode, err);
	if (status == GREY_OK)
		status = place->driver->create(fd, block_size, err);
	if (status == GREY_OK)
		*fd_r = fd;
	else
		(void)close(fd);
	return status;
}

static enum grey_status
put_in_place(const struct greydb_place *place, struct grey_error *err)
{
	enum grey_status status;
	char name[NAME_SIZE];
	int fd, synced;

	new_name(place, name);
	/* The content is durable before its name. */
	status =
	    grey_directory_file(place->directory, name, O_RDONLY, &fd, err);
	if (status != GREY_OK)
		return GREY_FAILED;
	synced = fsync(fd);
	(void)close(fd);
	if (synced == -1)
		return grey_fail(err, GREY_FAILED, "cannot sync '%s/%s': %s",
		    place->path->directory, name, strerror(errno));
	if (renameat(place->directory->fd, name, place->directory->fd,
		place->path->file) == -1)
		return grey_fail(err, GREY_FAILED, "cannot rename '%s/%s': %s",
		    place->path->directory, name, strerror(errno));
	/* The name is as durable as the content. */
	(void)fsync(place->directory->fd);
	return GREY_OK;
}

static void
discard_new(const struct greydb_place *place)
{
	char name[NAME_SIZE];

	new_name(place, name);
	(void)unlinkat(place->directory->fd, name, 0);
}

enum grey_status
greydb_make(const struct greydb_place *place, struct grey_error *err)
{
	enum grey_status status;
	int fd;

	status = start_new(place, place->directory, 0, &fd, err);
	if (status == GREY_OK) {
		(void)close(fd);
		status = put_in_place(place, err);
	}
	if (status != GREY_OK)
		discard_new(place);
	return status;
}

struct rescue {
	const struct greydb_driver *driver;
	void *handle;
	int64_t records;
};

/* The first of two with the same key is the one that stood in its place. */
static enum grey_status
rescue_record(void *arg, struct grey_bytes key, struct grey_bytes value,
    struct grey_error *err)
{
	struct rescue *rescue = arg;
	struct greydb_value there = { 0 };
	enum grey_status status;

	status = rescue->driver->fetch(rescue->handle, key, &there, err);
	greydb_value_free(&there);
	if (status == GREY_NOT_FOUND) {
		rescue->records++;
		status = rescue->driver->store(rescue->handle, key, value, err);
	}
	/* It is the old file that may be damaged, not the new one. */
	return status == GREY_DAMAGED ? GREY_FAILED : status;
}

/* Fills the new file with what can be read of the old one. */
static enum grey_status
fill_new(const struct greydb_place *place, int old, int new,
    struct greydb_walk *walk, int64_t *records_r, struct grey_error *err)
{
	struct rescue rescue = { .driver = place->driver };
	enum grey_status status, closed;
	struct grey_start start;

	status = grey_start_read(new, &start, err);
	if (status != GREY_OK) {
		(void)close(new);
		return status;
	}
	status =
	    place->driver->open(new, &start, GREYDB_FILL, &rescue.handle, err);
	if (status != GREY_OK)
		return GREY_FAILED;
	status =
	    place->driver->walk(old, true, rescue_record, &rescue, walk, err);
	closed = place->driver->close(rescue.handle, -1,
	    status == GREY_OK ? err : &(struct grey_error){ .text = "" });
	*records_r = rescue.records;
	return status == GREY_OK ? closed : status;
}

/*
 * Reads the old file into the new one.  That not even the old one's header can
 * be read is no failure: the new file then stays empty.
 */
static enum grey_status
read_old(const struct greydb_place *place, int old,
    const struct grey_directory *owner, struct greydb_rewrite *rewrite,
    struct grey_error *err)
{
	struct greydb_walk walk = { .watch = rewrite->watch,
		.total = place->records };
	size_t block_size = rewrite->block_size;
	enum grey_status status;
	int new;

	if (block_size == 0)
		block_size = place->driver->block_size(old);
	status = start_new(place, owner, block_size, &new, err);
	if (status != GREY_OK)
		return status;
	status =
	    fill_new(place, old, new, &walk, &rewrite->records, &rewrite->why);
	rewrite->lost = walk.lost + (status == GREY_DAMAGED);
	if (status == GREY_DAMAGED)
		status = GREY_OK;
	else if (status != GREY_OK)
		*err = rewrite->why;
	if (status == GREY_OK && rewrite->lost > 0 && rewrite->lose_nothing)
		return grey_fail(err, GREY_DAMAGED,
		    "%lld place%s in it cannot "
		    "be read: see exigrey check, exigrey repair",
		    (long long)rewrite->lost, rewrite->lost == 1 ? "" : "s");
	return status;
}

/* Without room it is better not begun: Exim's spool is on that disk. */
static enum grey_status
check_room(const struct greydb_place *place, off_t size, struct grey_error *err)
{
	struct statvfs fs;
	uint64_t room;

	if (fstatvfs(place->directory->fd, &fs) == -1 || fs.f_blocks == 0)
		return GREY_OK;
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (room >= (uint64_t)size + ROOM_MORE)
		return GREY_OK;
	return grey_fail(err, GREY_FAILED,
	    "no space to rebuild it: %llu kB "
	    "are left on the file system, %llu are needed",
	    (unsigned long long)room / 1000,
	    ((unsigned long long)size + ROOM_MORE) / 1000);
}

static enum grey_status
rebuild(const struct greydb_place *place, int old,
    struct greydb_rewrite *rewrite, struct grey_error *err)
{
	enum grey_status status;
	struct stat st;

	if (fstat(old, &st) == -1)
		return grey_fail(err, GREY_FAILED, "cannot stat '%s': %s",
		    place->path->file, strerror(errno));
	status = check_room(place, st.st_size, err);
	if (status == GREY_OK)
		status = read_old(place, old,
		    &(struct grey_directory){ .uid = st.st_uid,
			.gid = st.st_gid,
			.mode = st.st_mode & 0666 },
		    rewrite, err);
	if (status == GREY_OK && (rewrite->lost > 0 || rewrite->keep_old))
		status = greydb_set_aside(place, rewrite->kept, err);
	if (status == GREY_OK)
		status = put_in_place(place, err);
	if (status != GREY_OK)
		discard_new(place);
	return status;
}

enum grey_status
greydb_rebuild(const struct greydb_place *place, struct greydb_rewrite *rewrite,
    struct grey_error *err)
{
	enum grey_status status;
	int old;

	rewrite->records = rewrite->lost = 0;
	rewrite->kept[0] = rewrite->why.text[0] = '\0';
	status = grey_directory_file(place->directory, place->path->file,
	    O_RDONLY, &old, err);
	if (status == GREY_NOT_FOUND)
		return greydb_make(place, err);
	if (status != GREY_OK)
		return status;
	grey_prefetch(old);
	status = rebuild(place, old, rewrite, err);
	(void)close(old);
	return status;
}

/* FILE.lock-new, or FILE.lock-PID? */
static bool
is_leftover(const struct greydb_place *place, int directory, const char *name)
{
	const size_t length = strlen(place->path->file);
	struct stat st;

	if (strncmp(name, place->path->file, length) != 0 ||
	    strncmp(name + length, ".lock-", 6) != 0)
		return false;
	name += length + 6;
	if (strcmp(name, "new") == 0)
		return true;
	if (*name == '\0' || name[strspn(name, "0123456789")] != '\0')
		return false;
	/* It lives for an instant, and that of another may be as young. */
	return fstatat(directory, name - length - 6, &st,
		   AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_mtime < place->now - LEFTOVER_AGE;
}

void
greydb_remove_leftovers(const struct greydb_place *place)
{
	const struct dirent *entry;
	DIR *dir = NULL;
	int fd;

	/* Of its own: reading moves a descriptor. */
	fd = openat(place->directory->fd, ".",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd != -1)
		dir = fdopendir(fd);
	if (dir == NULL) {
		if (fd != -1)
			(void)close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		if (is_leftover(place, fd, entry->d_name))
			(void)unlinkat(fd, entry->d_name, 0);
	(void)closedir(dir);
}
