/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The lower half of the chain: from a token (or the cluster key) to a node, with the admitter's
 * counter-signature.
 *
 * The counter-signature is what bounds a leaked token: it says when, under which name and by whom
 * a node was let in, and the admitter checked expiry and revocation by what it knew then. A reader
 * checks every signature and that the times fit. It does not ask whether it knows the admitter as
 * a member: rows come in any order, and a row only reaches us inside a datagram sealed by a member
 * who believed it (or from a node that introduces itself, whose admitter must then be known, see
 * authority.c). Nor does it look at revocations, which would make what a table accepts depend
 * on the order of arrival; they bound admissions still to come.
 */
#include "chain.h"

#include <string.h>

#include "gossip/base/check.h"
#include "gossip/base/err.h"
#include "chain_text.h"
#include "gossip/core/wire.h"

#define CHAIN_FORM 1
#define ADMISSION_BYTES (SIGN_PUB_BYTES + 8 + SIG_BYTES)
#define ROOT_BYTES (2 + 8 + SIG_BYTES)

enum chain_kind { CHAIN_ROOT = 0, CHAIN_TOKEN = 1 };

_Static_assert(2 + PATH_BYTES_MAX + TOKEN_CERT_BYTES + SIG_BYTES + ADMISSION_BYTES <=
		   CHAIN_BYTES_MAX,
	       "the deepest chain fits the member record");

/* A chain taken apart, nothing checked. */
struct chain_parts {
	enum chain_kind kind;
	struct admin_path path;
	struct token_cert token;
	const uint8_t *bind;
	struct admission_sig adm;
};

struct id chain_node_id(const struct gossip_crypto *crypto, const uint8_t pub[SIGN_PUB_BYTES])
{
	return crypto_id(crypto, "weft node", pub, SIGN_PUB_BYTES);
}

struct id chain_cluster_id(const struct gossip_crypto *crypto, const uint8_t pub[SIGN_PUB_BYTES])
{
	return crypto_id(crypto, "weft cluster", pub, SIGN_PUB_BYTES);
}

void chain_name_hash(const struct gossip_crypto *crypto, const char *name,
		     uint8_t out[NAME_HASH_BYTES])
{
	uint8_t hash[HASH_BYTES];

	crypto_hash_label(crypto, "weft name", name, strlen(name), NULL, 0, hash);
	memcpy(out, hash, NAME_HASH_BYTES);
}

void chain_terms_hash(const struct gossip_crypto *crypto, const uint8_t *rec, size_t len,
		      uint8_t out[TERMS_HASH_BYTES])
{
	uint8_t hash[HASH_BYTES];

	crypto_hash_label(crypto, "weft terms", rec, len, NULL, 0, hash);
	memcpy(out, hash, TERMS_HASH_BYTES);
}

static void root_text(struct chain_text *text, const struct chain_ctx *ctx, const uint8_t *node,
		      const uint8_t *name_hash, struct wall at)
{
	chain_text_begin(text, ctx, "weft root 1");
	chain_text_add(text, node, SIGN_PUB_BYTES);
	chain_text_add(text, name_hash, NAME_HASH_BYTES);
	chain_text_add_wall(text, at);
}

static void bind_text(struct chain_text *text, const struct chain_ctx *ctx, const struct id *token,
		      const uint8_t *node)
{
	chain_text_begin(text, ctx, "weft bind 1");
	chain_text_add(text, token->b, ID_BYTES);
	chain_text_add(text, node, SIGN_PUB_BYTES);
}

static void admit_text(struct chain_text *text, const struct chain_ctx *ctx,
		       const struct token_cert *cert, const uint8_t *node, const uint8_t *name_hash,
		       struct wall at)
{
	chain_text_begin(text, ctx, "weft admit 1");
	chain_text_add(text, cert->id.b, ID_BYTES);
	chain_text_add(text, node, SIGN_PUB_BYTES);
	chain_text_add(text, name_hash, NAME_HASH_BYTES);
	chain_text_add(text, cert->terms, TERMS_HASH_BYTES);
	chain_text_add_wall(text, at);
}

void chain_bind(const struct chain_ctx *ctx, const struct id *token,
		const uint8_t token_sec[SIGN_SEC_BYTES], const uint8_t node[SIGN_PUB_BYTES],
		uint8_t sig[SIG_BYTES])
{
	struct chain_text text;

	bind_text(&text, ctx, token, node);
	chain_text_sign(&text, ctx, token_sec, sig);
}

bool chain_bind_verify(const struct chain_ctx *ctx, const struct token_cert *cert,
		       const uint8_t node[SIGN_PUB_BYTES], const uint8_t sig[SIG_BYTES])
{
	struct chain_text text;

	bind_text(&text, ctx, &cert->id, node);
	return chain_text_verify(&text, ctx, cert->pub, sig);
}

void chain_admit(const struct chain_ctx *ctx, const struct token_cert *cert,
		 const uint8_t node[SIGN_PUB_BYTES], const uint8_t name_hash[NAME_HASH_BYTES],
		 const uint8_t sec[SIGN_SEC_BYTES], struct admission_sig *adm)
{
	struct chain_text text;

	WEFT_ASSERT(adm->at.ms >= 0);
	admit_text(&text, ctx, cert, node, name_hash, adm->at);
	chain_text_sign(&text, ctx, sec, adm->sig);
}

