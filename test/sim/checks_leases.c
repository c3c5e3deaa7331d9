/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Leases as the disks have them.
 *
 *   - no address is leased by two members, ever; what a removed node leases counts no more from the
 *     moment in which one disk has its removal
 *   - a lease that becomes durable is of an address whose top claim (checks_ranges.c) is its host's
 *     own row
 *   - an address that was released is leased again only when it has cooled down, whoever leases it;
 *     what a node had when it was removed, or when its disk was lost or went back, was then
 *     released
 *   - a node that was fenced or guarded, or had left, before a step and after it has handed in no
 *     new lease and no grant in it
 */
#include <stdlib.h>
#include <string.h>

#include "checks_parts.h"
#include "faults.h"

#define COOLDOWN_SLACK 20 /* one part of so many: commits take their time */

/* An address that was released. Key first: network, address. */
struct cooled {
	struct id network;
	struct inet address;
	struct mono since;
	struct mono handed_in; /* of its release, whose wall clock says until when it rests */
	size_t host;
	bool forgotten; /* by a disk that went back */
	bool by_clock;  /* whoever has it started since, after its wall clock had been set */
};

/* A release on its way to the disk. Key first: network, address. */
struct release {
	struct id network;
	struct inet address;
	struct mono at;
};

/* Whom a host has synced with since its start. */
struct met {
	uint32_t host, boot;
	struct id member;
};

struct lease_checks {
	struct map cooled;
	struct map releases; /* struct release: the last of each address */
	struct map met;
	bool *fenced;       /* of each host, before the step */
	bool *guarded;      /* of each host: as it started, until it synced or that is overridden */
	struct id *removed; /* of each host: whose removal its disk has, if its own */
};

void lease_checks_open(struct sim *sim)
{
	struct lease_checks *leases = calloc(1, sizeof(*leases));

	WEFT_ASSERT(leases != NULL);
	map_init(&leases->cooled, &sim->heap, SIM_OWNER_KEY_BYTES, sizeof(struct cooled),
		 sim->opt.seed);
	map_init(&leases->releases, &sim->heap, SIM_OWNER_KEY_BYTES, sizeof(struct release),
		 sim->opt.seed);
	map_init(&leases->met, &sim->heap, sizeof(struct met), sizeof(struct met), sim->opt.seed);
	leases->fenced = calloc(sim->opt.hosts + sim->opt.spares, sizeof(bool));
	leases->guarded = calloc(sim->opt.hosts + sim->opt.spares, sizeof(bool));
	leases->removed = calloc(sim->opt.hosts + sim->opt.spares, sizeof(struct id));
	WEFT_ASSERT(leases->fenced && leases->guarded && leases->removed);
	sim->checks->leases = leases;
}

void lease_checks_close(struct sim *sim)
{
	map_close(&sim->checks->leases->cooled);
	map_close(&sim->checks->leases->releases);
	map_close(&sim->checks->leases->met);
	free(sim->checks->leases->fenced);
	free(sim->checks->leases->guarded);
	free(sim->checks->leases->removed);
	free(sim->checks->leases);
	sim->checks->leases = NULL;
}

static bool is_new_lease(const struct write *write)
{
	return write->kind == WRITE_LEASE && !write->lease.cooling;
}

static void lease_key(const struct write *write, struct sim_owner *key)
{
	memset(key, 0, sizeof(*key));
	key->network = write->lease.network;
	key->address = write->lease.address;
}

/* --- what shortens a rest --------------------------------------------------------------------- */

/* After a start the rest goes by the wall clock, which may have been set since it began. */
static void clock_look(struct sim *sim, const struct sim_host *host)
{
	struct cooled *cooled;

	for (size_t at = 0; (cooled = map_next(&sim->checks->leases->cooled, &at)) != NULL;)
		if (host->clock.stepped_at.ns > cooled->handed_in.ns &&
		    (cooled->host == host->index ||
		     ranges_standing(sim, &host->id, &cooled->network, &cooled->address) ==
			 RANGE_OWN))
			cooled->by_clock = true;
}

/* Is this host being asked for the address by its name? */
static bool is_asked_for(const struct sim *sim, const struct sim_host *host,
			 const struct cooled *cooled)
{
	for (size_t i = 0; i < sim->requests.count; i++) {
		const struct sim_request *request = vec_at(&sim->requests, i);

		if (request->is_named && request->host == host->index &&
		    id_eq(&request->subject, &cooled->network) &&
		    inet_eq(&request->address, &cooled->address))
			return true;
	}
	return false;
}

/* --- fences ----------------------------------------------------------------------------------- */

