/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/hostcheck/hostcheck.h"
#include "gossip/base/check.h"

/* One option with its value; false when it is none. */
static bool take(struct host_facts *facts, const char *name, const char *value)
{
	if (strcmp(name, "--state-dir") == 0)
		facts->state_dir = value;
	else if (strcmp(name, "--neighbours") == 0)
		facts->neighbours = strtoull(value, NULL, 10);
	else if (strcmp(name, "--networks") == 0)
		facts->networks = (unsigned)strtoul(value, NULL, 10);
	else if (strcmp(name, "--port") == 0)
		facts->ports[facts->port_count++] = (uint16_t)strtoul(value, NULL, 10);
	else if (strcmp(name, "--subnet") == 0)
		return prefix_parse(value, &facts->subnets[facts->subnet_count++]) == 0;
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	size_t pairs = (size_t)argc / 2 + 1; /* no list has more */
	struct host_facts facts = {.state_dir = "/var/lib/weft",
				   .ports = calloc(pairs, sizeof(*facts.ports)),
				   .subnets = calloc(pairs, sizeof(*facts.subnets))};
	json_t *checks = json_array();

	WEFT_ASSERT(facts.ports != NULL && facts.subnets != NULL);
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 < argc && take(&facts, argv[i], argv[i + 1]))
			continue;
		fputs("weft-hostcheck: this program is started by weft diag\n", stderr);
		json_decref(checks);
		free(facts.ports);
		free(facts.subnets);
		return 2;
	}
	check_disk(checks, &facts);
	check_sysctls(checks, &facts);
	check_neighbours(checks, &facts);
	check_forward(checks, &facts);
	check_vxlans(checks, &facts);
	check_routes(checks, &facts);
	check_features(checks);
	json_dumpf(checks, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(checks);
	free(facts.ports);
	free(facts.subnets);
	return fflush(stdout) == 0 ? 0 : 1;
}