size_t chain_root_encode(const struct chain_ctx *ctx, const uint8_t cluster_sec[SIGN_SEC_BYTES],
			 const uint8_t node[SIGN_PUB_BYTES], const char *name, struct wall at,
			 uint8_t out[CHAIN_BYTES_MAX])
{
	uint8_t name_hash[NAME_HASH_BYTES];
	struct chain_text text;

	WEFT_ASSERT(at.ms >= 0);
	chain_name_hash(ctx->crypto, name, name_hash);
	root_text(&text, ctx, node, name_hash, at);
	out[0] = CHAIN_FORM;
	out[1] = CHAIN_ROOT;
	wire_put(out + 2, (uint64_t)at.ms, 8);
	chain_text_sign(&text, ctx, cluster_sec, out + 10);
	return ROOT_BYTES;
}

size_t chain_token_encode(const struct admin_path *path, const struct token_cert *cert,
			  const uint8_t bind[SIG_BYTES], const struct admission_sig *adm,
			  uint8_t out[CHAIN_BYTES_MAX])
{
	uint8_t *at = out;

	WEFT_ASSERT(path->len > 0 && path->len <= PATH_BYTES_MAX);
	*at++ = CHAIN_FORM;
	*at++ = CHAIN_TOKEN;
	memcpy(at, path->bytes, path->len);
	at += path->len;
	token_cert_encode(cert, at);
	at += TOKEN_CERT_BYTES;
	memcpy(at, bind, SIG_BYTES);
	at += SIG_BYTES;
	memcpy(at, adm->admitter, SIGN_PUB_BYTES);
	at += SIGN_PUB_BYTES;
	wire_put(at, (uint64_t)adm->at.ms, 8);
	at += 8;
	memcpy(at, adm->sig, SIG_BYTES);
	at += SIG_BYTES;
	WEFT_ASSERT(at - out <= CHAIN_BYTES_MAX);
	return (size_t)(at - out);
}

static bool chain_split(const uint8_t *bytes, size_t len, struct chain_parts *parts)
{
	const uint8_t *at = bytes + 2;
	size_t path_len;

	*parts = (struct chain_parts){.kind = CHAIN_ROOT};
	if (len < ROOT_BYTES || bytes[0] != CHAIN_FORM)
		return false;
	if (bytes[1] == CHAIN_ROOT) {
		parts->adm.at.ms = (int64_t)wire_get(at, 8);
		memcpy(parts->adm.sig, at + 8, SIG_BYTES);
		return len == ROOT_BYTES && parts->adm.at.ms >= 0;
	}
	if (bytes[1] != CHAIN_TOKEN || len <= 2 + TOKEN_CERT_BYTES + SIG_BYTES + ADMISSION_BYTES)
		return false;
	parts->kind = CHAIN_TOKEN;
	path_len = len - 2 - TOKEN_CERT_BYTES - SIG_BYTES - ADMISSION_BYTES;
	if (!path_parse(at, path_len, &parts->path))
		return false;
	at += path_len;
	token_cert_decode(at, &parts->token);
	at += TOKEN_CERT_BYTES;
	parts->bind = at;
	at += SIG_BYTES;
	memcpy(parts->adm.admitter, at, SIGN_PUB_BYTES);
	at += SIGN_PUB_BYTES;
	parts->adm.at.ms = (int64_t)wire_get(at, 8);
	memcpy(parts->adm.sig, at + 8, SIG_BYTES);
	return parts->adm.at.ms >= 0;
}

static void info_fill(const struct gossip_crypto *crypto, const struct chain_parts *parts,
		      struct chain_info *info)
{
	*info = (struct chain_info){
	    .is_root = parts->kind == CHAIN_ROOT,
	    .at = parts->adm.at,
	};
	if (info->is_root)
		return;
	info->token = parts->token.id;
	info->admitter = chain_node_id(crypto, parts->adm.admitter);
	info->admin_count = path_count(&parts->path);
	for (size_t i = 0; i < info->admin_count; i++)
		info->admins[i] = chain_node_id(crypto, path_key(&parts->path, i));
}

static bool token_chain_is_good(const struct chain_ctx *ctx, const struct chain_parts *parts,
				const uint8_t *node, const uint8_t *name_hash)
{
	struct chain_text text;

	/* Nobody admits itself, and nobody is admitted after the end of the token. */
	if (memcmp(parts->adm.admitter, node, SIGN_PUB_BYTES) == 0 ||
	    parts->adm.at.ms > parts->token.expires.ms)
		return false;
	if (!token_cert_verify(ctx, &parts->path, &parts->token) ||
	    !chain_bind_verify(ctx, &parts->token, node, parts->bind))
		return false;
	admit_text(&text, ctx, &parts->token, node, name_hash, parts->adm.at);
	return chain_text_verify(&text, ctx, parts->adm.admitter, parts->adm.sig);
}

int chain_verify(const struct chain_ctx *ctx, const uint8_t *bytes, size_t len,
		 const uint8_t node[SIGN_PUB_BYTES], const uint8_t name_hash[NAME_HASH_BYTES],
		 struct chain_info *info)
{
	struct chain_parts parts;
	struct chain_text text;

	if (!chain_split(bytes, len, &parts))
		return WEFT_E_INVALID;
	if (parts.kind == CHAIN_ROOT) {
		root_text(&text, ctx, node, name_hash, parts.adm.at);
		if (!chain_text_verify(&text, ctx, ctx->cluster_pub, parts.adm.sig))
			return WEFT_E_INVALID;
	} else if (!token_chain_is_good(ctx, &parts, node, name_hash)) {
		return WEFT_E_INVALID;
	}
	if (info != NULL)
		info_fill(ctx->crypto, &parts, info);
	return 0;
}

int chain_read(const struct gossip_crypto *crypto, const uint8_t *bytes, size_t len,
	       struct chain_info *info)
{
	struct chain_parts parts;

	if (!chain_split(bytes, len, &parts))
		return WEFT_E_INVALID;
	info_fill(crypto, &parts, info);
	return 0;
}
