#include "gdbm_guess.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gdbm_disk.h"

enum grey_status
grey_gdbm_guess(int fd, size_t block_size, struct grey_gdbm_file *file_r,
    struct grey_error *err)
{
	struct stat st;

	*file_r = (struct grey_gdbm_file){ .fd = fd,
		.block_size = (uint32_t)block_size,
		.bucket_size = (uint32_t)block_size,
		.elements =
		    (uint32_t)((block_size - sizeof(struct disk_bucket)) /
			sizeof(struct disk_element)) +
		    1 };
	if (fstat(fd, &st) == -1)
		return grey_fail(err, GREY_FAILED, "cannot stat: %s",
		    strerror(errno));
	file_r->size = file_r->next_block = st.st_size;
	/* As if every block were a bucket: more there cannot have been. */
	while (file_r->bits < GREY_GDBM_HASH_BITS - 1 &&
	    (off_t)block_size << file_r->bits < st.st_size)
		file_r->bits++;
	file_r->bucket = malloc(block_size);
	if (file_r->bucket == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	return GREY_OK;
}
