#include "bytes.h"

#include <string.h>

struct grey_bytes
grey_bytes_of(const char *string)
{
	return (struct grey_bytes){ string, strlen(string) };
}

bool
grey_bytes_equal(struct grey_bytes a, struct grey_bytes b)
{
	return a.size == b.size &&
	    (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}
