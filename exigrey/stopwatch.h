/* How long something took. */
#ifndef EXIGREY_STOPWATCH_H
#define EXIGREY_STOPWATCH_H

#include <stdint.h>

/* Returns a monotonic clock, in milliseconds. */
int64_t stopwatch(void);

#endif
