/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The box of frames, and the choice of those that travel together.
 *
 * A datagram belongs first to control frames: a probe that waits behind a bulk sync makes healthy
 * members look dead. What is left is dealt out in two rounds. In the first each class takes frames
 * until it has used its share, so that no class starves another however much it has to say; in the
 * second the remaining room goes by class. A share may be overdrawn by one frame, or a large row
 * would never fit its own.
 */
#include "outbox.h"

#include <string.h>

#include "gossip/base/check.h"
#include "gossip/base/err.h"

#define CAP_MIN ((size_t)4096)

/* Percent of a datagram that a class is sure of. */
static const uint8_t share_percent[CLASS_COUNT] = {
    [CLASS_CONTROL] = 100, [CLASS_MEMBER] = 20, [CLASS_OWN] = 25,
    [CLASS_ROW] = 20,      [CLASS_REPAIR] = 15, [CLASS_MESSAGE] = 20,
};

void outbox_init(struct outbox *box, struct heap *heap)
{
	*box = (struct outbox){.heap = heap};
	vec_init(&box->frames, heap, sizeof(struct outbox_frame));
}

void outbox_close(struct outbox *box)
{
	vec_close(&box->frames);
	if (box->bytes != NULL)
		heap_give(box->heap, box->bytes, box->cap);
	box->bytes = NULL;
	box->len = 0;
	box->cap = 0;
}

static void bytes_reserve(struct outbox *box, size_t len)
{
	size_t cap = box->cap == 0 ? CAP_MIN : box->cap;

	while (cap < len)
		cap *= 2;
	if (cap == box->cap)
		return;
	box->bytes = heap_resize(box->heap, box->bytes, box->cap, cap);
	box->cap = cap;
}

int outbox_add_via(struct outbox *box, const struct id *to, const struct hostport *via,
		   enum frame_class class, uint8_t type, const void *body, size_t len)
{
	struct outbox_frame frame = {.to = *to, .class = class, .type = type};

	WEFT_ASSERT(len <= WIRE_PAYLOAD_MAX - FRAME_HEADER_BYTES);
	WEFT_ASSERT((unsigned)class < CLASS_COUNT);
	if (box->len + len > OUTBOX_BYTES_MAX || box->frames.count >= OUTBOX_FRAMES_MAX)
		return WEFT_E_LIMIT;
	if (via != NULL)
		frame.via = *via;
	frame.len = (uint16_t)len;
	frame.offset = (uint32_t)box->len;
	if (len > 0) {
		bytes_reserve(box, box->len + len);
		memcpy(box->bytes + box->len, body, len);
		box->len += len;
	}
	vec_push(&box->frames, &frame);
	return 0;
}

int outbox_add(struct outbox *box, const struct id *to, enum frame_class class, uint8_t type,
	       const void *body, size_t len)
{
	return outbox_add_via(box, to, NULL, class, type, body, len);
}

const uint8_t *outbox_body(const struct outbox *box, const struct outbox_frame *frame)
{
	WEFT_ASSERT(frame->offset + (size_t)frame->len <= box->len);
	return frame->len > 0 ? box->bytes + frame->offset : NULL;
}

void outbox_compact(struct outbox *box)
{
	size_t kept = 0;
	size_t len = 0;

	for (size_t i = 0; i < box->frames.count; i++) {
		struct outbox_frame frame = *(struct outbox_frame *)vec_at(&box->frames, i);
		if (frame.done)
			continue;
		WEFT_ASSERT(frame.offset >= len);
		if (frame.len > 0)
			memmove(box->bytes + len, box->bytes + frame.offset, frame.len);
		frame.offset = (uint32_t)len;
		len += frame.len;
		*(struct outbox_frame *)vec_at(&box->frames, kept++) = frame;
	}
	box->frames.count = kept;
	box->len = len;
}

/* Takes frames of one class in order while they fit and less than limit bytes are used. */
static size_t pack_class(struct outbox *box, struct outbox_frame **candidates, size_t count,
			 enum frame_class class, size_t limit, size_t *used, uint8_t *out,
			 size_t room)
{
	size_t len = 0;

	for (size_t i = 0; i < count && *used < limit; i++) {
		struct outbox_frame *frame = candidates[i];
		size_t need = FRAME_HEADER_BYTES + (size_t)frame->len;
		if (frame->done || frame->class != class || len + need > room)
			continue;
		len += wire_put_frame(out + len, frame->type, outbox_body(box, frame), frame->len);
		frame->done = true;
		*used += need;
	}
	return len;
}

size_t outbox_pack(struct outbox *box, struct outbox_frame **candidates, size_t count, uint8_t *out,
		   size_t room)
{
	size_t used[CLASS_COUNT] = {0};
	size_t len = 0;

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned class = 0; class < CLASS_COUNT; class ++) {
			size_t limit = round == 0 ? room * share_percent[class] / 100 : SIZE_MAX;
			len += pack_class(box, candidates, count, class, limit, &used[class],
					  out + len, room - len);
		}
	}
	WEFT_ASSERT(len <= room);
	return len;
}

void outbox_check(const struct outbox *box)
{
	size_t at = 0;

	WEFT_ASSERT(box->len <= box->cap && box->len <= OUTBOX_BYTES_MAX);
	WEFT_ASSERT(box->frames.count <= OUTBOX_FRAMES_MAX);
	for (size_t i = 0; i < box->frames.count; i++) {
		const struct outbox_frame *frame = vec_at(&box->frames, i);
		WEFT_ASSERT(frame->offset >= at);
		at = frame->offset + (size_t)frame->len;
		WEFT_ASSERT(at <= box->len);
	}
}
