/* Control files of Courier's, separated by a NUL. */
#include "fuzz.h"

#include <string.h>

#include "../../exigrey/courier.h"
#include "network.h"

static void
check_envelope(const struct courier_request *request)
{
	struct grey_network address;
	struct grey_envelope envelope;
	struct grey_error err = { "" };
	size_t lines = 0;

	if (courier_envelope(request, &envelope, &err) != GREY_OK) {
		require(err.text[0] != '\0');
		return;
	}
	require(envelope.sender.data != NULL);
	require(envelope.client.size == 0 ||
	    grey_address_parse(envelope.client, &address));
	require(memchr(envelope.name.data != NULL ? envelope.name.data : "",
		    ' ', envelope.name.size) == NULL);
	for (size_t i = 0; i < envelope.recipients.size; i++)
		lines += envelope.recipients.data[i] == '\n';
	require(lines <= request->recipient_count);
	require(envelope.recipients.size == 0 ||
	    envelope.recipients.data[envelope.recipients.size - 1] == '\n');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct courier_request request = { .names = 2 };
	struct grey_bytes rest = fuzz_bytes(data, size);
	struct grey_error err = { "" };

	while (rest.size > 0) {
		const char *end = memchr(rest.data, '\0', rest.size);
		struct grey_bytes text = rest;

		if (end != NULL)
			text.size = (size_t)(end - rest.data);
		require(courier_control(&request, text, &err) == GREY_OK);
		rest.data += text.size + (end != NULL);
		rest.size -= text.size + (end != NULL);
	}
	check_envelope(&request);
	courier_forget(&request);
	return 0;
}
