#define PCRE2_CODE_UNIT_WIDTH 8

#include "regex.h"

#include <pcre2.h>
#include <stdlib.h>

#include "library.h"

#define LIBRARY "libpcre2-8.so.0"

/* The functions of the library that are used here. */
struct pcre2 {
	void *library;
	__typeof__(pcre2_compile) *compile;
	__typeof__(pcre2_match) *match;
	__typeof__(pcre2_match_data_create_from_pattern) *match_data;
	__typeof__(pcre2_match_data_free) *match_data_free;
	__typeof__(pcre2_code_free) *code_free;
	__typeof__(pcre2_get_error_message) *error_message;
};

struct grey_regex {
	struct pcre2 pcre2; /* a reference of its own to the library */
	pcre2_code *code;
	pcre2_match_data *match;
};

static enum grey_status
load(struct pcre2 *pcre2, struct grey_error *err)
{
	const struct grey_symbol wanted[] = {
		{ GREY_NAME_OF(pcre2_compile), &pcre2->compile },
		{ GREY_NAME_OF(pcre2_match), &pcre2->match },
		{ GREY_NAME_OF(pcre2_match_data_create_from_pattern),
		    &pcre2->match_data },
		{ GREY_NAME_OF(pcre2_match_data_free),
		    &pcre2->match_data_free },
		{ GREY_NAME_OF(pcre2_code_free), &pcre2->code_free },
		{ GREY_NAME_OF(pcre2_get_error_message),
		    &pcre2->error_message },
	};

	return grey_library_load("a regular expression", LIBRARY, wanted,
	    sizeof(wanted) / sizeof(wanted[0]), &pcre2->library, err);
}

/* Says why an expression does not compile. */
static enum grey_status
refuse(const struct pcre2 *pcre2, int error, size_t at, struct grey_error *err)
{
	PCRE2_UCHAR why[128];

	(void)pcre2->error_message(error, why, sizeof(why));
	return grey_fail(err, GREY_INVALID, "byte %zu: %s", at + 1,
	    (const char *)why);
}

enum grey_status
grey_regex_compile(struct grey_bytes text, struct grey_regex **regex_r,
    struct grey_error *err)
{
	struct grey_regex *regex = calloc(1, sizeof(*regex));
	enum grey_status status;
	PCRE2_SIZE at;
	int error;

	if (regex == NULL)
		return grey_fail(err, GREY_FAILED, "out of memory");
	status = load(&regex->pcre2, err);
	if (status != GREY_OK) {
		free(regex);
		return status;
	}
	regex->code = regex->pcre2.compile((PCRE2_SPTR)text.data, text.size,
	    PCRE2_CASELESS, &error, &at, NULL);
	if (regex->code == NULL) {
		status = refuse(&regex->pcre2, error, at, err);
		grey_regex_free(regex);
		return status;
	}
	regex->match = regex->pcre2.match_data(regex->code, NULL);
	if (regex->match == NULL) {
		grey_regex_free(regex);
		return grey_fail(err, GREY_FAILED, "out of memory");
	}
	*regex_r = regex;
	return GREY_OK;
}

bool
grey_regex_matches(const struct grey_regex *regex, struct grey_bytes text)
{
	return regex->pcre2.match(regex->code, (PCRE2_SPTR)text.data, text.size,
		   0, 0, regex->match, NULL) >= 0;
}

void
grey_regex_free(struct grey_regex *regex)
{
	if (regex == NULL)
		return;
	if (regex->match != NULL)
		regex->pcre2.match_data_free(regex->match);
	if (regex->code != NULL)
		regex->pcre2.code_free(regex->code);
	grey_library_close(regex->pcre2.library);
	free(regex);
}
