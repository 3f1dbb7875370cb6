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
	    extent.size == (int)file->block_size - 2;
}

static bool
is_listed(const struct grey_gdbm_held *held, struct disk_extent extent)
{
	for (int i = 0; i < held->count; i++)
		if (held->extents[i].at == extent.at)
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
	const int block = (int)file->block_size;
	enum grey_status status = grey_gdbm_read_table(file, err);
	struct disk_space *table;
	int i = 0;

	if (status != GREY_OK)
		return status;
	table = grey_gdbm_table(file);
	while (i < table->count) {
		const struct disk_extent extent = table->extents[i];

		if (!grey_gdbm_is_held(file, extent) ||
		    !is_listed(held, extent)) {
			i++;
			continue;
		}
		/* A block goes behind those that are held, for it is larger. */
		grey_gdbm_take_out(table->extents, &table->count, i);
		grey_gdbm_put_in(table->extents, &table->count,
		    (struct disk_extent){ block, extent.at - 1 });
		file->header_changed = true;
	}
	return GREY_OK;
}

enum grey_status
grey_gdbm_hold(struct grey_gdbm_file *file, off_t at, struct grey_error *err)
{
	const int block = (int)file->block_size;
	struct disk_space *table = grey_gdbm_table(file);
	enum grey_status status = GREY_OK;

	if (table->count >= table->size)
		status = grey_gdbm_push_table(file, err);
	if (status != GREY_OK)
		return status;
	grey_gdbm_put_in(table->extents, &table->count,
	    file->fresh ? (struct disk_extent){ block, at } :
			  (struct disk_extent){ block - 2, at + 1 });
	file->held_more = !file->fresh;
	file->header_changed = true;
	return GREY_OK;
}
