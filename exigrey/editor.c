#include "editor.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <paths.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "complain.h"

/* What goes over the channel before a text. */
struct message {
	size_t question; /* its length; from the editor: unused */
	size_t size;
	bool abandoned; /* from the editor only */
};

static bool
send_all(int fd, const void *data, size_t size)
{
	for (const char *p = data; size > 0;) {
		/* No SIGPIPE: that the other side is gone is an error. */
		ssize_t n = send(fd, p, size, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return false;
		p += n;
		size -= (size_t)n;
	}
	return true;
}

static bool
receive_all(int fd, void *data, size_t size)
{
	for (char *p = data; size > 0;) {
		ssize_t n = recv(fd, p, size, 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		size -= (size_t)n;
	}
	return true;
}

/* Receives a text into memory that is for the caller to free. */
static char *
receive_text(int fd, size_t size)
{
	char *text = size == SIZE_MAX ? NULL : malloc(size + 1);

	if (text == NULL || !receive_all(fd, text, size)) {
		free(text);
		return NULL;
	}
	text[size] = '\0';
	return text;
}

/* Asks on the terminal; anything but "n" and "no" is yes. */
static bool
ask(const char *question)
{
	char answer[16] = "";
	FILE *terminal = fopen(_PATH_TTY, "r+");
	bool yes = false;

	if (terminal == NULL)
		return false;
	(void)fprintf(terminal, "%s", question);
	(void)fflush(terminal);
	if (fgets(answer, sizeof(answer), terminal) != NULL)
		yes = answer[0] != 'n' && answer[0] != 'N';
	(void)fclose(terminal);
	return yes;
}

/* What would end this process before the file is removed. */
static void
set_signals(void (*disposition)(int))
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)signal(signals[i], disposition);
}

static const char *
editor_name(void)
{
	static const char *const names[] = { "VISUAL", "EDITOR" };

	for (size_t i = 0; i < 2; i++) {
		const char *name = getenv(names[i]);
		if (name != NULL && name[0] != '\0')
			return name;
	}
	return access("/usr/bin/editor", X_OK) == 0 ? "/usr/bin/editor" : "vi";
}

/*
 * Runs the editor on the file, through the shell as everybody does: the
 * variable may hold arguments.
 */
