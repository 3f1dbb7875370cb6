#include "start.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum grey_status
grey_start_of(int fd, int64_t file_size, struct grey_start *start_r,
    struct grey_error *err)
{
	const ssize_t n = pread(fd, start_r->bytes, sizeof(start_r->bytes), 0);

	if (n == -1)
		return grey_fail(err, GREY_FAILED, "cannot read: %s",
		    strerror(errno));
	start_r->file_size = file_size;
	start_r->size = (size_t)n;
	return GREY_OK;
}

enum grey_status
grey_start_read(int fd, struct grey_start *start_r, struct grey_error *err)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &st) == -1)
		return grey_fail(err, GREY_FAILED, "cannot stat: %s",
		    strerror(errno));
	return grey_start_of(fd, (int64_t)st.stx_size, start_r, err);
}
