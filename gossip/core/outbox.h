/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Frames on their way to members. Modules add frames for a peer during a step; at the end of it
 * the core packs those of one peer together, fills what is left of each datagram with rows worth
 * retelling, seals and sends. The box is bounded; a module that gets WEFT_E_LIMIT keeps its work
 * and goes on in a later step.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gossip/base/addr.h"
#include "gossip/base/map.h"
#include "wire.h"

#define OUTBOX_BYTES_MAX (256u * 1024u)
#define OUTBOX_FRAMES_MAX 4096u

struct outbox {
	struct heap *heap;
	struct vec frames; /* struct outbox_frame, in order of adding */
	uint8_t *bytes;
	size_t len;
	size_t cap;
};

struct outbox_frame {
	struct id to;
	struct hostport via; /* port 0: the member's current address */
	enum frame_class class;
	uint8_t type;
	uint16_t len;
	bool done;       /* sent or given up: gone at the next outbox_compact */
	uint32_t offset; /* of the body in bytes */
};

void outbox_init(struct outbox *box, struct heap *heap);
void outbox_close(struct outbox *box);

/* Adds a frame for a member; 0 or WEFT_E_LIMIT. The body is copied. */
int outbox_add(struct outbox *box, const struct id *to, enum frame_class class, uint8_t type,
	       const void *body, size_t len);

/* The same, to one address (NULL: none) instead of the member's current one: where it is
 * challenged, answered or pinged before it is known to live there. */
int outbox_add_via(struct outbox *box, const struct id *to, const struct hostport *via,
		   enum frame_class class, uint8_t type, const void *body, size_t len);

const uint8_t *outbox_body(const struct outbox *box, const struct outbox_frame *frame);

/* Removes frames marked done and moves the others together. */
void outbox_compact(struct outbox *box);

/* Chooses frames for one datagram out of candidates (all to one peer, in order of adding): control
 * first, then each class up to its share, then what is left of the room by class. Writes them to
 * out[0..room), marks them done, returns the bytes written. */
size_t outbox_pack(struct outbox *box, struct outbox_frame **candidates, size_t count, uint8_t *out,
		   size_t room);

void outbox_check(const struct outbox *box);
