/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Addresses once all is calm: everybody sees the same owners, no part of a pool is claimed twice,
 * parts cover the pool, each host's sums are what it owns and what the disks say that it leases,
 * and on each host leases and endpoints belong to each other.
 */
#include <stdlib.h>
#include <string.h>

#include "checks_parts.h"

struct ring_sum {
	uint64_t hash, count;
	size_t clashes;
	size_t frozen;  /* parts that wait to be taken back ... */
	size_t madmans; /* ... and such of them as a madman had */
};

static struct ring_sum ring_of(struct sim *sim, struct sim_host *host, const struct id *network)
{
	struct ring_sum sum = {0};
	struct ipam_ring_info part;

	for (size_t at = 0; ipamdb_ring_next(node_ipamdb(host->node), network, &at, &part);) {
		uint8_t bytes[16 + 16 + ID_BYTES + 8];

		memcpy(bytes, part.first.b, 16);
		memcpy(bytes + 16, part.last.b, 16);
		memcpy(bytes + 32, part.holder.b, ID_BYTES);
		memcpy(bytes + 48, &part.generation, 8);
		sum.hash = map_hash(bytes, sizeof(bytes), sum.hash);
		sum.count += part.count;
		sum.clashes += part.clash;
		sum.frozen += part.removed || part.left;
		sum.madmans += (part.removed || part.left) &&
			       check_is_madmans(sim, network, &part.first, &part.last);
	}
	return sum;
}

static bool is_mad(struct sim *sim, const struct ipam_ring_info *part)
{
	const struct sim_host *holder = check_host(sim, &part->holder);

	return holder && holder->mad;
}

/* A madman's row of what he was granted may give way to another text that he signed. Who saw the
 * row knows the space by that; who did not takes the one that granted for the owner. If that one is
 * removed, too, the space is frozen for all, and whoever takes it back takes it from either. If he
 * is not, and has forgotten in a crash that he granted, it is lost: the madman's own, by the disks.
 */
static bool is_one(struct sim *sim, const struct id *network, const struct ipam_ring_info *a,
		   const struct ipam_ring_info *b)
{
	const struct inet *last = inet_cmp(&a->last, &b->last) < 0 ? &a->last : &b->last;

	if (id_eq(&a->holder, &b->holder) && a->generation == b->generation)
		return true;
	if (a->clash || b->clash)
		return false;
	return (a->removed && b->removed && (is_mad(sim, a) || is_mad(sim, b))) ||
	       ((a->removed || b->removed) && check_is_madmans(sim, network, &a->first, last));
}

/* Another sum is no fault if all that differs is such space. */
static bool rings_fit(struct sim *sim, struct sim_host *one, struct sim_host *other,
		      const struct id *network)
{
	struct ipamdb *dbs[2] = {node_ipamdb(one->node), node_ipamdb(other->node)};
	struct ipam_ring_info a, b;
	size_t at[2] = {0};
	bool has_a = ipamdb_ring_next(dbs[0], network, &at[0], &a);
	bool has_b = ipamdb_ring_next(dbs[1], network, &at[1], &b);

	while (has_a && has_b && inet_eq(&a.first, &b.first) && is_one(sim, network, &a, &b)) {
		int order = inet_cmp(&a.last, &b.last);
		struct inet next = inet_add(order <= 0 ? &a.last : &b.last, 1);

		a.first = b.first = next;
		if (order <= 0)
			has_a = ipamdb_ring_next(dbs[0], network, &at[0], &a);
		if (order >= 0)
			has_b = ipamdb_ring_next(dbs[1], network, &at[1], &b);
	}
	return !has_a && !has_b;
}

/* It can do its part: closing, and taking back. */
static bool may_act(const struct sim_host *host)
{
	return check_takes_part(host) && gossip_phase(node_gossip(host->node)) == NODE_ACTIVE &&
	       !gossip_is_cloned(node_gossip(host->node)) &&
	       !gossip_is_refused(node_gossip(host->node), NULL) &&
	       !ipamdb_is_guarded(node_ipamdb(host->node));
}

/* May space of somebody who is gone still wait to be taken back? Only while a member that is not
 * here is named for it: one that failed, is fenced, or left with nobody who heard of it. */
static bool is_blocked(struct sim *sim, struct sim_host *host, char *why, size_t why_bytes)
{
	struct ipam_block *blocks = calloc(sim->host_count, sizeof(*blocks));
	size_t count = ipamdb_blocks(node_ipamdb(host->node), NULL, blocks, sim->host_count);
	bool blocked = count > sim->host_count; /* a madman may name anybody */

	WEFT_ASSERT(blocks != NULL);
	snprintf(why, why_bytes, "though nobody blocks it");
	for (size_t i = 0; i < count && !blocked; i++) {
		const struct sim_host *by = check_host(sim, &blocks[i].member);

		blocked = !by || !may_act(by);
		if (!blocked)
			snprintf(why, why_bytes, "host %zu is up and blocks it (%d)", by->index,
				 (int)blocks[i].why);
	}
	free(blocks);
	return blocked;
}

static bool sees(const struct sim_host *host, const struct id *network, struct ipam_net_info *info)
{
	return host->running && host->state == HOST_UP && host->joined &&
	       ipamdb_net(node_ipamdb(host->node), network, info);
}

