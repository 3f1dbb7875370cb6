/*
 * Looks at what is around the database: Exim, the ACL, the rights, the purge.
 * What is in it, check looks at.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "colour.h"
#include "command.h"
#include "complain.h"
#include "database.h"
#include "exim_config.h"
#include "greydb_driver.h"
#include "key.h"

#define MODULE     "exigrey.so"
#define TIMER_LINK "/etc/systemd/system/timers.target.wants/exigrey-purge.timer"
#define CRON_FILE  "/etc/cron.d/exigrey"

struct doctor {
	const struct invocation *run;
	struct exim_config exim;
	uid_t user; /* Exim's, if known */
	bool user_known;
	char module[PATH_MAX]; /* as the configuration names it, or "" */
	int todo;
};

enum finding { FINE, NOTE, TODO };

static void say(struct doctor *doctor, enum finding finding, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

static void
say(struct doctor *doctor, enum finding finding, const char *format, ...)
{
	static const char *const words[] = { "ok", "note", "TODO" };
	va_list ap;

	doctor->todo += finding == TODO;
	if (finding != TODO && doctor->run->quiet)
		return;
	(void)printf("%s%-5s%s ", finding == TODO ? colour_of_problem() : "",
	    words[finding], finding == TODO ? colour_end() : "");
	va_start(ap, format);
	(void)vprintf(format, ap);
	va_end(ap);
	(void)putchar('\n');
}

/* The line of a text that starts so, or NULL; it is not ended by a NUL. */
static const char *
line_of(const char *text, const char *start)
{
	const size_t length = strlen(start);

	for (; text != NULL; text = strchr(text, '\n'), text += text != NULL)
		if (strncmp(text, start, length) == 0)
			return text;
	return NULL;
}

static int
length_of(const char *line)
{
	return (int)strcspn(line, "\n");
}

/* Of what kind a database must be for Exim's own lookups. */
static enum grey_kind
kind_of_exim(const struct doctor *doctor, const char **name_r)
{
	const char *version = doctor->exim.version;

	*name_r = "another DBM library";
	if (line_of(version, "Berkeley DB: Berkeley DB 5.3") != NULL) {
		*name_r = "Berkeley DB";
		return GREY_KIND_BDB;
	}
	if (line_of(version, "Berkeley DB") != NULL)
		*name_r = "another version of Berkeley DB";
	else if (line_of(version, "Probably GDBM") != NULL ||
	    line_of(version, "GDBM") != NULL) {
		*name_r = "GDBM";
		return GREY_KIND_GDBM;
	} else if (strcasestr(version, "Using tdb") != NULL)
		*name_r = "TDB";
	else if (line_of(version, "Using sqlite3") != NULL)
		*name_r = "SQLite";
	return GREY_KIND_ANY;
}

static void
look_at_exim(struct doctor *doctor)
{
	const char *version = doctor->exim.version, *name;
	const char *support = line_of(version, "Support for:");

	say(doctor, FINE, "%.*s (%s)", length_of(version), version,
	    doctor->exim.program);
	if (support != NULL &&
	    memmem(support, (size_t)length_of(support), "Expand_dlfunc", 13) !=
		NULL)
		say(doctor, FINE, "it can load modules (Expand_dlfunc)");
	else
		say(doctor, TODO,
		    "it cannot load modules: install one that was built with "
		    "EXPAND_DLFUNC (Debian: exim4-daemon-heavy)");
	(void)kind_of_exim(doctor, &name);
	say(doctor, FINE, "its own dbm lookups read %s", name);
}

static void
find_user(struct doctor *doctor)
{
	const char *name = doctor->exim.user;
	const struct passwd *user = NULL;
	char *end;
	long id;

	if (name == NULL) {
		say(doctor, NOTE, "Exim does not tell as which user it runs");
		return;
	}
	id = strtol(name, &end, 10);
	user =
	    *end == '\0' && end != name ? getpwuid((uid_t)id) : getpwnam(name);
	doctor->user_known = user != NULL || (*end == '\0' && end != name);
	doctor->user = user != NULL ? user->pw_uid : (uid_t)id;
	say(doctor, FINE, "Exim runs as user '%s'",
	    user != NULL ? user->pw_name : name);
}

static void
look_at_directory(struct doctor *doctor)
{
	const char *directory = doctor->run->path.directory;
	struct stat st;

	if (stat(directory, &st) == -1 && errno == ENOENT) {
		say(doctor, doctor->run->path.in_spool ? NOTE : TODO,
		    doctor->run->path.in_spool ?
			"directory '%s' does not exist yet: it is made when "
			"mail comes in" :
			"directory '%s' does not exist: make it, for Exim's "
			"user",
		    directory);
		return;
	}
	if (stat(directory, &st) == -1)
		say(doctor, TODO, "directory '%s' cannot be seen: %s",
		    directory, strerror(errno));
	else if (doctor->user_known && st.st_uid != doctor->user)
		say(doctor, TODO,
		    "directory '%s' belongs to another user than Exim's, who "
		    "may not write there: chown %s '%s'",
		    directory, doctor->exim.user, directory);
	else if ((st.st_mode & S_IWUSR) == 0 || (st.st_mode & S_IWOTH) != 0)
		say(doctor, TODO, "directory '%s' has mode %03o: chmod 750 it",
		    directory, (unsigned)st.st_mode & 0777);
	else
		say(doctor, FINE, "directory '%s' can be written by Exim",
		    directory);
}

/* Perl, run by root, leaves such files. */
static void
look_at_owner(struct doctor *doctor, const char *ending)
{
	char name[PATH_MAX + GREY_DB_NAME_MAX + 16];
	struct stat st;

	(void)snprintf(name, sizeof(name), "%s/%s%s",
	    doctor->run->path.directory, doctor->run->path.file, ending);
	if (!doctor->user_known || stat(name, &st) == -1 ||
	    st.st_uid == doctor->user)
		return;
	say(doctor, TODO,
	    "'%s' belongs to another user than Exim's, who cannot use it: "
	    "chown --reference='%s' '%s'",
	    name, doctor->run->path.directory, name);
}

static bool
config_has(const struct doctor *doctor, const char *text)
{
	return doctor->exim.config != NULL &&
	    strstr(doctor->exim.config, text) != NULL;
}

/* Does a lookup of Exim's own name this file? */
static bool
is_looked_into(const struct doctor *doctor)
{
	const char *at = doctor->exim.config;
	char name[PATH_MAX + GREY_DB_NAME_MAX + 2], spooled[256];

	(void)snprintf(name, sizeof(name), "%s/%s}",
	    doctor->run->path.directory, doctor->run->path.file);
	(void)snprintf(spooled, sizeof(spooled),
	    "$spool_directory/" GREY_DB_DIRECTORY "/%s}",
	    doctor->run->path.file);
	if (at == NULL)
		return false;
	while ((at = strstr(at, "dbm")) != NULL) {
		at += strcspn(at, "{\n");
		if (*at == '{' &&
		    (strncmp(at + 1, name, strlen(name)) == 0 ||
			strncmp(at + 1, spooled, strlen(spooled)) == 0))
			return true;
	}
	return false;
}

static void
look_at_kind(struct doctor *doctor, const struct greydb_driver *driver)
{
	const char *wanted;
	const enum grey_kind kind = kind_of_exim(doctor, &wanted);
	const bool fits = (kind == GREY_KIND_GDBM && driver == &greydb_gdbm) ||
	    (kind == GREY_KIND_BDB && driver == &greydb_bdb);

	if (fits)
		say(doctor, FINE,
		    "the database is a %s file: Exim's own lookups read it",
		    driver->name);
	else
		say(doctor, is_looked_into(doctor) ? TODO : NOTE,
		    "the database is a %s file, and Exim's own lookups read "
		    "%s: for those use exigrey export --exim-dbm%s, or "
		    "${dlfunc{...}{record}{ITEM}}",
		    driver->name, wanted,
		    kind != GREY_KIND_ANY ? " or convert" : "");
}

static void
look_at_database(struct doctor *doctor)
{
	const struct grey_dbpath *path = &doctor->run->path;
	const struct greydb_driver *driver;
	struct grey_directory directory;
	struct grey_start start;
	enum grey_status status;
	struct grey_error err;
	int fd;

	look_at_owner(doctor, "");
	look_at_owner(doctor, ".lock");
	status = grey_directory_open(path, false, &directory, &err);
	if (status != GREY_OK) /* look_at_directory has told */
		return;
	status = grey_directory_start(&directory, path->file, O_RDONLY, &fd,
	    &start, &err);
	(void)close(directory.fd);
	if (status == GREY_NOT_FOUND)
		say(doctor, NOTE,
		    "no database '%s/%s' yet: it is made when mail comes in",
		    path->directory, path->file);
	else if (status != GREY_OK)
		say(doctor, TODO, "%s", err.text);
	if (status != GREY_OK)
		return;
	driver = greydb_driver_of(&start, path, &err);
	if (driver == NULL)
		say(doctor, TODO, "the database: %s", err.text);
	else if (!driver->recognizes(&start))
		say(doctor, TODO,
		    "'%s/%s' is no database: move it away, or name another DB",
		    path->directory, path->file);
	else
		look_at_kind(doctor, driver);
	(void)close(fd);
}

/* Finds {/PATH/exigrey.so} behind a dlfunc. */
static bool
find_module(struct doctor *doctor)
{
	const char *at = doctor->exim.config;

	while (at != NULL && (at = strstr(at, "dlfunc{")) != NULL) {
		const size_t length = strcspn(at += 7, "}\n ");
		if (length < PATH_MAX && length > strlen(MODULE) &&
		    strncmp(at + length - strlen(MODULE), MODULE,
			strlen(MODULE)) == 0) {
			(void)snprintf(doctor->module, PATH_MAX, "%.*s",
			    (int)length, at);
			return true;
		}
	}
	return false;
}

static void
look_at_module(struct doctor *doctor)
{
	char expression[PATH_MAX + 64], *said;
	bool works;

	(void)snprintf(expression, sizeof(expression), "${dlfunc{%s}{version}}",
	    doctor->module);
	works = exim_config_expand(&doctor->exim, expression, &said);
	if (!works)
		say(doctor, TODO, "'%s' does not load: %s", doctor->module,
		    said != NULL ? said : "Exim says nothing");
	else if (strcmp(said, EXIGREY_VERSION) != 0)
		say(doctor, TODO,
		    "'%s' is of version %s, this command of %s: make install",
		    doctor->module, said, EXIGREY_VERSION);
	else
		say(doctor, FINE, "'%s' loads, version %s", doctor->module,
		    said);
	free(said);
	(void)snprintf(expression, sizeof(expression), "exists{%s}",
	    doctor->module);
	if (!config_has(doctor, expression))
		say(doctor, TODO,
		    "the ACL does not guard the module: should '%s' be "
		    "missing, all mail gets a 451; write ${if exists{...}} as "
		    "in README",
		    doctor->module);
}

static void
look_at_config(struct doctor *doctor)
{
	if (doctor->exim.config == NULL) {
		say(doctor, TODO,
		    "Exim does not show its configuration: run this as root");
		return;
	}
	if (find_module(doctor)) {
		say(doctor, FINE, "the configuration names the module");
		look_at_module(doctor);
	} else
		say(doctor, TODO,
		    "the configuration does not name " MODULE
		    ": nothing is greylisted; see README, The ACL");
	if (config_has(doctor, "Exim::Grey") ||
	    config_has(doctor, "${perl{unseen}") ||
	    config_has(doctor, "${perl{seen}"))
		say(doctor, NOTE,
		    "the Perl module Exim::Grey may still be in use: see "
		    "README, Moving from Exim::Grey");
}

static void
look_at_preload(struct doctor *doctor)
{
	const char *option = doctor->exim.preload;

	if (doctor->module[0] == '\0')
		return;
	if (option != NULL && strstr(option, MODULE) != NULL)
		say(doctor, FINE, "the daemon loads it once for all");
	else
		say(doctor, NOTE,
		    "each connection loads the module anew (0.2 ms): README, "
		    "Load it once, saves that");
}

static void
look_at_purge(struct doctor *doctor)
{
	if (access("/run/systemd/system", F_OK) == 0) {
		if (access(TIMER_LINK, F_OK) == 0)
			say(doctor, FINE, "the purge is scheduled");
		else
			say(doctor, TODO,
			    "the purge is not scheduled: systemctl enable "
			    "--now exigrey-purge.timer");
	} else if (access(CRON_FILE, R_OK) == 0)
		say(doctor, FINE, "the purge is scheduled");
	else
		say(doctor, TODO,
		    "the purge is not scheduled: '%s' is missing (make "
		    "install)",
		    CRON_FILE);
}

/* Exim is asked as whoever called: it tells root more than others. */
static int
run_doctor(struct invocation *run)
{
	struct doctor doctor = { .run = run };
	struct grey_error err;
	enum grey_status status;

	status = exim_config_ask(&doctor.exim, &err);
	if (status == GREY_NOT_FOUND)
		say(&doctor, TODO,
		    "there is no Exim: neither exim4 nor exim is in PATH or "
		    "/usr/sbin");
	else if (status != GREY_OK)
		say(&doctor, TODO, "%s", err.text);
	else {
		look_at_exim(&doctor);
		find_user(&doctor);
		look_at_config(&doctor);
		look_at_preload(&doctor);
	}
	look_at_purge(&doctor);
	(void)fflush(stdout);
	status = database_begin(run, &err);
	if (status != GREY_OK)
		say(&doctor, TODO, "%s", err.text);
	else {
		look_at_directory(&doctor);
		if (doctor.exim.version != NULL)
			look_at_database(&doctor);
		database_end(run);
	}
	exim_config_end(&doctor.exim);
	if (!run->quiet && doctor.todo == 0)
		(void)puts("nothing needs doing; 'exigrey check' looks into "
			   "the database");
	return doctor.todo == 0 ? EXIT_DONE : EXIT_NOT_FOUND;
}

const struct command command_doctor = {
	.name = "doctor",
	.run = run_doctor,
	.max = 0,
	.usage = "",
	.summary = "look whether Exim, its ACL and the rights are as they "
		   "should be",
	.help =
	    "Asks the Exim that is installed, and says of each thing whether "
	    "it is as it\nshould be and what to do if not: can it load the "
	    "module, does its configuration\nname it, can its user write the "
	    "database, is the purge scheduled?  Exit status 1\nif anything "
	    "needs doing.  Run it as root: Exim shows its configuration to no "
	    "other.\n\n"
	    "    exigrey doctor\n",
};
