/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Membership by SWIM (Das, Gupta, Motivala 2002) with Lifeguard (Dadgar, Phillips, Currey 2017).
 *
 * Each period a node pings one other: its successor in the ring of ids and a member of a shuffled
 * round in turns, so that everybody is watched every other period for sure and the eyes on it
 * change all the time. What a probe is stands in swim_probe.c, what follows from silence in
 * swim_state.c, how it becomes known in swim_tell.c.
 *
 * Nobody is forgotten: every few seconds a node pings one failed member, so that a partition of any
 * age heals by itself; both sides then refute. And now and then a node compares with another what
 * both know of the members (swim_compare.c), since who was not there yet, or could not hear, missed
 * the rumours.
 *
 * A process that was stopped finds all its timers overdue while the answers wait in its socket. It
 * notices by the lateness of a tick and gives everybody the time back.
 */
#include "swim_parts.h"

#define STALL_MS 250
#define EAGER_MAX 64    /* first probes after a start */
#define EAGER_SPEEDUP 5 /* which come so much quicker */
#define STATES_FIRST_MS 300
#define STATES_NEWS_MS 1000

static const struct swim_profile profiles[] = {
    [PROFILE_LAN] = {.period_ms = 1000,
		     .timeout_min_ms = 100,
		     .timeout_unknown_ms = 150,
		     .timeout_max_ms = 500,
		     .suspicion_min_ms = 1100,
		     .tell_ms = 100,
		     .heal_ms = 4000,
		     .states_ms = 10000},
    [PROFILE_WAN] = {.period_ms = 3000,
		     .timeout_min_ms = 300,
		     .timeout_unknown_ms = 1000,
		     .timeout_max_ms = 3000,
		     .suspicion_min_ms = 5000,
		     .tell_ms = 300,
		     .heal_ms = 10000,
		     .states_ms = 30000},
    [PROFILE_LOCAL] = {.period_ms = 1000,
		       .timeout_min_ms = 60,
		       .timeout_unknown_ms = 100,
		       .timeout_max_ms = 300,
		       .suspicion_min_ms = 800,
		       .tell_ms = 60,
		       .heal_ms = 2000,
		       .states_ms = 10000},
};

struct stat_words {
	const char *name;
	const char *help;
};

static const struct stat_words stat_words[SWIM_STAT_COUNT] = {
    [SWIM_PROBES] = {"probes", "probes of members begun"},
    [SWIM_PROBES_FAILED] = {"probes_failed", "probes that nobody answered"},
    [SWIM_RETRY_ROUNDS] = {"probe_retry_rounds", "rounds of a probe with witnesses"},
    [SWIM_RELAYED] = {"probes_relayed", "pings made for other members"},
    [SWIM_SUSPICIONS] = {"suspicions", "suspicions begun here"},
    [SWIM_FAILURES] = {"failures", "members that failed in the eyes of this node"},
    [SWIM_REFUTATIONS] = {"refutations", "suspicions of this node that it refuted"},
    [SWIM_STALLS] = {"stalls", "times that this process was held up"},
    [SWIM_TOLD] = {"member_news_sent", "states of members told to others"},
};

bool swim_is_active(const struct swim *swim)
{
	return swim->started && swim->core->self.phase == NODE_ACTIVE;
}

struct swim_peer *swim_peer(struct swim *swim, struct member *member)
{
	if (member->swim == 0) {
		struct swim_peer fresh = {.member = member};
		vec_push(&swim->peers, &fresh);
		member->swim = (uint32_t)swim->peers.count;
	}
	return vec_at(&swim->peers, member->swim - 1);
}

bool swim_is_self(const struct swim *swim, const struct id *id)
{
	return id_eq(&swim->core->self.id, id);
}

int64_t swim_timeout_ns(const struct swim *swim, const struct member *target)
{
	const struct swim_profile *profile = swim->profile;
	int64_t ns = target->srtt_ns + 4 * target->rttvar_ns;

	if (target->srtt_ns == 0)
		ns = profile->timeout_unknown_ms * NS_PER_MS;
	if (ns < profile->timeout_min_ms * NS_PER_MS)
		ns = profile->timeout_min_ms * NS_PER_MS;
	if (ns > profile->timeout_max_ms * NS_PER_MS)
		ns = profile->timeout_max_ms * NS_PER_MS;
	return ns * (1 + (int64_t)swim->health);
}

void swim_health_add(struct swim *swim, int delta)
{
	WEFT_ASSERT(delta == 1 || delta == -1);
	if (delta < 0 && swim->health > 0)
		swim->health--;
	else if (delta > 0 && swim->health < SWIM_HEALTH_MAX)
		swim->health++;
}

void swim_send(struct swim *swim, const struct member *to, enum frame_class class, uint8_t type,
	       const uint8_t *body, size_t len)
{
	(void)outbox_add(&swim->core->outbox, &to->id, class, type, body, len);
}

struct swim *swim_new(struct core *core, struct member_table *members)
{
	struct swim *swim = heap_take(&core->heap, sizeof(*swim));

