/*
 * What a look-up in a whitelist of networks costs: whitelist [COUNT]; prints
 * nanoseconds for addresses that are in it and for others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "netlist.h"

#define LOOKUPS 2000000

static double
now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static struct grey_network
random_address(bool ipv4)
{
	struct grey_network address = { .ipv4 = ipv4,
		.prefix = ipv4 ? 32 : 128 };

	for (int i = 0; i < (ipv4 ? 4 : 16); i++)
		address.bytes[i] = (uint8_t)(random() >> 8);
	return address;
}

int
main(int argc, char *argv[])
{
	const long count = argc > 1 ? atol(argv[1]) : 100000;
	struct grey_netlist list = { .entries = NULL };
	static struct grey_network asked[4096];
	long found = 0;
	double start;

	srandom(1);
	for (long i = 0; i < count; i++) {
		const struct grey_network address = random_address(i % 4 != 0);
		const struct grey_network network = grey_network_of(&address,
		    16 + (unsigned int)(random() % 17),
		    32 + (unsigned int)(random() % 97));

		if (grey_netlist_add(&list, &network, (int)i + 1, NULL) !=
		    GREY_OK)
			return 2;
	}
	start = now();
	grey_netlist_sort(&list);
	(void)printf("%ld networks sorted: %.0f ms\n", count,
	    (now() - start) / 1e6);
	for (int i = 0; i < 4096; i++)
		asked[i] = i % 2 == 0 ?
		    list.entries[(size_t)random() % list.count].network :
		    random_address(random() % 4 != 0);
	start = now();
	for (int i = 0; i < LOOKUPS; i++)
		found += grey_netlist_find(&list, &asked[i & 4095]) != 0;
	(void)printf("%ld networks: %.0f ns a look-up (%.0f %% found)\n", count,
	    (now() - start) / LOOKUPS, 100.0 * (double)found / LOOKUPS);
	grey_netlist_free(&list);
	return 0;
}
