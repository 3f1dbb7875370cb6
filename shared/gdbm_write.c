/* Writing what lies in memory of a GDBM file. */
#include <sys/uio.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gdbm_table.h"

#define PARTS_MAX 2

enum grey_status
grey_gdbm_write(const struct grey_gdbm_file *file,
    const struct grey_bytes *bytes, int count, off_t at, struct grey_error *err)
{
	struct iovec parts[PARTS_MAX];
	ssize_t whole = 0, n;

	for (int i = 0; i < count; i++) {
		/* iovec serves readers too, and so is not const. */
		union {
			const char *from;
			void *to;
		} base = { .from = bytes[i].data };
		parts[i] = (struct iovec){ base.to, bytes[i].size };
		whole += (ssize_t)bytes[i].size;
	}
	do
		n = pwritev(file->fd, parts, count, at);
	while (n == -1 && errno == EINTR);
	if (n == whole)
		return GREY_OK;
	return grey_fail(err, GREY_FAILED, "cannot write: %s",
	    strerror(n == -1 ? errno : ENOSPC));
}

enum grey_status
grey_gdbm_write_bucket(struct grey_gdbm_file *file, struct grey_error *err)
{
	const struct grey_bytes bucket = { file->bucket, file->bucket_size };
	enum grey_status status;

	if (!file->bucket_changed)
		return GREY_OK;
	file->bucket_changed = false;
	status = grey_gdbm_write(file, &bucket, 1, file->current.at, err);
	/* The header may tell what only that bucket would make true. */
	if (status != GREY_OK)
		grey_gdbm_forget(file);
	return status;
}

enum grey_status
grey_gdbm_write_header(struct grey_gdbm_file *file, struct grey_error *err)
{
	const struct grey_bytes header = { file->header, file->block_size };

	if (!file->header_changed)
		return GREY_OK;
	file->header_changed = false;
	return grey_gdbm_write(file, &header, 1, 0, err);
}

enum grey_status
grey_gdbm_write_back(struct grey_gdbm_file *file, struct grey_error *err)
{
	enum grey_status status = grey_gdbm_write_bucket(file, err);

	if (status == GREY_OK)
		status = grey_gdbm_write_header(file, err);
	file->header_changed = false;
	if (status != GREY_OK) {
		free(file->header);
		file->header = NULL;
	}
	return status;
}
