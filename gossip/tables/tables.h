/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The replicated tables: owned rows and facts, versions and watermarks per owner and topic, the
 * fast path (eager forwarding and bounded retelling) and the repair path (digests, buckets,
 * watermarks, pulls). Frames 32 to 37 are its own.
 */
#pragma once

#include "farewell.h"
#include "gossip/core/member.h"

struct tables;
struct admission;

/* Empty tables; core and members outlive them. tables_free gives all of it back (NULL is allowed).
 */
struct tables *tables_new(struct core *core, struct member_table *members);
void tables_free(struct tables *tables);

/* Whom to ask whether an author may write, and whom to tell of visible rows. */
void tables_set_admission(struct tables *tables, struct admission *adm);

/* A stored row, fact or snapshot at start: 0, LOAD_PASSED_OVER or WEFT_E_INVALID. */
int tables_load(struct tables *tables, const struct write *write);

/* This node may write: epoch claimed. Own sequences go on above everything stored. */
void tables_start(struct tables *tables);

/* Signs rows of this node as one batch, hands them to the update as writes under one persist token
 * (returned through *token) and tells them once durable. kind, topic, key, deleted and value of
 * each are read. Before any change 0, or WEFT_E_LIMIT, WEFT_E_INVALID, WEFT_E_DENIED (it may not
 * write, or its numbers are used up) or WEFT_E_BUSY (update full). */
int tables_put(struct tables *tables, uint64_t tag, const struct row_view *rows, size_t count,
	       uint64_t *token, struct weft_err *err);

/* A persist token of tables_put or of the snapshot is durable, or its commit failed. Others are
 * ignored. */
void tables_durable(struct tables *tables, uint64_t token, bool ok);

/* A signed row or fact from outside (frame, join answer, claim answer), checked, applied,
 * forwarded. from may be NULL. */
enum drop_reason tables_receive(struct tables *tables, const struct member *from,
				const uint8_t *bytes, size_t len);

/* A frame of the tables: acted on while the member has allowance left for the work that it makes.
 */
enum drop_reason tables_frame(struct tables *tables, struct member *from, uint8_t type,
			      const uint8_t *body, size_t len);

/* The tables hold what the cluster knows, as far as can be told; see repair_is_whole. */
bool tables_is_whole(const struct tables *tables);

/* The last comparison that ended with equal tables: with whom and when; false when none did. */
bool tables_synced(const struct tables *tables, struct id *with, struct mono *at);

/* Topics besides 0 that this node takes part in; rows of others are dropped. */
void tables_topics(struct tables *tables, const struct id *topics, size_t count);

/* The rows of a member no longer count for services but stay frozen (left, removed). */
void tables_freeze(struct tables *tables, const struct id *owner);

/* How far this node's leave has come; see farewell.h. */
void tables_farewell(struct tables *tables, enum farewell_stage stage);

/* Has a member that left nothing more to tell this node? Else compares with it. */
bool tables_has_heard(struct tables *tables, struct member *left);

/* Rows worth retelling to this member, as FRAME_ROW frames: bytes written to out[0..cap). */
size_t tables_fill(struct tables *tables, const struct member *to, uint8_t *out, size_t cap);

/* Starts a whole comparison with a member now (after join, claim, heal). */
void tables_sync(struct tables *tables, struct member *with);

/* Compares with each member that is there and was not compared with in this run, until told
 * otherwise; see repair_meet. */
void tables_meet(struct tables *tables, bool on);

/* Exact bytes of a fact, to show it to somebody; NULL when unknown. Borrowed for the step. */
const uint8_t *tables_fact(const struct tables *tables, uint16_t kind, const uint8_t *key,
			   size_t key_len, size_t *len);

/* The same of the member row of this owner. */
const uint8_t *tables_member_row(const struct tables *tables, const struct id *owner, size_t *len);

/* Does what is due; and when that is next. */
void tables_tick(struct tables *tables);
struct mono tables_deadline(const struct tables *tables);

/* See gossip_rows, gossip_rows_of and gossip_row. */
void tables_rows(const struct tables *tables, const struct id *topic, uint16_t kind,
		 bool (*visit)(void *ctx, const struct row_view *row), void *ctx);
size_t tables_rows_of(const struct tables *tables, const struct id *owner, const struct id *topic,
		      size_t left, size_t limit,
		      void (*visit)(void *ctx, const struct row_view *row), void *ctx);
bool tables_row(const struct tables *tables, const struct id *owner, const struct id *topic,
		uint16_t kind, const uint8_t *key, size_t key_len, struct row_view *row);

/* Is the record of a member that left on the disk, as it is known here, and all that was here when
 * it had nothing more to tell? */
bool tables_has_stored(const struct tables *tables, const struct id *member);

/* A hash over all rows and facts with their versions, of topic 0 and the topics this node takes
 * part in, tombstones included: equal on nodes with equal tables and topics. */
uint64_t tables_hash(const struct tables *tables);

/* Nothing that the owner wrote in topic 0 up to this version is missing. */
bool tables_has(const struct tables *tables, const struct id *owner, uint64_t epoch,
		uint64_t sequence);
bool tables_counter(const struct tables *tables, size_t index, struct gossip_counter *counter);
void tables_check(const struct tables *tables);
