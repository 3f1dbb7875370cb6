#include "set_aside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "number.h"

#define TRIES 100

/* What a name tells: FILE.corrupt-TIME or FILE.corrupt-TIME.NUMBER. */
struct aside {
	char name[GREY_SET_ASIDE_NAME];
	int64_t time;
	int64_t number;
};

/* Returns false for a name of another form: that is not ours to remove. */
static bool
understand(const char *file, const char *name, struct aside *aside_r)
{
	static const char middle[] = ".corrupt-";
	const size_t size = strlen(file);
	struct grey_bytes rest;
	size_t at = 0;

	if (strncmp(name, file, size) != 0 ||
	    strncmp(name + size, middle, sizeof(middle) - 1) != 0 ||
	    strlen(name) >= sizeof(aside_r->name))
		return false;
	rest = grey_bytes_of(name + size + sizeof(middle) - 1);
	aside_r->number = 0;
	if (!grey_number_read(rest, &at, &aside_r->time))
		return false;
	if (at < rest.size &&
	    (rest.data[at++] != '.' ||
		!grey_number_read(rest, &at, &aside_r->number)))
		return false;
	(void)strcpy(aside_r->name, name);
	return at == rest.size;
}

static bool
is_older(const struct aside *a, const struct aside *b)
{
	return a->time != b->time ? a->time < b->time : a->number < b->number;
}

/* Counts those in the directory, and finds the oldest but for newest. */
static int
count_asides(const struct greydb_place *place, const char *newest,
    struct aside *oldest_r)
{
	const int fd = openat(place->directory->fd, ".",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	struct aside aside;
	int count = 0;

	oldest_r->name[0] = '\0';
	if (directory == NULL) {
		if (fd != -1)
			(void)close(fd);
		return 0;
	}
	while ((entry = readdir(directory)) != NULL) {
		if (!understand(place->path->file, entry->d_name, &aside))
			continue;
		count++;
		if (strcmp(aside.name, newest) != 0 &&
		    (oldest_r->name[0] == '\0' || is_older(&aside, oldest_r)))
			*oldest_r = aside;
	}
	(void)closedir(directory);
	return count;
}

static void
remove_oldest(const struct greydb_place *place, const char *newest)
{
	struct aside oldest;

	while (count_asides(place, newest, &oldest) > GREY_SET_ASIDE_MAX) {
		if (unlinkat(place->directory->fd, oldest.name, 0) == -1)
			return;
		grey_session_log(place->session,
		    "database '%s/%s': not more than %d damaged files are "
		    "kept: '%s' was removed",
		    place->path->directory, place->path->file,
		    GREY_SET_ASIDE_MAX, oldest.name);
	}
}

enum grey_status
greydb_set_aside(const struct greydb_place *place,
    char name[GREY_SET_ASIDE_NAME], struct grey_error *err)
{
	for (int i = 0; i < TRIES; i++) {
		(void)snprintf(name, GREY_SET_ASIDE_NAME,
		    i == 0 ? "%s.corrupt-%lld" : "%s.corrupt-%lld.%d",
		    place->path->file, (long long)place->now, i);
		if (linkat(place->directory->fd, place->path->file,
			place->directory->fd, name, 0) == 0) {
			remove_oldest(place, name);
			return GREY_OK;
		}
		if (errno != EEXIST)
			break;
	}
	return grey_fail(err, GREY_FAILED, "cannot keep '%s/%s' as '%s': %s",
	    place->path->directory, place->path->file, name, strerror(errno));
}
