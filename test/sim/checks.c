/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What must hold: at every commit, after every step, for every request, and once all is calm. */
#include <string.h>

#include "gossip/base/check.h"
#include "ipamdb/query.h"
#include "sim.h"

/* --- at every commit: no address has two owners among members that were not removed ----------- */

/* A removal holds from the moment in which one disk has it. */
static void removal_note(struct sim *sim, const struct write *write)
{
	struct row_view row;
	struct id removed;

	if (row_parse(write->bytes, write->len, &row) != 0 || row.kind != FACT_REMOVAL)
		return;
	removed = row_key_id(&row);
	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];

		if (!host->joined || !id_eq(&host->id, &removed))
			continue;
		host->state = HOST_REMOVED;
		host->endpoint_count = 0;
	}
}

void check_write(struct sim *sim, struct sim_host *host, const struct write *write)
{
	struct sim_owner key, *owner;
	char network[ID_TEXT_BYTES], address[INET_TEXT_BYTES];
	bool holds = write->kind == WRITE_LEASE && !write->lease.cooling;

	if (write->kind == WRITE_FACT)
		removal_note(sim, write);
	if (write->kind != WRITE_LEASE && write->kind != WRITE_LEASE_DROP)
		return;
	memset(&key, 0, sizeof(key));
	key.network = write->lease.network;
	key.address = write->lease.address;
	owner = map_insert(&sim->owners, &key, NULL);
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
		sim_fail(sim, "address %s of network %.8s is leased twice: host %zu and host %zu",
			 address, network, owner->host, host->index);
		return;
	}
	if (ipamdb_is_guarded(node_ipamdb(host->node)) &&
	    !(owner->held && owner->host == host->index)) {
		sim_fail(sim, "host %zu leases anew although nobody has met it since its reboot",
			 host->index);
		return;
	}
	owner->held = true;
	owner->host = host->index;
	owner->endpoint = write->lease.endpoint;
}

/* --- after every step: the structures keep their invariants ----------------------------------- */

/* A full walk costs more than a step; it is sampled, denser in small worlds. */
void check_step(struct sim *sim, struct sim_host *host)
{
	uint64_t every = sim->host_count <= 8 ? 16 : sim->host_count * 8;

	if (sim->counters[COUNT_STEPS] % every != 0)
		return;
	node_check(host->node);
	gossip_check(node_gossip(host->node));
	ipamdb_check(node_ipamdb(host->node));
}

/* --- every request is answered within its bound ----------------------------------------------- */

void check_requests(struct sim *sim)
{
	for (size_t i = 0; i < sim->requests.count; i++) {
		const struct sim_request *request = vec_at(&sim->requests, i);

		if (request->bound.ns < sim->now.ns) {
			sim_fail(sim, "host %zu did not answer a request of kind %d", request->host,
				 (int)request->kind);
			return;
		}
	}
}

/* --- calm: everybody sees the same ------------------------------------------------------------ */

static bool host_takes_part(const struct sim_host *host)
{
	return host->running && host->state == HOST_UP && host->joined;
}

struct rows_sum {
	uint64_t sum;
	size_t count;
};

static bool rows_add(void *ctx, const struct row_view *row)
{
	struct rows_sum *rows = ctx;
	uint8_t bytes[ID_BYTES * 2 + KEY_BYTES_MAX + 24];
	size_t len = 0;

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, row->owner.b, ID_BYTES);
	memcpy(bytes + ID_BYTES, row->topic.b, ID_BYTES);
	len = 2 * ID_BYTES;
	memcpy(bytes + len, row->key, row->key_len);
	len += KEY_BYTES_MAX;
	memcpy(bytes + len, &row->epoch, 8);
	memcpy(bytes + len + 8, &row->sequence, 8);
	bytes[len + 16] = (uint8_t)(row->kind >> 8);
	bytes[len + 17] = (uint8_t)row->kind;
	rows->sum += map_hash(bytes, sizeof(bytes), 11);
	rows->count++;
	return true;
}

static const uint16_t topic0_kinds[] = {
    ROW_MEMBER,     ROW_TAGS,         ROW_ATTACHMENT, ROW_RANGE,      ROW_GRANT,
    FACT_NETWORK,   FACT_NETWORK_END, FACT_TOKEN,     FACT_TOKEN_END, FACT_ADMIN,
    FACT_ADMIN_END, FACT_REMOVAL,     FACT_CLOSURE,
};