	WEFT_ASSERT((unsigned)core->profile < sizeof(profiles) / sizeof(profiles[0]));
	swim->core = core;
	swim->members = members;
	swim->profile = &profiles[core->profile];
	swim->next_seq = (uint32_t)rng_u64(&core->rng) & ~(uint32_t)(SWIM_SEQ_STRIDE - 1);
	swim->suspicions_due = MONO_NEVER;
	swim->tell_due = MONO_NEVER;
	swim->reserve_due = MONO_NEVER;
	swim->states_pause_ms = swim->profile->states_ms;
	vec_init(&swim->peers, &core->heap, sizeof(struct swim_peer));
	vec_init(&swim->suspicions, &core->heap, sizeof(struct suspicion));
	vec_init(&swim->order, &core->heap, sizeof(struct member *));
	vec_init(&swim->telling, &core->heap, sizeof(uint32_t));
	return swim;
}

void swim_free(struct swim *swim)
{
	vec_close(&swim->peers);
	vec_close(&swim->suspicions);
	vec_close(&swim->order);
	vec_close(&swim->telling);
	heap_give(&swim->core->heap, swim, sizeof(*swim));
}

struct mono swim_somewhen(struct swim *swim, int64_t ms)
{
	return mono_add_ns(swim->core->now,
			   (int64_t)rng_below(&swim->core->rng, (uint64_t)(ms * NS_PER_MS) + 1));
}

void swim_start(struct swim *swim)
{
	struct core *core = swim->core;
	size_t unheard = 0;

	WEFT_ASSERT(core->self.phase == NODE_ACTIVE);
	for (size_t i = 0; i < swim->members->ordered.count; i++) {
		struct member *member = member_at(swim->members, i);
		unheard += member_is_present(member) && member->heard.ns == 0;
	}
	swim->started = true;
	swim->health = 0;
	swim->eager_left = unheard < EAGER_MAX ? unheard : EAGER_MAX;
	swim->heard = core->now;
	swim->period_due = swim_somewhen(swim, swim->profile->period_ms / EAGER_SPEEDUP);
	swim->heal_due = swim_somewhen(swim, swim->profile->heal_ms);
	swim->states_due = MONO_NEVER;
	states_soon(swim, STATES_FIRST_MS);
	if (swim->reserved < core->self.incarnation)
		swim->reserved = core->self.incarnation;
	/* In its first life a node is what everybody supposes who knows its record alone, so that
	 * a join is no news of this kind. Every later one must overrule what was said before. */
	state_reserve(swim, core->self.incarnation == 0 ? 0 : core->self.incarnation + 1);
}

void swim_watch(struct swim *swim, struct member *member)
{
	struct swim_peer *peer = swim_peer(swim, member);
	size_t left;

	peer->accused = (struct mono){0};
	if (!swim->started || swim_is_self(swim, &member->id))
		return;
	/* Somewhere in what is left of this round. */
	vec_push(&swim->order, &member);
	left = swim->order.count - swim->order_at;
	struct member **last = vec_at(&swim->order, swim->order.count - 1);
	struct member **other =
	    vec_at(&swim->order, swim->order_at + (size_t)rng_below(&swim->core->rng, left));
	*last = *other;
	*other = member;
	states_soon(swim, STATES_NEWS_MS);
}

void swim_heard(struct swim *swim, struct member *member)
{
	swim->heard = swim->core->now;
	if (swim->isolated) {
		swim->isolated = false;
		core_trace(swim->core, TRACE_RECONNECTED, &member->id, NULL, NULL, 0);
	}
	if (swim_is_active(swim) && member->has_record)
		state_heard(swim, member);
}

void swim_renewed(struct swim *swim, struct member *member)
{
	if (swim_is_active(swim) && member->state == MEMBER_FAILED && member->has_record)
		probe_ping(swim, member, probe_next_seq(swim));
}

/* Its turn to be probed may come in minutes. Where both sides remember an address that is gone, a
 * probe finds the other at home; till then others keep it alive here, and it hears nothing. */
void swim_doubt(struct swim *swim, struct member *member)
{
	member->doubted = false;
	if (swim_is_active(swim) && member_is_present(member) && !swim_is_self(swim, &member->id))
		probe_start(swim, member, false);
}

static void order_renew(struct swim *swim)
{
	struct member **items;

	swim->order.count = 0;
	swim->order_at = 0;
	for (size_t i = 0; i < swim->members->ordered.count; i++) {
		struct member *member = member_at(swim->members, i);
		if (member_is_present(member) && !swim_is_self(swim, &member->id))
			vec_push(&swim->order, &member);
	}
	items = swim->order.items;
	for (size_t i = swim->order.count; i > 1; i--) {
		size_t j = (size_t)rng_below(&swim->core->rng, i);
		struct member *swapped = items[i - 1];
		items[i - 1] = items[j];
		items[j] = swapped;
	}
}

static struct member *order_next(struct swim *swim)
{
	for (int round = 0; round < 2; round++) {
		while (swim->order_at < swim->order.count) {
			struct member *member =
			    *(struct member **)vec_at(&swim->order, swim->order_at++);
			if (member_is_present(member))
				return member;
		}
		order_renew(swim);
	}
	return NULL;
}

