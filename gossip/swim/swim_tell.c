/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Telling others what we know of a member.
 *
 * Each member has one slot: what is told is its state at the moment of sending, so that old news
 * never travels and the queue cannot grow beyond the members. News goes out within a few
 * milliseconds to four random members and again on every tick until it was sent a number of times
 * that grows with the logarithm of the cluster; it also rides on every datagram that has room. The
 * newest goes first.
 */
#include <string.h>

#include "swim_parts.h"

#define FANOUT 4
#define FIRST_MS 3 /* news of one moment travels together */
#define TELL_BYTES_MAX 1000
#define TELL_FRAMES_MAX 24

/* How often one node repeats one piece of news. */
static unsigned tell_limit(const struct swim *swim)
{
	unsigned limit = 4;

	for (size_t n = 1; n <= swim->members->present_count; n *= 4)
		limit += 3;
	return limit;
}

/* The frame that says how a member stands; 0 when there is nothing to say. */
static size_t tell_body(struct swim *swim, struct member *about, uint8_t *body, uint8_t *type)
{
	memcpy(body, about->id.b, ID_BYTES);
	wire_put(body + ID_BYTES, about->incarnation, 8);
	switch (about->state) {
	case MEMBER_ALIVE:
		*type = FRAME_ALIVE;
		return SWIM_SUBJECT_BYTES;
	case MEMBER_FAILED:
		*type = FRAME_FAILED;
		return SWIM_SUBJECT_BYTES;
	case MEMBER_SUSPECT:
		memcpy(body + SWIM_SUBJECT_BYTES, swim_peer(swim, about)->accuser.b, ID_BYTES);
		*type = FRAME_SUSPECT;
		return SWIM_SUSPECT_BYTES;
	case MEMBER_UNKNOWN:
	case MEMBER_LEFT:
	case MEMBER_REMOVED:
		break;
	}
	return 0;
}

void tell_all(struct swim *swim, struct member *about)
{
	struct swim_peer *peer = swim_peer(swim, about);
	uint32_t index = about->swim - 1;
	size_t at;

	/* News again: to the end of the queue, which goes first. */
	for (at = 0; peer->tell_left > 0; at++) {
		if (*(uint32_t *)vec_at(&swim->telling, at) == index) {
			vec_remove(&swim->telling, at);
			break;
		}
	}
	peer->tell_left = tell_limit(swim);
	vec_push(&swim->telling, &index);
	swim->tell_due = mono_min(swim->tell_due, mono_add_ms(swim->core->now, FIRST_MS));
}

void tell_one(struct swim *swim, struct member *about, const struct member *to,
	      enum frame_class class)
{
	uint8_t body[SWIM_SUSPECT_BYTES];
	uint8_t type;
	size_t len = tell_body(swim, about, body, &type);

	if (len > 0)
		swim_send(swim, to, class, type, body, len);
}

/* Counts one send of the news at this place of the queue. */
static void told_once(struct swim *swim, size_t at)
{
	uint32_t index = *(uint32_t *)vec_at(&swim->telling, at);
	struct swim_peer *peer = vec_at(&swim->peers, index);

	WEFT_ASSERT(peer->tell_left > 0);
	swim->stats[SWIM_TOLD]++;
	if (--peer->tell_left == 0)
		vec_remove(&swim->telling, at);
}

size_t swim_fill(struct swim *swim, const struct member *to, uint8_t *out, size_t cap)
{
	size_t len = 0;
	unsigned frames = 0;

	for (size_t at = swim->telling.count; at-- > 0 && frames < TELL_FRAMES_MAX;) {
		const struct swim_peer *peer =
		    vec_at(&swim->peers, *(uint32_t *)vec_at(&swim->telling, at));
		uint8_t body[SWIM_SUSPECT_BYTES];
		uint8_t type;
		size_t body_len;
		if (peer->member == to && peer->member->state == MEMBER_ALIVE)
			continue; /* it knows */
		body_len = tell_body(swim, peer->member, body, &type);
		if (len + FRAME_HEADER_BYTES + body_len > cap)
			break;
		if (body_len > 0)
			len += wire_put_frame(out + len, type, body, body_len);
		frames++;
		told_once(swim, at);
	}
	return len;
}

/* Hands the newest news to one member through the outbox. */
static void tell_member(struct swim *swim, const struct member *to)
{
	size_t bytes = 0;

	for (size_t at = swim->telling.count; at-- > 0 && bytes < TELL_BYTES_MAX;) {
		const struct swim_peer *peer =
		    vec_at(&swim->peers, *(uint32_t *)vec_at(&swim->telling, at));
		if (peer->member == to)
			continue;
		tell_one(swim, peer->member, to, CLASS_MEMBER);
		bytes += FRAME_HEADER_BYTES + SWIM_SUSPECT_BYTES;
		told_once(swim, at);
	}
}

/* Nobody is there to be told: news grows old all the same. */
static void forget_once(struct swim *swim)
{
	for (size_t at = swim->telling.count; at-- > 0;)
		told_once(swim, at);
}

void tell_tick(struct swim *swim)
{
	struct id skip[FANOUT];

	if (!mono_is_due(swim->tell_due, swim->core->now))
		return;
	for (size_t i = 0; i < FANOUT && swim->telling.count > 0; i++) {
		const struct member *to = member_pick(swim->members, skip, i);
		if (to == NULL) {
			if (i == 0)
				forget_once(swim);
			break;
		}
		skip[i] = to->id;
		tell_member(swim, to);
	}
	swim->tell_due = swim->telling.count > 0
			     ? mono_add_ms(swim->core->now, swim->profile->tell_ms)
			     : MONO_NEVER;
}

void tell_check(const struct swim *swim)
{
	size_t waiting = 0;

	for (size_t i = 0; i < swim->peers.count; i++) {
		const struct swim_peer *peer = vec_at(&swim->peers, i);
		waiting += peer->tell_left > 0;
	}
	WEFT_ASSERT(waiting == swim->telling.count);
	WEFT_ASSERT(swim->telling.count == 0 || swim->tell_due.ns != INT64_MAX);
}