static bool
run_editor(const char *file)
{
	char command[PATH_MAX];
	int status;
	pid_t pid;

	if ((size_t)snprintf(command, sizeof(command), "%s \"$@\"",
		editor_name()) >= sizeof(command))
		return false;
	pid = fork();
	if (pid == 0) {
		set_signals(SIG_DFL);
		(void)execl(_PATH_BSHELL, "sh", "-c", command, editor_name(),
		    file, (char *)NULL);
		_exit(127);
	}
	while (pid != -1 && waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return false;
	if (pid != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	complain("the editor '%s' failed: nothing was changed", editor_name());
	return false;
}

static bool
write_text(const char *file, const char *text, size_t size)
{
	const int fd =
	    open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *out = fd != -1 ? fdopen(fd, "w") : NULL;
	bool ok;

	if (out == NULL) {
		if (fd != -1)
			(void)close(fd);
		return false;
	}
	ok = fwrite(text, 1, size, out) == size;
	return fclose(out) == 0 && ok;
}

static char *
read_text(const char *file, size_t *size_r)
{
	FILE *in = fopen(file, "r");
	struct stat st;
	char *text = NULL;

	if (in != NULL && fstat(fileno(in), &st) == 0 &&
	    (text = malloc((size_t)st.st_size + 1)) != NULL)
		*size_r = fread(text, 1, (size_t)st.st_size, in);
	if (in != NULL)
		(void)fclose(in);
	return text;
}

/* One round; returns false if the other side has gone. */
static bool
serve(int channel, const char *file)
{
	struct message message;
	char *question, *text = NULL;
	size_t size = 0;
	bool ok = false;

	if (!receive_all(channel, &message, sizeof(message)) ||
	    (question = receive_text(channel, message.question)) == NULL)
		return false;
	text = receive_text(channel, message.size);
	if (text != NULL && (question[0] == '\0' || ask(question))) {
		ok = write_text(file, text, message.size);
		if (!ok)
			complain("cannot write '%s': %s", file,
			    strerror(errno));
		ok = ok && run_editor(file);
	}
	free(question);
	free(text);
	text = ok ? read_text(file, &size) : NULL;
	message = (struct message){ .size = size, .abandoned = text == NULL };
	ok = send_all(channel, &message, sizeof(message)) &&
	    (text == NULL || send_all(channel, text, size));
	free(text);
	return ok;
}

/*
 * Could another user take away what we make there, and put something else in
 * its place?
 */
static bool
is_unsafe(const char *directory)
{
	struct stat st;

	return stat(directory, &st) == 0 &&
	    ((st.st_uid != 0 && st.st_uid != geteuid()) ||
		(st.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH);
}

/* Makes a directory of our own, for the editor's backups and swap files too. */
static bool
make_directory(char directory_r[PATH_MAX])
{
	const char *temporary = getenv("TMPDIR");

	if (temporary == NULL || temporary[0] == '\0')
		temporary = "/tmp";
	if (is_unsafe(temporary)) {
		complain("others can change what lies in '%s': name another "
			 "directory in TMPDIR",
		    temporary);
		return false;
	}
	/* Room is left for a file in it. */
	if (snprintf(directory_r, PATH_MAX, "%s/exigrey-edit-XXXXXX",
		temporary) < PATH_MAX - NAME_MAX &&
	    mkdtemp(directory_r) != NULL)
		return true;
	complain("cannot make a directory in '%s': %s", temporary,
	    strerror(errno));
	return false;
}

/* Removes the directory and all files in it. */
static void
remove_directory(const char *directory)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir != NULL)
		(void)closedir(dir);
	(void)rmdir(directory);
}

static int
editor_process(int channel)
{
	char directory[PATH_MAX], file[PATH_MAX];

	set_signals(SIG_IGN);
	if (!make_directory(directory))
		return EXIT_FAILURE;
	(void)strlcpy(file, directory, sizeof(file));
	(void)strlcat(file, "/records", sizeof(file));
	while (serve(channel, file))
		continue;
	remove_directory(directory);
	return EXIT_SUCCESS;
}

enum grey_status
editor_begin(struct editor *editor, struct grey_error *err)
{
	int channel[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) == -1)
		return grey_fail(err, GREY_FAILED, "cannot make a socket: %s",
		    strerror(errno));
	/* ^C in the editor is the editor's. */
	(void)signal(SIGINT, SIG_IGN);
	editor->process = fork();
	if (editor->process == -1)
		return grey_fail(err, GREY_FAILED, "cannot fork: %s",
		    strerror(errno));
	if (editor->process == 0) {
		(void)close(channel[0]);
		_exit(editor_process(channel[1]));
	}
	(void)close(channel[1]);
	editor->channel = channel[0];
	return GREY_OK;
}

enum grey_status
editor_edit(struct editor *editor, const char *question, const char *text,
    size_t size, char **text_r, size_t *size_r, struct grey_error *err)
{
	struct message message = { .question =
				       question == NULL ? 0 : strlen(question),
		.size = size };

	if (!send_all(editor->channel, &message, sizeof(message)) ||
	    !send_all(editor->channel, question, message.question) ||
	    !send_all(editor->channel, text, size) ||
	    !receive_all(editor->channel, &message, sizeof(message)))
		return grey_fail(err, GREY_FAILED,
		    "the editor's process has ended");
	if (message.abandoned)
		return GREY_NOT_FOUND;
	*text_r = receive_text(editor->channel, message.size);
	*size_r = message.size;
	return *text_r != NULL ?
	    GREY_OK :
	    grey_fail(err, GREY_FAILED, "cannot get the edited text back");
}

void
editor_end(struct editor *editor)
{
	if (editor->process <= 0)
		return;
	(void)close(editor->channel);
	(void)waitpid(editor->process, NULL, 0);
	editor->process = 0;
	(void)signal(SIGINT, SIG_DFL);
}
