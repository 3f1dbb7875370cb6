#include "configured.h"

#include <limits.h>
#include <string.h>

#include "envelope.h"
#include "options.h"
#include "spool.h"

const char *
configured_file(const struct invocation *run)
{
	const char *file = option_value(run, "config");

	return file != NULL ? file : CONFIG_FILE;
}

enum grey_status
configured_read(struct invocation *run, grey_mistake_fn *mistake, void *arg,
    struct grey_error *err)
{
	const char *file = configured_file(run);
	enum grey_status status;

	status = grey_config_read(&run->config, file, mistake, arg, err);
	if (status == GREY_OK && !run->config.exists &&
	    option_given(run, "config"))
		status = grey_fail(err, GREY_FAILED,
		    "cannot open '%.300s': no such file", file);
	if (status == GREY_OK && (run->command->needs & USES_POLICY) != 0)
		status = grey_whitelist_read(&run->whitelist,
		    &run->config.settings, mistake, arg, err);
	return status;
}

enum grey_status
configured_path(const struct grey_settings *settings,
    struct grey_dbpath *path_r, struct grey_error *err)
{
	char directory[PATH_MAX];
	const char *spool = NULL;
	enum grey_status status;

	if (settings->directory[0] == '\0' &&
	    strchr(settings->db, '/') == NULL) {
		status = spool_directory(directory, err);
		if (status == GREY_OK)
			spool = directory;
		else if (status != GREY_NOT_FOUND)
			return status;
	}
	return grey_settings_path(settings, spool, path_r, err);
}
