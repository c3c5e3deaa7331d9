/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Leases as the disks have them: no address has two owners among members that were not removed.
 */
#include <string.h>

#include "checks_parts.h"

void leases_event(struct sim *sim, struct sim_host *host, const struct node_event *event)
{
	(void)sim;
	(void)host;
	(void)event;
}

void leases_update(struct sim *sim, struct sim_host *host, const struct node_update *update)
{
	(void)sim;
	(void)host;
	(void)update;
}

void check_answer(struct sim *sim, struct sim_host *host, const struct sim_request *request,
		  const struct node_answer *answer)
{
	(void)sim;
	(void)host;
	(void)request;
	(void)answer;
}

void leases_write(struct sim *sim, struct sim_host *host, const struct write *write)
{
	struct sim_owner key, *owner;
	char network[ID_TEXT_BYTES], address[INET_TEXT_BYTES];
	bool holds = write->kind == WRITE_LEASE && !write->lease.cooling;

	if (write->kind != WRITE_LEASE && write->kind != WRITE_LEASE_DROP)
		return;
	memset(&key, 0, sizeof(key));
	key.network = write->lease.network;
	key.address = write->lease.address;
	owner = map_insert(&sim->owners, &key, NULL);
	check_look(sim, CHECKER_ONE_LEASE);
	if (!holds) {
		if (owner->held && owner->host == host->index)
			owner->held = false;
		return;
	}
	/* Removed, but not told yet: what it leases counts no more, whoever else has it. */
	if (host->state == HOST_REMOVED)
		return;
	if (owner->held && sim->hosts[owner->host].state != HOST_REMOVED &&
	    (owner->host != host->index || !id_eq(&owner->endpoint, &write->lease.endpoint))) {
		id_format(&key.network, network);
		inet_format(&key.address, address);
		check_fail(sim, CHECKER_ONE_LEASE,
			   "address %s of network %.8s is leased by host %zu and host %zu", address,
			   network, owner->host, host->index);
		return;
	}
	if (ipamdb_is_guarded(node_ipamdb(host->node)) &&
	    !(owner->held && owner->host == host->index)) {
		check_fail(sim, CHECKER_FENCED,
			   "host %zu leases anew although nobody has met it since its reboot",
			   host->index);
		return;
	}
	owner->held = true;
	owner->host = host->index;
	owner->endpoint = write->lease.endpoint;
}
