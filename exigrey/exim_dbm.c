#include "exim_dbm.h"

#include <limits.h>
#include <string.h>

#include "complain.h"
#include "escape.h"
#include "exim_program.h"
#include "key.h"
#include "record.h"

#define ITEM_MAX 255 /* exim_dbmbuild's limit */

bool
exim_dbm_find(char path_r[PATH_MAX])
{
	static const char *const names[] = { "exim_dbmbuild", NULL };

	return exim_program_find(names, path_r);
}

/* A quoted string, whose escapes are Exim's: \ooo is one. */
static void
put_quoted(FILE *file, struct grey_bytes bytes)
{
	(void)putc('"', file);
	for (size_t i = 0; i < bytes.size; i++)
		if (bytes.data[i] == '"')
			(void)fputs("\\042", file);
		else
			escape_text(file,
			    (struct grey_bytes){ bytes.data + i, 1 });
	(void)putc('"', file);
}

bool
exim_dbm_write(FILE *file, struct grey_bytes key, struct grey_bytes value)
{
	const struct grey_bytes text = grey_record_text(value);
	struct grey_bytes item;

	if (!grey_item_of_key(key, &item) || item.size > ITEM_MAX ||
	    memchr(item.data, '\0', item.size) != NULL ||
	    memchr(text.data, '\n', text.size) != NULL)
		return false;
	put_quoted(file, item);
	(void)fprintf(file, ": %.*s\n", (int)text.size, text.data);
	return true;
}

bool
exim_dbm_build(const char *program, const char *lines, const char *made)
{
	const char *const argv[] = { program, "-nolc", lines, made, NULL };
	char said[256] = "it says nothing", line[256];
	FILE *output = NULL;
	pid_t pid;
	int error = exim_program_start(argv, &pid, &output);

	if (error != 0) {
		complain("cannot run %s: %s", program, strerror(error));
		return false;
	}
	/* What went wrong stands in its first line. */
	for (bool first = true;
	     output != NULL && fgets(line, sizeof(line), output) != NULL;
	     first = false)
		if (first)
			(void)strlcpy(said, line, sizeof(said));
	if (output != NULL)
		(void)fclose(output);
	if (exim_program_wait(pid) == 0)
		return true;
	said[strcspn(said, "\n")] = '\0';
	complain("%s fails: %s", program, said);
	return false;
}
