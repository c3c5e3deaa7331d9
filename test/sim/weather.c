/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What changes in the network and around its machines while there is chaos. Each seed has a mean
 * time between changes and a weight for each kind (0: none of it). Everything ends by itself, by an
 * operation of the workload, or with chaos.
 */
#include "network.h"

#include "faults.h"
#include "gossip/base/check.h"
#include "queue.h"

#define BEAT_MS 300 /* how often checkers are told that somebody is disturbed */
#define CLOG_MS_MAX 5000
#define CUT_MS_MAX 20000
#define STOP_MS_MIN 100
#define STOP_MS_MAX 20000
#define SLOW_US_MAX 3000
#define ADVERTISE_MS_MAX 3000 /* until a node that moved is told of it */
#define REQUEST_BOUND_MS 40000

/* What a SIM_WEATHER event is about. */
enum { WEATHER_CHANGE = 1, WEATHER_BEAT, WEATHER_ADVERTISE };

static void weather_later(struct sim *sim, unsigned what, size_t host, int64_t ms)
{
	struct sim_event event = {.kind = SIM_WEATHER, .fault = what, .host = host};

	event.at = mono_add_ns(sim->now, ms * NS_PER_MS + 1000);
	queue_add(sim, &event);
}

/* An instant from now on that lies within chaos: nothing that was held back comes after its end. */
static struct mono weather_until(struct sim *sim, int64_t ms_min, int64_t ms_max)
{
	int64_t spread = 1 + (int64_t)simnet_draw(sim, (uint64_t)ms_max);
	struct mono until =
	    mono_add_ms(sim->now, ms_min + (int64_t)simnet_draw(sim, (uint64_t)spread));

	return mono_min(until, sim->chaos_end);
}

/* Any member that runs, by lot; NULL when there is none. */
static struct sim_host *weather_pick(struct sim *sim)
{
	size_t start = simnet_draw(sim, sim->host_count);

	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[(start + i) % sim->host_count];

		if (host->running && host->joined && host->state == HOST_UP && !host->stopped)
			return host;
	}
	return NULL;
}

/* --- cuts ------------------------------------------------------------------------------------- */

static void islands_draw(struct sim *sim)
{
	struct network *net = sim->net;
	unsigned islands = 2 + (unsigned)simnet_draw(sim, 3);
	uint64_t kind = simnet_draw(sim, 4);
	size_t alone = simnet_draw(sim, net->slot_count);

	for (size_t i = 0; i < net->slot_count; i++) {
		if (kind == 0) /* one alone */
			net->slots[i].island = i == alone;
		else if (kind == 1) /* everybody for himself */
			net->slots[i].island = (unsigned)i;
		else
			net->slots[i].island = (unsigned)simnet_draw(sim, islands);
	}
	sim->counters[kind == 0   ? COUNT_CUT_ALONE
		      : kind == 1 ? COUNT_CUT_ALL
				  : COUNT_CUT_ISLANDS]++;
}

void weather_cut(struct sim *sim)
{
	struct network *net = sim->net;

	if (copies_any_claims(sim) || copies_any_alone(sim)) {
		sim->counters[COUNT_WEATHER_HELD]++;
		return;
	}
	sim->counters[COUNT_PARTITIONS]++;
	net->shape = (enum net_shape)(NET_ISLANDS + simnet_draw(sim, NET_SHAPES - NET_ISLANDS));
	net->shape_until = MONO_NEVER;
	net->flap_ms = simnet_draw(sim, 4) == 0 ? 100 + (int64_t)simnet_draw(sim, 3000) : 0;
	sim->counters[COUNT_CUT_FLAPS] += net->flap_ms > 0;
	if (net->shape == NET_ISLANDS)
		islands_draw(sim);
	for (size_t i = 0; i < net->slot_count && net->shape != NET_ISLANDS; i++)
		net->slots[i].island = (unsigned)simnet_draw(sim, 2);
	sim->counters[COUNT_CUT_ONE_WAY] += net->shape == NET_ONE_WAY;
	sim->counters[COUNT_CUT_RING] += net->shape == NET_RING;
	sim->counters[COUNT_CUT_BRIDGE] += net->shape == NET_BRIDGE;
	net->reach = 1 + (unsigned)simnet_draw(sim, 3);
	if (net->shape == NET_BRIDGE)
		net->slots[simnet_draw(sim, net->machine_count)].island = NET_BRIDGE_ISLAND;
	sim_trace(sim, "cut %d flapping %lld", (int)net->shape, (long long)net->flap_ms);
	check_disturbed(sim, NULL);
}

void weather_heal(struct sim *sim)
{
	sim->net->shape = NET_WHOLE;
}

