/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Who is thought alive or dead, against who runs.
 *
 * At once, in every update: a running node never takes itself for suspect or dead, and never
 * declares somebody failed who runs, is connected and has been left in peace for QUIET_MS. The
 * links may lose and delay as long as that is little (LOSS_PPM_MAX, LATENCY_US_MAX); a pause
 * excuses only the host that was paused, so a stalled neighbour is no excuse for failing a healthy
 * one.
 *
 * Once a second, for the observers: how long has this one been wrong about that one? A live member
 * may be failed, and a dead one alive, for a bound that begins anew whenever one of the two, or the
 * links, are disturbed; where a copy of the dead one's disk became the member, that one is not
 * dead. And an observer whose disk has a removal never hears the removed again.
 *
 * On the disk: the epoch and the incarnation of an identity only rise.
 */
#include <stdlib.h>
#include <string.h>

#include "checks_parts.h"
#include "gossip/base/pack.h"

#define QUIET_MS 20000
#define WRONG_MS 45000
#define LOSS_PPM_MAX 50000u
#define LATENCY_US_MAX 50000

enum wrong { WRONG_NOT = 0, WRONG_FAILED, WRONG_ALIVE };

/* What an observer says of a host. */
struct verdict {
	enum wrong wrong;
	struct mono since;
	struct mono removed_at; /* its disk has the removal since, by its clock; 0: not yet */
	uint64_t boot;          /* of the observer */
};

struct stored {
	struct id self;
	uint64_t epoch, incarnation;
};

struct member_checks {
	struct map verdicts; /* struct verdict_entry */
	struct stored *stored;
};

struct verdict_entry {
	uint32_t observer, subject; /* key */
	struct verdict verdict;
};

void members_checks_open(struct sim *sim)
{
	struct member_checks *members = calloc(1, sizeof(*members));

	WEFT_ASSERT(members != NULL);
	map_init(&members->verdicts, &sim->heap, 2 * sizeof(uint32_t), sizeof(struct verdict_entry),
		 sim->opt.seed);
	members->stored = calloc(sim->opt.hosts + sim->opt.spares, sizeof(*members->stored));
	WEFT_ASSERT(members->stored != NULL);
	sim->checks->members = members;
}

void members_checks_close(struct sim *sim)
{
	map_close(&sim->checks->members->verdicts);
	free(sim->checks->members->stored);
	free(sim->checks->members);
	sim->checks->members = NULL;
}

/* --- the disk --------------------------------------------------------------------------------- */

static bool number_read(const struct write *write, uint64_t *number)
{
	struct cursor cursor;

	if (write->len == 0)
		return false;
	cursor_init(&cursor, write->bytes, write->len);
	*number = cursor_uint(&cursor, UINT64_MAX);
	return cursor_ok(&cursor);
}

void members_replaced(struct sim *sim, struct sim_host *host)
{
	sim->checks->members->stored[host->index] = (struct stored){0};
}

/* --- at once ---------------------------------------------------------------------------------- */

static bool left_in_peace(const struct sim *sim, const struct sim_host *host, int64_t ms)
{
	return mono_diff_ms(sim->now, host->disturbed_at) >= ms &&
	       mono_diff_ms(sim->now, sim->checks->disturbed_at) >= ms;
}

static bool is_active(const struct sim_host *host)
{
	return check_takes_part(host) && !host->leaving &&
	       gossip_phase(node_gossip(host->node)) == NODE_ACTIVE;
}

/* Both have been left in peace: this host must not declare that one failed. */
static bool must_not_fail(const struct sim *sim, const struct sim_host *host,
			  const struct sim_host *subject)
{
	return sim->opt.loss_ppm <= LOSS_PPM_MAX && sim->opt.latency_us_max <= LATENCY_US_MAX &&
	       is_active(host) && is_active(subject) && left_in_peace(sim, host, QUIET_MS) &&
	       left_in_peace(sim, subject, QUIET_MS);
}

static void failed_look(struct sim *sim, struct sim_host *host, const struct id *member)
{
	struct sim_host *subject = check_host(sim, member);

	if (!subject || subject == host || !id_eq(&subject->id, member) ||
	    !must_not_fail(sim, host, subject))
		return;
	check_fail(sim, CHECKER_FALSE_FAILED, "host %zu declares healthy host %zu failed",
		   host->index, subject->index);
}

