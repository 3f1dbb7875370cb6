#include "session.h"

#include <sys/mman.h>

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
read_boot_id(char boot_id[GREY_BOOT_ID + 1])
{
	ssize_t n = -1;
	int fd;

	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		n = read(fd, boot_id, GREY_BOOT_ID);
		(void)close(fd);
	}
	/* Without one every boot looks the same: a crash is then not seen. */
	if (n != GREY_BOOT_ID || strcspn(boot_id, " \n") < GREY_BOOT_ID)
		(void)memset(boot_id, '-', GREY_BOOT_ID);
	boot_id[GREY_BOOT_ID] = '\0';
}

void
grey_session_init(struct grey_session *session, grey_log_fn *log, void *log_arg)
{
	*session = (struct grey_session){ .log = log,
		.log_arg = log_arg,
		.boot_id = "-",
		.sync_sink = -1 };
	grey_session_complete(session);
}

void
grey_session_complete(struct grey_session *session)
{
	if (session->boot_id[0] == '-')
		read_boot_id(session->boot_id);
	if (session->sync_sink == -1)
		session->sync_sink = memfd_create("exigrey", MFD_CLOEXEC);
}

void
grey_session_end(struct grey_session *session)
{
	if (session->sync_sink != -1)
		(void)close(session->sync_sink);
	session->sync_sink = -1;
}

void
grey_session_log(const struct grey_session *session, const char *format, ...)
{
	char text[700];
	va_list ap;

	if (session->log == NULL)
		return;
	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	session->log(session->log_arg, text);
}
