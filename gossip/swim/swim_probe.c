/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * One probe, from its first ping to its verdict.
 *
 *   round 0      PING                                   answered: done
 *   round 1..4   PING again, and PING_REQ to three      any ACK, direct or through a helper: done;
 *                fresh helpers in each round            a NACK shows that the helper hears us
 *   after that   suspect, unless something was heard
 *
 * SWIM waits out a whole period between its direct and its indirect half and then gives each one
 * try. Here a silent member is asked seventeen times over within less than a second: at 25% loss a
 * healthy one stays silent in two of 10,000 probes, and each of those is refuted long before the
 * suspicion runs out. A round lasts as long as this peer's answers usually take (smoothed time and
 * four deviations as in RFC 6298, within the profile's bounds), stretched by local health.
 *
 * Missing nacks are Lifeguard's evidence that it is us who are slow: helpers that answer neither
 * way raise the local health score.
 */
#include <string.h>

#include "swim_parts.h"

#define RTT_NS_MAX (10 * NS_PER_S)

uint32_t probe_next_seq(struct swim *swim)
{
	uint32_t seq = swim->next_seq;

	swim->next_seq += SWIM_SEQ_STRIDE;
	return seq;
}

void probe_ping(struct swim *swim, struct member *target, uint32_t seq)
{
	uint8_t body[SWIM_PING_BYTES];

	wire_put(body, seq, 4);
	swim_send(swim, target, CLASS_CONTROL, FRAME_PING, body, sizeof(body));
	/* Buddy system: whom we suspect hears so from us, and can refute. */
	if (target->state == MEMBER_SUSPECT)
		tell_one(swim, target, target, CLASS_CONTROL);
}

/* A silent member may live where it says it does and no longer where it was heard last. When both
 * sides remember an address that is gone, neither would ever hear the other again. */
void probe_ping_home(struct swim *swim, const struct member *target)
{
	const struct hostport *home = &target->rec->gossip;
	uint8_t body[SWIM_PING_BYTES];

	if (home->port == 0 || hostport_eq(home, &target->addr))
		return;
	wire_put(body, probe_next_seq(swim), 4);
	(void)outbox_add_via(&swim->core->outbox, &target->id, home, CLASS_CONTROL, FRAME_PING,
			     body, sizeof(body));
}

_Static_assert(SWIM_PROBES_MAX <= 64 && SWIM_RELAYS_MAX <= 64, "a set is one word");

/* Walks the bits of a set, from the lowest: the next one from at on, or 64 at the end. */
static unsigned bit_next(uint64_t set, unsigned at)
{
	set = at < 64 ? set >> at : 0;
	return set != 0 ? at + (unsigned)__builtin_ctzll(set) : 64;
}

static struct probe *probe_of(struct swim *swim, const struct member *target)
{
	for (unsigned i = bit_next(swim->probes_used, 0); i < SWIM_PROBES_MAX;
	     i = bit_next(swim->probes_used, i + 1)) {
		if (swim->probes[i].target == target)
			return &swim->probes[i];
	}
	return NULL;
}

static void probe_end(struct swim *swim, struct probe *probe)
{
	WEFT_ASSERT(probe->target != NULL);
	probe->target = NULL;
	swim->probes_used &= ~(UINT64_C(1) << (probe - swim->probes));
}

static void relay_end(struct swim *swim, struct relay *relay)
{
	WEFT_ASSERT(relay->target != NULL);
	relay->target = NULL;
	swim->relays_used &= ~(UINT64_C(1) << (relay - swim->relays));
}

static void ask_witnesses(struct swim *swim, struct probe *probe)
{
	uint8_t body[SWIM_PING_REQ_BYTES];
	struct id skip[SWIM_HELPERS_MAX + 1];
	int64_t timeout_ms = swim_timeout_ns(swim, probe->target) / NS_PER_MS;

	wire_put(body, probe->base + probe->round, 4);
	memcpy(body + 4, probe->target->id.b, ID_BYTES);
	wire_put(body + 4 + ID_BYTES, (uint64_t)timeout_ms, 4);
	skip[0] = probe->target->id;
	for (size_t i = 0; i < probe->helper_count; i++)
		skip[i + 1] = probe->helpers[i];
	for (size_t i = 0; i < SWIM_WITNESSES && probe->helper_count < SWIM_HELPERS_MAX; i++) {
		struct member *helper = member_pick(swim->members, skip, probe->helper_count + 1);
		if (helper == NULL && probe->helper_count > 0) /* few members: ask them again */
			helper = member_pick(swim->members, skip, 1);
		if (helper == NULL)
			return;
		probe->helpers[probe->helper_count++] = helper->id;
		skip[probe->helper_count] = helper->id;
		swim_send(swim, helper, CLASS_CONTROL, FRAME_PING_REQ, body, sizeof(body));
	}
}

