/* The drivers: which one serves a file. */
#include "greydb_driver.h"

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
greydb_driver_of(int fd, const struct grey_dbpath *path, struct grey_error *err)
{
	const struct greydb_driver *found = NULL;

	for (size_t i = GREY_KIND_ANY + 1; i < DRIVERS && found == NULL; i++)
		if (drivers[i]->recognizes(fd))
			found = drivers[i];
	if (found == NULL)
		return greydb_driver_new(path);
	if (path->kind == GREY_KIND_ANY || found == drivers[path->kind])
		return found;
	grey_error_set(err, "it is a %s file, and DB says '%s:'", found->name,
	    grey_kind_name(path->kind));
	return NULL;
}
