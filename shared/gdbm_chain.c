#include "gdbm_chain.h"

#include <stddef.h>
#include <stdlib.h>

#include "gdbm_held.h"
#include "gdbm_table.h"

/*
 * Which extent of the header's table has room for one of the chain?  The
 * largest that may be written to at once (gdbm_held.h); -1 if none has.
 */
static int
find_room(const struct grey_gdbm_file *file, const struct disk_space *table,
    int bytes)
{
	int i = table->count - 1;

	while (i >= 0 && grey_gdbm_is_held(file, table->extents[i]))
		i--;
	return i >= 0 && table->extents[i].size >= bytes ? i : -1;
}

/* The header's table loses every second extent to one that is in the chain. */
static void
halve(struct disk_space *table, struct disk_space *half, off_t at)
{
	int kept = 0;

	half->size = table->size;
	half->next = table->next;
	table->next = at;
	for (int i = 0; i < table->count; i++)
		if (i % 2 == 1)
			half->extents[half->count++] = table->extents[i];
		else
			table->extents[kept++] = table->extents[i];
	table->count = kept;
}

/*
 * The table of the chain is written before the header that leads there: until
 * then it lies in free space or behind the end.  (What is free in memory may
 * be a table that was just taken up, so the header is written before, too.)
 */
enum grey_status
grey_gdbm_push_table(struct grey_gdbm_file *file, struct grey_error *err)
{
	struct disk_space *table = grey_gdbm_table(file), *half;
	const size_t bytes = grey_gdbm_table_bytes(table->size);
	const int room = find_room(file, table, (int)bytes);
	struct disk_extent place = { (int)file->block_size, file->next_block };
	enum grey_status status = GREY_OK;

	if (room != -1) {
		place = table->extents[room];
		status = grey_gdbm_check_free(file, room, err);
	} else if (file->size != file->next_block)
		status = GREY_NOT_FOUND;
	if (status == GREY_OK)
		status = grey_gdbm_write_back(file, err);
	if (status != GREY_OK)
		return status;
	half = calloc(1, file->block_size);
	if (half == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	if (room != -1)
		grey_gdbm_take_out(table->extents, &table->count, room);
	halve(table, half, place.at);
	if (room != -1)
		status = grey_gdbm_write(file,
		    &(struct grey_bytes){ (const char *)half, bytes }, 1,
		    place.at, err);
	else
		status = grey_gdbm_add_blocks(file, half, 1, err);
	free(half);
	if (status != GREY_OK) {
		grey_gdbm_forget(file);
		return status;
	}
	grey_gdbm_put_in(table->extents, &table->count,
	    (struct disk_extent){ place.size - (int)bytes,
		place.at + (off_t)bytes });
	file->header_changed = true;
	return grey_gdbm_write_header(file, err);
}

/* The extents of a table of the chain, and its own place, into the header's. */
static enum grey_status
take_up(struct grey_gdbm_file *file, const struct disk_space *chained,
    struct grey_error *err)
{
	struct disk_space *table = grey_gdbm_table(file);
	const struct disk_extent own = {
		(int)grey_gdbm_table_bytes(table->size), table->next
	};
	enum grey_status status = GREY_OK;

	for (int i = 0; status == GREY_OK && i <= chained->count; i++) {
		const struct disk_extent extent =
		    i < chained->count ? chained->extents[i] : own;

		if (extent.size < 0 || extent.at < file->block_size ||
		    extent.at > file->next_block - extent.size)
			return grey_gdbm_damaged(err,
			    "free space lies outside the file", extent.at);
		status = grey_gdbm_check_apart(table->extents, table->count,
		    extent, err);
		if (status == GREY_OK)
			grey_gdbm_put_in(table->extents, &table->count, extent);
	}
	table->next = chained->next;
	file->header_changed = true;
	return status;
}

enum grey_status
grey_gdbm_pop_table(struct grey_gdbm_file *file, struct grey_error *err)
{
	struct disk_space *table = grey_gdbm_table(file), *chained;
	const size_t bytes = grey_gdbm_table_bytes(table->size);
	enum grey_status status;

	if (table->next == 0 || table->count > table->size / 2)
		return GREY_NOT_FOUND;
	if (!grey_gdbm_inside(file, table->next, (off_t)bytes))
		return grey_gdbm_damaged(err,
		    "a table of free space lies outside the file", table->next);
	chained = malloc(bytes);
	if (chained == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	status = grey_gdbm_read(file, chained, bytes, table->next, err);
	if (status == GREY_OK &&
	    (chained->count < 0 ||
		(size_t)chained->count >
		    (bytes - offsetof(struct disk_space, extents)) /
			sizeof(struct disk_extent)))
		status = grey_gdbm_damaged(err,
		    "a table of free space has a wrong count", table->next);
	else if (status == GREY_OK &&
	    chained->count >= table->size - table->count)
		status = GREY_NOT_FOUND;
	else if (status == GREY_OK)
		status = take_up(file, chained, err);
	free(chained);
	return status;
}
