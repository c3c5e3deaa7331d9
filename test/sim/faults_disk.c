/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Faults of disks, and machines that begin anew.
 *
 *   lost      the identity is gone for good; the machine joins with the next spare one, in place
 *             of the old one (join --replace)
 *   back      the host starts from what its disk was earlier: some commits ago, or some starts. It
 *             must find out and fence itself before it leases what it gave away meanwhile
 *   copied    a second process starts from a copy at another address: beside the original it must
 *             be refused; after it, it is the member, and the original's next start is the copy
 *   anew      a member that left or was removed is reset and joins as somebody else
 *
 * Also begun anew is whom the others refuse, for who admitted it was removed before they knew it.
 *
 * A disk that goes back goes back with its host: boxes made since are gone. So are the leases in
 * the model of who holds what, and those that the disk has again but the world gave away stay
 * with whom they were given to.
 *
 * Whoever went back or runs beside a copy is astray: nobody counts on it until the world is calm.
 * Then an operator sees to it that all are there who may know more of it. It is either fenced, and
 * recovered, or in good standing. From then on others count on it again; but what it wrote before
 * may exist twice, so the checkers go on asking less of it (was_astray).
 */
#include <string.h>

#include "faults.h"
#include "gossip/base/check.h"
#include "mad.h"
#include "network.h"
#include "queue.h"

#define BACK_MS_MAX 6000 /* until a host starts whose disk went back */
#define SETTLE_MS 15000  /* of calm, until everybody who is astray has met the others */
#define RECOVER_BOUND_MS 60000
#define REMOVE_BOUND_MS 40000
#define REFUSED_MS 3000 /* until an operator looks who is refused by the others */

/* The first host signs tokens and removals, and stays what it is. */
static bool is_expendable(const struct sim_host *host)
{
	return host->index > 0 && host->joined && !host->lost &&
	       (host->state == HOST_UP || host->state == HOST_DOWN);
}

static bool is_ended(const struct sim_host *host)
{
	return host->joined && !host->lost &&
	       (host->state == HOST_LEFT || (host->state == HOST_REMOVED && host->index > 0));
}

static bool has_backup(const struct sim_host *host)
{
	return is_expendable(host) && host->backup_count > 0;
}

/* The next identity of a machine; NULL when all were used. */
static struct sim_host *spare_take(struct sim *sim, const struct sim_host *of)
{
	for (size_t i = sim->opt.hosts; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];

		if (host->state != HOST_SPARE)
			continue;
		host->machine = of->machine;
		return host;
	}
	return NULL;
}

static void host_give_up(struct sim *sim, struct sim_host *host)
{
	if (host->running)
		host_stop(sim, host, true);
	host->lost = true;
	disk_wipe(sim, &host->disk);
	for (size_t i = 0; i < SIM_BACKUPS; i++)
		disk_wipe(sim, &host->backups[i]);
	host->backup_count = 0;
}

void fault_disk_lost(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, is_expendable);
	struct sim_host *heir = NULL;

	if (host && !admins_need(sim, host) && faults_leave_links(sim, NULL, 0, host))
		heir = spare_take(sim, host);
	if (!heir)
		return;
	sim->counters[COUNT_DISKS_LOST]++;
	sim_trace(sim, "disk of %zu lost, %zu takes its place", host->index, heir->index);
	host_give_up(sim, host);
	heir->state = HOST_FRESH;
	heir->replaces = true;
}

void fault_begin_anew(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, is_ended);
	struct sim_host *heir = host ? spare_take(sim, host) : NULL;

	if (!heir)
		return;
	sim->counters[COUNT_ANEW]++;
	sim_trace(sim, "%zu is reset and begins anew as %zu", host->index, heir->index);
	host_give_up(sim, host);
	heir->state = HOST_FRESH;
	heir->replaces = sim_draw(sim, 2) == 0;
}

void fault_backup(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, is_expendable);

	if (!host)
		return;
	disk_copy(sim, &host->backups[host->backup_count % SIM_BACKUPS], &host->disk);
	host->backup_count++;
	sim->counters[COUNT_BACKUPS]++;
}

/* --- a disk that went back -------------------------------------------------------------------- */

struct leases_back {
	struct sim *sim;
	struct sim_host *host;
};

static int lease_note(void *ctx, const struct write *write)
{
	struct leases_back *back = ctx;
	struct sim_owner key, *owner;

	if (write->kind != WRITE_LEASE || write->lease.cooling)
		return 0;
	memset(&key, 0, sizeof(key));
	key.network = write->lease.network;
	key.address = write->lease.address;
	owner = map_find(&back->sim->owners, &key);
	if (owner && owner->host == back->host->index &&
	    id_eq(&owner->endpoint, &write->lease.endpoint))
		owner->held = owner->was_held;
	return 0;
}

