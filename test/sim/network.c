/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What becomes of a datagram. At sending its link decides: cut, lost, too large for it, or how long
 * it takes and how often it comes. On arrival its address decides: whoever lives there by then gets
 * it, at once, or when he is no longer stopped or busy.
 *
 * A bad link is bad by a hash of its ends and of the weather's epoch, so that nothing is kept of
 * the million links of a large world.
 */
#include "network.h"

#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"
#include "queue.h"
#include "sim_crypto.h"

#define ADDR_FIRST 0x0a000001u    /* of the slots */
#define OUTSIDE_FIRST 0x64400001u /* of their gateways */
#define SLOTS_SPARE(machines) ((machines) / 4 + 4)

uint64_t simnet_draw(struct sim *sim, uint64_t bound)
{
	return rng_below(&sim->net->rng, bound);
}

bool simnet_chance(struct sim *sim, uint32_t ppm)
{
	return ppm > 0 && simnet_draw(sim, 1000000) < ppm;
}

void simnet_open(struct sim *sim)
{
	struct network *net = calloc(1, sizeof(*net));

	WEFT_ASSERT(net != NULL);
	rng_init(&net->rng, sim->opt.seed ^ UINT64_C(0x6e657477));
	net->machine_count = sim->host_count;
	net->slot_count = sim->host_count + SLOTS_SPARE(sim->host_count);
	net->machines = calloc(net->machine_count, sizeof(*net->machines));
	net->slots = calloc(net->slot_count, sizeof(*net->slots));
	WEFT_ASSERT(net->machines != NULL && net->slots != NULL);
	for (size_t i = 0; i < net->slot_count; i++)
		net->slots[i].machine = i < net->machine_count ? i : NET_NOBODY;
	for (size_t i = 0; i < net->machine_count; i++)
		net->machines[i].slot = i;
	sim->net = net;
	attacker_open(sim);
}

void simnet_close(struct sim *sim)
{
	attacker_close(sim);
	free(sim->net->machines);
	free(sim->net->slots);
	free(sim->net);
	sim->net = NULL;
}

/* --- who lives where -------------------------------------------------------------------------- */

static struct hostport slot_addr(size_t slot)
{
	return (struct hostport){inet_from_v4(ADDR_FIRST + (uint32_t)slot), GOSSIP_PORT};
}

struct hostport simnet_addr(const struct sim *sim, size_t machine)
{
	return slot_addr(sim->net->machines[machine].slot);
}

struct hostport simnet_outside(const struct sim *sim, size_t machine)
{
	const struct net_machine *at = &sim->net->machines[machine];

	return at->outside.port ? at->outside : slot_addr(at->slot);
}

/* Another address of the same gateway, or the same with another port. */
void simnet_rebind(struct sim *sim, size_t machine, bool outside_only)
{
	struct net_machine *at = &sim->net->machines[machine];
	uint32_t ip = simnet_draw(sim, 2) ? OUTSIDE_FIRST : ADDR_FIRST;

	at->outside.ip = inet_from_v4(ip + (uint32_t)at->slot);
	at->outside.port = (uint16_t)(20000 + simnet_draw(sim, 40000));
	at->outside_only = outside_only;
}

static size_t slot_of(const struct sim *sim, const struct hostport *addr)
{
	uint32_t ip = inet_is_v4(&addr->ip) ? inet_v4(&addr->ip) : 0;

	if (ip - ADDR_FIRST < sim->net->slot_count)
		return ip - ADDR_FIRST;
	return ip - OUTSIDE_FIRST < sim->net->slot_count ? ip - OUTSIDE_FIRST : NET_NOBODY;
}

struct sim_host *simnet_host(struct sim *sim, const struct hostport *addr)
{
	size_t slot = slot_of(sim, addr);
	struct hostport own;
	const struct net_machine *machine;

	if (slot == NET_NOBODY || sim->net->slots[slot].machine == NET_NOBODY)
		return NULL;
	machine = &sim->net->machines[sim->net->slots[slot].machine];
	own = slot_addr(slot);
	if (machine->outside.port && hostport_eq(addr, &machine->outside))
		return &sim->hosts[sim->net->slots[slot].machine];
	if (!hostport_eq(addr, &own) || machine->outside_only)
		return NULL;
	return &sim->hosts[sim->net->slots[slot].machine];
}