static void change_cut(struct sim *sim)
{
	weather_cut(sim);
	sim->net->shape_until = weather_until(sim, 100, CUT_MS_MAX);
}

/* --- links and machines ----------------------------------------------------------------------- */

static void change_links(struct sim *sim)
{
	sim->net->epoch++;
}

static void change_clog(struct sim *sim)
{
	struct network *net = sim->net;
	struct net_clog *clog = &net->clogs[simnet_draw(sim, NET_CLOGS_MAX)];

	if (clog == &net->clogs[net->clog_count] || clog > &net->clogs[net->clog_count])
		clog = &net->clogs[net->clog_count++];
	clog->to = simnet_draw(sim, net->machine_count);
	clog->from = simnet_draw(sim, 2) ? NET_NOBODY : simnet_draw(sim, net->machine_count);
	clog->until = weather_until(sim, 50, CLOG_MS_MAX);
	sim->counters[COUNT_CLOGS]++;
}

static void change_stop(struct sim *sim)
{
	struct sim_host *host = weather_pick(sim);

	if (!host)
		return;
	host->stopped = true;
	sim->net->machines[host->index].stopped_until =
	    weather_until(sim, STOP_MS_MIN, simnet_draw(sim, 3) ? 3000 : STOP_MS_MAX);
	sim->counters[COUNT_STOPPED]++;
	sim_trace(sim, "machine %zu stopped", host->index);
}

static void change_slow(struct sim *sim)
{
	struct net_machine *machine = &sim->net->machines[simnet_draw(sim, sim->opt.hosts)];

	machine->step_us = machine->step_us ? 0 : 50 + (int64_t)simnet_draw(sim, SLOW_US_MAX);
	sim->counters[COUNT_SLOWED] += machine->step_us > 0;
}

static void change_nat(struct sim *sim)
{
	struct sim_host *host = weather_pick(sim);

	if (!host)
		return;
	simnet_rebind(sim, host->index, simnet_draw(sim, 2) == 0);
	sim->counters[COUNT_REBOUND]++;
	sim_trace(sim, "machine %zu rebound", host->index);
}

static void change_clock(struct sim *sim)
{
	struct sim_host *host = weather_pick(sim);

	if (host)
		clock_step(sim, &host->clock);
}

/* --- places ----------------------------------------------------------------------------------- */

static void advertise(struct sim *sim, struct sim_host *host)
{
	struct node_request request = {.kind = NODE_ADVERTISE, .vtep = host->addr.ip};
	struct hostport addr = host->addr;

	if (!host->running || !host->joined || host->state != HOST_UP || host->stopped ||
	    !host->moved)
		return;
	request.addrs = &addr;
	request.addr_count = 1;
	sim->counters[COUNT_ADVERTISED]++;
	host_request(sim, host, &request, REQUEST_BOUND_MS);
}

/* The first host stays where it is: somebody has to be where others look for him (links.c). */
static struct sim_host *mover_pick(struct sim *sim)
{
	struct sim_host *host = weather_pick(sim);

	return host && host->index > 0 ? host : NULL;
}

/* A member moves to a free place, or changes with another; both are restarted, or told soon. */
static void change_place(struct sim *sim)
{
	struct sim_host *movers[2] = {mover_pick(sim), mover_pick(sim)};
	bool restart = simnet_draw(sim, 2) == 0, swap = simnet_draw(sim, 3) != 0;
	size_t from, to;

	if (!movers[0])
		return;
	if (!swap || movers[1] == movers[0])
		movers[1] = NULL;
	from = sim->net->machines[movers[0]->index].slot;
	if (!faults_leave_links(sim, movers, 2, NULL))
		return;
	if (movers[1])
		to = sim->net->machines[movers[1]->index].slot;
	else
		for (to = 0; to < sim->net->slot_count; to++)
			if (sim->net->slots[to].machine == NET_NOBODY)
				break;
	for (size_t i = 0; i < 2 && restart; i++)
		if (movers[i])
			host_stop(sim, movers[i], true);
	simnet_swap(sim, from, to);
	sim->counters[movers[1] ? COUNT_SWAPPED : COUNT_MOVED]++;
	sim_trace(sim, "places %zu and %zu swapped", from, to);
	for (size_t i = 0; i < 2; i++) {
		if (!movers[i])
			continue;
		movers[i]->moved = !restart;
		if (restart)
			faults_restart(sim, movers[i]);
		else
			weather_later(sim, WEATHER_ADVERTISE, movers[i]->index,
				      (int64_t)simnet_draw(sim, ADVERTISE_MS_MAX));
	}
}