static void isolation_judge(struct swim *swim)
{
	const size_t *counts = swim->members->state_count;
	size_t others = counts[MEMBER_ALIVE] + counts[MEMBER_SUSPECT] + counts[MEMBER_FAILED];
	int64_t silent_ms = mono_diff_ms(swim->core->now, swim->heard);

	if (swim->isolated || others <= 1 ||
	    silent_ms <= state_bound_ms(swim) + 2 * swim->profile->period_ms)
		return;
	swim->isolated = true;
	core_trace(swim->core, TRACE_ISOLATED, NULL, NULL, NULL, silent_ms);
}

static void period_tick(struct swim *swim)
{
	int64_t period_ns = swim->profile->period_ms * NS_PER_MS * (1 + (int64_t)swim->health);
	struct member *target;

	if (!mono_is_due(swim->period_due, swim->core->now))
		return;
	isolation_judge(swim);
	if (swim->eager_left > 0) {
		swim->eager_left--;
		period_ns /= EAGER_SPEEDUP;
		target = order_next(swim);
	} else {
		swim->ring_turn = !swim->ring_turn;
		target = swim->ring_turn ? member_successor(swim->members, &swim->core->self.id)
					 : order_next(swim);
	}
	if (target != NULL)
		probe_start(swim, target, false);
	/* Within a twentieth of the period to either side. */
	period_ns +=
	    (int64_t)rng_below(&swim->core->rng, (uint64_t)period_ns / 10) - period_ns / 20;
	swim->period_due = mono_add_ns(swim->core->now, period_ns);
}

/* Pings one failed member and tells it what we think of it. */
static void heal_tick(struct swim *swim)
{
	size_t count = swim->members->ordered.count;

	if (!mono_is_due(swim->heal_due, swim->core->now))
		return;
	swim->heal_due = mono_add_ms(swim_somewhen(swim, swim->profile->heal_ms / 4),
				     swim->profile->heal_ms * 7 / 8);
	for (size_t i = 0; i < count && swim->members->state_count[MEMBER_FAILED] > 0; i++) {
		struct member *member;
		swim->heal_at = (swim->heal_at + 1) % count;
		member = member_at(swim->members, swim->heal_at);
		if (member->state != MEMBER_FAILED || !member->has_record)
			continue;
		probe_ping(swim, member, probe_next_seq(swim));
		tell_one(swim, member, member, CLASS_CONTROL);
		probe_ping_home(swim, member);
		return;
	}
}

static struct mono timers_due(const struct swim *swim)
{
	struct mono due = mono_min(swim->period_due, probe_deadline(swim));

	due = mono_min(due, mono_min(swim->suspicions_due, swim->reserve_due));
	due = mono_min(due, mono_min(swim->tell_due, swim->heal_due));
	return mono_min(due, swim->states_due);
}

static void notice_stall(struct swim *swim)
{
	int64_t late_ns = mono_diff_ns(swim->core->now, timers_due(swim));

	if (late_ns < STALL_MS * NS_PER_MS)
		return;
	swim->stats[SWIM_STALLS]++;
	swim_health_add(swim, 1);
	probe_postpone(swim);
	state_postpone(swim, late_ns);
}

void swim_tick(struct swim *swim)
{
	if (!swim_is_active(swim))
		return;
	notice_stall(swim);
	period_tick(swim);
	probe_tick(swim);
	state_tick(swim);
	heal_tick(swim);
	states_tick(swim);
	tell_tick(swim);
}

struct mono swim_deadline(const struct swim *swim)
{
	return swim_is_active(swim) ? timers_due(swim) : MONO_NEVER;
}

bool swim_is_isolated(const struct swim *swim)
{
	return swim->isolated;
}

bool swim_counter(const struct swim *swim, size_t index, struct gossip_counter *counter)
{
	if (index == SWIM_STAT_COUNT) {
		*counter = (struct gossip_counter){
		    .name = "local_health",
		    .help = "how much slower this node judges others: 0 good, 7 worst",
		    .value = swim->health,
		    .is_gauge = true,
		};
		return true;
	}
	if (index > SWIM_STAT_COUNT)
		return false;
	*counter = (struct gossip_counter){
	    .name = stat_words[index].name,
	    .help = stat_words[index].help,
	    .value = swim->stats[index],
	};
	return true;
}

void swim_check(const struct swim *swim)
{
	WEFT_ASSERT(swim->health <= SWIM_HEALTH_MAX);
	WEFT_ASSERT(swim->order_at <= swim->order.count);
	for (size_t i = 0; i < swim->peers.count; i++) {
		const struct swim_peer *peer = vec_at(&swim->peers, i);
		WEFT_ASSERT(peer->member->swim == i + 1);
		WEFT_ASSERT(peer->suspicion <= swim->suspicions.count);
		WEFT_ASSERT(peer->member->state != MEMBER_SUSPECT || peer->suspicion != 0);
	}
	probe_check(swim);
	state_check(swim);
	tell_check(swim);
}
