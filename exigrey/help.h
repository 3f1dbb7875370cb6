/* The help: of exigrey, and of each command, made of the tables. */
#ifndef EXIGREY_HELP_H
#define EXIGREY_HELP_H

#include <stdio.h>

#include "command.h"

/* Writes what exigrey is and which commands it has. */
void help_overview(FILE *file);

/* Writes usage, text and options of a command. */
void help_command(const struct command *command, FILE *file);

/* Writes its usage line: "exigrey list [OPTION]... [FILTER]". */
void help_usage(const struct command *command, FILE *file);

#endif
