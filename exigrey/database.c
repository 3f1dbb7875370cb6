#include "database.h"

#include <limits.h>
#include <string.h>

#include "complain.h"
#include "configured.h"
#include "identity.h"
#include "options.h"
#include "spool.h"

static void
log_line(void *arg, const char *text)
{
	(void)arg;
	complain("%s", text);
}

/* Only a plain name lies in the spool directory: no other asks Exim. */
static void
find_spool(const struct invocation *run, const char *name,
    char spool_r[PATH_MAX])
{
	struct grey_error err;
	enum grey_status status;

	(void)strlcpy(spool_r, SPOOL_DIRECTORY, PATH_MAX);
	if (strchr(name, '/') != NULL)
		return;
	status = spool_directory(spool_r, &err);
	if (status == GREY_NOT_FOUND && !run->quiet)
		complain("no Exim to ask for its spool directory: taking "
			 "'%s' (-d /PATH names a database elsewhere)",
		    spool_r);
	else if (status == GREY_FAILED)
		complain("cannot ask Exim for its spool directory, taking "
			 "'%s': %s",
		    spool_r, err.text);
}

enum grey_status
database_resolve(const struct invocation *run, const char *name,
    struct grey_dbpath *path_r, struct grey_error *err)
{
	char spool[PATH_MAX];

	find_spool(run, name, spool);
	return grey_dbpath_resolve(name, spool, path_r, err);
}

static bool
is_same(const struct grey_dbpath *a, const struct grey_dbpath *b)
{
	return strcmp(a->file, b->file) == 0 &&
	    strcmp(a->directory, b->directory) == 0;
}

/* Resolves a name.  Is that the database of the policy, *configured_r? */
static enum grey_status
resolve_name(const struct invocation *run, const char *name,
    struct grey_dbpath *path_r, bool *configured_r, struct grey_error *err)
{
	const struct grey_settings *settings = &run->config.settings;
	struct grey_dbpath policy;
	enum grey_status status;

	*configured_r = strcmp(name, settings->db) == 0;
	if (*configured_r)
		return configured_path(settings, path_r, err);
	status = database_resolve(run, name, path_r, err);
	/* Without a file the lifetimes are those of any database. */
	if (status == GREY_OK && run->config.exists && name[0] == '/' &&
	    configured_path(settings, &policy, NULL) == GREY_OK)
		*configured_r = is_same(path_r, &policy);
	return status;
}

/* name: NULL or empty for the default. */
static enum grey_status
find_database(struct invocation *run, const char *name, struct grey_error *err)
{
	const bool uses_policy = (run->command->needs & USES_POLICY) != 0 ||
	    option_given(run, "configured");
	enum grey_status status, readable;
	struct grey_error why;

	readable = configured_read(run, NULL, NULL, &why);
	if (name == NULL || name[0] == '\0')
		name = uses_policy ? run->config.settings.db : GREY_DB_DEFAULT;
	status = resolve_name(run, name, &run->path, &run->configured, err);
	/* A mistake there is none of a database that has no part in it. */
	if (status == GREY_OK && readable != GREY_OK &&
	    (uses_policy || run->configured || option_given(run, "config")))
		return grey_fail(err, readable, "%s", why.text);
	return status;
}

enum grey_status
database_begin_named(struct invocation *run, const char *name,
    struct grey_error *err)
{
	enum grey_status status = find_database(run, name, err);

	if (status == GREY_OK)
		status = identity_assume(&run->path, err);
	if (status == GREY_OK)
		grey_session_init(&run->session, log_line, NULL);
	return status;
}

enum grey_status
database_begin(struct invocation *run, struct grey_error *err)
{
	return database_begin_named(run, option_value(run, "database"), err);
}

void
database_end(struct invocation *run)
{
	grey_session_end(&run->session);
}

struct greydb_settings
database_settings(const struct invocation *run, bool create)
{
	return (
	    struct greydb_settings){ .timeout = grey_policy_default().timeout,
		.now = run->now,
		.create = create,
		.expected = run->expected,
		.loose = run->loose,
		.fresh = run->fresh,
		.sync = run->sync };
}

enum grey_status
database_policy(const struct invocation *run, struct grey_policy *policy_r,
    struct grey_error *err)
{
	enum grey_status status;

	*policy_r = run->configured ? run->config.settings.policy :
				      grey_policy_default();
	status = option_duration(run, "grey", &policy_r->grey, err);
	return status == GREY_OK ?
	    option_duration(run, "passed", &policy_r->passed, err) :
	    status;
}

int
database_failed(const struct invocation *run, enum grey_status status,
    const struct grey_error *err)
{
	char owner[IDENTITY_NAME];

	complain("%s", err->text);
	if (status == GREY_FAILED && identity_differs(&run->path, owner))
		complain("the database belongs to user '%s': run this as "
			 "root%s",
		    owner,
		    strcmp(owner, "root") != 0 ? " or as that user" : "");
	return EXIT_FAILED;
}

int
database_missing(const struct invocation *run, int status)
{
	if (!run->quiet)
		complain("no database '%s/%s' yet: Exim makes it at the first "
			 "check",
		    run->path.directory, run->path.file);
	return status;
}
