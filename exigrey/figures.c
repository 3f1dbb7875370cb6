#include "figures.h"

#include <stdio.h>

void
figures_print(enum format format, bool dry_run, const struct figure *figures,
    size_t count)
{
	if (format == FORMAT_TEXT)
		return;
	if (format == FORMAT_JSON)
		(void)printf("{\"dry_run\":%s", dry_run ? "true" : "false");
	for (size_t i = 0; i < count; i++)
		(void)printf(format == FORMAT_JSON ? ",\"%s\":%lld" :
						     "%s\t%lld\n",
		    figures[i].name, (long long)figures[i].value);
	if (format == FORMAT_JSON)
		(void)puts("}");
}
