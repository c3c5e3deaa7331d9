/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Judging rows and making them visible: the one place where the tables change. */
#pragma once

#include "gossip/core/member.h"

struct tables;

enum row_path {
	PATH_STORE,  /* given back by the store at start */
	PATH_OWN,    /* written here and durable */
	PATH_TOLD,   /* told by somebody */
	PATH_PULLED, /* asked for */
};

/* Judges foreign bytes and applies them. from may be NULL. */
enum drop_reason receive_row(struct tables *tables, const struct member *from, const uint8_t *bytes,
			     size_t len, enum row_path path);

/* The same for bytes that were parsed into row. */
enum drop_reason receive_parsed(struct tables *tables, const struct member *from,
				const struct row_view *row, const uint8_t *bytes, size_t len,
				enum row_path path);

/* The slot of a row of another key that bears this row's version; NONE. */
uint32_t receive_twin(const struct tables *tables, const struct row_view *row);

/* Does the row of this slot make way for one of its version, of this key or another? */
bool receive_gives_way(const struct tables *tables, uint32_t slot, const struct row_view *row,
		       uint32_t blob);

/* An owner signed two texts of this row's version. */
void receive_alarm(struct tables *tables, const struct row_view *row);

/* Makes a row visible that needs no judgement any more: bytes of blob, whose count is taken over.
 * The update has room for one change unless path is PATH_STORE. */
void receive_apply(struct tables *tables, const struct row_view *row, uint32_t blob,
		   const struct member *from, enum row_path path);

/* Does the held one say that its owner left, for good, and not the row in its place? */
bool receive_is_after_leave(const struct row_view *row, const struct row_view *held);

/* Takes a row out of the tables and, in the background, out of the store. */
void receive_remove(struct tables *tables, uint32_t slot);

/* The same, telling the host: a row that its owner deleted long ago. Needs room for a change. */
void receive_retract(struct tables *tables, uint32_t slot);

/* Is the row signed by this key? */
bool receive_is_signed(const struct tables *tables, const struct row_view *row,
		       const uint8_t *bytes, const uint8_t pub[SIGN_PUB_BYTES]);

/* Signs as this node: "weft row 1", cluster id, MessagePack bytes. */
void receive_sign(const struct tables *tables, const uint8_t *bytes, size_t len,
		  uint8_t sig[SIG_BYTES]);
