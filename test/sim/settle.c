/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A world that begins with a cluster that has stood for long. To let a thousand hosts join each
 * other costs more than all that befalls them afterwards, and most of it is telling everybody of
 * everybody. So they join one after the other at the first host, each stopped as soon as it is a
 * member; then every disk learns what the first one has, as it would have by and by; and then all
 * are started at about the same moment, as after a power cut. What chaos meets is real: signed
 * records, admitted by a member, and nodes that begin with what is on their disks.
 */
#include "faults.h"
#include "gossip/base/check.h"
#include "sim.h"

#define STEP_MS 5
#define JOIN_MS 10000 /* at most, for one host; it stays out then and joins in chaos */
#define QUIET_MS 1000 /* until the first host has all on its disk */
#define START_MS 2000 /* in which all are started */
#define LATE_JOINERS 32

/* It says so, and the first host knows it for good. */
static bool is_joined(const struct sim *sim, const struct sim_host *host)
{
	const struct sim_host *first = &sim->hosts[0];
	struct member_info info;

	return host->running && host->joined && !host->commits && !first->commits &&
	       gossip_member(node_gossip(first->node), &host->id, &info);
}

static void wait_joined(struct sim *sim, const struct sim_host *host)
{
	struct mono bound = mono_add_ms(sim->now, JOIN_MS);

	while (!sim->failed && sim->now.ns < bound.ns &&
	       (!is_joined(sim, host) || !sim->token[0])) {
		workload_token(sim);
		/* Its dead are many, and it probes one at a time. */
		check_disturbed(sim, &sim->hosts[0]);
		sim_run_until(sim, mono_add_ms(sim->now, STEP_MS));
	}
}

static void put_down(struct sim *sim, struct sim_host *host)
{
	uint64_t crashes = sim->counters[COUNT_CRASHES];

	if (!host->running)
		return;
	host_stop(sim, host, true);
	host->marker = MARKER_KEPT;
	sim->counters[COUNT_CRASHES] = crashes;
}

/* One in so many stays out, for the joins of chaos. */
static size_t settlers(const struct sim *sim)
{
	return sim->opt.hosts - sim->opt.hosts / LATE_JOINERS;
}

void settle_world(struct sim *sim)
{
	struct sim_host *first = &sim->hosts[0];
	size_t count = settlers(sim);

	WEFT_ASSERT(!sim->chaos && !first->running);
	workload_found(sim);
	for (size_t i = 0; i < count && !sim->failed; i++) {
		wait_joined(sim, &sim->hosts[i]);
		if (i > 0)
			put_down(sim, &sim->hosts[i]);
		if (i + 1 < count)
			workload_join_as(sim, &sim->hosts[i + 1]);
		else
			sim_run_until(sim, mono_add_ms(sim->now, QUIET_MS));
	}
	if (sim->failed)
		return;
	put_down(sim, first);
	for (size_t i = 1; i < count; i++)
		disk_learn(sim, &sim->hosts[i], &first->disk);
	for (size_t i = 0; i < count; i++)
		if (sim->hosts[i].joined)
			faults_restart_later(sim, &sim->hosts[i], sim_draw(sim, START_MS));
}
