/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Who is alive, suspect or failed, and who may say so.
 *
 *   alive ----- accused with an incarnation not older ----------> suspect
 *   suspect --- the suspicion runs out ------------------------> failed
 *   suspect, failed --- the member tells a newer incarnation ---> alive
 *   left and removed come from records and facts and are not ours to change.
 *
 * A suspicion is shortest when three members besides the accuser confirm it and five times as long
 * when nobody does (Lifeguard's dogpile: the logarithm of the confirmations decides). So that a
 * dead member is confirmed soon, those who watch it in the ring and about four others probe it as
 * soon as they hear of the suspicion.
 *
 * Departure from SWIM: the word "failed" of one other node does not make a member failed here. It
 * counts as an accusation; only as many independent verdicts as a confirmed suspicion needs are
 * believed, and only half a shortest suspicion after the accusation came here: who is alive has
 * contradicted by then, whoever lies about it. Every node's own suspicion began within the time
 * that a rumour takes, so this costs nothing when somebody is really dead, and a stalled node that
 * wakes up with all its timers overdue cannot fail anybody but in its own eyes.
 *
 * A newer incarnation need not be an answer to the accusation: it may be one that had not come here
 * yet. So an accuser that did not hear the member itself looks again at once; when the member is
 * dead, waiting for its turn would cost up to two periods.
 *
 * And hearing a member prevails over rumours about it: a datagram from a suspect pushes the end of
 * the suspicion away here, and it is told of it at once so that it can refute.
 *
 * Incarnations are reserved in blocks: the store holds a number that is never exceeded before it is
 * durable, so that a refutation does not wait for a disk and a restart never reuses one.
 */
#include "swim_parts.h"

#include "gossip/base/pack.h"

#define SUSPICION_MAX_FACTOR 5
#define VERIFIERS 4         /* random members that look for themselves, on average */
#define RING_VERIFIERS 3    /* and those before the accused one in the ring */
#define RECHECK_MS 100      /* an accuser goes on asking */
#define ACCUSE_AGAIN_MS 200 /* to its face, when heard */
#define RESERVE_BLOCK 16    /* incarnations in one write */
#define RESERVE_RETRY_MS 1000

/* ln(c + 1) / ln(k + 1) in thousandths, for c of k confirmations. */
static const int64_t confirmed_share[SWIM_CONFIRM_MAX + 1][SWIM_CONFIRM_MAX + 1] = {
    {1000, 1000, 1000, 1000},
    {0, 1000, 1000, 1000},
    {0, 631, 1000, 1000},
    {0, 500, 792, 1000},
};

static struct suspicion *suspicion_of(struct swim *swim, struct member *member)
{
	const struct swim_peer *peer = swim_peer(swim, member);

	return peer->suspicion == 0 ? NULL : vec_at(&swim->suspicions, peer->suspicion - 1);
}

/* Rumours need longer in larger clusters: one quarter more with each doubling beyond 128. */
static int64_t suspicion_min_ms(const struct swim *swim)
{
	int64_t ms = swim->profile->suspicion_min_ms;
	int64_t base = ms;

	for (size_t n = 256; n <= swim->members->present_count; n *= 2)
		ms += base / 4;
	return ms;
}

int64_t state_bound_ms(const struct swim *swim)
{
	return suspicion_min_ms(swim) * SUSPICION_MAX_FACTOR;
}

static int64_t suspicion_ms(const struct swim *swim, const struct suspicion *suspicion)
{
	int64_t min = suspicion_min_ms(swim);
	int64_t max = min * SUSPICION_MAX_FACTOR;
	size_t confirmed = suspicion->accuser_count - 1;

	WEFT_ASSERT(suspicion->accuser_count >= 1);
	if (suspicion->needed == 0) /* nobody is left who could confirm */
		return 2 * min;
	if (suspicion->verdict_count >= suspicion->needed)
		return min / 2;
	if (confirmed > suspicion->needed)
		confirmed = suspicion->needed;
	return max - (max - min) * confirmed_share[suspicion->needed][confirmed] / 1000;
}

static void suspicion_end(struct swim *swim, struct member *member)
{
	struct swim_peer *peer = swim_peer(swim, member);
	size_t at = peer->suspicion - 1;
	struct suspicion *last;

	if (peer->suspicion == 0)
		return;
	last = vec_at(&swim->suspicions, swim->suspicions.count - 1);
	peer->suspicion = 0;
	if (last->member != member) {
		*(struct suspicion *)vec_at(&swim->suspicions, at) = *last;
		swim_peer(swim, last->member)->suspicion = (uint32_t)at + 1;
	}
	vec_remove(&swim->suspicions, swim->suspicions.count - 1);
}

static bool id_listed(const struct id *ids, size_t count, const struct id *id)
{
	for (size_t i = 0; i < count; i++) {
		if (id_eq(&ids[i], id))
			return true;
	}
	return false;
}

static void suspicion_reschedule(struct swim *swim, struct suspicion *suspicion)
{
	struct mono due = mono_add_ms(suspicion->began, suspicion_ms(swim, suspicion));

	suspicion->deadline = due.ns > suspicion->pushed.ns ? due : suspicion->pushed;
	swim->suspicions_due =
	    mono_min(swim->suspicions_due, mono_min(suspicion->deadline, suspicion->recheck));
}

/* Adds an accuser; true when this one is news worth telling. */
static bool suspicion_accuse(struct swim *swim, struct suspicion *suspicion,
			     const struct id *accuser)
{
	if (suspicion->accuser_count > SWIM_CONFIRM_MAX ||
	    id_listed(suspicion->accusers, suspicion->accuser_count, accuser))
		return false;
	suspicion->accusers[suspicion->accuser_count++] = *accuser;
	if (swim_is_self(swim, accuser))
		suspicion->recheck = mono_add_ms(swim->core->now, RECHECK_MS);
	suspicion_reschedule(swim, suspicion);
	return true;
}

/* Whether this node looks for itself: it stands shortly before the accused one in the ring, or the
 * dice say so. */
static bool should_verify(struct swim *swim, const struct member *member)
{
	struct id at = swim->core->self.id;
	size_t others = swim->members->present_count;

	for (int i = 0; i < RING_VERIFIERS; i++) {
		const struct member *next = member_successor(swim->members, &at);
		if (next == NULL)
			break;
		if (next == member)
			return true;
		at = next->id;
	}
	return rng_below(&swim->core->rng, others > 0 ? others : 1) < VERIFIERS;
}

static void suspicion_begin(struct swim *swim, struct member *member, const struct id *accuser)
{
	size_t others = swim->members->present_count > 0 ? swim->members->present_count - 1 : 0;
	struct suspicion fresh = {
	    .member = member,
	    .began = swim->core->now,
	    .recheck = MONO_NEVER,
	    .needed = others > 1 ? others - 1 : 0,
	};
	struct suspicion *suspicion;

	suspicion_end(swim, member);
	member_set_state(swim->members, member, MEMBER_SUSPECT);
	if (fresh.needed > SWIM_CONFIRM_MAX)
		fresh.needed = SWIM_CONFIRM_MAX;
	suspicion = vec_push(&swim->suspicions, &fresh);
	swim_peer(swim, member)->suspicion = (uint32_t)swim->suspicions.count;
	suspicion_accuse(swim, suspicion, accuser);
	swim->stats[SWIM_SUSPICIONS]++;
	core_trace(swim->core, TRACE_MEMBER_SUSPECT, &member->id, accuser, NULL, 0);
	if (!swim_is_self(swim, accuser) && should_verify(swim, member))
		probe_start(swim, member, true);
}

static bool is_ours_to_judge(const struct member *member)
{
	return member->has_record && member->state != MEMBER_LEFT &&
	       member->state != MEMBER_REMOVED && member->state != MEMBER_UNKNOWN;
}

bool state_is_near(const struct member *member, uint64_t incarnation)
{
	return incarnation <= (member != NULL ? member->incarnation : 0) + SWIM_LEAP_MAX;
}

void state_suspect(struct swim *swim, struct member *member, uint64_t incarnation,
		   const struct id *accuser)
{
	struct suspicion *suspicion;

	WEFT_ASSERT(!swim_is_self(swim, &member->id));
	if (!is_ours_to_judge(member) || incarnation < member->incarnation)
		return;
	if (member->state == MEMBER_FAILED && incarnation == member->incarnation)
		return;
	suspicion = suspicion_of(swim, member);
	if (suspicion == NULL || incarnation > member->incarnation) {
		member_set_incarnation(swim->members, member, incarnation);
		suspicion_begin(swim, member, accuser);
	} else if (!suspicion_accuse(swim, suspicion, accuser)) {
		return;
	}
	swim_peer(swim, member)->accuser = *accuser;
	tell_all(swim, member);
}

static void fail(struct swim *swim, struct member *member)
{
	WEFT_ASSERT(member_is_present(member));
	suspicion_end(swim, member);
	probe_cancel(swim, member);
	member_set_state(swim->members, member, MEMBER_FAILED);
	swim->stats[SWIM_FAILURES]++;
	tell_all(swim, member);
}

void state_verdict(struct swim *swim, struct member *member, uint64_t incarnation,
		   const struct id *judge)
{
	struct suspicion *suspicion;

	if (!is_ours_to_judge(member) || incarnation < member->incarnation)
		return;
	if (member->state == MEMBER_FAILED) {
		member_set_incarnation(swim->members, member, incarnation);
		return;
	}
	state_suspect(swim, member, incarnation, judge);
	suspicion = suspicion_of(swim, member);
	WEFT_ASSERT(suspicion != NULL);
	if (suspicion->verdict_count < SWIM_CONFIRM_MAX &&
	    !id_listed(suspicion->verdicts, suspicion->verdict_count, judge))
		suspicion->verdicts[suspicion->verdict_count++] = *judge;
	suspicion_reschedule(swim, suspicion);
}

bool state_alive(struct swim *swim, struct member *member, uint64_t incarnation)
{
	struct suspicion *suspicion;
	bool unheard;

	if (!is_ours_to_judge(member) || incarnation <= member->incarnation)
		return false;
	suspicion = suspicion_of(swim, member);
	unheard = suspicion != NULL && suspicion->pushed.ns == 0 &&
		  id_listed(suspicion->accusers, suspicion->accuser_count, &swim->core->self.id);
	member_set_incarnation(swim->members, member, incarnation);
	suspicion_end(swim, member);
	probe_cancel(swim, member);
	if (member->state != MEMBER_ALIVE)
		member_set_state(swim->members, member, MEMBER_ALIVE);
	if (unheard)
		probe_start(swim, member, true);
	return true;
}

void state_heard(struct swim *swim, struct member *member)
{
	struct swim_peer *peer = swim_peer(swim, member);
	struct suspicion *suspicion = suspicion_of(swim, member);
	struct mono now = swim->core->now;

	if (suspicion != NULL) {
		suspicion->pushed = mono_add_ms(now, suspicion_min_ms(swim));
		if (suspicion->deadline.ns < suspicion->pushed.ns)
			suspicion->deadline = suspicion->pushed;
	}
	if (member->state != MEMBER_SUSPECT && member->state != MEMBER_FAILED)
		return;
	if (mono_diff_ms(now, peer->accused) < ACCUSE_AGAIN_MS && peer->accused.ns != 0)
		return;
	peer->accused = now;
	tell_one(swim, member, member, CLASS_CONTROL);
	if (member->state == MEMBER_FAILED)
		probe_ping(swim, member, probe_next_seq(swim));
}

static void suspicions_scan(struct swim *swim)
{
	struct mono now = swim->core->now;
	size_t i = 0;

	swim->suspicions_due = MONO_NEVER;
	while (i < swim->suspicions.count) {
		struct suspicion *suspicion = vec_at(&swim->suspicions, i);
		struct member *member = suspicion->member;
		if (member->state != MEMBER_SUSPECT) { /* left or removed meanwhile */
			suspicion_end(swim, member);
			continue;
		}
		if (mono_is_due(suspicion->deadline, now)) {
			fail(swim, member);
			continue;
		}
		if (mono_is_due(suspicion->recheck, now)) {
			probe_ping(swim, member, probe_next_seq(swim));
			suspicion->recheck = mono_add_ms(now, RECHECK_MS);
		}
		swim->suspicions_due = mono_min(swim->suspicions_due,
						mono_min(suspicion->deadline, suspicion->recheck));
		i++;
	}
}

/* After a stall of this process: nobody could reach us, which says nothing about them. */
void state_postpone(struct swim *swim, int64_t late_ns)
{
	struct mono soonest = mono_add_ms(swim->core->now, suspicion_min_ms(swim));

	for (size_t i = 0; i < swim->suspicions.count; i++) {
		struct suspicion *suspicion = vec_at(&swim->suspicions, i);
		suspicion->began = mono_add_ns(suspicion->began, late_ns);
		suspicion->deadline = mono_add_ns(suspicion->deadline, late_ns);
		if (suspicion->deadline.ns < soonest.ns)
			suspicion->deadline = soonest;
	}
}

/* ---- our own incarnation ---- */

/* Takes the wanted incarnation if it is durable and says it to everybody. */
static void incarnation_take(struct swim *swim)
{
	struct core *core = swim->core;
	struct member *self = member_find(swim->members, &core->self.id);

	if (swim->wanted <= core->self.incarnation || swim->wanted > swim->reserved)
		return;
	core->self.incarnation = swim->wanted;
	if (self == NULL)
		return;
	member_set_incarnation(swim->members, self, core->self.incarnation);
	member_touch(swim->members, self);
	tell_all(swim, self);
}

void state_reserve(struct swim *swim, uint64_t wanted)
{
	struct core *core = swim->core;
	struct write write = {.kind = WRITE_META, .meta = META_INCARNATION};
	struct pack pack;
	uint8_t *bytes;

	if (wanted > swim->wanted)
		swim->wanted = wanted;
	incarnation_take(swim);
	if (swim->wanted + RESERVE_BLOCK / 2 <= swim->reserved || swim->reserve_token != 0)
		return;
	if (!core_has_room(core, 0, 1, 0)) {
		swim->reserve_due = core->now;
		return;
	}
	swim->reserving = swim->wanted + RESERVE_BLOCK;
	bytes = scratch_take(&core->scratch, 16);
	pack_init(&pack, bytes, 16);
	pack_uint(&pack, swim->reserving);
	WEFT_ASSERT(pack_ok(&pack));
	write.bytes = bytes;
	write.len = pack.len;
	swim->reserve_token = core_persist_begin(core, 0);
	WEFT_ASSERT(swim->reserve_token != 0);
	core_persist_write(core, &write);
	swim->reserve_due = MONO_NEVER;
}

void swim_durable(struct swim *swim, uint64_t token, bool ok)
{
	if (token != swim->reserve_token || token == 0)
		return;
	swim->reserve_token = 0;
	if (!ok) {
		swim->reserve_due = mono_add_ms(swim->core->now, RESERVE_RETRY_MS);
		return;
	}
	WEFT_ASSERT(swim->reserving > swim->reserved);
	swim->reserved = swim->reserving;
	incarnation_take(swim);
	if (swim->wanted + RESERVE_BLOCK / 2 > swim->reserved) /* it rose meanwhile */
		state_reserve(swim, swim->wanted);
}

void state_refute(struct swim *swim, uint64_t incarnation)
{
	struct core *core = swim->core;

	if (incarnation < core->self.incarnation || incarnation < swim->wanted)
		return; /* answered already; the answer is on its way */
	swim->stats[SWIM_REFUTATIONS]++;
	swim_health_add(swim, 1);
	state_reserve(swim, incarnation + 1);
	core_trace(core, TRACE_REFUTED, &core->self.id, NULL, NULL, (int64_t)(incarnation + 1));
}

void state_recall(struct swim *swim, uint64_t incarnation)
{
	if (incarnation > swim->wanted)
		state_reserve(swim, incarnation);
}

void state_tick(struct swim *swim)
{
	if (mono_is_due(swim->suspicions_due, swim->core->now))
		suspicions_scan(swim);
	if (mono_is_due(swim->reserve_due, swim->core->now))
		state_reserve(swim, swim->wanted);
}

void state_check(const struct swim *swim)
{
	for (size_t i = 0; i < swim->suspicions.count; i++) {
		const struct suspicion *suspicion = vec_at(&swim->suspicions, i);
		const struct swim_peer *peer = vec_at(&swim->peers, suspicion->member->swim - 1);
		WEFT_ASSERT(peer->suspicion == i + 1);
		WEFT_ASSERT(suspicion->accuser_count >= 1);
		WEFT_ASSERT(suspicion->accuser_count <= SWIM_CONFIRM_MAX + 1);
		WEFT_ASSERT(suspicion->needed <= SWIM_CONFIRM_MAX);
	}
	WEFT_ASSERT(!swim->started || swim->core->self.incarnation <= swim->reserved);
}
