#include "postfix.h"

#include <stddef.h>
#include <string.h>

static const struct attribute {
	const char *name;
	size_t offset;
} attributes[] = {
#define ATTRIBUTE(name) \
	{ \
#name, offsetof(struct postfix_request, name) \
	}
	ATTRIBUTE(request), ATTRIBUTE(protocol_state),
	ATTRIBUTE(client_address), ATTRIBUTE(client_name), ATTRIBUTE(sender),
	ATTRIBUTE(recipient), ATTRIBUTE(instance)
#undef ATTRIBUTE
};

static void
set(struct postfix_request *request, struct grey_bytes name,
    struct grey_bytes value)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]);
	     i++) {
		char *place = (char *)request + attributes[i].offset;

		if (!grey_bytes_equal(name, grey_bytes_of(attributes[i].name)))
			continue;
		if (value.size > POSTFIX_VALUE)
			value.size = POSTFIX_VALUE;
		memcpy(place, value.data, value.size);
		place[value.size] = '\0';
	}
}

bool
postfix_take(struct postfix_request *request, struct grey_bytes line,
    postfix_warn_fn *warn, void *arg)
{
	const char *equals;
	struct grey_bytes name = line, value;

	if (line.size == 0)
		return request->begun;
	request->begun = true;
	equals = memchr(line.data, '=', line.size);
	if (equals == NULL || equals == line.data) {
		warn(arg, line);
		return false;
	}
	name.size = (size_t)(equals - line.data);
	value.data = equals + 1;
	value.size = line.size - name.size - 1;
	set(request, name, value);
	return false;
}

bool
postfix_is_policy(const struct postfix_request *request)
{
	return strcmp(request->request, "smtpd_access_policy") == 0;
}

void
postfix_forget(struct postfix_request *request)
{
	memset(request, 0, sizeof(*request));
}