/* Its disk has its own removal: from then on it knows. */
static void removal_look(struct sim *sim, const struct sim_host *host, const struct write *write)
{
	struct row_view row;
	struct id subject;

	if (row_parse(write->bytes, write->len, &row) != 0 || row.kind != FACT_REMOVAL)
		return;
	subject = row_key_id(&row);
	if (id_eq(&subject, &host->id))
		sim->checks->leases->removed[host->index] = subject;
}

static bool has_met(struct sim *sim, const struct sim_host *host, const struct id *member)
{
	struct met met = {(uint32_t)host->index, (uint32_t)host->boot, *member};

	return map_find(&sim->checks->leases->met, &met) != NULL;
}

static void met_note(struct sim *sim, const struct sim_host *host, const struct id *member)
{
	struct met met = {(uint32_t)host->index, (uint32_t)host->boot, *member};

	(void)map_insert(&sim->checks->leases->met, &met, NULL);
	sim->hosts[host->index].overridden = false;
	if (!sim->opt.guard_all)
		sim->checks->leases->guarded[host->index] = false;
}

/* Started without its marker, with others who may know more and were not synced with since. */
static bool is_guarded(struct sim *sim, const struct sim_host *host)
{
	bool *guarded = &sim->checks->leases->guarded[host->index];
	const struct gossip *gossip = node_gossip(host->node);
	struct member_info info;
	size_t unmet = 0;

	for (size_t at = 0; *guarded && gossip_member_next(gossip, &at, &info);)
		unmet += !info.is_self && info.state != MEMBER_LEFT &&
			 info.state != MEMBER_REMOVED && !has_met(sim, host, &info.id);
	if (unmet == 0)
		*guarded = false;
	return *guarded;
}

static bool is_fenced(struct sim *sim, const struct sim_host *host)
{
	const struct gossip *gossip = node_gossip(host->node);

	return id_eq(&sim->checks->leases->removed[host->index], &host->id) ||
	       gossip_phase(gossip) == NODE_REMOVED || gossip_phase(gossip) == NODE_LEFT ||
	       gossip_phase(gossip) == NODE_COPY || gossip_is_cloned(gossip) ||
	       gossip_is_refused(gossip, NULL) || is_guarded(sim, host);
}

void lease_start_look(struct sim *sim, struct sim_host *host, bool marker_ok)
{
	sim->checks->leases->fenced[host->index] = false;
	sim->checks->leases->guarded[host->index] = !marker_ok && !sim->opt.guard_off;
	clock_look(sim, host);
}

void lease_event_look(struct sim *sim, struct sim_host *host, const struct node_event *event)
{
	if (event->kind == NODE_EV_REQUEST && event->request->kind == NODE_CONFIRM)
		sim->checks->leases->guarded[host->index] = false;
	sim->checks->leases->fenced[host->index] = is_fenced(sim, host);
}

static bool holds_already(struct sim *sim, const struct sim_host *host, const struct write *write)
{
	const struct sim_owner *owner;
	struct sim_owner key;

	lease_key(write, &key);
	owner = map_find(&sim->owners, &key);
	return owner && owner->held && owner->host == host->index;
}

/* A grant that is made now: what a disk forgot is stored again while its node is fenced, in the
 * epoch that it was made in. */
static bool is_grant(const struct sim *sim, const struct sim_host *host, const struct write *write)
{
	struct member_info self;
	struct row_view row;

	return write->kind == WRITE_OWN_ROW && row_parse(write->bytes, write->len, &row) == 0 &&
	       row.kind == ROW_GRANT && !row.deleted && !rows_were_durable(sim, &row) &&
	       gossip_member(node_gossip(host->node), &host->id, &self) && row.epoch >= self.epoch;
}

static void releases_note(struct sim *sim, const struct node_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct write *write = &batch->writes[i];
		struct sim_owner key;
		struct release *release;

		if (write->kind != WRITE_LEASE || !write->lease.cooling)
			continue;
		lease_key(write, &key);
		release = map_insert(&sim->checks->leases->releases, &key, NULL);
		release->at = sim->now;
	}
}

/* Is it a member that somebody hears, and not only who is out of its copy's reach, or one that
 * somebody should hear? Who is alone asks whomever it knows; when calm begins it has asked nobody
 * yet of those who are in reach since. */
static bool is_there(struct sim *sim, const struct sim_host *host, const struct sim_host *copy)
{
	if (!host->running || gossip_phase(node_gossip(host->node)) != NODE_ACTIVE)
		return false;
	return copies_is_heard_of(sim, host, copy) ||
	       (sim->chaos && gossip_is_alone(node_gossip(host->node)) &&
		copies_reaches_any(sim, host));
}

