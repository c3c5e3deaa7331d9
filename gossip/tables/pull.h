/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Fetching rows that a comparison found, and answering those who fetch. Frames 36 and 37.
 *
 *   PULL      [[place of a fact, ...], [entry, ...]]
 *   entry     [topic, owner, mode, after epoch, sequence, [epoch, sequence, ...]]
 *   PULL_END  [[place, ...]]: all facts asked for were sent but these, which are not here
 *             [topic, owner, mode, after, through, more, claim, list of versions], and in
 *             mode 3 [text, ...]: the last 8 bytes of the signature of each
 *
 * Versions are two numbers, lists of them as in versions.h. The rows themselves come as FRAME_ROW
 * before their PULL_END, if the network keeps the order.
 */
#pragma once

#include "gossip/base/row.h"
#include "repair.h"

#define PULL_ROWS 64 /* at most in one answer, besides their owner's member row */

/* What one PULL may ask for at most; everybody drops one that asks for more. */
#define PULL_FACTS 32
#define PULL_ORIGINS 8
#define PULL_VERSIONS 32 /* of one origin, by name */

/* Adds to what is wanted from a peer, unless somebody is asked for it already or all sessions are
 * taken. */
void pull_want_origin(struct tables *tables, const struct id *peer, const struct id *owner,
		      uint32_t topic, bool whole);
void pull_want_fact(struct tables *tables, const struct id *peer, uint64_t place);

/* Origins below their floor. */
void pull_want_incomplete(struct tables *tables, struct session *session);

/* Asks for as much as one window holds, unless an answer is outstanding. */
void pull_pump(struct tables *tables, struct session *session);

/* Time is up: asks again for what did not come. */
void pull_retry(struct tables *tables, struct session *session);

/* True when this row was asked for and not come yet. */
bool pull_is_wanted(struct tables *tables, const struct id *peer, const struct row_view *row);

/* A row of what was asked for came; refused: it was not taken; applied: it was new. */
void pull_arrived(struct tables *tables, const struct id *peer, const struct row_view *row,
		  bool refused, bool applied);
enum drop_reason pull_end(struct tables *tables, const struct member *from, const uint8_t *body,
			  size_t len);
void pull_forget(struct tables *tables, struct session *session);

/* serve.c: the other side. */
enum drop_reason serve_pull(struct tables *tables, const struct member *from, const uint8_t *body,
			    size_t len);
