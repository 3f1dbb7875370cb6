#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include "row.h"

/* One malloc each: the entry, then its item and its flags. */
struct row {
	struct entry entry;
	char bytes[];
};

struct rows {
	struct row **row;
	size_t count;
	size_t room;
};

struct rows *
rows_new(void)
{
	return calloc(1, sizeof(struct rows));
}

void
rows_free(struct rows *rows)
{
	if (rows == NULL)
		return;
	while (rows->count > 0)
		free(rows->row[--rows->count]);
	free(rows->row);
	free(rows);
}

static bool
make_room(struct rows *rows)
{
	const size_t room = rows->room > 0 ? rows->room * 2 : 64;
	struct row **row;

	if (rows->count < rows->room)
		return true;
	row = reallocarray(rows->row, room, sizeof(struct row *));
	if (row == NULL)
		return false;
	rows->row = row;
	rows->room = room;
	return true;
}

enum grey_status
rows_add(struct rows *rows, const struct entry *entry, struct grey_error *err)
{
	const struct grey_bytes item = entry->item;
	const struct grey_bytes flags = entry->record.flags;
	struct row *row = NULL;

	if (make_room(rows))
		row = malloc(sizeof(*row) + item.size + flags.size);
	if (row == NULL)
		return grey_fail(err, GREY_FAILED,
		    "out of memory after %zu "
		    "records: choose fewer with a filter",
		    rows->count);
	row->entry = *entry;
	memcpy(row->bytes, item.data, item.size);
	row->entry.item.data = row->bytes;
	if (flags.size > 0)
		memcpy(row->bytes + item.size, flags.data, flags.size);
	row->entry.record.flags.data = row->bytes + item.size;
	rows->row[rows->count++] = row;
	return GREY_OK;
}

static int
compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int
compare_items(struct grey_bytes a, struct grey_bytes b)
{
	const int order =
	    memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);

	return order != 0 ? order :
			    compare_numbers((int64_t)a.size, (int64_t)b.size);
}

struct sorting {
	enum row_order order;
	bool reverse;
};

static int
compare_rows(const void *a, const void *b, void *arg)
{
	const struct entry *x = &(*(struct row *const *)a)->entry;
	const struct entry *y = &(*(struct row *const *)b)->entry;
	const struct sorting *sorting = arg;
	int order = 0;

	switch (sorting->order) {
	case ROW_ITEM:
		break;
	case ROW_STATE:
		order = compare_numbers(x->state, y->state);
		break;
	case ROW_CREATED:
		order = compare_numbers(x->record.created, y->record.created);
		break;
	case ROW_USED:
		order = compare_numbers(x->record.used, y->record.used);
		break;
	case ROW_COUNT:
		order = compare_numbers(x->record.count, y->record.count);
		break;
	}
	if (order == 0)
		order = compare_items(x->item, y->item);
	return sorting->reverse ? -order : order;
}

void
rows_sort(struct rows *rows, enum row_order order, bool reverse)
{
	struct sorting sorting = { order, reverse };

	if (rows->count > 1)
		qsort_r(rows->row, rows->count, sizeof(struct row *),
		    compare_rows, &sorting);
}

void
rows_print(const struct rows *rows, enum format format, int64_t limit)
{
	row_print_header(format);
	for (size_t i = 0; i < rows->count && (int64_t)i < limit; i++)
		row_print(format, &rows->row[i]->entry, NULL);
}
