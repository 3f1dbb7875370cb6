#include "bdb_file.h"

#include <string.h>

/* As Berkeley DB 5.3 writes it: db_page.h, DBMETA. */
struct disk_meta {
	uint32_t lsn[2];
	uint32_t page;
	uint32_t magic;
	uint32_t version;
	uint32_t page_size;
	uint8_t encryption;
	uint8_t type;
	uint8_t flags;
	uint8_t unused;
	uint32_t free_page;
	uint32_t last_page;
	uint32_t partitions;
	uint32_t keys;
	uint32_t records;
	uint32_t method_flags;
	uint8_t uid[20];
	/* Of a hash: HASHHDR. */
	uint32_t last_bucket;
	uint32_t high_mask;
	uint32_t low_mask;
	uint32_t fill;
	uint32_t elements;
};

#define MAGIC_HASH   0x061561U
#define MAGIC_BTREE  0x053162U
#define MAGIC_QUEUE  0x042253U
#define HASH_OLDEST  8 /* what 5.3 opens without an upgrade */
#define HASH_NEWEST  9
#define BTREE_OLDEST 8
#define BTREE_NEWEST 9

#define FLAG_CHECKSUM 0x01

/* Of a hash and of a btree. */
#define HASH_DUPLICATES  (0x01 | 0x04)
#define HASH_DATABASES   0x02
#define BTREE_DUPLICATES (0x01 | 0x40)
#define BTREE_DATABASES  0x20
#define BTREE_NUMBERED   0x02

_Static_assert(sizeof(struct disk_meta) <= GREY_START_MAX, "read with it");

/* False if the file is too short for one. */
static bool
read_meta(const struct grey_start *start, struct disk_meta *meta_r)
{
	if (start->size < sizeof(*meta_r))
		return false;
	memcpy(meta_r, start->bytes, sizeof(*meta_r));
	return true;
}

static bool
is_magic(uint32_t magic)
{
	return magic == MAGIC_HASH || magic == MAGIC_BTREE ||
	    magic == MAGIC_QUEUE;
}

bool
grey_bdb_recognizes(const struct grey_start *start)
{
	struct disk_meta meta;

	return read_meta(start, &meta) &&
	    (is_magic(meta.magic) || is_magic(__builtin_bswap32(meta.magic)));
}

/* What is not ours to read; NULL: nothing. */
static const char *
foreign_kind(const struct disk_meta *meta)
{
	const bool is_btree = meta->magic == MAGIC_BTREE;

	if (is_magic(__builtin_bswap32(meta->magic)))
		return "a Berkeley DB file of a machine with another byte "
		       "order";
	if (meta->encryption != 0)
		return "an encrypted Berkeley DB file";
	if (meta->magic == MAGIC_QUEUE ||
	    (is_btree && (meta->method_flags & BTREE_NUMBERED) != 0))
		return "a Berkeley DB file of numbered records";
	if ((meta->method_flags &
		(is_btree ? BTREE_DATABASES : HASH_DATABASES)) != 0)
		return "a Berkeley DB file with several databases";
	if ((meta->method_flags &
		(is_btree ? BTREE_DUPLICATES : HASH_DUPLICATES)) != 0)
		return "a Berkeley DB file with several values for a key";
	return NULL;
}

static enum grey_status
check_version(const struct disk_meta *meta, struct grey_error *err)
{
	const bool is_btree = meta->magic == MAGIC_BTREE;

	if (meta->version < (is_btree ? BTREE_OLDEST : HASH_OLDEST))
		return grey_fail(err, GREY_INVALID,
		    "it was made by an older Berkeley DB (version %u of its "
		    "format): see db5.3_upgrade(1)",
		    meta->version);
	if (meta->version > (is_btree ? BTREE_NEWEST : HASH_NEWEST))
		return grey_fail(err, GREY_INVALID,
		    "it was made by a later Berkeley DB (version %u of its "
		    "format)",
		    meta->version);
	return GREY_OK;
}

static enum grey_status
check_sizes(const struct disk_meta *meta, int64_t file_size,
    struct grey_error *err)
{
	const uint32_t size = meta->page_size;

	if (size < GREY_BDB_PAGE_MIN || size > GREY_BDB_PAGE_MAX ||
	    (size & (size - 1)) != 0)
		return grey_fail(err, GREY_DAMAGED,
		    "the first page tells a wrong page size");
	if (((int64_t)meta->last_page + 1) * size > file_size)
		return grey_fail(err, GREY_DAMAGED,
		    "the file is shorter than its first page tells");
	return GREY_OK;
}

enum grey_status
grey_bdb_header_of(const struct grey_start *start, struct grey_bdb_file *file_r,
    struct grey_error *err)
{
	struct disk_meta meta;
	enum grey_status status;
	const char *kind;

	if (!read_meta(start, &meta))
		return grey_fail(err, GREY_DAMAGED,
		    "the file is too short for a Berkeley DB file");
	if (!is_magic(meta.magic) && !is_magic(__builtin_bswap32(meta.magic)))
		return grey_fail(err, GREY_DAMAGED,
		    "it does not start as a Berkeley DB file");
	kind = foreign_kind(&meta);
	if (kind != NULL)
		return grey_fail(err, GREY_INVALID, "it is %s", kind);
	status = check_version(&meta, err);
	if (status == GREY_OK)
		status = check_sizes(&meta, start->file_size, err);
	*file_r = (struct grey_bdb_file){ .is_btree = meta.magic == MAGIC_BTREE,
		.has_checksums = (meta.flags & FLAG_CHECKSUM) != 0,
		.page_size = meta.page_size,
		.records =
		    meta.magic == MAGIC_HASH ? (int64_t)meta.elements : -1,
		.size = ((int64_t)meta.last_page + 1) * meta.page_size };
	return status;
}

enum grey_status
grey_bdb_header(int fd, struct grey_bdb_file *file_r, struct grey_error *err)
{
	struct grey_start start;
	enum grey_status status = grey_start_read(fd, &start, err);

	return status == GREY_OK ? grey_bdb_header_of(&start, file_r, err) :
				   status;
}
