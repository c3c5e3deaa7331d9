/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The last step of a comparison: what lies between two places of a topic, item by item. An item is
 * an origin with its watermark or a fact with its version.
 */
#pragma once

#include "gossip/core/member.h"

#define MARKS_FEW 16  /* so many items are named at once, without buckets */
#define MARKS_MANY 72 /* more than this in an answer, and buckets come first */

struct tables;
struct origin;

/* Items between two places, both included; stops counting at limit. */
size_t marks_count(const struct tables *tables, uint32_t topic, uint64_t first, uint64_t last,
		   size_t limit);

/* Names all of them to a peer, in as many frames as it takes (bounded). */
void marks_send(struct tables *tables, const struct id *peer, uint32_t topic, uint64_t first,
		uint64_t last);

/* Names one origin. */
void marks_send_origin(struct tables *tables, const struct id *peer, uint32_t topic,
		       const struct origin *origin);

/* A peer's marks, topic checked, items not read yet: wants what the peer has more of, and unless
 * this is an answer itself, names what this node has more of. */
enum drop_reason marks_compare(struct tables *tables, const struct member *from, uint32_t topic,
			       uint64_t first, uint64_t last, bool is_answer, const uint8_t *items,
			       size_t len);
