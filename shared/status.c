#include "status.h"

#include <stdarg.h>
#include <stdio.h>

enum grey_status
grey_fail(struct grey_error *err, enum grey_status status,
    const char *format, ...)
{
	va_list ap;

	if (err != NULL) {
		va_start(ap, format);
		(void)vsnprintf(err->text, sizeof(err->text), format, ap);
		va_end(ap);
	}
	return status;
}
