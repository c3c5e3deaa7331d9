/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Faults of hosts that keep their disk: stops, restarts, boot loops, full and slow disks. */
#include "faults.h"

#include "gossip/base/check.h"
#include "queue.h"

#define STOP_COUNT_MAX 40   /* commits or sends until a host is stopped */
#define LOOPS_MAX 6         /* of a boot loop */
#define RESTART_MS_MAX 4000 /* until a host comes back that was stopped at a chosen moment */
#define FULL_MS_MAX 8000
#define STALL_MS 2000

enum sim_fault { FAULT_RESTART = 1, FAULT_STOP };

static void fault_later(struct sim *sim, const struct sim_host *host, enum sim_fault fault,
			uint64_t ms)
{
	struct sim_event event = {.kind = SIM_FAULT, .host = host->index, .fault = fault};

	event.at = mono_add_ns(sim->now, (int64_t)ms * NS_PER_MS + 1000);
	queue_add(sim, &event);
}

static bool is_running_member(const struct sim_host *host)
{
	return host->running && host->state == HOST_UP && host->joined;
}

/* Members, those who are about to be, and those who are no more but run on. */
static bool may_be_stopped(const struct sim_host *host)
{
	return host->running && (host->joined || host->join_pending);
}

static void stop_arm(struct sim *sim, struct sim_host *host)
{
	host->stop.at = (enum sim_stop_at)(1 + sim_draw(sim, STOP_END - 1));
	host->stop.left = 1 + sim_draw(sim, 1 + sim_draw(sim, STOP_COUNT_MAX));
	sim_trace(sim, "stop of %zu armed %d %llu", host->index, (int)host->stop.at,
		  (unsigned long long)host->stop.left);
}

void fault_stop_point(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, may_be_stopped);

	if (!host)
		return;
	stop_arm(sim, host);
	if (sim_draw(sim, 4) == 0)
		host->loops = 1 + (unsigned)sim_draw(sim, LOOPS_MAX);
}

void faults_restart_later(struct sim *sim, struct sim_host *host, uint64_t ms)
{
	fault_later(sim, host, FAULT_RESTART, ms);
}

void faults_stopped(struct sim *sim, struct sim_host *host)
{
	if (!sim->chaos || sim_draw(sim, 2) == 0)
		return;
	fault_later(sim, host, FAULT_RESTART, sim_draw(sim, RESTART_MS_MAX));
}

void faults_restart(struct sim *sim, struct sim_host *host)
{
	if (host->running || !host->joined || host->lost || host->state == HOST_LEFT)
		return;
	sim->counters[COUNT_RESTARTS]++;
	sim_trace(sim, "restart %zu", host->index);
	if (host->state == HOST_DOWN)
		host->state = HOST_UP;
	else if (host->state == HOST_REMOVED)
		sim->counters[COUNT_GHOSTS]++;
	if (host->loops > 0 && sim->chaos) {
		host->loops--;
		sim->counters[COUNT_BOOT_LOOPS]++;
		stop_arm(sim, host);
	}
	host_start(sim, host);
}

void faults_switch_off(struct sim *sim)
{
	uint64_t crashes = sim->counters[COUNT_CRASHES];

	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];
		if (!host->running || host->state != HOST_LEFT ||
		    gossip_fence(node_gossip(host->node)) != FENCE_LEFT ||
		    (sim->chaos && (host->index + sim->opt.seed) % 2 == 0))
			continue;
		host_stop(sim, host, true);
		host->switched_off = true;
	}
	sim->counters[COUNT_CRASHES] = crashes;
}

/* All at once, one after the other, or in any order within some seconds; with what reboots lose or
 * without. */
void fault_mass_restart(struct sim *sim)
{
	uint64_t share = 1 + sim_draw(sim, 4), spread = sim_draw(sim, 3) * 3000;
	uint64_t pause = sim_draw(sim, 2) ? 1 : sim_draw(sim, 3000), step = sim_draw(sim, 500);
	enum sim_marker marker = (enum sim_marker)sim_draw(sim, 3);
	uint64_t at = 0;
	bool any = false;

	sim_trace(sim, "mass restart of %llu/4", (unsigned long long)share);
	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];

		if (!is_running_member(host) || sim_draw(sim, 4) >= share)
			continue;
		at = spread > 0 ? sim_draw(sim, spread) : at + step;
		host->marker = marker;
		fault_later(sim, host, FAULT_STOP, at);
		fault_later(sim, host, FAULT_RESTART, at + pause);
		any = true;
	}
	sim->counters[COUNT_MASS_RESTARTS] += any;
}

void faults_event(struct sim *sim, const struct sim_event *event)
{
	struct sim_host *host = &sim->hosts[event->host];

	switch ((enum sim_fault)event->fault) {
	case FAULT_RESTART:
		faults_restart(sim, host);
		break;
	case FAULT_STOP:
		if (host->running && sim->chaos)
			host_stop(sim, host, true);
		break;
	}
}

void fault_disk_full(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, is_running_member);

	if (!host)
		return;
	sim->counters[COUNT_DISK_FULL]++;
	host->disk_full_until = mono_add_ms(sim->now, 1 + (int64_t)sim_draw(sim, FULL_MS_MAX));
}

void fault_disk_stall(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, is_running_member);

	if (!host)
		return;
	sim->counters[COUNT_DISK_STALLS]++;
	host->disk_free_at = mono_add_ms(sim->now, STALL_MS);
}

static bool has_boxes(const struct sim_host *host)
{
	return is_running_member(host) && host->endpoint_count > 0;
}

/* A box's namespace is deleted under it. */
void fault_box_gone(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, has_boxes);
	struct node_event event = {.kind = NODE_EV_GONE};
	size_t which;

	if (!host)
		return;
	which = sim_draw(sim, host->endpoint_count);
	event.id = host->endpoints[which];
	/* Sometimes somebody detaches it all the same, or the kernel says it twice. */
	if (sim_draw(sim, 2) == 0)
		host->endpoints[which] = host->endpoints[--host->endpoint_count];
	sim->counters[COUNT_GONE]++;
	host_event(sim, host, &event);
}

void faults_calm(struct sim *sim)
{
	sim->calm_since = sim->now;
	for (size_t i = 0; i < sim->host_count; i++) {
		sim->hosts[i].stop = (struct sim_stop){0};
		sim->hosts[i].loops = 0;
	}
}
