#include "status.h"

#include <stdarg.h>
#include <stdio.h>

void
grey_error_set(struct grey_error *err, const char *format, ...)
{
	va_list ap;

	if (err == NULL)
		return;
	va_start(ap, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, ap);
	va_end(ap);
}
