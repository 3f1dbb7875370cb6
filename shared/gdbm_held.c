#include "gdbm_held.h"

#include <stdlib.h>

#include "gdbm_chain.h"
#include "gdbm_table.h"

/* So many are worth a sync, or a quarter of what the table has room for. */
#define ENOUGH 64

struct grey_gdbm_held {
	int count;
	struct disk_extent extents[];
};

bool
grey_gdbm_is_held(const struct grey_gdbm_file *file, struct disk_extent extent)
{
	return extent.at % file->block_size == 1 &&
	    ((uint32_t)extent.size + 2) % file->block_size == 0;
}

/*
 * Puts what was held into the header's table as blocks.  What there is no room
 * for stays held: then it returns false.
 */
static bool
let_go(const struct grey_gdbm_file *file, struct disk_space *table,
    struct disk_extent held)
{
	const int block = (int)file->block_size;

	while (held.size > 0) {
		if (table->count + (held.size > block) >= table->size) {
			grey_gdbm_put_in(table->extents, &table->count, held);
			return false;
		}
		grey_gdbm_put_in(table->extents, &table->count,
		    (struct disk_extent){ block, held.at - 1 });
		held.size -= block;
		held.at += block;
	}
	return true;
}

static bool
is_listed(const struct grey_gdbm_held *held, struct disk_extent extent)
{
	for (int i = 0; i < held->count; i++)
		if (extent.at >= held->extents[i].at &&
		    extent.at + extent.size <=
			held->extents[i].at + held->extents[i].size)
			return true;
	return false;
}

static struct grey_gdbm_held *
list(const struct grey_gdbm_file *file, const struct disk_space *table)
{
	struct grey_gdbm_held *held = malloc(
	    sizeof(*held) + (size_t)table->count * sizeof(held->extents[0]));

	if (held == NULL)
		return NULL;
	held->count = 0;
	for (int i = 0; i < table->count; i++)
		if (grey_gdbm_is_held(file, table->extents[i]))
			held->extents[held->count++] = table->extents[i];
	return held;
}

struct grey_gdbm_held *
grey_gdbm_list_held(struct grey_gdbm_file *file)
{
	const struct disk_space *table;
	struct grey_gdbm_held *held;

	if (!file->held_more || file->header == NULL)
		return NULL;
	table = grey_gdbm_table(file);
	held = list(file, table);
	if (held != NULL && held->count < ENOUGH &&
	    held->count < table->size / 4) {
		free(held);
		held = NULL;
	}
	return held;
}

enum grey_status
grey_gdbm_let_go(struct grey_gdbm_file *file, const struct grey_gdbm_held *held,
    struct grey_error *err)
{
	enum grey_status status = grey_gdbm_read_table(file, err);
	struct disk_space *table;
	int i = 0;

	if (status != GREY_OK)
		return status;
	table = grey_gdbm_table(file);
	file->header_changed = true;
	while (i < table->count) {
		const struct disk_extent extent = table->extents[i];

		if (!grey_gdbm_is_held(file, extent) ||
		    !is_listed(held, extent)) {
			i++;
			continue;
		}
		grey_gdbm_take_out(table->extents, &table->count, i);
		if (!let_go(file, table, extent))
			break;
	}
	return GREY_OK;
}

enum grey_status
grey_gdbm_hold(struct grey_gdbm_file *file, struct disk_extent blocks,
    struct grey_error *err)
{
	const struct disk_extent held = { blocks.size - 2, blocks.at + 1 };
	struct disk_space *table = grey_gdbm_table(file);
	enum grey_status status = GREY_OK;

	if (table->count >= table->size)
		status = grey_gdbm_push_table(file, err);
	if (status != GREY_OK)
		return status;
	file->header_changed = true;
	if (file->fresh) {
		(void)let_go(file, table, held);
	} else {
		grey_gdbm_put_in(table->extents, &table->count, held);
		file->held_more = true;
	}
	return GREY_OK;
}
