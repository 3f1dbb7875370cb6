/*
 * Brings files into memory and waits until they are there:
 *
 *	warm FILE ...
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "prefetch.h"

#define PAGE 4096

static int
warm(const char *name)
{
	char page[PAGE];
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	off_t at = 0;
	ssize_t n;

	if (fd == -1) {
		perror(name);
		return 1;
	}
	grey_prefetch(fd);
	while ((n = pread(fd, page, sizeof(page), at)) > 0)
		at += n;
	(void)close(fd);
	return n == -1;
}

int
main(int argc, char *argv[])
{
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= warm(argv[i]);
	return failed;
}
