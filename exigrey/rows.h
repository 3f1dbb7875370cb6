/* Records kept in memory, to be sorted or printed later. */
#ifndef EXIGREY_ROWS_H
#define EXIGREY_ROWS_H

#include "command.h"
#include "entry.h"
#include "status.h"

/* What rows are sorted by. */
enum row_order { ROW_ITEM, ROW_STATE, ROW_CREATED, ROW_USED, ROW_COUNT };

struct rows;

/* Returns rows, none yet, which rows_free frees; NULL without memory. */
struct rows *rows_new(void);
void rows_free(struct rows *rows);

/* Adds a copy of a record.  GREY_OK, or GREY_FAILED without memory. */
enum grey_status
rows_add(struct rows *rows, const struct entry *entry, struct grey_error *err);

/* Sorts the rows; those that are alike by their items. */
void rows_sort(struct rows *rows, enum row_order order, bool reverse);

/* Prints the header and the first limit rows. */
void rows_print(const struct rows *rows, enum format format, int64_t limit);

#endif