/* Sends what belongs to the round that begins, and says when the next one is. */
static void round_begin(struct swim *swim, struct probe *probe)
{
	int64_t wait_ns = swim_timeout_ns(swim, probe->target);

	WEFT_ASSERT(probe->round <= SWIM_RETRIES);
	probe->sent[probe->round] = swim->core->now;
	probe_ping(swim, probe->target, probe->base + probe->round);
	if (probe->round > 0) {
		ask_witnesses(swim, probe);
		probe_ping_home(swim, probe->target);
		swim->stats[SWIM_RETRY_ROUNDS]++;
	}
	/* The last answers may come through a helper, which takes twice as long. */
	probe->next =
	    mono_add_ns(swim->core->now, probe->round == SWIM_RETRIES ? 2 * wait_ns : wait_ns);
}

void probe_start(struct swim *swim, struct member *target, bool with_witnesses)
{
	unsigned free = bit_next(~swim->probes_used, 0);
	struct probe *probe = &swim->probes[free];

	WEFT_ASSERT(!swim_is_self(swim, &target->id));
	if (probe_of(swim, target) != NULL || free >= SWIM_PROBES_MAX)
		return;
	swim->probes_used |= UINT64_C(1) << free;
	*probe = (struct probe){
	    .target = target,
	    .base = probe_next_seq(swim),
	    .round = with_witnesses ? 1 : 0,
	};
	swim->stats[SWIM_PROBES]++;
	round_begin(swim, probe);
}

void probe_cancel(struct swim *swim, const struct member *target)
{
	struct probe *probe = probe_of(swim, target);

	if (probe != NULL)
		probe_end(swim, probe);
}

/* Silence to the end: our own accusation, and perhaps a word about ourselves. */
static void probe_fail(struct swim *swim, struct probe *probe)
{
	struct member *target = probe->target;

	WEFT_ASSERT(target != NULL);
	swim->stats[SWIM_PROBES_FAILED]++;
	if (probe->nacks * 2 < probe->helper_count || probe->helper_count == 0)
		swim_health_add(swim, 1);
	probe_end(swim, probe);
	if (member_is_present(target))
		state_suspect(swim, target, target->incarnation, &swim->core->self.id);
}

/* After a stall of this process answers wait in the socket: every probe gets its round again. */
void probe_postpone(struct swim *swim)
{
	for (unsigned i = bit_next(swim->probes_used, 0); i < SWIM_PROBES_MAX;
	     i = bit_next(swim->probes_used, i + 1)) {
		struct probe *probe = &swim->probes[i];
		if (mono_is_due(probe->next, swim->core->now))
			probe->next =
			    mono_add_ns(swim->core->now, swim_timeout_ns(swim, probe->target));
	}
}

static void relay_expire(struct swim *swim, struct relay *relay)
{
	const struct member *origin = member_find(swim->members, &relay->origin);
	uint8_t body[SWIM_PING_BYTES];

	wire_put(body, relay->origin_seq, 4);
	if (origin != NULL)
		swim_send(swim, origin, CLASS_CONTROL, FRAME_NACK, body, sizeof(body));
	relay_end(swim, relay);
}

void probe_tick(struct swim *swim)
{
	struct mono now = swim->core->now;

	for (unsigned i = bit_next(swim->probes_used, 0); i < SWIM_PROBES_MAX;
	     i = bit_next(swim->probes_used, i + 1)) {
		struct probe *probe = &swim->probes[i];
		if (!mono_is_due(probe->next, now))
			continue;
		if (!member_is_present(probe->target)) {
			probe_end(swim, probe);
		} else if (probe->round < SWIM_RETRIES) {
			probe->round++;
			round_begin(swim, probe);
		} else {
			probe_fail(swim, probe);
		}
	}
	for (unsigned i = bit_next(swim->relays_used, 0); i < SWIM_RELAYS_MAX;
	     i = bit_next(swim->relays_used, i + 1)) {
		if (mono_is_due(swim->relays[i].expires, now))
			relay_expire(swim, &swim->relays[i]);
	}
}

struct mono probe_deadline(const struct swim *swim)
{
	struct mono due = MONO_NEVER;

	for (unsigned i = bit_next(swim->probes_used, 0); i < SWIM_PROBES_MAX;
	     i = bit_next(swim->probes_used, i + 1))
		due = mono_min(due, swim->probes[i].next);
	for (unsigned i = bit_next(swim->relays_used, 0); i < SWIM_RELAYS_MAX;
	     i = bit_next(swim->relays_used, i + 1))
		due = mono_min(due, swim->relays[i].expires);
	return due;
}

