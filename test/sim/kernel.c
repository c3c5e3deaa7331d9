/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The fake kernel: boxes are plugged and unplugged, entries for other hosts' endpoints are applied,
 * each a while after it was asked for. While there is chaos it refuses some plugs, hangs in others,
 * with all that comes behind them, and is late with some entries by seconds, or never says that
 * they stand. What is made ahead is there at once and shows nobody anything. After a start it is
 * looked at as soon as the node lets it, and tells what boxes have no port: their plug was still to
 * come when the node died.
 */
#include <string.h>

#include "gossip/base/check.h"
#include "queue.h"

#define PLUG_US_MIN 100
#define PLUG_US_SPREAD 900
#define LOOK_US 2000
#define LOOK_AGAIN_US 100000
#define APPLY_US_MIN 200
#define APPLY_US_SPREAD 2000
#define LATE_US_SPREAD 8000000
#define HANG_US_MIN 5000000
#define HANG_US_SPREAD 25000000 /* longer than a node waits */

static struct mono kernel_at(struct sim *sim, int64_t us_min, uint64_t us_spread)
{
	return mono_add_ns(sim->now, (us_min + (int64_t)sim_draw(sim, us_spread)) * 1000);
}

static struct mono later(struct mono a, struct mono b)
{
	return a.ns > b.ns ? a : b;
}

void kernel_work(struct sim *sim, struct sim_host *host, const struct node_work *work)
{
	struct sim_event event = {.host = host->index, .boot = host->boot};
	bool plug = work->kind == WORK_PLUG;

	ports_work(sim, host, work);
	sim->counters[COUNT_MADE_AHEAD] += work->kind == WORK_MAKE;
	sim->counters[COUNT_UNMADE] += work->kind == WORK_UNMAKE;
	if (!plug && work->kind != WORK_UNPLUG)
		return;
	event.kind = plug ? SIM_PLUGGED : SIM_UNPLUGGED;
	event.id = work->endpoint.id;
	event.at = kernel_at(sim, PLUG_US_MIN, PLUG_US_SPREAD);
	if (plug && sim->chaos && sim_chance(sim, sim->opt.plug_fail_ppm)) {
		sim->counters[COUNT_PLUG_REFUSED]++;
		event.refused = true;
	}
	if (plug && sim->chaos && sim_chance(sim, sim->opt.plug_hang_ppm)) {
		sim->counters[COUNT_PLUG_HUNG]++;
		host->kernel_free_at =
		    later(host->kernel_free_at, kernel_at(sim, HANG_US_MIN, HANG_US_SPREAD));
	}
	event.at = later(event.at, host->kernel_free_at);
	queue_add(sim, &event);
}

void kernel_follow(struct sim *sim, struct sim_host *host, const struct gossip_change *change)
{
	struct sim_event event = {.kind = SIM_APPLIED, .host = host->index, .boot = host->boot};

	if (change->kind != CHANGE_ROW || change->row.kind != ROW_ENDPOINT || change->row.deleted ||
	    id_eq(&change->row.owner, &host->id))
		return;
	event.applied = (struct node_applied){.owner = change->row.owner,
					      .network = change->row.topic,
					      .endpoint = row_key_id(&change->row),
					      .epoch = change->row.epoch,
					      .sequence = change->row.sequence};
	event.at = kernel_at(sim, APPLY_US_MIN, APPLY_US_SPREAD);
	if (sim->chaos && sim_chance(sim, sim->opt.apply_late_ppm)) {
		sim->counters[COUNT_APPLIED_LATE]++;
		if (sim_draw(sim, 4) == 0)
			return;
		event.at = kernel_at(sim, APPLY_US_MIN, LATE_US_SPREAD);
	}
	event.at = later(event.at, host->kernel_free_at);
	queue_add(sim, &event);
}

/* No draw: where nothing is missing a world goes on as it would without. */
static void look_later(struct sim *sim, const struct sim_host *host, int64_t us)
{
	const struct sim_event event = {
	    .kind = SIM_LOOK,
	    .host = host->index,
	    .boot = host->boot,
	    .at = later(mono_add_ns(sim->now, us * 1000), host->kernel_free_at)};

	queue_add(sim, &event);
}

void kernel_start(struct sim *sim, struct sim_host *host)
{
	look_later(sim, host, LOOK_US);
}

static void look(struct sim *sim, struct sim_host *host)
{
	struct node_event gone = {.kind = NODE_EV_GONE}, looked = {.kind = NODE_EV_LOOKED};
	const uint64_t boot = host->boot;
	struct local_endpoint endpoint;
	struct vec missing;

	if (!node_is_ready(host->node)) {
		look_later(sim, host, LOOK_AGAIN_US);
		return;
	}
	vec_init(&missing, &sim->heap, sizeof(struct id));
	for (size_t at = 0; node_endpoint_next(host->node, &at, &endpoint);)
		if (!endpoint.is_host && !ports_has(sim, host, &endpoint.id))
			vec_push(&missing, &endpoint.id);
	sim->counters[COUNT_UNPLUGGED_FOUND] += missing.count;
	for (size_t i = 0; i < missing.count && host->boot == boot; i++) {
		gone.id = *(const struct id *)vec_at(&missing, i);
		host_event(sim, host, &gone);
	}
	vec_close(&missing);
	if (host->boot == boot)
		host_event(sim, host, &looked);
}

void kernel_done(struct sim *sim, struct sim_host *host, const struct sim_event *event)
{
	struct node_event in = {.id = event->id, .ok = !event->refused};

	switch (event->kind) {
	case SIM_LOOK:
		look(sim, host);
		return;
	case SIM_PLUGGED:
		ports_done(sim, host, &event->id, !event->refused);
		in.kind = NODE_EV_PLUGGED;
		if (event->refused)
			weft_err_set(&in.err, WEFT_E_KERNEL, "the kernel has no room for it");
		break;
	case SIM_UNPLUGGED:
		ports_done(sim, host, &event->id, false);
		in.kind = NODE_EV_UNPLUGGED;
		break;
	default:
		WEFT_ASSERT(event->kind == SIM_APPLIED);
		in.kind = NODE_EV_APPLIED;
		in.applied = &event->applied;
		in.applied_count = 1;
	}
	host_event(sim, host, &in);
}