static void leases_go_back(struct sim *sim, struct sim_host *host)
{
	struct leases_back back = {sim, host};
	struct sim_owner *owner;

	for (size_t at = 0; (owner = map_next(&sim->owners, &at)) != NULL;) {
		owner->was_held = owner->held;
		if (owner->host == host->index)
			owner->held = false;
	}
	disk_load(&host->disk, lease_note, &back);
}

void fault_disk_back(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, has_backup);
	size_t kept;

	if (!host || admins_need(sim, host))
		return;
	if (host->running)
		host_stop(sim, host, true);
	kept = host->backup_count < SIM_BACKUPS ? host->backup_count : SIM_BACKUPS;
	disk_copy(sim, &host->disk, &host->backups[sim_draw(sim, kept)]);
	check_disk_replaced(sim, host);
	leases_go_back(sim, host);
	host->marker = MARKER_LOST;
	host->state = HOST_ASTRAY;
	host->was_astray = true;
	host->only_copied = host->was_fenced = host->leaving = false;
	host->endpoint_count = 0;
	sim->counters[COUNT_DISKS_BACK]++;
	sim_trace(sim, "disk of %zu went back", host->index);
	faults_restart_later(sim, host, sim_draw(sim, BACK_MS_MAX));
}

/* --- copies ----------------------------------------------------------------------------------- */

static bool may_be_copied(const struct sim_host *host)
{
	return host->running && host->state == HOST_UP && is_expendable(host) && !host->leaving &&
	       !host->stopped;
}

void fault_disk_copied(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, may_be_copied);
	struct sim_host *copy = host ? spare_take(sim, host) : NULL;

	/* A copy is refused while the original answers; so somebody must be there who knows it, and
	 * the network let them meet until that is decided. Two that run in two islands lease what
	 * they both have, as any two would that nobody can compare. */
	if (!copy || weather_is_bad(sim) || !copies_has_witness(sim, host))
		return;
	sim->counters[COUNT_COPIES]++;
	sim_trace(sim, "%zu runs from a copy of %zu", copy->index, host->index);
	disk_copy(sim, &copy->disk, &host->disk);
	check_disk_replaced(sim, copy);
	copy->state = HOST_COPY;
	copy->marker = MARKER_LOST;
	copy->copy_of = host->index;
	host->copied_at = sim->now;
	host->only_copied |= !host->was_astray;
	host->was_astray = copy->was_astray = true;
	host_start(sim, copy);
}

/* --- calm ------------------------------------------------------------------------------------- */

static bool is_fenced(const struct sim_host *host)
{
	const struct gossip *gossip = node_gossip(host->node);

	return gossip_fence(gossip) == FENCE_CLONE || gossip_fence(gossip) == FENCE_SET_BACK ||
	       gossip_is_cloned(gossip);
}

static bool is_astray(const struct sim_host *host)
{
	return host->state == HOST_ASTRAY;
}

static bool any_astray(const struct sim *sim)
{
	for (size_t i = 0; i < sim->host_count; i++)
		if (is_astray(&sim->hosts[i]))
			return true;
	return false;
}

/* Does somebody who is astray count on this one, who never comes back? */
static bool is_waited_for(const struct sim *sim, const struct sim_host *gone)
{
	struct member_info info;

	for (size_t i = 0; i < sim->host_count; i++) {
		const struct sim_host *host = &sim->hosts[i];

		if (host->running && is_astray(host) &&
		    gossip_member(node_gossip(host->node), &gone->id, &info) &&
		    info.state == MEMBER_FAILED)
			return true;
	}
	return false;
}

/* What a disk has forgotten may be known to a single member, and that one may be down. So whoever
 * is down is started, and removed who will not come back; false while there are any. */
static bool missing_bring(struct sim *sim)
{
	struct sim_host *admin = &sim->hosts[0];
	bool all = true;

	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];
		struct node_request request = {
		    .kind = NODE_REMOVE, .id = host->id, .text = "gone for good"};
		bool is_down = host->state == HOST_DOWN || is_astray(host);
		/* It stopped between its admission and the end of its join. */
		bool is_stillborn = host->state == HOST_FRESH && !host->running;

		if (!is_stillborn && (!host->joined || (!is_down && host->state != HOST_LEFT) ||
				      (is_down && !host->lost && host->running)))
			continue;
		if (is_down && !host->lost)
			faults_restart(sim, host);
		else if (!is_waited_for(sim, host))
			continue;
		else if (admin->running && admin->state == HOST_UP)
			host_request(sim, admin, &request, REMOVE_BOUND_MS);
		all = false;
	}
	return all;
}

