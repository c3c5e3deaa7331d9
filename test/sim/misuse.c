/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What people do that they should not, or not twice: they detach what is not there, ask for
 * addresses that others have, release late, double and what is in use, remove networks under each
 * other's hands. Nodes refuse or do it; what must be refused is said with the request.
 */
#include <string.h>

#include "faults.h"
#include "gossip/base/check.h"
#include "ipamdb/query.h"

#define MISUSE_BOUND_MS 40000

static bool is_member(const struct sim_host *host)
{
	return host->running && host->state == HOST_UP && host->joined;
}

static bool has_boxes(const struct sim_host *host)
{
	return is_member(host) && host->endpoint_count > 0;
}

static const struct id *network_pick(struct sim *sim)
{
	return sim->network_count ? &sim->networks[sim_draw(sim, sim->network_count)] : NULL;
}

/* --- detaches --------------------------------------------------------------------------------- */

static bool detach_foreign(struct sim *sim)
{
	struct sim_host *owner = host_pick(sim, has_boxes), *host = host_pick(sim, is_member);
	struct node_request request = {.kind = NODE_DETACH};

	if (!owner || !host || host->machine == owner->machine)
		return false;
	request.id = owner->endpoints[sim_draw(sim, owner->endpoint_count)];
	host_ask(sim, host, &request, MISUSE_BOUND_MS, true);
	return true;
}

/* The same box once more, at once or after another was asked for. */
static bool detach_twice(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, has_boxes);
	struct node_request request = {.kind = NODE_DETACH};
	uint64_t boot;

	if (!host)
		return false;
	boot = host->boot;
	request.id = host->endpoints[--host->endpoint_count];
	host_request(sim, host, &request, MISUSE_BOUND_MS);
	if (host->boot == boot)
		host_request(sim, host, &request, MISUSE_BOUND_MS);
	return true;
}

/* --- named addresses -------------------------------------------------------------------------- */

/* An address that somebody leases in this network; false when there is none. */
static bool address_of_somebody(struct sim *sim, const struct id *network, struct inet *address)
{
	const struct sim_owner *owner;

	for (size_t at = 0; (owner = map_next(&sim->owners, &at)) != NULL;) {
		if (!owner->held || !id_eq(&owner->network, network) || sim_draw(sim, 3) != 0)
			continue;
		*address = owner->address;
		return true;
	}
	return false;
}

/* Any address of the pool, its first and last, one that is leased, or one outside; true when it is
 * outside. */
static bool address_draw(struct sim *sim, struct sim_host *host, const struct id *network,
			 struct inet *address)
{
	struct ipam_net_info info;
	struct prefix *subnet = &info.pools[0].subnet;

	*address = inet_from_v4(0xc0000201u);
	if (!ipamdb_net(node_ipamdb(host->node), network, &info) || info.pool_count == 0)
		return true;
	if (sim_draw(sim, 3) == 0 && address_of_somebody(sim, network, address))
		return false;
	if (sim_draw(sim, 16) == 0)
		return true;
	*address = prefix_base(subnet);
	*address = inet_add(address, (int64_t)sim_draw(sim, UINT64_C(1) << (128 - subnet->bits)));
	return false;
}

static bool named_attach(struct sim *sim)
{
	const struct id *network = network_pick(sim);
	struct sim_host *host = host_pick(sim, is_member);
	struct local_endpoint endpoint = {.ifname = "eth0", .netns = "/run/netns/box"};
	struct hostport address = {.port = 0};
	struct node_request request = {.kind = NODE_ATTACH,
				       .endpoint = &endpoint,
				       .ttl_ms = 10000,
				       .addrs = &address,
				       .addr_count = 1};
	bool outside;

	if (!host || !network || host->endpoint_count == SIM_BOXES_MAX)
		return false;
	outside = address_draw(sim, host, network, &address.ip);
	request.id = *network;
	snprintf(endpoint.name, sizeof(endpoint.name), "box%llu",
		 (unsigned long long)sim->next_tag);
	endpoint.netns_inode = sim->next_tag + 1;
	host_ask(sim, host, &request, MISUSE_BOUND_MS, outside);
	return true;
}

static bool named_reserve(struct sim *sim)
{
	const struct id *network = network_pick(sim);
	struct sim_host *host = host_pick(sim, is_member);
	struct hostport address = {.port = 0};
	struct node_request request = {
	    .kind = NODE_RESERVE, .text = "kept", .addrs = &address, .addr_count = 1};
	bool outside;

	if (!host || !network)
		return false;
	outside = address_draw(sim, host, network, &address.ip);
	request.id = *network;
	host_ask(sim, host, &request, MISUSE_BOUND_MS, outside);
	return true;
}

/* --- releases --------------------------------------------------------------------------------- */

/* Of what was reserved here or elsewhere, once or again later. Elsewhere it must be refused while
 * it is held there. */
