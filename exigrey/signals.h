/*
 * Signals of a process that stays: they end its waiting, never what it is
 * doing.  SIGTERM and SIGINT end it, SIGHUP lets it read its files anew.
 */
#ifndef EXIGREY_SIGNALS_H
#define EXIGREY_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/*
 * From now on these signals are taken while *waiting_r is the mask, as ppoll(2)
 * sets it; SIGPIPE is ignored.
 */
void signals_catch(sigset_t *waiting_r);

/*
 * The mask for waits within other work, whether or not signals_catch was
 * called: that of now, with SIGTERM and SIGINT let in.
 */
void signals_waiting(sigset_t *waiting_r);

/* Has SIGTERM or SIGINT come? */
bool signals_ended(void);

/* Has SIGHUP come since this was asked last? */
bool signals_hung_up(void);

#endif
