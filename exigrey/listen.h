/* Sockets of the local domain that listen. */
#ifndef EXIGREY_LISTEN_H
#define EXIGREY_LISTEN_H

#include <sys/types.h>

#include "status.h"

#define LISTEN_FIRST 3  /* descriptor of systemd's sockets */
#define LISTEN_MAX   16 /* sockets of systemd's */

/*
 * Makes a socket with that mode.  It appears there once it listens; one that
 * nobody listens at any more is replaced.
 * Returns GREY_OK with *fd_r, or GREY_FAILED.
 */
enum grey_status
listen_at(const char *path, mode_t mode, int *fd_r, struct grey_error *err);

/*
 * The sockets that systemd has opened for us (sd_listen_fds(3)): descriptors
 * from LISTEN_FIRST on.  Returns how many; 0: none.
 */
int listen_activated(void);

#endif
