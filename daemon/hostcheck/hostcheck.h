/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * weft-hostcheck: checks of one host for `weft diag`, with or without weftd. It prints a JSON array
 * of checks in the form of daemon/diag/check_row.h and changes nothing; what weft needs of the
 * kernel is tried in a namespace that goes away with the process.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "overlay/linux/linux_look.h"

/* What is known of the host's part in the cluster. */
struct host_facts {
	const char *state_dir;
	uint64_t neighbours; /* of members, and of boxes and their gateways */
	unsigned networks;   /* that stand here */
	size_t port_count, subnet_count;
	uint16_t *ports;
	struct prefix *subnets;
};

/* Adds a check; remedy is NULL for verdict "ok". */
void host_add(json_t *checks, const char *check, const char *verdict, const char *remedy,
	      const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Each adds what it finds, one "ok" when that is nothing. */
void check_disk(json_t *checks, const struct host_facts *facts);
/* Are so many bytes of all little enough to warn? */
bool disk_is_low(uint64_t left, uint64_t all);
void check_sysctls(json_t *checks, const struct host_facts *facts);
void check_neighbours(json_t *checks, const struct host_facts *facts);

/* The part of check_neighbours that only judges; want: entries that members and boxes may need. */
void neighbours_judge(json_t *checks, const struct look_neighbours *table, uint64_t want);

void check_forward(json_t *checks, const struct host_facts *facts);
void check_vxlans(json_t *checks, const struct host_facts *facts);
void check_routes(json_t *checks, const struct host_facts *facts);

/* Leaves this process in a namespace of its own. */
void check_features(json_t *checks);
