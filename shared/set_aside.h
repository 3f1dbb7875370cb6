/*
 * Damaged files, set aside as FILE.corrupt-TIME: never over an earlier one, and
 * not more than a few, so that damage that comes again and again does not fill
 * the disk.
 */
#ifndef GREY_SET_ASIDE_H
#define GREY_SET_ASIDE_H

#include "recover.h"

#define GREY_SET_ASIDE_MAX  5
#define GREY_SET_ASIDE_NAME (GREY_DB_NAME_MAX + 48)

/*
 * Gives the database's file a second name of that form, which it returns.  Of
 * more than GREY_SET_ASIDE_MAX the oldest are removed, which is logged.
 * Returns GREY_OK or GREY_FAILED.
 */
enum grey_status greydb_set_aside(const struct greydb_place *place,
    char name[GREY_SET_ASIDE_NAME], struct grey_error *err);

#endif
