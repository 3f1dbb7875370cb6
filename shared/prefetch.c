#include "prefetch.h"

#include <fcntl.h>
#include <sys/stat.h>

/* The kernel takes no more at once than a device's read-ahead, 128 kB. */
#define STEP (128 << 10)

void
grey_prefetch(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	for (off_t at = 0; at < st.st_size; at += STEP)
		(void)posix_fadvise(fd, at, STEP, POSIX_FADV_WILLNEED);
}
