/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The door of the checkers. A world calls a hook at every transition of a host:
 *
 *   start --> event --> (node_step) --> update --> answer, step
 *                                         \--> ... --> write, commit (a disk has it)
 *
 * and each hook passes it to those who have something to say about it:
 *
 *   checks_rows.c     what observers show of rows: versions, authors, deletion, durability
 *   checks_members.c  who is thought alive or dead, and for how long; who is heard
 *   checks_promises.c what is on a disk before a node gives its word
 *   checks_wire.c     datagrams: size, budget, queues, memory, replays
 *   checks_hostile.c  what comes of datagrams of somebody without keys
 *   checks_ranges.c   who owns which address in the eyes of all disks together; transfers
 *   checks_forgotten.c what of that a disk forgot which went back
 *   checks_leases.c   leases against that; fences, guards, cool-down
 *   checks_ports.c    what the kernel is asked to make for boxes, and what stands of it
 *   checks_answers.c  answers against the disk
 *   checks_calm.c     the whole world once nothing is disturbed any more
 *   checks_ipam.c     the same for addresses
 *
 * A checker keeps a model of its own, made of what was seen to happen. Where it asks a node (in
 * which phase it is, what its sums are), it is to hold the node to its own word, or to compare that
 * with the others' or with the model; never to learn what is right. A look that walks a whole
 * structure is sampled; what happens once a transition is looked at always. That each is awake is
 * proved by made-up histories (checks_selftest.c) or by mutants of the code (mutants.py, which
 * knows who is named by neither); that each had something to judge, by its looks, which a long run
 * sums up.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "checks_parts.h"

#define ROWS_PER_STEP 16u

static const struct {
	const char *name, *says;
} checkers[CHECKER_COUNT] = {
#define SIM_CHECKER_ROW(name, text, says) {text, says},
    SIM_CHECKERS(SIM_CHECKER_ROW)
#undef SIM_CHECKER_ROW
};

const char *checker_name(enum checker checker)
{
	WEFT_ASSERT(checker < CHECKER_COUNT);
	return checkers[checker].name;
}

const char *checker_says(enum checker checker)
{
	WEFT_ASSERT(checker < CHECKER_COUNT);
	return checkers[checker].says;
}

uint64_t checker_looks(const struct checks *checks, enum checker checker)
{
	WEFT_ASSERT(checker < CHECKER_COUNT);
	return checks->looks[checker];
}

void check_look(struct sim *sim, enum checker checker)
{
	sim->checks->looks[checker]++;
}

void check_fail(struct sim *sim, enum checker checker, const char *fmt, ...)
{
	char seen[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(seen, sizeof(seen), fmt, args);
	va_end(args);
	sim_fail(sim, "checker %s: %s", checker_name(checker), seen);
}

void checks_open(struct sim *sim)
{
	sim->checks = calloc(1, sizeof(*sim->checks));
	WEFT_ASSERT(sim->checks != NULL);
	map_init(&sim->checks->hosts, &sim->heap, sizeof(struct id), sizeof(struct known_host),
		 sim->opt.seed);
	sim->checks->second = sim->now;
	rows_checks_open(sim);
	members_checks_open(sim);
	wire_checks_open(sim);
	hostile_checks_open(sim);
	range_checks_open(sim);
	lease_checks_open(sim);
	ports_checks_open(sim);
}

void checks_close(struct sim *sim)
{
	if (!sim->checks)
		return;
	ports_checks_close(sim);
	lease_checks_close(sim);
	range_checks_close(sim);
	hostile_checks_close(sim);
	wire_checks_close(sim);
	members_checks_close(sim);
	rows_checks_close(sim);
	map_close(&sim->checks->hosts);
	free(sim->checks);
	sim->checks = NULL;
}

/* --- who is who ------------------------------------------------------------------------------- */

static void host_know(struct sim *sim, struct sim_host *host)
{
	struct id self = gossip_self(node_gossip(host->node));
	struct known_host *known;

	if (id_is_zero(&self) || host->state == HOST_COPY)
		return;
	known = map_insert(&sim->checks->hosts, &self, NULL);
	known->index = host->index;
	host->admitter = gossip_admitter(node_gossip(host->node));
}

struct sim_host *check_host(struct sim *sim, const struct id *id)
{
	const struct known_host *known = map_find(&sim->checks->hosts, id);

	return known ? &sim->hosts[known->index] : NULL;
}

bool check_takes_part(const struct sim_host *host)
{
	return host->running && host->state == HOST_UP && host->joined;
}

bool check_is_off(const struct sim_host *host)
{
	return host->state == HOST_REMOVED || host->is_void;
}

/* Of who was astray nobody knows what is still so of what the world saw it write. A copy that no
 * one believed wrote nothing that counts. */
bool check_is_gone(const struct sim_host *host)
{
	return check_is_off(host) || host->state == HOST_LEFT || host->leaving ||
	       (host->was_astray && !host->only_copied);
}

bool check_is_observer(const struct sim *sim, const struct sim_host *host)
{
	return host->index % (1 + sim->host_count / 64) == 0;
}

/* A removal holds from the moment in which one disk has it, of one who was not removed before. */
static void removal_note(struct sim *sim, const struct sim_host *by, const struct write *write)
{
	struct row_view row;
	struct id removed;

	if (by->state == HOST_REMOVED || row_parse(write->bytes, write->len, &row) != 0 ||
	    row.kind != FACT_REMOVAL)
		return;
	removed = row_key_id(&row);
	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];

		if (!host->joined || !id_eq(&host->id, &removed))
			continue;
		if (host->state != HOST_REMOVED)
			leases_end(sim, host, false);
		host->state = HOST_REMOVED;
		host->endpoint_count = 0;
	}
}

