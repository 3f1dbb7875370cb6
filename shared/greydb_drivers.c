/* The drivers: which one serves a file. */
#include "greydb_driver.h"

#include <unistd.h>

static const struct greydb_driver *const drivers[] = {
	[GREY_KIND_GDBM] = &greydb_gdbm,
	[GREY_KIND_BDB] = &greydb_bdb,
};
#define DRIVERS (sizeof(drivers) / sizeof(drivers[0]))

const struct greydb_driver *
greydb_driver_new(const struct grey_dbpath *path)
{
	return drivers[path->kind != GREY_KIND_ANY ? path->kind :
						     GREY_KIND_GDBM];
}

const struct greydb_driver *
greydb_driver_of(const struct grey_start *start, const struct grey_dbpath *path,
    struct grey_error *err)
{
	const struct greydb_driver *found = NULL;

	for (size_t i = GREY_KIND_ANY + 1; i < DRIVERS && found == NULL; i++)
		if (drivers[i]->recognizes(start))
			found = drivers[i];
	if (found == NULL)
		return greydb_driver_new(path);
	if (path->kind == GREY_KIND_ANY || found == drivers[path->kind])
		return found;
	grey_error_set(err, "it is a %s file, and DB says '%s:'", found->name,
	    grey_kind_name(path->kind));
	return NULL;
}

enum grey_status
greydb_open_file(const struct grey_directory *directory,
    const struct grey_dbpath *path, int flags, int *fd_r,
    struct grey_start *start_r, const struct greydb_driver **driver_r,
    struct grey_error *err)
{
	const struct greydb_driver *driver;
	enum grey_status status;

	status = grey_directory_start(directory, path->file, flags, fd_r,
	    start_r, err);
	if (status != GREY_OK)
		return status;
	driver = greydb_driver_of(start_r, path, err);
	if (driver != NULL) {
		*driver_r = driver;
		return GREY_OK;
	}
	(void)close(*fd_r);
	*fd_r = -1;
	return GREY_INVALID;
}
