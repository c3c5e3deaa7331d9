/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Frames on their way to members. Modules add frames for a peer during a step; at the end of it
 * the core packs those of one peer together, fills what is left of each datagram with rows worth
 * retelling, seals and sends. The box is bounded; a module that gets WEFT_E_LIMIT keeps its work
 * and goes on in a later step.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/map.h"
#include "wire.h"

#define OUTBOX_BYTES_MAX (256u * 1024u)

struct outbox {
	struct heap *heap;
	struct vec frames; /* struct outbox_frame, in order of adding */
	uint8_t *bytes;
	size_t len;
};

struct outbox_frame {
	struct id to;
	struct hostport via; /* port 0: the member's current address */
	enum frame_class class;
	uint8_t type;
	uint16_t len;
	uint32_t offset; /* of the body in bytes */
};

void outbox_init(struct outbox *box, struct heap *heap);
void outbox_close(struct outbox *box);

/* Adds a frame for a member; 0 or WEFT_E_LIMIT. The body is copied. */
int outbox_add(struct outbox *box, const struct id *to, enum frame_class class, uint8_t type,
	       const void *body, size_t len);

/* The same, to one address instead of the member's current one (challenges). */
int outbox_add_via(struct outbox *box, const struct id *to, const struct hostport *via,
		   enum frame_class class, uint8_t type, const void *body, size_t len);

void outbox_clear(struct outbox *box);
