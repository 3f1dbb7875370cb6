#include "signals.h"

#include <stddef.h>

static volatile sig_atomic_t ended, hung_up;

static void
take_signal(int signal_number)
{
	if (signal_number == SIGHUP)
		hung_up = 1;
	else
		ended = 1;
}

void
signals_catch(sigset_t *waiting_r)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	const size_t count = sizeof(signals) / sizeof(signals[0]);
	const struct sigaction action = { .sa_handler = take_signal };
	sigset_t blocked;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&blocked);
	for (size_t i = 0; i < count; i++)
		(void)sigaddset(&blocked, signals[i]);
	(void)sigprocmask(SIG_BLOCK, &blocked, waiting_r);
	for (size_t i = 0; i < count; i++) {
		(void)sigdelset(waiting_r, signals[i]);
		(void)sigaction(signals[i], &action, NULL);
	}
}

void
signals_waiting(sigset_t *waiting_r)
{
	(void)sigprocmask(SIG_BLOCK, NULL, waiting_r);
	(void)sigdelset(waiting_r, SIGTERM);
	(void)sigdelset(waiting_r, SIGINT);
}

bool
signals_ended(void)
{
	return ended != 0;
}

bool
signals_hung_up(void)
{
	const bool came = hung_up != 0;

	hung_up = 0;
	return came;
}