static void recover(struct sim *sim, struct sim_host *host)
{
	struct node_request request = {.kind = NODE_RECOVER};

	if (host->recovering)
		return;
	sim->counters[COUNT_FENCED] += !host->was_fenced;
	host->recovering = host->was_fenced = true;
	host_request(sim, host, &request, RECOVER_BOUND_MS);
}

/* What becomes of one who was astray, once it had time to meet the others; false while it is
 * still to be decided. */
static bool astray_settle(struct sim *sim, struct sim_host *host)
{
	const struct gossip *gossip = node_gossip(host->node);

	if (gossip_phase(gossip) == NODE_COPY) {
		host_stop(sim, host, true);
		host->state = HOST_DOWN;
		host->lost = true;
		return true;
	}
	/* Its disk went back before its leave, which the others know. */
	if (gossip_phase(gossip) == NODE_LEFT && host->was_leaving) {
		host->state = HOST_LEFT;
		return true;
	}
	if (is_fenced(host)) {
		recover(sim, host);
		return false;
	}
	if (gossip_phase(gossip) != NODE_ACTIVE || gossip_is_alone(gossip) || host->recovering)
		return false;
	host->state = HOST_UP;
	return true;
}

void faults_recovered(struct sim *sim, struct sim_host *host, const struct node_answer *answer)
{
	host->recovering = false;
	sim->counters[COUNT_RECOVERED] += answer->err.code == 0;
	if (answer->err.code == 0)
		copies_recovered(sim, host);
}

/* Is it astray and knows nobody who is there, and nobody who is there it? Those whom it joined by
 * were gone for good before they told of it. Whoever had its record on his disk when he started, or
 * has shown it since, does not forget it. */
static bool is_forgotten(const struct sim *sim, const struct sim_host *host)
{
	const struct gossip *gossip = node_gossip(host->node);
	struct member_info info;

	if (!is_astray(host) || !gossip_is_alone(gossip))
		return false;
	for (size_t i = 0; i < sim->host_count; i++) {
		const struct sim_host *other = &sim->hosts[i];

		if (other != host && other->joined && !other->lost && other->state != HOST_LEFT &&
		    (!other->running || gossip_member(gossip, &other->id, &info) ||
		     gossip_member(node_gossip(other->node), &host->id, &info) ||
		     rows_show_member(sim, other, host)))
			return false;
	}
	return true;
}

/* An operator reads that the others refuse a node, or that it is alone: it is reset, and another
 * one may come. Whoever is so for a moment only is left alone. */
static void reset_refused(struct sim *sim, struct sim_host *host)
{
	struct sim_host *heir;

	if (!gossip_is_refused(node_gossip(host->node), NULL) && !is_forgotten(sim, host)) {
		host->refused_since.ns = 0;
	} else if (host->refused_since.ns == 0) {
		host->refused_since = sim->now;
	} else if (mono_diff_ms(sim->now, host->refused_since) >= REFUSED_MS) {
		sim->counters[COUNT_VOID]++;
		sim_trace(sim, "%zu is refused by the others or known to none, and reset",
			  host->index);
		host_give_up(sim, host);
		host->state = HOST_DOWN;
		heir = spare_take(sim, host);
		if (heir)
			heir->state = HOST_FRESH;
	}
}

bool faults_settled(struct sim *sim, char *why, size_t why_bytes)
{
	bool settled = true;

	if (mono_diff_ms(sim->now, sim->calm_since) < SETTLE_MS && sim->opt.spares > 0) {
		snprintf(why, why_bytes, "those who are astray have not met everybody yet");
		return false;
	}
	if (!mad_settled(sim)) {
		snprintf(why, why_bytes, "who went mad is a member still");
		return false;
	}
	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];

		if (host->running && (host->state == HOST_UP || is_astray(host)))
			reset_refused(sim, host);
	}
	copies_settle(sim);
	if (any_astray(sim) && !missing_bring(sim)) {
		snprintf(why, why_bytes, "those who may know of one who is astray are not back");
		return false;
	}
	for (size_t i = 0; i < sim->host_count; i++)
		if (is_astray(&sim->hosts[i]) && !astray_settle(sim, &sim->hosts[i])) {
			snprintf(why, why_bytes, "host %zu is astray", i);
			settled = false;
		}
	return settled;
}