/* Do all see the same owners? It is excused where that differs by what a madman had: differs says
 * so. */
static bool owners_are_one(struct sim *sim, const struct id *network, bool *differs, char *why,
			   size_t why_bytes)
{
	struct sim_host *first = NULL;
	uint64_t first_hash = 0;

	*differs = false;
	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];
		struct ipam_net_info info;
		uint64_t hash;

		if (!sees(host, network, &info))
			continue;
		hash = ring_of(sim, host, network).hash;
		if (!first) {
			first = host;
			first_hash = hash;
		} else if (hash != first_hash && !rings_fit(sim, first, host, network)) {
			snprintf(why, why_bytes, "hosts %zu and %zu see different owners",
				 first->index, i);
			return false;
		}
		*differs = *differs || hash != first_hash;
	}
	return true;
}

bool check_rings(struct sim *sim, const struct id *network, char *why, size_t why_bytes)
{
	bool lied = check_was_lied_of(sim, network, NULL), differs;

	if (!owners_are_one(sim, network, &differs, why, why_bytes))
		return false;
	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];
		struct ipam_net_info info;
		struct ring_sum sum;
		char blocked[64] = "";
		bool waits;

		if (!sees(host, network, &info))
			continue;
		sum = ring_of(sim, host, network);
		waits = sum.frozen > (differs ? sum.madmans : 0) && !lied &&
			!is_blocked(sim, host, blocked, sizeof(blocked));
		/* Of a network whose fact died with its maker nobody knows the pools. */
		if ((sum.clashes == 0 || lied) &&
		    (!info.known || (sum.count == info.total && !waits)))
			continue;
		snprintf(why, why_bytes,
			 "host %zu sees %llu of %llu addresses owned, %zu parts twice, %zu not "
			 "taken back %s",
			 i, (unsigned long long)sum.count, (unsigned long long)info.total,
			 sum.clashes, sum.frozen, blocked);
		return false;
	}
	return true;
}

/* What the disks say that a host leases in a network. */
static uint64_t leases_of(struct sim *sim, const struct sim_host *host, const struct id *network)
{
	const struct sim_owner *owner;
	uint64_t count = 0;

	for (size_t at = 0; (owner = map_next(&sim->owners, &at)) != NULL;)
		count +=
		    owner->held && owner->host == host->index && id_eq(&owner->network, network);
	return count;
}

static uint64_t owned_by(struct sim_host *host, const struct id *network)
{
	struct ipam_ring_info part;
	uint64_t count = 0;

	for (size_t at = 0; ipamdb_ring_next(node_ipamdb(host->node), network, &at, &part);)
		if (part.held && id_eq(&part.holder, &host->id))
			count += part.count;
	return count;
}

/* Of who was astray the model does not know what it leases. */
bool check_sums(struct sim *sim, const struct id *network, char *why, size_t why_bytes)
{
	if (check_was_lied_of(sim, network, NULL))
		return true;
	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];
		uint64_t owned, leases;
		struct ipam_net_info info;

		if (!check_takes_part(host) || host->was_astray || host->mad ||
		    !ipamdb_net(node_ipamdb(host->node), network, &info) || !info.known)
			continue;
		check_look(sim, CHECKER_SUMS);
		owned = owned_by(host, network);
		leases = leases_of(sim, host, network);
		if (info.held == owned && info.promised == 0 && info.leased == leases)
			continue;
		snprintf(why, why_bytes,
			 "host %zu counts %llu held, %llu promised, %llu leased, but owns %llu and "
			 "leases %llu",
			 i, (unsigned long long)info.held, (unsigned long long)info.promised,
			 (unsigned long long)info.leased, (unsigned long long)owned,
			 (unsigned long long)leases);
		return false;
	}
	return true;
}

static bool has_endpoint(const struct sim_host *host, const struct lease *lease)
{
	struct local_endpoint endpoint;

	for (size_t at = 0; node_endpoint_next(host->node, &at, &endpoint);) {
		if (!id_eq(&endpoint.id, &lease->endpoint))
			continue;
		for (size_t i = 0; i < endpoint.addr_count; i++)
			if (inet_eq(&endpoint.addrs[i].ip, &lease->address))
				return true;
	}
	return false;
}

/* Every lease has its endpoint with this address, and every endpoint its lease. */
bool check_leases(struct sim *sim, char *why, size_t why_bytes)
{
	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];
		struct local_endpoint endpoint;
		struct lease lease;

		if (!host->running || host->state != HOST_UP || !host->joined)
			continue;
		for (size_t at = 0; ipamdb_lease_next(node_ipamdb(host->node), &at, &lease);) {
			if (lease.cooling || lease.reserved || has_endpoint(host, &lease))
				continue;
			snprintf(why, why_bytes, "host %zu leases an address to nobody", i);
			return false;
		}
		for (size_t at = 0; node_endpoint_next(host->node, &at, &endpoint);) {
			for (size_t a = 0; a < endpoint.addr_count; a++) {
				if (ipamdb_lease(node_ipamdb(host->node), &endpoint.network,
						 &endpoint.addrs[a].ip, &lease) &&
				    id_eq(&lease.endpoint, &endpoint.id) && !lease.cooling)
					continue;
				snprintf(why, why_bytes,
					 "host %zu has an endpoint without its lease", i);
				return false;
			}
		}
	}
	return true;
}