static void slot_take(struct sim *sim, size_t slot, size_t machine)
{
	sim->net->slots[slot].machine = machine;
	if (machine == NET_NOBODY)
		return;
	sim->net->machines[machine].slot = slot;
	sim->net->machines[machine].outside.port = 0;
	sim->net->machines[machine].outside_only = false;
	sim->hosts[machine].addr = slot_addr(slot);
}

void simnet_swap(struct sim *sim, size_t slot, size_t other)
{
	size_t machine = sim->net->slots[slot].machine;
	size_t displaced = sim->net->slots[other].machine;

	WEFT_ASSERT(slot != other);
	slot_take(sim, other, machine);
	slot_take(sim, slot, displaced);
}

/* --- links ------------------------------------------------------------------------------------ */

static bool shape_cuts(const struct sim *sim, size_t from, size_t to)
{
	const struct network *net = sim->net;
	unsigned a = net->slots[from].island, b = net->slots[to].island;
	size_t apart = from > to ? from - to : to - from;

	if (net->shape == NET_WHOLE || mono_is_due(net->shape_until, sim->now))
		return false;
	/* A cut that flaps is there every other while. */
	if (net->flap_ms > 0 && sim->now.ns / NS_PER_MS / net->flap_ms % 2 == 1)
		return false;
	switch (net->shape) {
	case NET_ISLANDS:
		return a != b;
	case NET_ONE_WAY:
		return a == 1 && b == 0;
	case NET_RING:
		return apart > net->reach && net->slot_count - apart > net->reach;
	case NET_BRIDGE:
		return a != b && a != NET_BRIDGE_ISLAND && b != NET_BRIDGE_ISLAND;
	case NET_WHOLE:
	case NET_SHAPES:
		break;
	}
	return false;
}

/* What this link drew in this epoch: a number below a million for each kind of badness. */
static uint32_t link_lot(const struct sim *sim, size_t from, size_t to, uint64_t kind)
{
	uint64_t link[] = {sim->opt.seed, sim->net->epoch, from, to};

	return (uint32_t)(sim_hash64(link, sizeof(link), kind) % 1000000);
}

enum { LOT_DEAF = 1, LOT_SKEW, LOT_HOLE };

/* True when the link drops it; counts why. */
static bool link_drops(struct sim *sim, size_t from, size_t to, size_t len)
{
	const struct sim_options *opt = &sim->opt;

	if (shape_cuts(sim, from, to)) {
		sim->counters[COUNT_CUT]++;
		return true;
	}
	if (!sim->chaos)
		return false;
	if (sim_chance(sim, opt->loss_ppm)) {
		sim->counters[COUNT_LOST]++;
		return true;
	}
	if (opt->deaf_ppm && link_lot(sim, from, to, LOT_DEAF) < opt->deaf_ppm) {
		sim->counters[COUNT_DEAF]++;
		return true;
	}
	if (opt->hole_ppm && len > opt->hole_bytes &&
	    link_lot(sim, from, to, LOT_HOLE) < opt->hole_ppm) {
		sim->counters[COUNT_HOLE]++;
		return true;
	}
	if (opt->skew_ppm && link_lot(sim, from, to, LOT_SKEW) < opt->skew_ppm &&
	    simnet_chance(sim, opt->skew_loss_ppm)) {
		sim->counters[COUNT_SKEWED]++;
		return true;
	}
	if (opt->capacity && sim->net->slots[to].in_flight >= opt->capacity) {
		sim->counters[COUNT_OVERFLOWED]++;
		return true;
	}
	return false;
}

static struct mono link_arrival(struct sim *sim, size_t from, size_t to)
{
	const struct sim_options *opt = &sim->opt;
	int64_t spread = opt->latency_us_max - opt->latency_us_min + 1;
	int64_t us = opt->latency_us_min + (int64_t)sim_draw(sim, (uint64_t)spread);
	struct mono at;

