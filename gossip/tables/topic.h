/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Who takes part in which topic. A network's rows go only between the nodes that are attached to
 * it, which is what attachment rows in topic 0 say.
 */
#pragma once

#include "gossip/core/member.h"

struct session;
struct tables;

/* The topic's number; it is made when nobody here cared for it before. */
uint32_t topic_intern(struct tables *tables, const struct id *id);

/* An attachment row became visible: its owner joins or leaves the topic it names. */
void topic_note(struct tables *tables, const struct row_view *attachment);

/* The topics besides 0 that this node keeps from now on; foreign rows of others are dropped. */
void topic_set_kept(struct tables *tables, const struct id *topics, size_t count);

/* True when this member gets rows of the topic. */
bool topic_has(const struct tables *tables, uint32_t topic, const struct id *member);

/* A topic that this node and the member both take part in. */
bool topic_is_shared(const struct tables *tables, uint32_t topic, const struct id *member);

/* Up to max different present members of a topic, chosen at random, this node excepted. */
size_t topic_pick(struct tables *tables, uint32_t topic, struct member **out, size_t max);

/* Hash over the network topics shared with a member, and their number; with a session, as it counts
 * them (onesided.h). */
uint64_t topic_shared_hash(const struct tables *tables, const struct id *member,
			   const struct session *session, size_t *count);
