/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Origins that one of two members counts at their cap and the other does not. Who refused a row
 * compares its origin no more, but keeps nothing that it could show to somebody who was never shown
 * one too many: the two would differ for ever. So each remembers, for one session, what the peer
 * shows of such an origin, and counts it in its digests as the peer does.
 *
 * It is the peer's word alone, and holds for this session alone: nothing is capped for it, and who
 * lies gets no more by it than by showing the digest that it was shown.
 */
#pragma once

#include "repair.h"

#define ONESIDED_MAX 256 /* in one session; with more two stay different */

/* What a topic costs besides while there are any, in rows walked: finding its first. What follows
 * it is looked at once for all topics. */
#define ONESIDED_WALK 2

/* A session's are sorted by topic, then by origin. */
struct onesided {
	uint32_t topic, origin;
	uint64_t theirs; /* its hash; 0: at its cap there */
};

/* A peer shows an origin under this hash; that counts while there is a session with it. */
void onesided_note(struct tables *tables, const struct id *peer, const struct id *owner,
		   uint32_t topic, uint64_t theirs);

/* The topic begins anew for this node, or for the peer: what was shown of it holds no longer.
 * Without a peer, for all. */
void onesided_forget(struct tables *tables, uint32_t topic, const struct id *peer);

/* What the peer shows of a topic if nothing but such origins differs; without a session, what this
 * node does. */
uint64_t onesided_hash(const struct tables *tables, const struct session *session, uint32_t topic);
