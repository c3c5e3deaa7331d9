/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The admission chain: the proof that a node belongs to the cluster, carried in its member row and
 * complete in itself. Fixed layouts, numbers big-endian; every signature covers its label, a NUL,
 * the cluster's public key and then the fields named.
 *
 *   path   count 1 | count x admin certificate: key 32, at 8, signature 64
 *            cluster key -> admin -> further admins; signed over issuer, key, at
 *   token  id 16 | key 32 | expires 8 | terms 16 | signature 64
 *            by the last admin of the path over its key and the four fields; terms is the hash of
 *            the encoded struct rec_token (name pattern, tags)
 *   chain  form 1 | kind 1, then
 *     root   at 8 | signature 64      by the cluster key over node key, name hash, at
 *     token  path | token | binding 64 | admitter's key 32 | at 8 | signature 64
 *            binding: by the token key over token id, node key
 *            last signature: by the admitter over token id, node key, name hash, terms, at
 */
#pragma once

#include <stdbool.h>

#include "chain_path.h"

#define NAME_HASH_BYTES 16

/* Admission by a member, the part that the admitter adds. */
struct admission_sig {
	uint8_t admitter[SIGN_PUB_BYTES];
	struct wall at;
	uint8_t sig[SIG_BYTES];
};

/* What a chain says: chain_read fills it in as it stands there, verified or not. */
struct chain_info {
	bool is_root; /* admitted by the cluster key: the node that ran init */
	struct id token;
	struct id admitter; /* node id of who countersigned; zero for root */
	struct wall at;
	size_t admin_count;
	struct id admins[ADMIN_DEPTH_MAX]; /* from the cluster key down */
};

struct id chain_node_id(const struct gossip_crypto *crypto, const uint8_t pub[SIGN_PUB_BYTES]);
struct id chain_cluster_id(const struct gossip_crypto *crypto, const uint8_t pub[SIGN_PUB_BYTES]);
void chain_name_hash(const struct gossip_crypto *crypto, const char *name,
		     uint8_t out[NAME_HASH_BYTES]);
void chain_terms_hash(const struct gossip_crypto *crypto, const uint8_t *rec, size_t len,
		      uint8_t out[TERMS_HASH_BYTES]);

/* The token key binds the token to one node. */
void chain_bind(const struct chain_ctx *ctx, const struct id *token,
		const uint8_t token_sec[SIGN_SEC_BYTES], const uint8_t node[SIGN_PUB_BYTES],
		uint8_t sig[SIG_BYTES]);
bool chain_bind_verify(const struct chain_ctx *ctx, const struct token_cert *cert,
		       const uint8_t node[SIGN_PUB_BYTES], const uint8_t sig[SIG_BYTES]);

/* The admitter's counter-signature; adm->admitter and adm->at are given. */
void chain_admit(const struct chain_ctx *ctx, const struct token_cert *cert,
		 const uint8_t node[SIGN_PUB_BYTES], const uint8_t name_hash[NAME_HASH_BYTES],
		 const uint8_t sec[SIGN_SEC_BYTES], struct admission_sig *adm);

/* Writes a chain to out[0..CHAIN_BYTES_MAX); the length. */
size_t chain_root_encode(const struct chain_ctx *ctx, const uint8_t cluster_sec[SIGN_SEC_BYTES],
			 const uint8_t node[SIGN_PUB_BYTES], const char *name, struct wall at,
			 uint8_t out[CHAIN_BYTES_MAX]);
size_t chain_token_encode(const struct admin_path *path, const struct token_cert *cert,
			  const uint8_t bind[SIG_BYTES], const struct admission_sig *adm,
			  uint8_t out[CHAIN_BYTES_MAX]);

/* Checks a whole chain for a node key and the hash of its name: 0 with *info filled (info may be
 * NULL), or WEFT_E_INVALID. Revocations are not looked at: they bound admissions to come. */
int chain_verify(const struct chain_ctx *ctx, const uint8_t *bytes, size_t len,
		 const uint8_t node[SIGN_PUB_BYTES], const uint8_t name_hash[NAME_HASH_BYTES],
		 struct chain_info *info);

/* What a chain says without checking a signature (of members already believed). */
int chain_read(const struct gossip_crypto *crypto, const uint8_t *bytes, size_t len,
	       struct chain_info *info);
