/* What the fuzz targets share.  libFuzzer calls LLVMFuzzerTestOneInput. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unlike assert() it is never compiled away. */
#define require(condition) \
	((condition) ? (void)0 : fuzz_failed(#condition, __FILE__, __LINE__))

static inline void
fuzz_failed(const char *what, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

static inline struct grey_bytes
fuzz_bytes(const uint8_t *data, size_t size)
{
	return (struct grey_bytes){ (const char *)data, size };
}

#endif