	if (sim->chaos && sim_chance(sim, opt->reorder_ppm)) {
		sim->counters[COUNT_REORDERED]++;
		us += (int64_t)sim_draw(sim, (uint64_t)(10 * opt->latency_us_max));
	}
	if (sim->chaos && opt->skew_ppm && link_lot(sim, from, to, LOT_SKEW) < opt->skew_ppm)
		us += (int64_t)simnet_draw(sim, (uint64_t)opt->skew_delay_us + 1);
	at = mono_add_ns(sim->now, us * 1000);
	for (size_t i = 0; i < sim->net->clog_count; i++) {
		const struct net_clog *clog = &sim->net->clogs[i];

		if (clog->to != to || (clog->from != from && clog->from != NET_NOBODY) ||
		    clog->until.ns <= at.ns)
			continue;
		sim->counters[COUNT_CLOGGED]++;
		at = mono_add_ns(clog->until, us);
	}
	return at;
}

static void datagram_add(struct sim *sim, const struct hostport *from, const struct hostport *to,
			 const uint8_t *bytes, size_t len, struct mono at, uint32_t record)
{
	struct sim_event event = {
	    .at = at, .kind = SIM_DATAGRAM, .from = *from, .to = *to, .len = len};

	event.record = record;
	event.bytes = malloc(len);
	WEFT_ASSERT(event.bytes != NULL && slot_of(sim, to) != NET_NOBODY);
	memcpy(event.bytes, bytes, len);
	sim->net->slots[slot_of(sim, to)].in_flight++;
	queue_add(sim, &event);
}

void simnet_inject(struct sim *sim, const struct hostport *from, const struct hostport *to,
		   const uint8_t *bytes, size_t len, struct mono at)
{
	if (slot_of(sim, to) != NET_NOBODY)
		datagram_add(sim, from, to, bytes, len, at, 0);
}

void simnet_send(struct sim *sim, struct sim_host *host, const struct gossip_send *send)
{
	struct hostport outside = simnet_outside(sim, host->index);
	size_t from = sim->net->machines[host->index].slot, to = slot_of(sim, &send->to);
	uint32_t record = 0;
	int copies = 1;

	sim->counters[COUNT_DATAGRAMS]++;
	WEFT_ASSERT(send->len > 0 && send->len <= DATAGRAM_BYTES_MAX);
	sim_trace_words(sim, "send", host->index, send->len, sim_hash64(send->bytes, send->len, 0));
	if (to == NET_NOBODY)
		return;
	if (sim->net->attacker)
		record = attacker_hears(sim, &outside, &send->to, send->bytes, send->len);
	if (link_drops(sim, from, to, send->len))
		return;
	if (sim->chaos && sim_chance(sim, sim->opt.duplicate_ppm)) {
		sim->counters[COUNT_DUPLICATED]++;
		copies = 2;
	}
	while (copies-- > 0)
		datagram_add(sim, &outside, &send->to, send->bytes, send->len,
			     link_arrival(sim, from, to), record);
}

/* --- arrival ---------------------------------------------------------------------------------- */

bool simnet_arrived(struct sim *sim, struct sim_event *event)
{
	struct net_slot *slot = &sim->net->slots[slot_of(sim, &event->to)];
	const struct sim_host *host;

	if (event->held)
		return true;
	WEFT_ASSERT(slot->in_flight > 0);
	slot->in_flight--;
	host = simnet_host(sim, &event->to);
	if (!host)
		return false;
	event->host = host->index;
	return true;
}

bool simnet_defers(struct sim *sim, struct sim_event *event)
{
	struct sim_host *host = &sim->hosts[event->host];
	struct net_machine *machine = &sim->net->machines[host->index];
	struct mono until = machine->stopped_until;
	bool is_datagram = event->kind == SIM_DATAGRAM;

	if (until.ns < machine->busy_until.ns)
		until = machine->busy_until;
	if (is_datagram && event->held) {
		WEFT_ASSERT(machine->held > 0);
		machine->held--;
		event->held = false;
	}
	if (until.ns <= sim->now.ns) {
		host->stopped = false;
		if (machine->step_us > 0)
			machine->busy_until = mono_add_ns(sim->now, machine->step_us * 1000);
		return false;
	}
	/* What does not fit into the socket is lost; what the host itself awaits is not. */
	if (is_datagram && machine->held >= NET_HELD_MAX) {
		sim->counters[COUNT_SOCKET_FULL]++;
		free(event->bytes);
		event->bytes = NULL;
		return true;
	}
	if (is_datagram) {
		machine->held++;
		event->held = true;
	}
	sim->counters[COUNT_HELD]++;
	if (event->kind == SIM_TICK)
		host->tick_at = until;
	event->at = until;
	queue_add(sim, event);
	event->bytes = NULL;
	return true;
}
