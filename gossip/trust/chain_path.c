/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The upper half of the chain: cluster key, admins, tokens. Many members share the same path and
 * token, so a prefix that was good once is remembered by its hash.
 */
#include <string.h>

#include "gossip/base/check.h"
#include "gossip/base/err.h"
#include "chain.h"
#include "chain_text.h"
#include "gossip/core/wire.h"

enum admin_at {
	ADMIN_KEY = 0,
	ADMIN_AT = SIGN_PUB_BYTES,
	ADMIN_SIG = ADMIN_AT + 8,
};
_Static_assert(ADMIN_SIG + SIG_BYTES == ADMIN_CERT_BYTES, "the layout fills the certificate");

enum token_at {
	TOKEN_ID = 0,
	TOKEN_KEY = ID_BYTES,
	TOKEN_EXPIRES = TOKEN_KEY + SIGN_PUB_BYTES,
	TOKEN_TERMS = TOKEN_EXPIRES + 8,
	TOKEN_SIG = TOKEN_TERMS + TERMS_HASH_BYTES,
};
_Static_assert(TOKEN_SIG + SIG_BYTES == TOKEN_CERT_BYTES, "the layout fills the certificate");

void chain_text_begin(struct chain_text *text, const struct chain_ctx *ctx, const char *label)
{
	text->len = 0;
	chain_text_add(text, label, strlen(label) + 1);
	chain_text_add(text, ctx->cluster_pub, SIGN_PUB_BYTES);
}

void chain_text_add(struct chain_text *text, const void *bytes, size_t len)
{
	WEFT_ASSERT(len <= sizeof(text->bytes) - text->len);
	if (len > 0)
		memcpy(text->bytes + text->len, bytes, len);
	text->len += len;
}

void chain_text_add_wall(struct chain_text *text, struct wall at)
{
	uint8_t bytes[8];

	wire_put(bytes, (uint64_t)at.ms, 8);
	chain_text_add(text, bytes, sizeof(bytes));
}

void chain_text_sign(const struct chain_text *text, const struct chain_ctx *ctx,
		     const uint8_t sec[SIGN_SEC_BYTES], uint8_t sig[SIG_BYTES])
{
	ctx->crypto->sign(ctx->crypto->ctx, sec, text->bytes, text->len, sig);
}

bool chain_text_verify(const struct chain_text *text, const struct chain_ctx *ctx,
		       const uint8_t pub[SIGN_PUB_BYTES], const uint8_t sig[SIG_BYTES])
{
	return ctx->crypto->verify(ctx->crypto->ctx, pub, text->bytes, text->len, sig) == 0;
}

/* The hash under which a verified prefix is remembered; the cluster is part of it. */
static void prefix_hash(const struct chain_ctx *ctx, const struct admin_path *path,
			const uint8_t *token, size_t token_len, uint8_t out[HASH_BYTES])
{
	struct chain_text text;

	chain_text_begin(&text, ctx, "weft prefix");
	chain_text_add(&text, path->bytes, path->len);
	chain_text_add(&text, token, token_len);
	ctx->crypto->hash(ctx->crypto->ctx, NULL, 0, text.bytes, text.len, out);
}

static bool cache_has(const struct chain_ctx *ctx, const uint8_t hash[HASH_BYTES])
{
	for (size_t i = 0; ctx->cache != NULL && i < ctx->cache->used; i++) {
		if (memcmp(ctx->cache->hashes[i], hash, HASH_BYTES) == 0)
			return true;
	}
	return false;
}

static void cache_add(const struct chain_ctx *ctx, const uint8_t hash[HASH_BYTES])
{
	struct chain_cache *cache = ctx->cache;

	if (cache == NULL)
		return;
	WEFT_ASSERT(cache->next < CHAIN_CACHE_ENTRIES);
	memcpy(cache->hashes[cache->next], hash, HASH_BYTES);
	cache->next = (cache->next + 1) % CHAIN_CACHE_ENTRIES;
	if (cache->used < CHAIN_CACHE_ENTRIES)
		cache->used++;
	WEFT_ASSERT(cache_has(ctx, hash));
}

size_t path_count(const struct admin_path *path)
{
	return path->len == 0 ? 0 : path->bytes[0];
}

static const uint8_t *path_cert(const struct admin_path *path, size_t i)
{
	WEFT_ASSERT(i < path_count(path));
	return path->bytes + 1 + i * ADMIN_CERT_BYTES;
}

const uint8_t *path_key(const struct admin_path *path, size_t i)
{
	return path_cert(path, i) + ADMIN_KEY;
}

const uint8_t *path_last(const struct admin_path *path)
{
	WEFT_ASSERT(path->len > 0);
	return path_key(path, path_count(path) - 1);
}

static void admin_text(struct chain_text *text, const struct chain_ctx *ctx, const uint8_t *issuer,
		       const uint8_t *subject, const uint8_t at[8])
{
	chain_text_begin(text, ctx, "weft admin 1");
	chain_text_add(text, issuer, SIGN_PUB_BYTES);
	chain_text_add(text, subject, SIGN_PUB_BYTES);
	chain_text_add(text, at, 8);
}

