/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What becomes of copies that run (faults_disk.c makes them), and of their originals.
 *
 * A copy that was believed has taken the place of its original, if nobody heard that one then, or
 * only who could tell nobody whom the copy met: the original lives elsewhere than its record names,
 * behind a gateway that was restarted, and whoever hears it there is as hard to find. Whoever was
 * just started asks where the record says, and agrees. It has the place until the original is the
 * member again and has recovered.
 */
#include "faults.h"
#include "network.h"

#define ALONE_MS 5000 /* until an operator sees that a copy runs alone */

static bool sees(const struct sim_host *host, const struct sim_host *other)
{
	struct member_info info;

	return gossip_member(node_gossip(host->node), &other->id, &info) &&
	       info.state == MEMBER_ALIVE;
}

static bool is_witness(const struct sim_host *host, const struct sim_host *original)
{
	return host != original && host->running && host->state == HOST_UP && host->joined &&
	       !host->stopped && sees(host, original) && sees(original, host);
}

bool copies_has_witness(const struct sim *sim, const struct sim_host *original)
{
	for (size_t i = 0; i < sim->host_count; i++)
		if (is_witness(&sim->hosts[i], original))
			return true;
	return false;
}

/* Does what this one sends to where it knows the other arrive there? */
static bool finds(struct sim *sim, const struct sim_host *host, const struct sim_host *other)
{
	struct member_info info;

	return gossip_member(node_gossip(host->node), &other->id, &info) &&
	       simnet_host(sim, &info.addr) == other;
}

bool copies_is_heard_of(struct sim *sim, const struct sim_host *original,
			const struct sim_host *copy)
{
	if (!original->moved && simnet_host(sim, &original->addr) == original)
		return copies_has_witness(sim, original);
	for (size_t i = 0; i < sim->host_count; i++)
		if (is_witness(&sim->hosts[i], original) && finds(sim, copy, &sim->hosts[i]))
			return true;
	return false;
}

bool copies_reaches_any(struct sim *sim, const struct sim_host *original)
{
	const struct gossip *gossip = node_gossip(original->node);
	struct member_info info;

	for (size_t at = 0; gossip_member_next(gossip, &at, &info);) {
		const struct sim_host *host = simnet_host(sim, &info.addr);

		if (!info.is_self && host && host->running && host->state == HOST_UP &&
		    !host->stopped && id_eq(&host->id, &info.id))
			return true;
	}
	return false;
}

static bool is_copy(const struct sim_host *host)
{
	return host->running && host->state == HOST_COPY;
}

static bool is_alone(const struct sim_host *host)
{
	return gossip_is_alone(node_gossip(host->node));
}

bool copies_any_claims(const struct sim *sim)
{
	for (size_t i = sim->opt.hosts; i < sim->host_count; i++)
		if (is_copy(&sim->hosts[i]) &&
		    gossip_phase(node_gossip(sim->hosts[i].node)) == NODE_CLAIMING)
			return true;
	return false;
}

/* It asks as soon as it finds somebody. */
bool copies_any_alone(const struct sim *sim)
{
	for (size_t i = sim->opt.hosts; i < sim->host_count; i++)
		if (is_copy(&sim->hosts[i]) && is_alone(&sim->hosts[i]))
			return true;
	return false;
}

bool copies_took_over(const struct sim *sim, const struct sim_host *original)
{
	for (size_t i = 0; i < sim->host_count; i++)
		if (sim->hosts[i].took_over && &sim->hosts[sim->hosts[i].copy_of] == original)
			return true;
	return false;
}

void copies_recovered(struct sim *sim, const struct sim_host *original)
{
	for (size_t i = sim->opt.hosts; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];

		if (!host->running && &sim->hosts[host->copy_of] == original)
			host->took_over = false;
	}
}

/* An original that is told that it is the copy. */
static bool is_refused(const struct sim_host *original)
{
	return original->running &&
	       (original->state == HOST_UP || original->state == HOST_ASTRAY) &&
	       gossip_phase(node_gossip(original->node)) == NODE_COPY;
}

static void start_anew(struct sim *sim, struct sim_host *original)
{
	host_stop(sim, original, true);
	original->state = HOST_ASTRAY;
	faults_restart(sim, original);
}

/* An operator stops the copy. Where that one was the member, since it started when the original
 * was not there, the original is started anew: what it has is older than what the copy did. */
static void copy_settle(struct sim *sim, struct sim_host *copy)
{
	enum node_phase phase = gossip_phase(node_gossip(copy->node));
	struct sim_host *original = &sim->hosts[copy->copy_of];

	sim->counters[COUNT_COPIES_REFUSED] += phase == NODE_COPY;
	host_stop(sim, copy, false);
	copy->lost = true;
	if (is_refused(original))
		start_anew(sim, original);
}

void copies_look(struct sim *sim)
{
	for (size_t i = sim->opt.hosts; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];

		if (!is_copy(host) || !is_alone(host)) {
			host->alone_since.ns = 0;
		} else if (host->alone_since.ns == 0) {
			host->alone_since = sim->now;
		} else if (mono_diff_ms(sim->now, host->alone_since) >= ALONE_MS) {
			sim_trace(sim, "copy %zu is alone, and stopped", host->index);
			sim->counters[COUNT_COPIES_ALONE]++;
			copy_settle(sim, host);
		}
	}
}

/* Members go by a copy that was believed some seconds longer than it runs. So its original may be
 * refused after it was stopped, and is started anew then. */
static void original_settle(struct sim *sim, const struct sim_host *copy)
{
	struct sim_host *original = &sim->hosts[copy->copy_of];

	if (copy->is_member && is_refused(original))
		start_anew(sim, original);
}

void copies_settle(struct sim *sim)
{
	for (size_t i = sim->opt.hosts; i < sim->host_count; i++)
		if (is_copy(&sim->hosts[i]))
			copy_settle(sim, &sim->hosts[i]);
	for (size_t i = sim->opt.hosts; i < sim->host_count; i++)
		if (sim->hosts[i].state == HOST_COPY)
			original_settle(sim, &sim->hosts[i]);
}
