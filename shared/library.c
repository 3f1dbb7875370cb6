#include "library.h"

#include <dlfcn.h>
#include <string.h>

enum grey_status
grey_library_load(const char *who, const char *soname,
    const struct grey_symbol *wanted, size_t count, void **library_r,
    struct grey_error *err)
{
	void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);

	if (library == NULL)
		return grey_fail(err, GREY_FAILED,
		    "%.300s needs %s, please install it: %.200s", who, soname,
		    dlerror());
	for (size_t i = 0; i < count; i++) {
		void *found = dlsym(library, wanted[i].name);

		if (found == NULL) {
			(void)dlclose(library);
			return grey_fail(err, GREY_FAILED, "%s has no %s",
			    soname, wanted[i].name);
		}
		memcpy(wanted[i].place, &found, sizeof(found));
	}
	*library_r = library;
	return GREY_OK;
}

void
grey_library_close(void *library)
{
	(void)dlclose(library);
}
