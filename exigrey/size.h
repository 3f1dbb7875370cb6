/* Sizes for people: "512 B", "145.3 MB". */
#ifndef EXIGREY_SIZE_H
#define EXIGREY_SIZE_H

#include <stdint.h>

#define SIZE_TEXT 16

/* Writes bytes (not negative) with a decimal unit.  Returns text. */
const char *size_text(int64_t bytes, char text[SIZE_TEXT]);

#endif
