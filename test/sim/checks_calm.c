/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Once all is calm everybody sees the same: who is there and in which incarnation, every row of the
 * cluster, every row of the networks a host takes part in, who owns which address. Compared by sums
 * over the rows, host by host against the first that takes part; the first difference is worded.
 *
 * The rows, not the facts, of a mad owner are left out: of two rows that it signed with one version
 * each host keeps the one that came first, and once it is removed nobody compares its rows any
 * more. That it owns no address is seen by the rings.
 */
#include <string.h>

#include "checks_parts.h"

struct rows_sum {
	struct sim *sim;
	uint64_t sum;
	size_t count;
};

static bool rows_add(void *ctx, const struct row_view *row)
{
	struct rows_sum *rows = ctx;
	const struct sim_host *owner = check_host(rows->sim, &row->owner);
	const uint8_t *bytes;
	size_t len;

	if (!row_is_fact(row) && owner && owner->mad)
		return true;
	bytes = row_bytes(row, &len);
	rows->sum += map_hash(bytes, len, 11);
	rows->count++;
	return true;
}

static const uint16_t topic0_kinds[] = {
    ROW_MEMBER,     ROW_TAGS,         ROW_ATTACHMENT, ROW_RANGE,      ROW_GRANT,
    FACT_NETWORK,   FACT_NETWORK_END, FACT_TOKEN,     FACT_TOKEN_END, FACT_ADMIN,
    FACT_ADMIN_END, FACT_REMOVAL,     FACT_CLOSURE,   ROW_PARTING,    ROW_FLOOR,
};

static bool cluster_rows_agree(struct sim *sim, char *why, size_t why_bytes)
{
	const struct id zero = {{0}};

	for (size_t k = 0; k < sizeof(topic0_kinds) / sizeof(topic0_kinds[0]); k++) {
		struct rows_sum first = {sim, 0, 0};
		size_t first_host = SIZE_MAX;

		for (size_t i = 0; i < sim->host_count; i++) {
			struct sim_host *host = &sim->hosts[i];
			struct rows_sum sum = {sim, 0, 0};

			if (!check_takes_part(host))
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
	struct rows_sum first = {sim, 0, 0};
	size_t first_host = SIZE_MAX;

	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];
		struct rows_sum sum = {sim, 0, 0};

		if (!check_takes_part(host) || !is_attached(host, network))
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

/* What a live host holds of another live one is what that one says of itself. */
static bool incarnation_agrees(struct sim_host *host, struct sim_host *other,
			       const struct member_info *held, char *why, size_t why_bytes)
{
	struct member_info own;

	if (!gossip_member(node_gossip(other->node), &other->id, &own) ||
	    own.incarnation == held->incarnation)
		return true;
	snprintf(why, why_bytes, "host %zu holds incarnation %llu of host %zu, which has %llu",
		 host->index, (unsigned long long)held->incarnation, other->index,
		 (unsigned long long)own.incarnation);
	return false;
}

static bool sees_left(const struct sim_host *host, const struct id *id)
{
	struct member_info info;

	return gossip_member(node_gossip(host->node), id, &info) && info.state == MEMBER_LEFT;
}

/* It is where others can hear it, if it has anything to tell. One who still tells that he left may
 * know addresses that nobody has any more, and nobody asks him. */
static bool is_there(const struct sim *sim, const struct sim_host *host)
{
	if (!host->joined)
		return true;
	if (host->switched_off)
		return true;
	if (!host->running || host->state == HOST_REMOVED || host->lost || host->was_astray)
		return false;
	return sim->opt.weather_nat == 0 || host->state != HOST_LEFT ||
	       gossip_fence(node_gossip(host->node)) == FENCE_LEFT;
}

/* It left, and who knows that is there: somebody says so, or everybody is, so that he who said that
 * he has it on his disk is among them. */
static bool has_left(const struct sim *sim, const struct sim_host *host)
{
	bool all_there = true;

	if (!host->switched_off && (host->state != HOST_LEFT || !host->running ||
				    gossip_phase(node_gossip(host->node)) != NODE_LEFT))
		return false;
	for (size_t i = 0; i < sim->host_count; i++) {
		const struct sim_host *other = &sim->hosts[i];
		if (check_takes_part(other) && sees_left(other, &host->id))
			return true;
		all_there = all_there && is_there(sim, other);
	}
	return all_there;
}

static bool members_agree(struct sim *sim, char *why, size_t why_bytes)
{
	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];

		if (!check_takes_part(host))
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
			if (check_takes_part(other) && (!known || info.state != MEMBER_ALIVE)) {
				snprintf(why, why_bytes, "host %zu sees live host %zu in state %d",
					 i, j, known ? (int)info.state : -1);
				return false;
			}
			if (check_takes_part(other) &&
			    !incarnation_agrees(host, other, &info, why, why_bytes))
				return false;
			if (!other->running && known &&
			    (info.state == MEMBER_ALIVE || info.state == MEMBER_SUSPECT)) {
				snprintf(why, why_bytes, "host %zu sees dead host %zu alive", i, j);
				return false;
			}
			if (has_left(sim, other) && known && info.state != MEMBER_LEFT &&
			    info.state != MEMBER_REMOVED) {
				snprintf(why, why_bytes,
					 "host %zu sees host %zu, which left, in state %d", i, j,
					 (int)info.state);
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
	check_look(sim, CHECKER_CONVERGED);
	if (!members_agree(sim, why, why_bytes) || !cluster_rows_agree(sim, why, why_bytes))
		return false;
	for (size_t n = 0; n < sim->network_count; n++)
		if (!network_rows_agree(sim, &sim->networks[n], why, why_bytes) ||
		    !check_rings(sim, &sim->networks[n], why, why_bytes) ||
		    !check_sums(sim, &sim->networks[n], why, why_bytes))
			return false;
	if (!check_leases(sim, why, why_bytes) || !ports_agree(sim, why, why_bytes))
		return false;
	return sim->requests.count == 0 ||
	       (snprintf(why, why_bytes, "%zu requests wait", sim->requests.count), false);
}
