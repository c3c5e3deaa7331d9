/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Packing and sending.
 *
 * Peers for whom there are control frames come first, the others in the order in which their first
 * frame was added. All frames of a peer go together; what room they leave is filled with news about
 * members and with rows worth retelling. While a peer has not seen this node's certificate it
 * travels along and takes room; a frame that is too large for that moment is held until the peer
 * has answered, and an empty datagram makes it answer.
 */
#include "flush.h"

#define RETRY_HELD_MS 20

/* True when the two frames may share a datagram. */
static bool same_place(const struct outbox_frame *a, const struct outbox_frame *b)
{
	return id_eq(&a->to, &b->to) && a->via.port == b->via.port &&
	       (a->via.port == 0 || hostport_eq(&a->via, &b->via));
}

/* Frames to whom nothing may be said any more are dropped where they lie. */
static bool may_receive(const struct member *to, const struct outbox_frame *frame)
{
	if (to == NULL)
		return false;
	return to->state != MEMBER_REMOVED || frame->type == FRAME_REMOVED;
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
		if (may_receive(to, frame))
			candidates[count++] = frame;
		else
			frame->done = true;
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

/* Gives up frames that found no room for too long; asks for an answer on behalf of the others. */
static void hold(const struct flush *flush, struct member *to, struct outbox_frame **candidates,
		 size_t count)
{
	bool fresh = false;

	for (size_t i = 0; i < count; i++) {
		struct outbox_frame *frame = candidates[i];
		fresh = fresh || frame->since.ns == 0;
		if (frame->since.ns != 0 &&
		    mono_diff_ms(flush->core->now, frame->since) > OUTBOX_HOLD_MS)
			frame->done = true;
	}
	if (fresh)
		(void)seal_send(flush->seal, to, NULL, NULL, 0);
}

/* Sends all frames that go where frames[first] goes; false when the update is full. */
static bool send_to(const struct flush *flush, size_t first)
{
	struct core *core = flush->core;
	const struct outbox_frame lead =
	    *(struct outbox_frame *)vec_at(&core->outbox.frames, first);
	struct member *to = member_find(flush->members, &lead.to);
	const struct hostport *via = lead.via.port != 0 ? &lead.via : NULL;
	struct outbox_frame **candidates =
	    core_scratch(core, core->outbox.frames.count * sizeof(struct outbox_frame *));
	size_t count = collect(flush, first, candidates, to);

	while (count > 0) {
		uint8_t payload[WIRE_PAYLOAD_MAX];
		size_t room = seal_room(flush->seal, to);
		size_t len;
		if (core->update->send_count == UPDATE_SENDS)
			return false;
		WEFT_ASSERT(room <= sizeof(payload));
		len = outbox_pack(&core->outbox, candidates, count, payload, room);
		if (len == 0) {
			hold(flush, to, candidates, count);
			return true;
		}
		if (via == NULL && to->state != MEMBER_REMOVED) {
			len += swim_fill(flush->swim, to, payload + len, room - len);
			len += tables_fill(flush->tables, to, payload + len, room - len);
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
	bool full = false;

	for (int pass = 0; pass < 2 && !full; pass++) {
		for (size_t i = 0; i < box->frames.count && !full; i++) {
			const struct outbox_frame *frame = vec_at(&box->frames, i);
			if (!frame->done && (pass == 1 || frame->class == CLASS_CONTROL))
				full = !send_to(flush, i);
		}
	}
	outbox_compact(box, core->now);
	if (full)
		return core->now;
	return box->frames.count > 0 ? mono_add_ms(core->now, RETRY_HELD_MS) : MONO_NEVER;
}
