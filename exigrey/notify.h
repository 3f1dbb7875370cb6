/* What systemd is told about a service (sd_notify(3)), without its library. */
#ifndef EXIGREY_NOTIFY_H
#define EXIGREY_NOTIFY_H

/* Sends "READY=1" or another state, if systemd wants to know (NOTIFY_SOCKET). */
void notify_systemd(const char *state);

#endif
