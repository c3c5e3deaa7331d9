/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Addressed messages: opaque requests from one node to another, delivered at most once to the
 * host, retried until answered or timed out. Frames 48 to 50 are its own. What they say is the
 * business of the host (ranges and grants, attach acknowledgements).
 */
#pragma once

#include "gossip/core/member.h"

struct messages;

struct messages *messages_new(struct core *core, struct member_table *members);
void messages_free(struct messages *msgs);

/* CMD_MESSAGE: answered through the update by tag, with WEFT_E_TIMEOUT after ttl_ms (default
 * 2,000); at once with WEFT_E_NO_PEER when the peer is this node, unknown, removed or left,
 * WEFT_E_INVALID when the bytes are too many, WEFT_E_BUSY when the requests under way are. */
void messages_request(struct messages *msgs, const struct gossip_command *command);

/* CMD_REPLY: the answer to a delivered request; a late one is dropped. */
void messages_reply(struct messages *msgs, const struct gossip_command *command);

/* A frame 48 to 50 of a member. */
enum drop_reason messages_frame(struct messages *msgs, struct member *from, uint8_t type,
				const uint8_t *body, size_t len);

/* Repeats what is not answered and gives up what is too late. */
void messages_tick(struct messages *msgs);
struct mono messages_deadline(const struct messages *msgs);
void messages_check(const struct messages *msgs);
