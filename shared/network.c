#include "network.h"

#include <arpa/inet.h>

#include <string.h>

#include "number.h"

static unsigned int
bits_of(const struct grey_network *network)
{
	return network->ipv4 ? 32 : 128;
}

/* ::ffff:a.b.c.d becomes a.b.c.d. */
static void
unmap(struct grey_network *network)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (memcmp(network->bytes, mapped, sizeof(mapped)) != 0)
		return;
	memmove(network->bytes, network->bytes + 12, 4);
	memset(network->bytes + 4, 0, 12);
	network->ipv4 = true;
}

bool
grey_address_parse(struct grey_bytes text, struct grey_network *network_r)
{
	struct grey_network network = { .prefix = 0 };
	char copy[GREY_ADDRESS_TEXT];
	const char *zone;

	if (text.size > 1 && text.data[0] == '[' &&
	    text.data[text.size - 1] == ']') {
		text.data++;
		text.size -= 2;
	}
	zone = text.size == 0 ? NULL : memchr(text.data, '%', text.size);
	if (zone != NULL)
		text.size = (size_t)(zone - text.data);
	if (text.size == 0 || text.size >= sizeof(copy) ||
	    memchr(text.data, '\0', text.size) != NULL)
		return false;
	memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	if (inet_pton(AF_INET, copy, network.bytes) == 1)
		network.ipv4 = true;
	else if (inet_pton(AF_INET6, copy, network.bytes) == 1)
		unmap(&network);
	else
		return false;
	network.prefix = bits_of(&network);
	*network_r = network;
	return true;
}

static void
mask(struct grey_network *network, unsigned int prefix)
{
	const unsigned int whole = prefix / 8;

	network->prefix = prefix;
	if (whole >= sizeof(network->bytes))
		return;
	network->bytes[whole] &= (uint8_t)(0xff00U >> prefix % 8);
	memset(network->bytes + whole + 1, 0,
	    sizeof(network->bytes) - whole - 1);
}

bool
grey_network_parse(struct grey_bytes text, struct grey_network *network_r)
{
	struct grey_bytes address = text, number;
	const char *slash =
	    text.size == 0 ? NULL : memchr(text.data, '/', text.size);
	int64_t prefix;

	if (slash == NULL)
		return grey_address_parse(text, network_r);
	address.size = (size_t)(slash - text.data);
	number.data = slash + 1;
	number.size = text.size - address.size - 1;
	if (!grey_address_parse(address, network_r) ||
	    !grey_number_parse(number, &prefix))
		return false;
	/* ::ffff:192.0.2.0/120 is 192.0.2.0/24. */
	if (network_r->ipv4 && memchr(address.data, ':', address.size) != NULL)
		prefix -= 96;
	if (prefix < 0 || prefix > bits_of(network_r))
		return false;
	mask(network_r, (unsigned int)prefix);
	return true;
}

struct grey_network
grey_network_of(const struct grey_network *address, unsigned int ipv4_prefix,
    unsigned int ipv6_prefix)
{
	struct grey_network network = *address;

	mask(&network, network.ipv4 ? ipv4_prefix : ipv6_prefix);
	return network;
}

bool
grey_network_holds(const struct grey_network *network,
    const struct grey_network *address)
{
	struct grey_network of = *address;

	if (network->ipv4 != address->ipv4)
		return false;
	mask(&of, network->prefix);
	return memcmp(of.bytes, network->bytes, sizeof(of.bytes)) == 0;
}

const char *
grey_address_text(const struct grey_network *network,
    char text[GREY_ADDRESS_TEXT])
{
	(void)inet_ntop(network->ipv4 ? AF_INET : AF_INET6, network->bytes,
	    text, GREY_ADDRESS_TEXT);
	return text;
}