static bool release_reserved(struct sim *sim)
{
	const struct sim_reserved *reserved = &sim->reserved[sim_draw(sim, SIM_RESERVED_MAX)];
	struct sim_host *host =
	    sim_draw(sim, 4) ? &sim->hosts[reserved->host] : host_pick(sim, is_member);
	struct hostport address = {.ip = reserved->address};
	struct node_request request = {.kind = NODE_RELEASE,
				       .id = reserved->network,
				       .addrs = &address,
				       .addr_count = 1,
				       .flag = sim_draw(sim, 4) == 0};

	if (!host || !is_member(host) || id_is_zero(&reserved->network))
		return false;
	host_request(sim, host, &request, MISUSE_BOUND_MS);
	return true;
}

/* The address of a box that is up: refused, by force too. */
static bool release_live(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, has_boxes);
	struct hostport address = {.port = 0};
	struct node_request request = {.kind = NODE_RELEASE,
				       .addrs = &address,
				       .addr_count = 1,
				       .flag = sim_draw(sim, 2) == 0};
	struct local_endpoint endpoint;

	for (size_t at = 0; host && node_endpoint_next(host->node, &at, &endpoint);) {
		if (endpoint.addr_count == 0)
			continue;
		request.id = endpoint.network;
		address.ip = endpoint.addrs[0].ip;
		host_ask(sim, host, &request, MISUSE_BOUND_MS, true);
		return true;
	}
	return false;
}

/* --- networks --------------------------------------------------------------------------------- */

static bool network_rm(struct sim *sim)
{
	const struct id *network = network_pick(sim);
	struct sim_host *host = host_pick(sim, is_member);
	struct node_request request = {.kind = NODE_NETWORK_RM, .flag = sim_draw(sim, 3) == 0};

	if (!host || !network || sim_draw(sim, 4) != 0)
		return false;
	request.id = *network;
	host_request(sim, host, &request, MISUSE_BOUND_MS);
	return true;
}

/* Two hosts, perhaps in different islands, make a network of one name and pool at one time. */
static bool network_twice(struct sim *sim)
{
	struct rec_network network = {.name = "twin", .port = 4789, .pool_count = 1};
	struct node_request request = {.kind = NODE_NETWORK_CREATE, .network = &network};
	int made = 0;

	if (sim->network_count + 2 > SIM_NETWORKS_MAX || sim_draw(sim, 4) != 0)
		return false;
	network.pools[0].subnet.ip = inet_from_v4(0x0a3f0000u);
	network.pools[0].subnet.bits = (uint8_t)(128 - sim->opt.pool_bits);
	for (int i = 0; i < 2; i++) {
		struct sim_host *host = host_pick(sim, is_member);

		if (host)
			host_request(sim, host, &request, MISUSE_BOUND_MS);
		made += host != NULL;
	}
	return made == 2;
}

void misuse_op(struct sim *sim)
{
	/* True when there was somebody to do it. */
	static const struct {
		bool (*run)(struct sim *sim);
		enum sim_counter counter;
	} ops[] = {
	    {detach_foreign, COUNT_MISUSE_DETACH_FOREIGN},
	    {detach_twice, COUNT_MISUSE_DETACH_TWICE},
	    {named_attach, COUNT_MISUSE_ATTACH},
	    {named_reserve, COUNT_MISUSE_RESERVE},
	    {release_reserved, COUNT_MISUSE_RELEASE},
	    {release_live, COUNT_MISUSE_RELEASE_LIVE},
	    {network_rm, COUNT_MISUSE_NETWORK_RM},
	    {network_twice, COUNT_MISUSE_NETWORK_TWICE},
	};
	uint64_t drawn = sim_draw(sim, sizeof(ops) / sizeof(ops[0]));

	if (!ops[drawn].run(sim))
		return;
	sim->counters[COUNT_MISUSES]++;
	sim->counters[ops[drawn].counter]++;
}

void misuse_answered(struct sim *sim, struct sim_host *host, const struct sim_request *request,
		     const struct node_answer *answer)
{
	struct sim_reserved *reserved;

	if (request->must_fail && answer->err.code == 0)
		sim_fail(sim, "host %zu did what it must refuse: a request of kind %d", host->index,
			 (int)request->kind);
	if (answer->err.code != 0)
		return;
	if (request->kind == NODE_RELEASE)
		sim->counters[COUNT_RELEASED]++;
	if (request->kind != NODE_RESERVE || answer->endpoint_addr_count == 0)
		return;
	reserved = &sim->reserved[sim->reserved_next++ % SIM_RESERVED_MAX];
	reserved->network = request->subject;
	reserved->address = answer->addrs[0].ip;
	reserved->host = host->index;
}

void misuse_wrote(struct sim *sim, const struct write *write)
{
	struct row_view row;
	struct id network;

	if (write->kind != WRITE_FACT || row_parse(write->bytes, write->len, &row) != 0 ||
	    row.kind != FACT_NETWORK_END)
		return;
	network = row_key_id(&row);
	for (size_t i = sim->network_count; i-- > 0;) {
		if (!id_eq(&sim->networks[i], &network))
			continue;
		sim->counters[COUNT_NETWORKS_ENDED]++;
		sim->networks[i] = sim->networks[--sim->network_count];
	}
}
