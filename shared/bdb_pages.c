#include "bdb_pages.h"

#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A kill cuts a write only between two of these. */
#define BLOCK 4096

/* A block as collect makes it; the new bytes follow, then the old ones. */
struct block {
	uint64_t at;
	uint32_t size;
	uint32_t old_size; /* less where the file ended */
};

void
grey_bdb_pages_end(struct grey_bdb_pages *pages)
{
	for (size_t i = 0; i < pages->count; i++)
		free(pages->pages[i].data);
	free(pages->pages);
	free(pages->blocks);
	*pages = (struct grey_bdb_pages){ 0 };
}

/* Returns a new page at the end of the list, or NULL. */
static struct grey_bdb_page *
append(struct grey_bdb_pages *pages, size_t size, off_t at)
{
	struct grey_bdb_page *grown = pages->pages;
	char *data = malloc(size);

	if (data != NULL && pages->count == pages->room) {
		pages->room = pages->room * 2 + 8;
		grown = realloc(grown, pages->room * sizeof(*grown));
	}
	if (data == NULL || grown == NULL) {
		free(data);
		return NULL;
	}
	pages->pages = grown;
	grown += pages->count++;
	*grown = (struct grey_bdb_page){ at, size, data };
	return grown;
}

bool
grey_bdb_pages_write(struct grey_bdb_pages *pages, const void *data,
    size_t size, off_t at)
{
	struct grey_bdb_page *page = NULL;

	for (size_t i = 0; i < pages->count && page == NULL; i++)
		if (pages->pages[i].at == at && pages->pages[i].size == size)
			page = &pages->pages[i];
	if (page == NULL)
		page = append(pages, size, at);
	if (page == NULL)
		return false;
	memcpy(page->data, data, size);
	return true;
}

off_t
grey_bdb_pages_size(const struct grey_bdb_pages *pages, off_t file_size)
{
	for (size_t i = 0; i < pages->count; i++) {
		const struct grey_bdb_page *page = &pages->pages[i];
		if (page->at + (off_t)page->size > file_size)
			file_size = page->at + (off_t)page->size;
	}
	return file_size;
}

