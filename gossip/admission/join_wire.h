/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The join handshake on the wire. Nothing in it is readable but keys, signatures and ids.
 *
 *   HELLO   1232  header (hint 0, key id of the joiner's ephemeral key, random counter) |
 *                 ephemeral key 32 | zeros: no answer is larger
 *   COOKIE        header (hint of the joiner's key, counter of the HELLO) | cookie 24 |
 *                 certificate 140 | identity key 32 | name hash 16 | admission chain
 *   PROOF         header (hint of the seed's key, random counter) | cookie 24 | ephemeral key 32 |
 *                 sealed: array of 11: path, token certificate, terms, node key, name, gossip
 *                 address, VTEP, replace, binding, token signature, node signature
 *   ADMIT         header (hint of the joiner's key, random counter) |
 *                 sealed: array [0, code, message, clock, at, signature, observed, cluster name]
 *                 or [1, row]
 *
 * The cookie is the time of its making (8 bytes, ms of the seed) and a keyed hash (16) over it, the
 * joiner's address and ephemeral key: the seed keeps nothing. Token and node signatures cover
 * "weft proof 1" NUL, cluster key, the 76 bytes before the sealed part, the seed's ephemeral key,
 * node key, name hash, replace: a proof shown to one seed is worth nothing at another.
 */
#pragma once

#include "gossip/trust/chain_text.h"
#include "gossip/trust/token.h"
#include "gossip/core/wire.h"

#define COOKIE_BYTES 24
#define COOKIE_AT_CERT (WIRE_HEADER_BYTES + COOKIE_BYTES)
#define PROOF_AD_BYTES (WIRE_HEADER_BYTES + COOKIE_BYTES + KX_PUB_BYTES)

struct proof {
	struct admin_path path;
	struct token_cert cert;
	const uint8_t *terms; /* borrowed */
	size_t terms_len;
	uint8_t pub[SIGN_PUB_BYTES];
	char name[NAME_BYTES];
	struct hostport gossip; /* address zero: as the seed sees it */
	struct inet vtep;
	bool replace;
	uint8_t bind[SIG_BYTES];
	uint8_t token_sig[SIG_BYTES];
	uint8_t node_sig[SIG_BYTES];
};

/* What the seed says: code 0 with the counter-signature, or a refusal. */
struct verdict {
	int code;
	char message[WEFT_ERR_BYTES];
	struct wall clock; /* of the seed */
	struct wall at;
	uint8_t sig[SIG_BYTES];
	struct hostport observed; /* where the seed sees the joiner */
	char cluster_name[NAME_BYTES];
};

/* Encoders: the length, or WEFT_E_LIMIT. Decoders: false for what no node would send. */
int proof_encode(const struct proof *proof, uint8_t *out, size_t cap);
bool proof_decode(const uint8_t *bytes, size_t len, struct proof *proof);
int verdict_encode(const struct verdict *verdict, uint8_t *out, size_t cap);
int verdict_row_encode(const uint8_t *row, size_t row_len, uint8_t *out, size_t cap);

/* *row is set for the second form of ADMIT, else *verdict is filled in. */
bool verdict_decode(const uint8_t *bytes, size_t len, struct verdict *verdict, const uint8_t **row,
		    size_t *row_len);

/* The two keys of a handshake from its shared secret. */
void join_keys(const struct gossip_crypto *crypto, const uint8_t shared[32],
	       const uint8_t joiner[KX_PUB_BYTES], const uint8_t seed[KX_PUB_BYTES],
	       uint8_t to_seed[AEAD_KEY_BYTES], uint8_t to_joiner[AEAD_KEY_BYTES]);

/* What token and node sign. */
void join_transcript(const struct chain_ctx *ctx, const uint8_t ad[PROOF_AD_BYTES],
		     const uint8_t seed_key[KX_PUB_BYTES], const struct proof *proof,
		     struct chain_text *text);