int path_extend(const struct chain_ctx *ctx, const struct admin_path *parent,
		const uint8_t sec[SIGN_SEC_BYTES], const uint8_t subject[SIGN_PUB_BYTES],
		struct wall at, struct admin_path *out)
{
	size_t count = path_count(parent);
	const uint8_t *issuer = count == 0 ? ctx->cluster_pub : path_last(parent);
	struct chain_text text;
	uint8_t *cert;

	WEFT_ASSERT(parent != out && at.ms >= 0);
	if (count == ADMIN_DEPTH_MAX)
		return WEFT_E_LIMIT;
	*out = *parent;
	out->bytes[0] = (uint8_t)(count + 1);
	out->len = 1 + (count + 1) * ADMIN_CERT_BYTES;
	cert = out->bytes + 1 + count * ADMIN_CERT_BYTES;
	memcpy(cert + ADMIN_KEY, subject, SIGN_PUB_BYTES);
	wire_put(cert + ADMIN_AT, (uint64_t)at.ms, 8);
	admin_text(&text, ctx, issuer, subject, cert + ADMIN_AT);
	chain_text_sign(&text, ctx, sec, cert + ADMIN_SIG);
	WEFT_ASSERT(out->len <= PATH_BYTES_MAX);
	return 0;
}

bool path_parse(const uint8_t *bytes, size_t len, struct admin_path *path)
{
	if (len < 1 || bytes[0] < 1 || bytes[0] > ADMIN_DEPTH_MAX ||
	    len != 1 + (size_t)bytes[0] * ADMIN_CERT_BYTES)
		return false;
	memcpy(path->bytes, bytes, len);
	path->len = len;
	return true;
}

static bool path_verify_all(const struct chain_ctx *ctx, const struct admin_path *path)
{
	const uint8_t *issuer = ctx->cluster_pub;

	for (size_t i = 0; i < path_count(path); i++) {
		const uint8_t *cert = path_cert(path, i);
		struct chain_text text;
		admin_text(&text, ctx, issuer, cert + ADMIN_KEY, cert + ADMIN_AT);
		if (!chain_text_verify(&text, ctx, issuer, cert + ADMIN_SIG))
			return false;
		issuer = cert + ADMIN_KEY;
	}
	return path_count(path) > 0;
}

bool path_verify(const struct chain_ctx *ctx, const struct admin_path *path)
{
	uint8_t hash[HASH_BYTES];

	prefix_hash(ctx, path, NULL, 0, hash);
	if (cache_has(ctx, hash))
		return true;
	if (!path_verify_all(ctx, path))
		return false;
	cache_add(ctx, hash);
	return true;
}

static void token_text(struct chain_text *text, const struct chain_ctx *ctx,
		       const struct admin_path *path, const struct token_cert *cert)
{
	chain_text_begin(text, ctx, "weft token 1");
	chain_text_add(text, path_last(path), SIGN_PUB_BYTES);
	chain_text_add(text, cert->id.b, ID_BYTES);
	chain_text_add(text, cert->pub, SIGN_PUB_BYTES);
	chain_text_add_wall(text, cert->expires);
	chain_text_add(text, cert->terms, TERMS_HASH_BYTES);
}

void token_cert_sign(const struct chain_ctx *ctx, const struct admin_path *path,
		     const uint8_t sec[SIGN_SEC_BYTES], struct token_cert *cert)
{
	struct chain_text text;

	WEFT_ASSERT(path->len > 0 && !id_is_zero(&cert->id));
	token_text(&text, ctx, path, cert);
	chain_text_sign(&text, ctx, sec, cert->sig);
}

void token_cert_encode(const struct token_cert *cert, uint8_t out[TOKEN_CERT_BYTES])
{
	memcpy(out + TOKEN_ID, cert->id.b, ID_BYTES);
	memcpy(out + TOKEN_KEY, cert->pub, SIGN_PUB_BYTES);
	wire_put(out + TOKEN_EXPIRES, (uint64_t)cert->expires.ms, 8);
	memcpy(out + TOKEN_TERMS, cert->terms, TERMS_HASH_BYTES);
	memcpy(out + TOKEN_SIG, cert->sig, SIG_BYTES);
}

void token_cert_decode(const uint8_t bytes[TOKEN_CERT_BYTES], struct token_cert *cert)
{
	memcpy(cert->id.b, bytes + TOKEN_ID, ID_BYTES);
	memcpy(cert->pub, bytes + TOKEN_KEY, SIGN_PUB_BYTES);
	cert->expires.ms = (int64_t)wire_get(bytes + TOKEN_EXPIRES, 8);
	memcpy(cert->terms, bytes + TOKEN_TERMS, TERMS_HASH_BYTES);
	memcpy(cert->sig, bytes + TOKEN_SIG, SIG_BYTES);
}

bool token_cert_verify(const struct chain_ctx *ctx, const struct admin_path *path,
		       const struct token_cert *cert)
{
	uint8_t encoded[TOKEN_CERT_BYTES];
	uint8_t hash[HASH_BYTES];
	struct chain_text text;

	if (path->len == 0)
		return false;
	token_cert_encode(cert, encoded);
	prefix_hash(ctx, path, encoded, sizeof(encoded), hash);
	if (cache_has(ctx, hash))
		return true;
	if (!path_verify(ctx, path))
		return false;
	token_text(&text, ctx, path, cert);
	if (!chain_text_verify(&text, ctx, path_last(path), cert->sig))
		return false;
	cache_add(ctx, hash);
	return true;
}
