/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Membership: SWIM probes with Lifeguard, suspicion and refutation, round-trip times. Frames 16 to
 * 23 are its own. States live in member.h; this module decides them.
 */
#pragma once

#include "gossip/core/member.h"

struct swim;

/* core and members outlive it; freed by swim_free. */
struct swim *swim_new(struct core *core, struct member_table *members);
void swim_free(struct swim *swim);

/* This node is an active member: it probes and answers from now on. */
void swim_start(struct swim *swim);

/* A member's record was applied for the first time or came back: begin to watch it. */
void swim_watch(struct swim *swim, struct member *member);

/* A frame of the protocol from an authenticated member. */
enum drop_reason swim_frame(struct swim *swim, struct member *from, uint8_t type,
			    const uint8_t *body, size_t len);

/* An authenticated datagram came from this member. */
void swim_heard(struct swim *swim, struct member *member);

/* A newer certificate of this member was shown: it was started again, whether or not it knows us.
 */
void swim_renewed(struct swim *swim, struct member *member);

/* A question of somebody else to this member was not answered (member_doubt). */
void swim_doubt(struct swim *swim, struct member *member);

/* News about members for a datagram that has room, as whole frames: bytes written to out[0..cap).
 */
size_t swim_fill(struct swim *swim, const struct member *to, uint8_t *out, size_t cap);

/* A persist token of this module, or of another one: what was reserved is durable and may be told,
 * or its commit failed and is tried again. */
void swim_durable(struct swim *swim, uint64_t token, bool ok);

/* Does what is due; and when that is next. */
void swim_tick(struct swim *swim);
struct mono swim_deadline(const struct swim *swim);

/* Nobody was heard for longer than a suspicion lasts, though others should be there. */
bool swim_is_isolated(const struct swim *swim);
bool swim_counter(const struct swim *swim, size_t index, struct gossip_counter *counter);
void swim_check(const struct swim *swim);
