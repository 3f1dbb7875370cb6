/*
 * What exigrey.so would be if it had no database: the same functions, whose
 * answers are in the key's name.  Senders of smtpload whose names start with
 * an n are new.
 */
#include <stddef.h>

#define EXPORTED __attribute__((visibility("default")))

typedef unsigned char uschar;

int unseen(uschar **yield, int argc, uschar *argv[]);
int wait(uschar **yield, int argc, uschar *argv[]);
int version(uschar **yield, int argc, uschar *argv[]);

EXPORTED int
unseen(uschar **yield, int argc, uschar *argv[])
{
	static uschar yes[] = "yes", no[] = "no";

	*yield = argc > 0 && argv[0][0] == '<' && argv[0][1] == 'n' ? yes : no;
	return 0;
}

EXPORTED int
wait(uschar **yield, int argc, uschar *argv[])
{
	static uschar seconds[] = "600";

	(void)argc;
	(void)argv;
	*yield = seconds;
	return 0;
}

EXPORTED int
version(uschar **yield, int argc, uschar *argv[])
{
	static uschar text[] = "floor";

	(void)argc;
	(void)argv;
	*yield = text;
	return 0;
}