/* A leave is for good, also where the disk of who left goes back. */
static void left_look(struct sim *sim, const struct sim_host *host, const struct id *member,
		      enum member_state after)
{
	const struct sim_host *subject = check_host(sim, member);

	if (subject && !subject->mad && after != MEMBER_LEFT && after != MEMBER_REMOVED)
		check_fail(sim, CHECKER_LEFT_BACK, "host %zu takes host %zu, which left, for %s",
			   host->index, subject->index,
			   after == MEMBER_ALIVE ? "alive" : "failed or suspect");
}

void members_update(struct sim *sim, struct sim_host *host, const struct node_update *update)
{
	struct id self = gossip_self(node_gossip(host->node));

	for (size_t i = 0; i < update->change_count; i++) {
		const struct gossip_change *change = &update->changes[i];

		if (change->kind != CHANGE_MEMBER)
			continue;
		if (id_eq(&change->member, &self)) {
			check_look(sim, CHECKER_SELF_DEAD);
			if (change->after == MEMBER_SUSPECT || change->after == MEMBER_FAILED)
				check_fail(sim, CHECKER_SELF_DEAD, "host %zu takes itself for %s",
					   host->index,
					   change->after == MEMBER_FAILED ? "dead" : "suspect");
		} else if (change->before == MEMBER_LEFT) {
			left_look(sim, host, &change->member, change->after);
		} else if (change->after == MEMBER_FAILED && change->before != MEMBER_FAILED) {
			failed_look(sim, host, &change->member);
		}
	}
}

/* --- once a second ---------------------------------------------------------------------------- */

static struct verdict *verdict_of(struct sim *sim, const struct sim_host *observer,
				  const struct sim_host *subject)
{
	struct verdict_entry key = {(uint32_t)observer->index, (uint32_t)subject->index, {0}};
	struct verdict_entry *entry = map_insert(&sim->checks->members->verdicts, &key, NULL);

	if (entry->verdict.boot != observer->boot)
		entry->verdict = (struct verdict){.boot = observer->boot};
	return &entry->verdict;
}

/* A removal on its disk is one that the observer knows of, whatever it makes of it. */
static void removal_note(struct sim *sim, struct sim_host *observer, const struct write *write,
			 struct mono at)
{
	struct sim_host *subject;
	struct row_view row;
	struct id id;

	if (row_parse(write->bytes, write->len, &row) != 0 || row.kind != FACT_REMOVAL)
		return;
	id = row_key_id(&row);
	subject = check_host(sim, &id);
	if (subject && subject != observer)
		verdict_of(sim, observer, subject)->removed_at = at;
}

struct start {
	struct sim *sim;
	struct sim_host *observer;
};

static int start_visit(void *ctx, const struct write *write)
{
	const struct start *start = ctx;

	/* Before anything that it may hear. */
	removal_note(start->sim, start->observer, write, (struct mono){1});
	return 0;
}

void members_start(struct sim *sim, struct sim_host *host)
{
	struct start start = {sim, host};

	check_disturbed(sim, host);
	if (check_is_observer(sim, host))
		disk_walk(&host->disk, 1u << WRITE_FACT, start_visit, &start);
}

static void removed_look(struct sim *sim, struct sim_host *observer, struct sim_host *subject,
			 const struct verdict *verdict, const struct member_info *info)
{
	if (verdict->removed_at.ns == 0)
		return;
	check_look(sim, CHECKER_REMOVED_HEARD);
	if (info->heard.ns > verdict->removed_at.ns)
		check_fail(sim, CHECKER_REMOVED_HEARD,
			   "host %zu hears host %zu, which it knows to be removed", observer->index,
			   subject->index);
}

/* Its disk was copied, and the copy became the member: nobody else is there any more. */
static bool lives_in_copy(const struct sim *sim, const struct sim_host *subject)
{
	for (size_t i = 0; i < sim->host_count; i++) {
		const struct sim_host *host = &sim->hosts[i];

		if (host->running && host->state == HOST_COPY && host->copy_of == subject->index &&
		    gossip_phase(node_gossip(host->node)) == NODE_ACTIVE)
			return true;
	}
	return false;
}

