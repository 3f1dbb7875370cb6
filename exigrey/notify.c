#include "notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
notify_systemd(const char *state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t size;
	int fd;

	if (path == NULL ||
	    strlcpy(address.sun_path, path, sizeof(address.sun_path)) >=
		sizeof(address.sun_path))
		return;
	size = offsetof(struct sockaddr_un, sun_path) + strlen(path);
	/* An abstract name has a NUL there. */
	if (address.sun_path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL,
	    (struct sockaddr *)&address, (socklen_t)size);
	(void)close(fd);
}