static void rtt_sample(struct member *member, int64_t rtt_ns)
{
	int64_t off;

	if (rtt_ns < 0 || rtt_ns > RTT_NS_MAX)
		return;
	if (rtt_ns == 0)
		rtt_ns = 1; /* zero means unknown */
	if (member->srtt_ns == 0) {
		member->srtt_ns = rtt_ns;
		member->rttvar_ns = rtt_ns / 2;
		return;
	}
	off = rtt_ns > member->srtt_ns ? rtt_ns - member->srtt_ns : member->srtt_ns - rtt_ns;
	member->rttvar_ns += (off - member->rttvar_ns) / 4;
	member->srtt_ns += (rtt_ns - member->srtt_ns) / 8;
	if (member->srtt_ns <= 0)
		member->srtt_ns = 1;
}

static bool was_asked(const struct probe *probe, const struct id *helper)
{
	for (size_t i = 0; i < probe->helper_count; i++) {
		if (id_eq(&probe->helpers[i], helper))
			return true;
	}
	return false;
}

static struct probe *probe_by_seq(struct swim *swim, uint32_t seq)
{
	for (unsigned i = bit_next(swim->probes_used, 0); i < SWIM_PROBES_MAX;
	     i = bit_next(swim->probes_used, i + 1)) {
		struct probe *probe = &swim->probes[i];
		if (seq - probe->base <= probe->round)
			return probe;
	}
	return NULL;
}

static struct relay *relay_by_seq(struct swim *swim, const struct member *target, uint32_t seq)
{
	for (unsigned i = bit_next(swim->relays_used, 0); i < SWIM_RELAYS_MAX;
	     i = bit_next(swim->relays_used, i + 1)) {
		struct relay *relay = &swim->relays[i];
		if (relay->target == target && relay->seq == seq)
			return relay;
	}
	return NULL;
}

void probe_acked(struct swim *swim, struct member *from, uint32_t seq)
{
	struct probe *probe = probe_by_seq(swim, seq);
	struct relay *relay = relay_by_seq(swim, from, seq);

	if (relay != NULL) {
		const struct member *origin = member_find(swim->members, &relay->origin);
		uint8_t body[4];
		rtt_sample(from, mono_diff_ns(swim->core->now, relay->sent));
		wire_put(body, relay->origin_seq, 4);
		if (origin != NULL)
			swim_send(swim, origin, CLASS_CONTROL, FRAME_ACK, body, sizeof(body));
		relay_end(swim, relay);
	}
	if (probe == NULL)
		return;
	if (from == probe->target)
		rtt_sample(from, mono_diff_ns(swim->core->now, probe->sent[seq - probe->base]));
	else if (!was_asked(probe, &from->id))
		return;
	probe_end(swim, probe);
	swim_health_add(swim, -1);
}

void probe_nacked(struct swim *swim, const struct member *from, uint32_t seq)
{
	struct probe *probe = probe_by_seq(swim, seq);

	if (probe != NULL && was_asked(probe, &from->id) && probe->nacks < probe->helper_count)
		probe->nacks++;
}

void probe_relay(struct swim *swim, struct member *from, uint32_t seq, const struct id *target,
		 int64_t timeout_ms)
{
	struct member *member = member_find(swim->members, target);
	unsigned free = bit_next(~swim->relays_used, 0);
	struct relay *relay = &swim->relays[free];

	if (free >= SWIM_RELAYS_MAX || member == NULL || !member->has_record ||
	    swim_is_self(swim, target))
		return;
	swim->relays_used |= UINT64_C(1) << free;
	*relay = (struct relay){
	    .target = member,
	    .origin = from->id,
	    .origin_seq = seq,
	    .seq = probe_next_seq(swim),
	    .sent = swim->core->now,
	    .expires = mono_add_ms(swim->core->now, timeout_ms * 4 / 5),
	};
	swim->stats[SWIM_RELAYED]++;
	probe_ping(swim, member, relay->seq);
}

void probe_check(const struct swim *swim)
{
	for (size_t i = 0; i < SWIM_PROBES_MAX; i++) {
		const struct probe *probe = &swim->probes[i];
		WEFT_ASSERT((probe->target != NULL) == (swim->probes_used >> i & 1));
		if (probe->target == NULL)
			continue;
		WEFT_ASSERT(probe->round <= SWIM_RETRIES);
		WEFT_ASSERT(probe->helper_count <= SWIM_HELPERS_MAX);
		WEFT_ASSERT(probe->nacks <= probe->helper_count);
		WEFT_ASSERT(!swim_is_self(swim, &probe->target->id));
	}
	for (size_t i = 0; i < SWIM_RELAYS_MAX; i++)
		WEFT_ASSERT((swim->relays[i].target != NULL) == (swim->relays_used >> i & 1));
}
