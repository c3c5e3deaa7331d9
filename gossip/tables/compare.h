/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Finding what two nodes hold apart: digests of topics, buckets of a topic, watermarks and versions
 * of what lies in a bucket. Frames 33 to 35. No state is kept between frames.
 *
 *   DIGEST   [flags, hash of topic 0, count and hash of shared topics, [topic, hash, ...]]
 *            flags: 1 an answer, 2 topics follow, 4 the sender's own tables are whole
 *   BUCKETS  [topic, n or 64, 64 hashes]: of the topic, or (n < 64) of its nth bucket
 *   MARKS    [flags, topic, first place, last place, [item, ...]]: all that lies between
 *   item     [owner, upto epoch, sequence, top epoch, sequence, hash (0: over its cap here)], or of
 *            a fact [place, tag, counter, text]: the last 8 bytes of its signature
 */
#pragma once

#include "gossip/core/member.h"

struct tables;

/* Begins a comparison of everything with a peer. */
void compare_begin(struct tables *tables, const struct id *peer);

/* The same for one topic; own attachment goes first, so that the peer knows why we ask. */
void compare_begin_topic(struct tables *tables, const struct id *peer, uint32_t topic);

enum drop_reason compare_digest(struct tables *tables, const struct member *from,
				const uint8_t *body, size_t len);
enum drop_reason compare_buckets(struct tables *tables, const struct member *from,
				 const uint8_t *body, size_t len);
enum drop_reason compare_marks(struct tables *tables, const struct member *from,
			       const uint8_t *body, size_t len);
