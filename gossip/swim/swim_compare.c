/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Comparing what two nodes know of the members.
 *
 *   A --- PING, with a hash of each bucket of its members ---> B
 *   A <-- ACK; of the members in buckets that differ FAILED of who failed, INCARNATIONS of the
 *         others; and a PING with its own hashes, which A answers likewise --- B
 *
 * A rumour reaches whoever is there to hear it (swim_tell.c). Who joined later, was stopped or cut
 * off would else have to probe everybody to learn who died and which incarnation each has, and
 * until it knows, its word about a member is a word about the past.
 *
 * The buckets keep an answer small in a large cluster, of which two nodes hardly ever know quite
 * the same; it goes through one that differs after the other, so that little is told that both
 * know. INCARNATIONS are known to others already: nobody passes them on, or each newcomer would
 * tell everybody about everybody. Who learns from one compares with somebody else soon: so what is
 * known to one is known to all after a number of rounds that grows with the logarithm of the
 * cluster, and more than an answer holds takes a few rounds more. As long as nothing is learnt the
 * pauses double, up to those of a quiet cluster: two who agree may both lack the same.
 */
#include <string.h>

#include "swim_parts.h"

#define STATES_AGAIN_MS 250
#define STATES_FAILED_MAX 24
#define STATES_ALIVE_MAX 40 /* in a frame */
#define STATES_FRAMES_MAX 4 /* a bucket of 2,500 members */

static void ask(struct swim *swim, const struct member *to, uint8_t flags)
{
	uint8_t body[SWIM_PING_STATES_BYTES];

	wire_put(body, probe_next_seq(swim), 4);
	body[4] = flags;
	for (size_t i = 0; i < MEMBER_BUCKETS; i++)
		wire_put(body + 5 + 4 * i, swim->members->liveness[i], 4);
	swim_send(swim, to, CLASS_CONTROL, FRAME_PING, body, sizeof(body));
}

void states_soon(struct swim *swim, int64_t ms)
{
	if (ms < swim->states_pause_ms)
		swim->states_pause_ms = ms;
	swim->states_due = mono_min(swim->states_due, mono_add_ms(swim->core->now, ms));
}

void states_tick(struct swim *swim)
{
	int64_t pause_ms = swim->states_pause_ms;
	const struct member *to;

	if (!mono_is_due(swim->states_due, swim->core->now))
		return;
	swim->states_due = mono_add_ms(swim_somewhen(swim, pause_ms / 4), pause_ms * 7 / 8);
	swim->states_pause_ms =
	    2 * pause_ms < swim->profile->states_ms ? 2 * pause_ms : swim->profile->states_ms;
	to = member_pick(swim->members, NULL, 0);
	if (to != NULL)
		ask(swim, to, SWIM_PING_STATES);
}

struct answer {
	const struct member *to;
	size_t failed, frames, len;
	uint8_t alive[STATES_ALIVE_MAX * SWIM_SUBJECT_BYTES];
};

static void answer_send(struct swim *swim, struct answer *answer)
{
	if (answer->len == 0)
		return;
	swim_send(swim, answer->to, CLASS_MEMBER, FRAME_INCARNATIONS, answer->alive, answer->len);
	answer->frames++;
	answer->len = 0;
}

/* What is known of the members in one bucket, from a random one on. */
static void answer_bucket(struct swim *swim, struct answer *answer, size_t bucket)
{
	const struct member_table *members = swim->members;
	size_t start = (size_t)rng_below(&swim->core->rng, members->ordered.count);

	for (size_t i = 0; i < members->ordered.count; i++) {
		struct member *member = member_at(members, (start + i) % members->ordered.count);
		if (member_bucket(&member->id) != bucket)
			continue;
		if (member->state == MEMBER_FAILED && answer->failed < STATES_FAILED_MAX) {
			tell_one(swim, member, answer->to, CLASS_MEMBER);
			answer->failed++;
		} else if (member_is_present(member) && member->incarnation > 0 &&
			   answer->frames < STATES_FRAMES_MAX) {
			memcpy(answer->alive + answer->len, member->id.b, ID_BYTES);
			wire_put(answer->alive + answer->len + ID_BYTES, member->incarnation, 8);
			answer->len += SWIM_SUBJECT_BYTES;
			if (answer->len == sizeof(answer->alive))
				answer_send(swim, answer);
		}
	}
}

/* Of the buckets that differ, from a random one on, as many as one frame holds, but one at least:
 * the others come another time. */
static void answer(struct swim *swim, const struct member *to, const bool *differs)
{
	struct answer answer = {.to = to};
	size_t start = (size_t)rng_below(&swim->core->rng, MEMBER_BUCKETS);

	for (size_t i = 0; i < MEMBER_BUCKETS && answer.frames == 0; i++) {
		size_t bucket = (start + i) % MEMBER_BUCKETS;
		if (differs[bucket])
			answer_bucket(swim, &answer, bucket);
	}
	answer_send(swim, &answer);
}

void states_asked(struct swim *swim, const struct member *from, const uint8_t *body, size_t len)
{
	bool differs[MEMBER_BUCKETS];
	bool any = false;

	if (len < SWIM_PING_STATES_BYTES || (body[4] & SWIM_PING_STATES) == 0)
		return;
	for (size_t i = 0; i < MEMBER_BUCKETS; i++) {
		differs[i] = wire_get(body + 5 + 4 * i, 4) != swim->members->liveness[i];
		any = any || differs[i];
	}
	if (!any)
		return;
	answer(swim, from, differs);
	if ((body[4] & SWIM_PING_STATES_BACK) == 0)
		ask(swim, from, SWIM_PING_STATES | SWIM_PING_STATES_BACK);
}

enum drop_reason states_told(struct swim *swim, const uint8_t *body, size_t len)
{
	for (; len >= SWIM_SUBJECT_BYTES; body += SWIM_SUBJECT_BYTES, len -= SWIM_SUBJECT_BYTES) {
		uint64_t incarnation = wire_get(body + ID_BYTES, 8);
		struct member *member;
		struct id subject;

		memcpy(subject.b, body, ID_BYTES);
		member = member_find(swim->members, &subject);
		if (!state_is_near(member, incarnation))
			return DROP_FRAME;
		if (swim_is_self(swim, &subject))
			state_recall(swim, incarnation);
		else if (member != NULL && state_alive(swim, member, incarnation))
			states_soon(swim, STATES_AGAIN_MS);
	}
	return len == 0 ? DROP_NONE : DROP_FRAME;
}
