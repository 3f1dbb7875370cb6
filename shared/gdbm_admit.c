#include "gdbm_admit.h"

/*
 * The directory may have this many times the entries (as a power of two) that
 * an even distribution needs.  Random keys have been seen to need 1 to 2: 14
 * bits for a million records in blocks of 4096 bytes, 17 for ten million.
 */
#define SLACK_BITS 4

/* How many bits the directory may have for so many records. */
static int
most_bits(const struct grey_gdbm_file *file, int64_t records)
{
	int64_t buckets = records / file->elements;
	int bits = 0;

	for (; buckets > 0; buckets >>= 1)
		bits++;
	bits += SLACK_BITS;
	return bits > file->bits ? bits : file->bits;
}

/*
 * How many bits tell the hashes in the bucket and the new one apart: a split
 * goes on until one of them goes elsewhere.  31 where none does.
 */
static enum grey_status
bits_needed(const struct grey_gdbm_file *file, uint32_t hash, int *bits_r,
    struct grey_error *err)
{
	struct grey_gdbm_element element;
	enum grey_status status;
	uint32_t differ = 0;
	int bits = 1;

	for (uint32_t i = 0; i < file->elements; i++) {
		status = grey_gdbm_element(file, i, &element, err);
		if (status == GREY_OK)
			differ |= element.hash ^ hash;
		else if (status != GREY_NOT_FOUND)
			return status;
	}
	while (bits < GREY_GDBM_HASH_BITS &&
	    (differ >> (GREY_GDBM_HASH_BITS - bits)) == 0)
		bits++;
	*bits_r = bits;
	return GREY_OK;
}

enum grey_status
grey_gdbm_admit(struct grey_gdbm_file *file, struct grey_bytes key,
    int64_t records, struct grey_error *err)
{
	const uint32_t hash = grey_gdbm_hash(key);
	struct grey_gdbm_bucket bucket;
	enum grey_status status;
	int bits;

	status = grey_gdbm_bucket_of(file, hash, &bucket, err);
	if (status != GREY_OK || bucket.count < file->elements)
		return status;
	status = bits_needed(file, hash, &bits, err);
	if (status != GREY_OK || bits <= most_bits(file, records))
		return status;
	return grey_fail(err, GREY_FULL,
	    "%u keys have hashes that are alike: "
	    "somebody makes them so; no more of them are taken",
	    bucket.count);
}