/* --- the hooks -------------------------------------------------------------------------------- */

void check_disturbed(struct sim *sim, struct sim_host *host)
{
	if (host)
		host->disturbed_at = sim->now;
	else
		sim->checks->disturbed_at = sim->now;
}

void check_disk_replaced(struct sim *sim, struct sim_host *host)
{
	rows_replaced(sim, host);
	members_replaced(sim, host);
	leases_end(sim, host, true);
}

void check_start(struct sim *sim, struct sim_host *host, bool marker_ok)
{
	check_disturbed(sim, host);
	rows_start(sim, host);
	members_start(sim, host);
	lease_start_look(sim, host, marker_ok);
	ports_start(sim, host, marker_ok);
}

void check_event(struct sim *sim, struct sim_host *host, const struct node_event *event)
{
	wire_event(sim, host, event);
	hostile_event(sim, host, event);
	lease_event_look(sim, host, event);
}

void check_update(struct sim *sim, struct sim_host *host, const struct node_update *update)
{
	host_know(sim, host);
	rows_update(sim, host, update);
	members_update(sim, host, update);
	promises_update(sim, host, update);
	wire_update(sim, host, update);
	hostile_update(sim, host, update);
	lease_update_look(sim, host, update);
}

void check_write(struct sim *sim, struct sim_host *host, const struct write *write)
{
	if (write->kind == WRITE_FACT)
		removal_note(sim, host, write);
	rows_write(sim, host, write);
	members_write(sim, host, write);
	lease_write_look(sim, host, write);
}

void check_commit(struct sim *sim, struct sim_host *host, const struct sim_commit *commit)
{
	ranges_commit(sim, host, commit);
	lease_commit_look(sim, host, commit);
}

/* Once a second of the world's time, whoever takes a step first. */
static void second_look(struct sim *sim)
{
	members_second(sim);
	wire_second(sim);
	ranges_second(sim);
	ports_second(sim);
}

static uint64_t rows_held(const struct sim_host *host)
{
	struct gossip_counter counter;

	for (size_t i = 0; gossip_counter(node_gossip(host->node), i, &counter); i++)
		if (counter.is_gauge && strcmp(counter.name, "rows") == 0)
			return counter.value;
	return 0;
}

/* A full walk of a node's structures costs more than a step; it is sampled, denser in small
 * worlds, and more thinly the more rows there are to walk: a madman makes thousands. What is wrong
 * there is the code's own assertion. */
void check_step(struct sim *sim, struct sim_host *host)
{
	uint64_t every = sim->opt.hosts <= 8 ? 16 : sim->opt.hosts * 8;

	if (mono_is_due(sim->checks->second, sim->now)) {
		sim->checks->second = mono_add_ms(sim->now, 1000);
		second_look(sim);
	}
	if (sim->counters[COUNT_STEPS] % every != 0 ||
	    sim->counters[COUNT_STEPS] < sim->checks->look_at)
		return;
	sim->checks->look_at = sim->counters[COUNT_STEPS] + rows_held(host) / ROWS_PER_STEP;
	node_check(host->node);
	gossip_check(node_gossip(host->node));
	ipamdb_check(node_ipamdb(host->node));
}

void check_requests(struct sim *sim)
{
	for (size_t i = 0; i < sim->requests.count; i++) {
		const struct sim_request *request = vec_at(&sim->requests, i);

		check_look(sim, CHECKER_ANSWERED);
		if (request->bound.ns >= sim->now.ns)
			continue;
		check_fail(sim, CHECKER_ANSWERED, "host %zu did not answer a request of kind %d",
			   request->host, (int)request->kind);
		return;
	}
}
