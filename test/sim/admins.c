/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Admins beside the first host: they are made, remove others and each other, are removed, or are
 * admins no more. The first host is one for ever.
 *
 * A removal holds whatever becomes of its author, if somebody heard of it who is left: from the
 * moment in which the disk of one has it who was not removed before (checks.c). So the world
 * neither removes nor loses who may be the last one to know of a removal, until the first host has
 * it, which stays.
 */
#include "faults.h"

#define ADMIN_BOUND_MS 40000
#define MEMBERS_LEFT 3 /* so many members at least are there when one is removed */
#define SECOND_MOST 2

static bool is_member(const struct sim_host *host)
{
	return host->running && host->state == HOST_UP && host->joined && !host->stopped;
}

/* A removal that is looked for on a disk. */
struct sought_removal {
	struct id of;
	bool found;
};

static int removal_visit(void *ctx, const struct write *write)
{
	struct sought_removal *sought = ctx;
	struct id of;

	if (write->row.kind != FACT_REMOVAL)
		return 0;
	of = row_key_id(&write->row);
	sought->found = sought->found || id_eq(&of, &sought->of);
	return 0;
}

static bool has_removal(const struct sim_host *host, const struct id *of)
{
	struct sought_removal sought = {.of = *of};

	disk_walk(&host->disk, 1u << WRITE_FACT, removal_visit, &sought);
	return sought.found;
}

/* Is a removal asked for, and by this host, or of this one? */
static bool is_asked(const struct sim *sim, const struct sim_host *host, bool of_it)
{
	for (size_t i = 0; i < sim->requests.count; i++) {
		const struct sim_request *request = vec_at(&sim->requests, i);

		if (request->kind == NODE_REMOVE &&
		    (of_it ? id_eq(&request->subject, &host->id) : request->host == host->index))
			return true;
	}
	return false;
}

bool admins_need(const struct sim *sim, const struct sim_host *host)
{
	if (!sim->has_admins || host->index == 0)
		return false;
	for (size_t i = 0; i < sim->host_count; i++)
		if (sim->hosts[i].state == HOST_REMOVED && has_removal(host, &sim->hosts[i].id) &&
		    !has_removal(&sim->hosts[0], &sim->hosts[i].id))
			return true;
	return is_asked(sim, host, false);
}

/* --- operations ------------------------------------------------------------------------------- */

static bool may_be_admin(const struct sim_host *host)
{
	return host->index > 0 && is_member(host) && !host->was_admin && !host->was_astray &&
	       !host->leaving;
}

static bool was_made(const struct sim_host *host)
{
	return host->was_admin;
}

/* A second admin who runs and was not removed: of what one signs who was, and does not know it yet,
 * perhaps nobody hears but whom it removes. */
static bool may_remove(const struct sim_host *host)
{
	return host->was_admin && host->running && !host->stopped && host->joined &&
	       !host->was_astray && !host->leaving &&
	       gossip_phase(node_gossip(host->node)) == NODE_ACTIVE && host->state == HOST_UP;
}

static bool may_be_removed(const struct sim_host *host)
{
	return host->index > 0 && is_member(host) && !host->leaving;
}

static void admin_add(struct sim *sim)
{
	struct sim_host *subject = host_pick(sim, may_be_admin);
	struct node_request request = {.kind = NODE_ADMIN_ADD};

	if (!subject || !is_member(&sim->hosts[0]))
		return;
	subject->was_admin = sim->has_admins = true;
	request.id = subject->id;
	host_request(sim, &sim->hosts[0], &request, ADMIN_BOUND_MS);
}

static void admin_rm(struct sim *sim)
{
	struct sim_host *subject = host_pick(sim, was_made);
	struct node_request request = {.kind = NODE_ADMIN_RM};

	if (!subject || !is_member(&sim->hosts[0]))
		return;
	request.id = subject->id;
	host_request(sim, &sim->hosts[0], &request, ADMIN_BOUND_MS);
}

static size_t count(const struct sim *sim, bool (*fits)(const struct sim_host *host))
{
	size_t fitting = 0;

	for (size_t i = 0; i < sim->host_count; i++)
		fitting += fits(&sim->hosts[i]);
	return fitting;
}

/* Who knows that he is no admin refuses. */
static void second_removes(struct sim *sim)
{
	struct sim_host *admin = host_pick(sim, may_remove);
	struct sim_host *victim = host_pick(sim, may_be_removed);
	struct node_request request = {.kind = NODE_REMOVE, .text = "by another admin"};
	bool must_fail;

	if (!admin || !victim || admin == victim || count(sim, is_member) < MEMBERS_LEFT ||
	    admins_need(sim, victim) || is_asked(sim, admin, true))
		return;
	request.id = victim->id;
	must_fail = !gossip_is_admin(node_gossip(admin->node));
	sim->counters[COUNT_SECOND_REFUSED] += must_fail;
	host_ask(sim, admin, &request, ADMIN_BOUND_MS, must_fail);
}

static bool is_second(const struct sim_host *host)
{
	return host->was_admin && may_be_removed(host);
}

/* Perhaps while that one removes others, on the other side of a cut. */
static void first_removes_second(struct sim *sim)
{
	struct sim_host *first = &sim->hosts[0], *victim = host_pick(sim, is_second);
	struct node_request request = {.kind = NODE_REMOVE, .text = "an admin too many"};

	if (!victim || !is_member(first) || count(sim, is_member) < MEMBERS_LEFT ||
	    admins_need(sim, victim))
		return;
	request.id = victim->id;
	sim->counters[COUNT_SECOND_ENDED]++;
	host_request(sim, first, &request, ADMIN_BOUND_MS);
}

void admins_op(struct sim *sim)
{
	uint64_t drawn = sim_draw(sim, 8);

	if (count(sim, may_remove) < SECOND_MOST && drawn < 4)
		admin_add(sim);
	else if (drawn == 0)
		admin_rm(sim);
	else if (drawn == 1)
		first_removes_second(sim);
	else
		second_removes(sim);
}

void admins_answered(struct sim *sim, const struct sim_host *host,
		     const struct sim_request *request)
{
	sim->counters[COUNT_ADMINS] += request->kind == NODE_ADMIN_ADD;
	sim->counters[COUNT_ADMINS_ENDED] += request->kind == NODE_ADMIN_RM;
	sim->counters[COUNT_SECOND_REMOVALS] += request->kind == NODE_REMOVE && host->index > 0;
}
