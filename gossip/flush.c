/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Packing and sending.
 *
 * Peers for whom there are control frames come first, the others in the order in which their first
 * frame was added. All frames of a peer go together; what room they leave is filled with news about
 * members and with rows worth retelling. While a peer has not seen this node's certificate it
 * travels along and takes room; only a frame that is too large for that goes without it, and the
 * sealing layer then sends the certificate ahead.
 */
#include "flush.h"

#define INTRODUCE_EVERY 2

/* True when the two frames may share a datagram. */
static bool same_place(const struct outbox_frame *a, const struct outbox_frame *b)
{
	return id_eq(&a->to, &b->to) && a->via.port == b->via.port &&
	       (a->via.port == 0 || hostport_eq(&a->via, &b->via));
}

static size_t room_left(size_t room, size_t len)
{
	return len < room ? room - len : 0;
}

static size_t collect(const struct flush *flush, size_t first, struct outbox_frame **candidates,
		      const struct member *to)
{
	struct vec *frames = &flush->core->outbox.frames;
	const struct outbox_frame *lead = vec_at(frames, first);
	size_t count = 0;

	for (size_t i = 0; i < frames->count; i++) {
		struct outbox_frame *frame = vec_at(frames, i);
		if (frame->done || !same_place(lead, frame))
			continue;
		/* To whom nothing is said any more: dropped where it lies. */
		if (to == NULL || to->state == MEMBER_REMOVED)
			frame->done = true;
		else
			candidates[count++] = frame;
	}
	return count;
}

static size_t without_done(struct outbox_frame **candidates, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (!candidates[i]->done)
			candidates[kept++] = candidates[i];
	}
	return kept;
}

/* A failed member may have forgotten us: every other datagram to it, where there is room, says who
 * we are. One that was started again and has not spoken under its certificate in use probably has,
 * whether or not it was found failed meanwhile: to it every datagram with room says so. */
static bool may_have_forgotten(const struct flush *flush, const struct member *to)
{
	if (to->state != MEMBER_FAILED && to->state != MEMBER_SUSPECT)
		return false;
	return !seal_has_spoken(flush->seal, to) ||
	       (to->state == MEMBER_FAILED && rng_below(&flush->core->rng, INTRODUCE_EVERY) == 0);
}

static size_t introduce(const struct flush *flush, const struct member *to, uint8_t *out,
			size_t cap)
{
	const uint8_t *row;
	size_t len;

	if (cap < FRAME_HEADER_BYTES || !may_have_forgotten(flush, to))
		return 0;
	row = admission_introduction(flush->admission, to, cap - FRAME_HEADER_BYTES, &len);
	if (row == NULL)
		return 0;
	return wire_put_frame(out, FRAME_ROW, row, len);
}

/* Sends all frames that go where frames[first] goes; false when the update is full. */
static bool send_to(const struct flush *flush, size_t first, struct outbox_frame **candidates)
{
	struct core *core = flush->core;
	const struct outbox_frame lead =
	    *(struct outbox_frame *)vec_at(&core->outbox.frames, first);
	struct member *to = member_find(flush->members, &lead.to);
	const struct hostport *via = lead.via.port != 0 ? &lead.via : NULL;
	size_t count = collect(flush, first, candidates, to);

	while (count > 0) {
		uint8_t payload[WIRE_PAYLOAD_MAX];
		size_t room = seal_room(flush->seal, to);
		size_t len;
		if (core->update->send_count == UPDATE_SENDS)
			return false;
		WEFT_ASSERT(room <= sizeof(payload));
		len = outbox_pack(&core->outbox, candidates, count, payload, room);
		if (len == 0) /* too large beside a certificate, which then goes ahead of it */
			len =
			    outbox_pack(&core->outbox, candidates, count, payload, sizeof(payload));
		WEFT_ASSERT(len > 0);
		if (via == NULL) {
			len += introduce(flush, to, payload + len, room_left(room, len));
			len += swim_fill(flush->swim, to, payload + len, room_left(room, len));
			len += tables_fill(flush->tables, to, payload + len, room_left(room, len));
		}
		if (seal_send(flush->seal, to, via, payload, len) != 0) {
			for (size_t i = 0; i < count; i++)
				candidates[i]->done = false;
			return false;
		}
		count = without_done(candidates, count);
	}
	return true;
}

struct mono flush_outbox(const struct flush *flush)
{
	struct core *core = flush->core;
	struct outbox *box = &core->outbox;
	struct outbox_frame **candidates;
	bool full = false;

	if (box->frames.count == 0)
		return MONO_NEVER;
	candidates = scratch_take(&core->scratch, box->frames.count * sizeof(*candidates));
	for (int pass = 0; pass < 2 && !full; pass++) {
		for (size_t i = 0; i < box->frames.count && !full; i++) {
			const struct outbox_frame *frame = vec_at(&box->frames, i);
			if (!frame->done && (pass == 1 || frame->class == CLASS_CONTROL))
				full = !send_to(flush, i, candidates);
		}
	}
	outbox_compact(box);
	WEFT_ASSERT(full || box->frames.count == 0);
	return full ? core->now : MONO_NEVER;
}