/* New tokens name other members as seeds. */
static void change_seeds(struct sim *sim)
{
	struct node_request request = {.kind = NODE_TOKEN_CREATE, .ttl_ms = INT64_C(86400000)};
	struct sim_host *admin = &sim->hosts[0];
	struct hostport addrs[SIM_SEEDS_BACK];

	if (!admin->running || !admin->joined || admin->state != HOST_UP || admin->stopped)
		return;
	request.addr_count = 1 + simnet_draw(sim, SIM_SEEDS_BACK);
	for (size_t i = 0; i < request.addr_count; i++) {
		const struct sim_host *seed = weather_pick(sim);

		addrs[i] = seed ? seed->addr : admin->addr;
	}
	request.addrs = addrs;
	sim->counters[COUNT_SEEDS_CHANGED]++;
	host_request(sim, admin, &request, REQUEST_BOUND_MS);
}

/* --- the course of things --------------------------------------------------------------------- */

static void weather_change(struct sim *sim)
{
	const struct {
		uint32_t weight;
		void (*run)(struct sim *sim);
		bool parts; /* two may not find each other for it */
	} changes[] = {
	    {sim->opt.weather_cut, change_cut, true},
	    {sim->opt.weather_links, change_links, false},
	    {sim->opt.weather_clog, change_clog, false},
	    {sim->opt.weather_stop, change_stop, true},
	    {sim->opt.weather_slow, change_slow, false},
	    {sim->opt.weather_nat, change_nat, true},
	    {sim->opt.weather_place, change_place, true},
	    {sim->opt.weather_clock, change_clock, false},
	    {sim->opt.weather_seeds, change_seeds, false},
	};
	uint64_t total = 0, drawn;

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		total += changes[i].weight;
	if (total == 0)
		return;
	drawn = simnet_draw(sim, total);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		if (drawn < changes[i].weight &&
		    (copies_any_claims(sim) || (changes[i].parts && copies_any_alone(sim)))) {
			sim->counters[COUNT_WEATHER_HELD]++;
			break;
		} else if (drawn < changes[i].weight) {
			changes[i].run(sim);
			break;
		}
		drawn -= changes[i].weight;
	}
	weather_later(sim, WEATHER_CHANGE, 0,
		      1 + (int64_t)simnet_draw(sim, (uint64_t)(2 * sim->opt.weather_gap_ms)));
}

bool weather_is_bad(const struct sim *sim)
{
	const struct sim_options *opt = &sim->opt;
	const struct network *net = sim->net;

	for (size_t i = 0; i < net->clog_count; i++)
		if (net->clogs[i].until.ns > sim->now.ns)
			return true;
	return net->shape != NET_WHOLE || opt->deaf_ppm || opt->hole_ppm || opt->skew_ppm ||
	       opt->capacity;
}

/* Who is disturbed now is held to less. */
static void weather_beat(struct sim *sim)
{
	const struct network *net = sim->net;

	copies_look(sim);
	if (net->shape != NET_WHOLE && mono_is_due(net->shape_until, sim->now))
		weather_heal(sim);
	if (weather_is_bad(sim))
		check_disturbed(sim, NULL);
	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];
		const struct net_machine *machine = &net->machines[i];

		if (host->stopped || machine->step_us > 0 || machine->outside.port || host->moved)
			check_disturbed(sim, host);
	}
	weather_later(sim, WEATHER_BEAT, 0, BEAT_MS);
}

void weather_event(struct sim *sim, const struct sim_event *event)
{
	if (!sim->chaos)
		return;
	if (event->fault == WEATHER_CHANGE)
		weather_change(sim);
	else if (event->fault == WEATHER_BEAT)
		weather_beat(sim);
	else
		advertise(sim, &sim->hosts[event->host]);
}

void weather_start(struct sim *sim)
{
	if (sim->opt.weather_gap_ms > 0)
		weather_later(sim, WEATHER_CHANGE, 0, sim->opt.weather_gap_ms);
	weather_later(sim, WEATHER_BEAT, 0, 0);
}

void weather_calm(struct sim *sim)
{
	struct network *net = sim->net;

	WEFT_ASSERT(!sim->chaos);
	weather_heal(sim);
	net->clog_count = 0;
	for (size_t i = 0; i < net->machine_count; i++) {
		struct net_machine *machine = &net->machines[i];

		machine->outside.port = 0;
		machine->outside_only = false;
		machine->step_us = 0;
		machine->stopped_until = machine->busy_until = sim->now;
	}
	check_disturbed(sim, NULL);
	for (size_t i = 0; i < sim->host_count; i++) {
		sim->hosts[i].stopped = false;
		/* A host that could not write its new address down says it again. */
		advertise(sim, &sim->hosts[i]);
	}
}
