/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/hostcheck/hostcheck.h"
#include "gossip/base/check.h"
#include "gossip/base/err.h"

void host_add(json_t *checks, const char *check, const char *verdict, const char *remedy,
	      const char *fmt, ...)
{
	char text[WEFT_ERR_BYTES];
	va_list args;

	WEFT_ASSERT((remedy == NULL) == (strcmp(verdict, "ok") == 0));
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_array_append_new(checks,
			      json_pack("{s:s,s:n,s:s,s:s,s:s?}", "check", check, "peer", "verdict",
					verdict, "measured", text, "remedy", remedy));
}

/* One option with its value; false when it is none. */
static bool take(struct host_facts *facts, const char *name, const char *value)
{
	if (strcmp(name, "--state-dir") == 0)
		facts->state_dir = value;
	else if (strcmp(name, "--neighbours") == 0)
		facts->neighbours = strtoull(value, NULL, 10);
	else if (strcmp(name, "--networks") == 0)
		facts->networks = (unsigned)strtoul(value, NULL, 10);
	else if (strcmp(name, "--port") == 0 && facts->port_count < HOST_LIST_MAX)
		facts->ports[facts->port_count++] = (uint16_t)strtoul(value, NULL, 10);
	else if (strcmp(name, "--subnet") == 0 && facts->subnet_count < HOST_LIST_MAX)
		return prefix_parse(value, &facts->subnets[facts->subnet_count++]) == 0;
	else
		return strcmp(name, "--port") == 0 || strcmp(name, "--subnet") == 0;
	return true;
}

int main(int argc, char **argv)
{
	struct host_facts facts = {.state_dir = "/var/lib/weft"};
	json_t *checks = json_array();

	for (int i = 1; i < argc; i += 2) {
		if (i + 1 < argc && take(&facts, argv[i], argv[i + 1]))
			continue;
		fputs("weft-hostcheck: this program is started by weft diag\n", stderr);
		json_decref(checks);
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
	return fflush(stdout) == 0 ? 0 : 1;
}