/* A copy is believed when its original does not answer: not while it is alone, but from the moment
 * in which a member agrees, or enough of them compared tables with it. Where nobody heard the
 * original then the copy is the member, and may let go what it finds that it does not use; beside
 * one that is there it never is. */
static void copy_note(struct sim *sim, struct sim_host *host)
{
	if (host->state != HOST_COPY || host->is_member ||
	    gossip_phase(node_gossip(host->node)) != NODE_ACTIVE ||
	    (gossip_is_alone(node_gossip(host->node)) &&
	     ipamdb_is_guarded(node_ipamdb(host->node))))
		return;
	host->is_member = true;
	sim->hosts[host->copy_of].only_copied = false;
	host->took_over = !is_there(sim, &sim->hosts[host->copy_of], host);
}

void lease_update_look(struct sim *sim, struct sim_host *host, const struct node_update *update)
{
	copy_note(sim, host);
	for (size_t b = 0; b < update->batch_count; b++)
		releases_note(sim, &update->batches[b]);
	for (size_t i = 0; i < update->change_count; i++)
		if (update->changes[i].kind == CHANGE_SYNCED)
			met_note(sim, host, &update->changes[i].member);
	if (!sim->checks->leases->fenced[host->index] || host->mad)
		return;
	if (!is_fenced(sim, host))
		return;
	check_look(sim, CHECKER_FENCED);
	for (size_t b = 0; b < update->batch_count; b++)
		for (size_t i = 0; i < update->batches[b].count; i++) {
			const struct write *write = &update->batches[b].writes[i];

			if (!is_grant(sim, host, write) &&
			    (!is_new_lease(write) || holds_already(sim, host, write)))
				continue;
			check_fail(sim, CHECKER_FENCED, "host %zu %s in phase %d%s", host->index,
				   is_new_lease(write) ? "leases" : "grants",
				   (int)gossip_phase(node_gossip(host->node)),
				   is_guarded(sim, host) ? ", guarded" : "");
			return;
		}
}

/* --- commits ---------------------------------------------------------------------------------- */

static void cooling_note(struct sim *sim, struct sim_host *host, const struct sim_owner *owner,
			 bool forgotten)
{
	struct cooled *cooled = map_insert(&sim->checks->leases->cooled, owner, NULL);
	const struct release *release = map_find(&sim->checks->leases->releases, owner);

	cooled->since = cooled->handed_in = sim->now;
	if (release && !forgotten)
		cooled->handed_in = release->at;
	cooled->host = host->index;
	cooled->forgotten = forgotten;
	cooled->by_clock = false;
}

void leases_end(struct sim *sim, struct sim_host *host, bool forgotten)
{
	struct sim_owner *owner;
	struct cooled *cooled;

	for (size_t at = 0; (owner = map_next(&sim->owners, &at)) != NULL;)
		if (owner->held && owner->host == host->index)
			cooling_note(sim, host, owner, forgotten);
	/* Nor does the other disk know what was released before. */
	for (size_t at = 0; forgotten && (cooled = map_next(&sim->checks->leases->cooled, &at));)
		cooled->forgotten = cooled->forgotten || cooled->host == host->index;
}

/* Was it released by an original whose copy took its place, and knows nothing of that? */
static bool is_unheard(const struct sim *sim, const struct cooled *cooled)
{
	const struct sim_host *original = &sim->hosts[cooled->host];

	return copies_took_over(sim, original) && cooled->since.ns > original->copied_at.ns;
}

/* What the design lets through. A start (of whoever has the space meanwhile) goes by the wall
 * clock, which may have been set; who names an address of its own gets it although it cools; and a
 * disk that went back so far that nobody noticed has forgotten what was released since. One that
 * was noticed lets all that is free rest when it recovers. */
static bool is_excused(struct sim *sim, const struct sim_host *host, const struct cooled *cooled)
{
	return cooled->by_clock ||
	       (cooled->host == host->index && is_asked_for(sim, host, cooled)) ||
	       (cooled->forgotten && !sim->hosts[cooled->host].was_fenced) ||
	       is_unheard(sim, cooled);
}

