/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The first half of an admission chain, which says who may admit: from the cluster key down to an
 * admin, and the token that this admin made. Their layout is told in chain.h.
 */
#pragma once

#include <stdbool.h>

#include "crypto.h"
#include "gossip/base/instant.h"
#include "gossip/base/record.h"

#define ADMIN_DEPTH_MAX 3
#define ADMIN_CERT_BYTES 104
#define PATH_BYTES_MAX (1 + ADMIN_DEPTH_MAX * ADMIN_CERT_BYTES)
#define TOKEN_CERT_BYTES 136
#define TERMS_HASH_BYTES 16

/* A path of admins, by value. */
struct admin_path {
	size_t len; /* 0: none */
	uint8_t bytes[PATH_BYTES_MAX];
};

struct token_cert {
	struct id id;
	uint8_t pub[SIGN_PUB_BYTES];
	struct wall expires;
	uint8_t terms[TERMS_HASH_BYTES];
	uint8_t sig[SIG_BYTES];
};

/* Prefixes (path and token) whose signatures were good before: members share them. */
#define CHAIN_CACHE_ENTRIES 32
struct chain_cache {
	uint8_t hashes[CHAIN_CACHE_ENTRIES][HASH_BYTES];
	size_t used, next;
};

/* Everything that a chain is checked against or signed for. cache may be NULL. */
struct chain_ctx {
	const struct gossip_crypto *crypto;
	const uint8_t *cluster_pub;
	struct chain_cache *cache;
};

/* Adds an admin to a parent path, signed by the parent's last admin (by the cluster key when the
 * parent is empty). 0, or WEFT_E_LIMIT when the path is as deep as it may be. */
int path_extend(const struct chain_ctx *ctx, const struct admin_path *parent,
		const uint8_t sec[SIGN_SEC_BYTES], const uint8_t subject[SIGN_PUB_BYTES],
		struct wall at, struct admin_path *out);

/* Takes foreign bytes as a path of 1 to ADMIN_DEPTH_MAX admins, unverified. */
bool path_parse(const uint8_t *bytes, size_t len, struct admin_path *path);
bool path_verify(const struct chain_ctx *ctx, const struct admin_path *path);
size_t path_count(const struct admin_path *path);

/* Public key of admin i, borrowed from the path. */
const uint8_t *path_key(const struct admin_path *path, size_t i);
const uint8_t *path_last(const struct admin_path *path);

/* Signs id, pub, expires and terms of cert by the path's last admin. */
void token_cert_sign(const struct chain_ctx *ctx, const struct admin_path *path,
		     const uint8_t sec[SIGN_SEC_BYTES], struct token_cert *cert);
void token_cert_encode(const struct token_cert *cert, uint8_t out[TOKEN_CERT_BYTES]);
void token_cert_decode(const uint8_t bytes[TOKEN_CERT_BYTES], struct token_cert *cert);

/* Path and token certificate together. */
bool token_cert_verify(const struct chain_ctx *ctx, const struct admin_path *path,
		       const struct token_cert *cert);