static enum wrong wrong_of(const struct sim *sim, const struct sim_host *subject,
			   const struct member_info *info)
{
	if (is_active(subject) && info->state == MEMBER_FAILED)
		return WRONG_FAILED;
	if (!subject->running && subject->state == HOST_DOWN &&
	    (info->state == MEMBER_ALIVE || info->state == MEMBER_SUSPECT) &&
	    !lives_in_copy(sim, subject))
		return WRONG_ALIVE;
	return WRONG_NOT;
}

static struct mono latest(struct mono a, struct mono b)
{
	return a.ns > b.ns ? a : b;
}

static void pair_look(struct sim *sim, struct sim_host *observer, struct sim_host *subject)
{
	struct verdict *verdict;
	struct member_info info;
	struct mono since;
	enum wrong wrong;
	enum checker checker;

	if (!gossip_member(node_gossip(observer->node), &subject->id, &info))
		return;
	if (info.state == MEMBER_LEFT)
		check_look(sim, CHECKER_LEFT_BACK);
	verdict = verdict_of(sim, observer, subject);
	removed_look(sim, observer, subject, verdict, &info);
	wrong = wrong_of(sim, subject, &info);
	if (wrong != verdict->wrong) {
		verdict->wrong = wrong;
		verdict->since = sim->now;
	}
	if (must_not_fail(sim, observer, subject))
		check_look(sim, CHECKER_FALSE_FAILED);
	if (wrong == WRONG_NOT)
		return;
	checker = wrong == WRONG_ALIVE ? CHECKER_ALIVE_LONG : CHECKER_FAILED_LONG;
	check_look(sim, checker);
	since = latest(verdict->since, observer->disturbed_at);
	/* Each member's word on it is believed for as long as he says it (OPERATING.md). */
	since = latest(since, subject->lied_of_at);
	/* Whether the links work makes no difference to the dead. */
	if (wrong == WRONG_FAILED)
		since = latest(since, latest(subject->disturbed_at, sim->checks->disturbed_at));
	if (mono_diff_ms(sim->now, since) < WRONG_MS)
		return;
	check_fail(sim, checker, "host %zu takes %s host %zu for %s since %lld ms", observer->index,
		   wrong == WRONG_ALIVE ? "dead" : "live", subject->index,
		   wrong == WRONG_ALIVE ? "alive" : "failed",
		   (long long)mono_diff_ms(sim->now, verdict->since));
}

void members_second(struct sim *sim)
{
	for (size_t i = 0; i < sim->host_count && !sim->failed; i++) {
		struct sim_host *observer = &sim->hosts[i];
		struct member_info self;

		if (!is_active(observer) || !check_is_observer(sim, observer))
			continue;
		if (gossip_member(node_gossip(observer->node), &observer->id, &self) &&
		    (self.state == MEMBER_FAILED || self.state == MEMBER_SUSPECT))
			check_fail(sim, CHECKER_SELF_DEAD, "host %zu takes itself for dead", i);
		for (size_t j = 0; j < sim->host_count; j++)
			if (j != i && sim->hosts[j].joined)
				pair_look(sim, observer, &sim->hosts[j]);
	}
}

/* --- commits
 * -------------------------------------------------------------------------------------- */

void members_write(struct sim *sim, struct sim_host *host, const struct write *write)
{
	struct stored *stored = &sim->checks->members->stored[host->index];
	struct id self = gossip_self(node_gossip(host->node));
	uint64_t number, *last;

	if (write->kind == WRITE_FACT)
		removal_note(sim, host, write, clock_mono(sim, &host->clock));
	if (write->kind != WRITE_META ||
	    (write->meta != META_EPOCH && write->meta != META_INCARNATION) ||
	    !number_read(write, &number))
		return;
	if (!id_eq(&stored->self, &self))
		*stored = (struct stored){.self = self};
	last = write->meta == META_EPOCH ? &stored->epoch : &stored->incarnation;
	check_look(sim, CHECKER_INCARNATION);
	if (number < *last)
		check_fail(sim, CHECKER_INCARNATION, "host %zu stores %s %llu after %llu",
			   host->index, write->meta == META_EPOCH ? "epoch" : "incarnation",
			   (unsigned long long)number, (unsigned long long)*last);
	*last = number;
}