static bool cluster_rows_agree(struct sim *sim, char *why, size_t why_bytes)
{
	const struct id zero = {{0}};

	for (size_t k = 0; k < sizeof(topic0_kinds) / sizeof(topic0_kinds[0]); k++) {
		struct rows_sum first = {0, 0};
		size_t first_host = SIZE_MAX;

		for (size_t i = 0; i < sim->host_count; i++) {
			struct sim_host *host = &sim->hosts[i];
			struct rows_sum sum = {0, 0};

			if (!host_takes_part(host))
				continue;
			gossip_rows(node_gossip(host->node), &zero, topic0_kinds[k], rows_add,
				    &sum);
			if (first_host == SIZE_MAX) {
				first = sum;
				first_host = i;
			} else if (sum.sum != first.sum || sum.count != first.count) {
				snprintf(why, why_bytes,
					 "hosts %zu and %zu differ in rows of kind %u (%zu, %zu)",
					 first_host, i, topic0_kinds[k], first.count, sum.count);
				return false;
			}
		}
	}
	return true;
}

static bool is_attached(struct sim_host *host, const struct id *network)
{
	const struct id zero = {{0}};
	struct row_view row;

	return gossip_row(node_gossip(host->node), &host->id, &zero, ROW_ATTACHMENT, network->b,
			  ID_BYTES, &row);
}

static bool network_rows_agree(struct sim *sim, const struct id *network, char *why,
			       size_t why_bytes)
{
	struct rows_sum first = {0, 0};
	size_t first_host = SIZE_MAX;

	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];
		struct rows_sum sum = {0, 0};

		if (!host_takes_part(host) || !is_attached(host, network))
			continue;
		gossip_rows(node_gossip(host->node), network, ROW_ENDPOINT, rows_add, &sum);
		if (first_host == SIZE_MAX) {
			first = sum;
			first_host = i;
		} else if (sum.sum != first.sum || sum.count != first.count) {
			snprintf(why, why_bytes, "hosts %zu and %zu differ in endpoints (%zu, %zu)",
				 first_host, i, first.count, sum.count);
			return false;
		}
	}
	return true;
}

static bool members_agree(struct sim *sim, char *why, size_t why_bytes)
{
	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];

		if (!host_takes_part(host))
			continue;
		if (gossip_phase(node_gossip(host->node)) != NODE_ACTIVE) {
			snprintf(why, why_bytes, "host %zu is in phase %d", i,
				 (int)gossip_phase(node_gossip(host->node)));
			return false;
		}
		for (size_t j = 0; j < sim->host_count; j++) {
			struct sim_host *other = &sim->hosts[j];
			struct member_info info;
			bool known;

			if (!other->joined)
				continue;
			known = gossip_member(node_gossip(host->node), &other->id, &info);
			if (host_takes_part(other) && (!known || info.state != MEMBER_ALIVE)) {
				snprintf(why, why_bytes, "host %zu sees live host %zu in state %d",
					 i, j, known ? (int)info.state : -1);
				return false;
			}
			if (!other->running && known &&
			    (info.state == MEMBER_ALIVE || info.state == MEMBER_SUSPECT)) {
				snprintf(why, why_bytes, "host %zu sees dead host %zu alive", i, j);
				return false;
			}
			if (other->state == HOST_REMOVED && known && info.state != MEMBER_REMOVED) {
				snprintf(why, why_bytes,
					 "host %zu sees removed host %zu in state %d", i, j,
					 (int)info.state);
				return false;
			}
		}
	}
	return true;
}

bool check_converged(struct sim *sim, char *why, size_t why_bytes)
{
	if (!members_agree(sim, why, why_bytes) || !cluster_rows_agree(sim, why, why_bytes))
		return false;
	for (size_t n = 0; n < sim->network_count; n++)
		if (!network_rows_agree(sim, &sim->networks[n], why, why_bytes) ||
		    !check_rings(sim, &sim->networks[n], why, why_bytes))
			return false;
	if (!check_leases(sim, why, why_bytes))
		return false;
	return sim->requests.count == 0 ||
	       (snprintf(why, why_bytes, "%zu requests wait", sim->requests.count), false);
}