/* pread(2) until it is all or the file ends. */
static ssize_t
read_all(int fd, char *buffer, size_t size, off_t at)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n =
		    pread(fd, buffer + done, size - done, at + (off_t)done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

ssize_t
grey_bdb_pages_read(const struct grey_bdb_pages *pages, int fd, void *buffer,
    size_t size, off_t at)
{
	const off_t end = at + (off_t)size;
	ssize_t n = read_all(fd, buffer, size, at);
	off_t reached;

	if (n == -1)
		return -1;
	/* Between the file's end and a page behind it there are zeros. */
	memset((char *)buffer + n, 0, size - (size_t)n);
	reached = at + n;
	for (size_t i = 0; i < pages->count; i++) {
		const struct grey_bdb_page *page = &pages->pages[i];
		const off_t page_end = page->at + (off_t)page->size;
		const off_t from = page->at > at ? page->at : at;
		const off_t to = page_end < end ? page_end : end;

		if (from < to)
			memcpy((char *)buffer + (from - at),
			    page->data + (from - page->at),
			    (size_t)(to - from));
		if (page_end > reached && page_end > at)
			reached = page_end < end ? page_end : end;
	}
	return (ssize_t)(reached - at);
}

/*
 * Adds a block, unless the file has these bytes already.  Returns GREY_OK,
 * GREY_FAILED.
 */
static enum grey_status
add_block(struct grey_bdb_pages *pages, int fd, const char *data, size_t size,
    off_t at, size_t *count, struct grey_error *err)
{
	struct block block = { .at = (uint64_t)at, .size = (uint32_t)size };
	char *to = pages->blocks + pages->blocks_size;
	char *old = to + sizeof(block) + size;
	ssize_t n = read_all(fd, old, size, at);

	if (n == -1)
		return grey_fail(err, GREY_FAILED, "cannot read: %s",
		    strerror(errno));
	if (n == (ssize_t)size && memcmp(old, data, size) == 0)
		return GREY_OK;
	block.old_size = (uint32_t)n;
	memcpy(to, &block, sizeof(block));
	memcpy(to + sizeof(block), data, size);
	pages->blocks_size += sizeof(block) + size + (size_t)n;
	++*count;
	return GREY_OK;
}

enum grey_status
grey_bdb_pages_collect(struct grey_bdb_pages *pages, int fd,
    struct grey_bytes *blocks_r, bool *single_r, struct grey_error *err)
{
	enum grey_status status = GREY_OK;
	size_t room = 0, count = 0;

	free(pages->blocks);
	for (size_t i = 0; i < pages->count; i++)
		room +=
		    (pages->pages[i].size / BLOCK + 2) * sizeof(struct block) +
		    2 * pages->pages[i].size;
	pages->blocks = malloc(room + 1);
	pages->blocks_size = 0;
	if (pages->blocks == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	for (size_t i = 0; status == GREY_OK && i < pages->count; i++) {
		const struct grey_bdb_page *page = &pages->pages[i];
		for (size_t done = 0, n; status == GREY_OK && done < page->size;
		     done += n) {
			n = page->size - done < BLOCK ? page->size - done :
							BLOCK;
			status = add_block(pages, fd, page->data + done, n,
			    page->at + (off_t)done, &count, err);
		}
	}
	*blocks_r = (struct grey_bytes){ pages->blocks, pages->blocks_size };
	*single_r = count == 1;
	return status;
}

/* Takes the next block off; GREY_NOT_FOUND after the last. */
static enum grey_status
next_block(struct grey_bytes *rest, struct block *block_r,
    struct grey_bytes *new_r, struct grey_bytes *old_r)
{
	size_t size;

	if (rest->size < sizeof(*block_r))
		return GREY_NOT_FOUND;
	memcpy(block_r, rest->data, sizeof(*block_r));
	size = sizeof(*block_r) + block_r->size + block_r->old_size;
	if (block_r->size > BLOCK || block_r->old_size > block_r->size ||
	    size > rest->size)
		return GREY_NOT_FOUND;
	*new_r =
	    (struct grey_bytes){ rest->data + sizeof(*block_r), block_r->size };
	*old_r = (struct grey_bytes){ new_r->data + block_r->size,
		block_r->old_size };
	rest->data += size;
	rest->size -= size;
	return GREY_OK;
}

static enum grey_status
write_block(int fd, struct grey_bytes bytes, uint64_t at,
    struct grey_error *err)
{
	/* iovec serves readers too, and so is not const; this one writes. */
	union {
		const char *from;
		void *to;
	} base = { .from = bytes.data };
	const struct iovec part = { .iov_base = base.to,
		.iov_len = bytes.size };
	ssize_t n;

	do
		n = pwritev(fd, &part, 1, (off_t)at);
	while (n == -1 && errno == EINTR);
	return n == (ssize_t)bytes.size ?
	    GREY_OK :
	    grey_fail(err, GREY_FAILED, "cannot write: %s",
		strerror(n == -1 ? errno : ENOSPC));
}

static enum grey_status
write_blocks(int fd, struct grey_bytes rest, struct grey_error *err)
{
	enum grey_status status = GREY_OK;
	struct grey_bytes new, old;
	struct block block;

	while (status == GREY_OK &&
	    next_block(&rest, &block, &new, &old) == GREY_OK)
		status = write_block(fd, new, block.at, err);
	return status;
}

static bool
put_back(int fd, struct grey_bytes bytes, uint64_t at)
{
	ssize_t n;

	do
		n = pwrite(fd, bytes.data, bytes.size, (off_t)at);
	while (n == -1 && errno == EINTR);
	return n == (ssize_t)bytes.size;
}

/* The file as it was: its old blocks, and its old length. */
static enum grey_status
take_back(int fd, struct grey_bytes rest, off_t size)
{
	enum grey_status status = GREY_OK;
	struct grey_bytes new, old;
	struct block block;

	if (ftruncate(fd, size) == -1)
		status = GREY_FAILED;
	while (next_block(&rest, &block, &new, &old) == GREY_OK)
		if (!put_back(fd, old, block.at))
			status = GREY_FAILED;
	return status;
}

enum grey_status
grey_bdb_pages_commit(struct grey_bdb_pages *pages, int fd,
    struct grey_error *err)
{
	const struct grey_bytes blocks = { pages->blocks, pages->blocks_size };
	enum grey_status status;
	struct stat st;

	if (fstat(fd, &st) == -1)
		return grey_fail(err, GREY_FAILED, "cannot stat: %s",
		    strerror(errno));
	status = write_blocks(fd, blocks, err);
	if (status != GREY_OK && take_back(fd, blocks, st.st_size) != GREY_OK)
		return GREY_DAMAGED;
	if (status == GREY_OK)
		grey_bdb_pages_end(pages);
	return status;
}

/* Is the block still what it was, or already what it was to become? */
static bool
is_as_announced(int fd, const struct block *block, struct grey_bytes new,
    struct grey_bytes old)
{
	char now[BLOCK];
	ssize_t n = read_all(fd, now, new.size, (off_t)block->at);

	if (n == (ssize_t) new.size && memcmp(now, new.data, new.size) == 0)
		return true;
	if (n < (ssize_t)old.size || memcmp(now, old.data, old.size) != 0)
		return false;
	/* Another block may have made the file longer: then there are zeros. */
	for (size_t i = old.size; i < (size_t)n; i++)
		if (now[i] != 0)
			return false;
	return true;
}

enum grey_status
grey_bdb_pages_replay(int fd, struct grey_bytes blocks, struct grey_error *err)
{
	struct grey_bytes rest = blocks, new, old;
	struct block block;

	while (next_block(&rest, &block, &new, &old) == GREY_OK)
		if (!is_as_announced(fd, &block, new, old))
			return grey_fail(err, GREY_DAMAGED,
			    "somebody wrote to it after a writer had died");
	if (rest.size != 0)
		return grey_fail(err, GREY_DAMAGED,
		    "what a writer announced makes no sense");
	return write_blocks(fd, blocks, err);
}
