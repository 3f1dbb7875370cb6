#include "size.h"

#include <stdio.h>

const char *
size_text(int64_t bytes, char text[SIZE_TEXT])
{
	static const char *const units[] = { "kB", "MB", "GB", "TB" };
	double size = (double)bytes / 1000;
	size_t unit = 0;

	if (bytes < 1000) {
		(void)snprintf(text, SIZE_TEXT, "%d B", (int)bytes);
		return text;
	}
	for (; size >= 999.95 && unit + 1 < sizeof(units) / sizeof(units[0]);
	     unit++)
		size /= 1000;
	(void)snprintf(text, SIZE_TEXT, "%.1f %s", size, units[unit]);
	return text;
}