static void cooling_look(struct sim *sim, struct sim_host *host, const struct sim_owner *key)
{
	const struct cooled *cooled = map_find(&sim->checks->leases->cooled, key);
	int64_t rested_ms;

	if (!cooled || is_excused(sim, host, cooled) ||
	    check_was_lied_of(sim, &key->network, &key->address))
		return;
	check_look(sim, CHECKER_COOLING);
	rested_ms = mono_diff_ms(sim->now, cooled->since);
	/* By a clock that is fast more time has passed. */
	rested_ms += rested_ms * (int64_t)sim->opt.drift_ppm / 1000000;
	rested_ms += sim->opt.cooldown_ms / COOLDOWN_SLACK;
	if (rested_ms >= sim->opt.cooldown_ms)
		return;
	check_fail(sim, CHECKER_COOLING, "host %zu leases an address %lld ms after host %zu %s it",
		   host->index, (long long)mono_diff_ms(sim->now, cooled->since), cooled->host,
		   cooled->forgotten ? "lost" : "released");
}

/* Does the host speak for whoever has the lease, since it is him or has taken his place? */
static bool is_of(const struct sim_host *host, const struct sim_owner *owner)
{
	return owner->host == host->index || (host->took_over && owner->host == host->copy_of);
}

/* What is leased by a host whose disk was lost stands until the host is removed, since others know
 * what it owns. Where nobody does any more, for it was lost before it told of its own row and the
 * disk of whoever granted went back before that, nobody can go by it; and it serves nothing. */
static bool is_forgotten(struct sim *sim, const struct sim_host *host,
			 const struct sim_owner *owner)
{
	const struct sim_host *lost = &sim->hosts[owner->host];

	return lost->lost && lost != host &&
	       ranges_forgot(sim, &lost->id, &host->id, &owner->network, &owner->address);
}

void lease_write_look(struct sim *sim, struct sim_host *host, const struct write *write)
{
	struct sim_owner key, *owner;
	char network[ID_TEXT_BYTES], address[INET_TEXT_BYTES];

	if (write->kind == WRITE_FACT)
		removal_look(sim, host, write);
	if (write->kind != WRITE_LEASE && write->kind != WRITE_LEASE_DROP)
		return;
	lease_key(write, &key);
	owner = map_insert(&sim->owners, &key, NULL);
	check_look(sim, CHECKER_ONE_LEASE);
	if (!is_new_lease(write)) {
		if (owner->held && is_of(host, owner)) {
			owner->held = false;
			/* Of one who was removed it ended with that. */
			if (!check_is_off(host))
				cooling_note(sim, host, owner, false);
		}
		return;
	}
	if (owner->held && owner->host != host->index)
		(void)voids_look(sim); /* which ends what they lease */
	if (check_is_off(host))
		return;
	if (owner->held && (is_forgotten(sim, host, owner) ||
			    (owner->host != host->index && lease_is_unheard(sim, owner))))
		owner->held = false;
	if (owner->held && !check_is_off(&sim->hosts[owner->host]) &&
	    !check_was_lied_of(sim, &key.network, &key.address) &&
	    (owner->host != host->index || !id_eq(&owner->endpoint, &write->lease.endpoint))) {
		id_format(&key.network, network);
		inet_format(&key.address, address);
		check_fail(sim, CHECKER_ONE_LEASE,
			   "address %s of network %.8s is leased by host %zu and host %zu", address,
			   network, owner->host, host->index);
		return;
	}
	sim->counters[COUNT_CONFIRMED_LEASED] += host->overridden && !owner->held;
	if (!owner->held || owner->host != host->index)
		cooling_look(sim, host, owner);
	owner->held = true;
	owner->host = host->index;
	owner->endpoint = write->lease.endpoint;
}

/* After all rows of the commit: what it leases is its own by then. */
void lease_commit_look(struct sim *sim, struct sim_host *host, const struct sim_commit *commit)
{
	static const char *const words[] = {
	    [RANGE_FOREIGN] = "that is not its own",
	    [RANGE_GRANTED] = "before its own row of the range is durable",
	};
	struct id self = gossip_self(node_gossip(host->node));

	if (check_is_gone(host))
		return;
	for (size_t i = 0; i < commit->count && !sim->failed; i++) {
		const struct write *write = &commit->writes[i];
		char address[INET_TEXT_BYTES];
		enum range_standing standing;

		if (!is_new_lease(write))
			continue;
		standing =
		    ranges_standing(sim, &self, &write->lease.network, &write->lease.address);
		if (standing == RANGE_UNKNOWN ||
		    check_was_lied_of(sim, &write->lease.network, &write->lease.address))
			continue;
		check_look(sim, CHECKER_OWN_RANGE);
		if (standing == RANGE_OWN)
			continue;
		inet_format(&write->lease.address, address);
		check_fail(sim, CHECKER_OWN_RANGE, "host %zu leases %s %s", host->index, address,
			   words[standing]);
	}
}
