#include "number.h"

#include <string.h>

bool
grey_number_read(struct grey_bytes text, size_t *at, int64_t *number_r)
{
	const size_t start = *at;
	int64_t n = 0;

	for (; *at < text.size; ++*at) {
		char c = text.data[*at];
		if (c < '0' || c > '9')
			break;
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, c - '0', &n))
			return false;
	}
	*number_r = n;
	return *at > start;
}

bool
grey_number_parse(struct grey_bytes text, int64_t *number_r)
{
	size_t at = 0;

	return grey_number_read(text, &at, number_r) && at == text.size;
}

char *
grey_number_write(char *to, int64_t number)
{
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
	char digits[GREY_NUMBER_SIZE], *first = digits + sizeof(digits);

	do
		*--first = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (number < 0)
		*to++ = '-';
	return mempcpy(to, first, (size_t)(digits + sizeof(digits) - first));
}
