/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Keys of which a process has to prove that it is there (seal_doubt.c). */
#pragma once

#include "session.h"

/* Was a claim of this key given up, or is a newer one only shown? Remembers what this
 * one heard and, where so, that it is; begins one, under what is remembered of its key. */
bool doubt_has(const struct peer *peer, const struct peer_key *key);
void doubt_keep(struct seal *seal, struct peer *peer, const struct peer_key *key, uint64_t floor,
		uint64_t floor_own, bool given_up);
void doubt_begin(const struct peer *peer, struct claim *claim);

/* What opened under this key and own one does not open again. */
void doubt_window(const struct peer *peer, uint64_t key_id, uint64_t own, struct window *window);

/* Its process spoke from there: what it was asked elsewhere proves nothing any more. */
void claim_move(struct seal *seal, struct claim *claim, const struct hostport *from);

/* A datagram of len bytes opened under a claim that is doubted, or too late and may be a clone's:
 * asks its process to answer, or takes that. */
void doubt_ask(struct seal *seal, struct peer *peer, const struct hostport *from, size_t len,
	       const struct opened *in);

/* Sends its process the nonce, in no more bytes than came from there and not too often. */
void doubt_challenge(struct seal *seal, struct claim *claim);

/* A certificate of a claim that is doubted was shown there in len bytes: asks its process to
 * answer, unless it speaks elsewhere. */
void doubt_meet(struct seal *seal, struct peer *peer, const struct hostport *from, size_t len);

/* The body of the first frame of this type and length (0: any); NULL when there is none. */
const uint8_t *frame_find(const struct opened *in, enum frame_type type, size_t len);

/* Does such a frame bring back this nonce? */
bool frame_is(const struct opened *in, enum frame_type type, const uint8_t nonce[NONCE_BYTES]);

/* A certificate was taken: under its key what was opened stays closed. Its key was proved: no older
 * one is doubted any more. Forgets all doubts. */
void doubt_use(struct peer *peer);
void doubt_end(struct seal *seal, struct peer *peer);
void doubt_forget(struct seal *seal, struct peer *peer);
