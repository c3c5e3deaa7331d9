/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "join_wire.h"

#include <stdio.h>
#include <string.h>

#include "gossip/base/check.h"

#define PROOF_FIELDS 11
#define VERDICT_FIELDS 8
#define FIELDS_MAX 15
#define PART_VERDICT 0
#define PART_ROW 1

_Static_assert(PROOF_AD_BYTES == 76, "as described");

int proof_encode(const struct proof *proof, uint8_t *out, size_t cap)
{
	uint8_t cert[TOKEN_CERT_BYTES];
	struct pack pack;

	token_cert_encode(&proof->cert, cert);
	pack_init(&pack, out, cap);
	pack_array(&pack, PROOF_FIELDS);
	pack_bin(&pack, proof->path.bytes, proof->path.len);
	pack_bin(&pack, cert, sizeof(cert));
	pack_bin(&pack, proof->terms, proof->terms_len);
	pack_bin(&pack, proof->pub, SIGN_PUB_BYTES);
	pack_str(&pack, proof->name);
	hostport_pack(&pack, &proof->gossip);
	pack_bin(&pack, proof->vtep.b, sizeof(proof->vtep.b));
	pack_bool(&pack, proof->replace);
	pack_bin(&pack, proof->bind, SIG_BYTES);
	pack_bin(&pack, proof->token_sig, SIG_BYTES);
	pack_bin(&pack, proof->node_sig, SIG_BYTES);
	return pack_ok(&pack) ? (int)pack.len : WEFT_E_LIMIT;
}

bool proof_decode(const uint8_t *bytes, size_t len, struct proof *proof)
{
	uint8_t cert[TOKEN_CERT_BYTES];
	const uint8_t *path;
	struct cursor cursor;
	size_t path_len;
	size_t fields;

	memset(proof, 0, sizeof(*proof));
	cursor_init(&cursor, bytes, len);
	fields = cursor_array(&cursor, FIELDS_MAX);
	if (fields < PROOF_FIELDS)
		return false;
	path = cursor_bin(&cursor, PATH_BYTES_MAX, &path_len);
	cursor_fixed(&cursor, cert, sizeof(cert));
	proof->terms = cursor_bin(&cursor, TERMS_BYTES_MAX, &proof->terms_len);
	cursor_fixed(&cursor, proof->pub, SIGN_PUB_BYTES);
	cursor_text(&cursor, proof->name, sizeof(proof->name));
	hostport_unpack(&cursor, &proof->gossip);
	cursor_fixed(&cursor, proof->vtep.b, sizeof(proof->vtep.b));
	proof->replace = cursor_bool(&cursor);
	cursor_fixed(&cursor, proof->bind, SIG_BYTES);
	cursor_fixed(&cursor, proof->token_sig, SIG_BYTES);
	cursor_fixed(&cursor, proof->node_sig, SIG_BYTES);
	for (size_t i = PROOF_FIELDS; i < fields; i++)
		cursor_skip(&cursor);
	if (!cursor_at_end(&cursor) || !path_parse(path, path_len, &proof->path))
		return false;
	token_cert_decode(cert, &proof->cert);
	return name_is_valid(proof->name);
}

int verdict_encode(const struct verdict *verdict, uint8_t *out, size_t cap)
{
	struct pack pack;

	WEFT_ASSERT(verdict->clock.ms >= 0 && verdict->at.ms >= 0);
	pack_init(&pack, out, cap);
	pack_array(&pack, VERDICT_FIELDS);
	pack_uint(&pack, PART_VERDICT);
	pack_str(&pack, weft_code_info(verdict->code)->name);
	pack_str(&pack, verdict->message);
	pack_uint(&pack, (uint64_t)verdict->clock.ms);
	pack_uint(&pack, (uint64_t)verdict->at.ms);
	pack_bin(&pack, verdict->sig, SIG_BYTES);
	hostport_pack(&pack, &verdict->observed);
	pack_str(&pack, verdict->cluster_name);
	return pack_ok(&pack) ? (int)pack.len : WEFT_E_LIMIT;
}

int verdict_row_encode(const uint8_t *row, size_t row_len, uint8_t *out, size_t cap)
{
	struct pack pack;

	pack_init(&pack, out, cap);
	pack_array(&pack, 2);
	pack_uint(&pack, PART_ROW);
	pack_bin(&pack, row, row_len);
	return pack_ok(&pack) ? (int)pack.len : WEFT_E_LIMIT;
}

bool verdict_decode(const uint8_t *bytes, size_t len, struct verdict *verdict, const uint8_t **row,
		    size_t *row_len)
{
	char code[NAME_BYTES];
	struct cursor cursor;
	size_t fields;

	memset(verdict, 0, sizeof(*verdict));
	*row = NULL;
	cursor_init(&cursor, bytes, len);
	fields = cursor_array(&cursor, FIELDS_MAX);
	if (cursor_uint(&cursor, PART_ROW) == PART_ROW) {
		*row = cursor_bin(&cursor, ROW_BYTES_MAX, row_len);
		return fields == 2 && cursor_at_end(&cursor) && *row_len > 0;
	}
	cursor_text(&cursor, code, sizeof(code));
	cursor_text(&cursor, verdict->message, sizeof(verdict->message));
	verdict->clock.ms = (int64_t)cursor_uint(&cursor, INT64_MAX);
	verdict->at.ms = (int64_t)cursor_uint(&cursor, INT64_MAX);
	cursor_fixed(&cursor, verdict->sig, SIG_BYTES);
	hostport_unpack(&cursor, &verdict->observed);
	cursor_text(&cursor, verdict->cluster_name, sizeof(verdict->cluster_name));
	for (size_t i = VERDICT_FIELDS; i < fields; i++)
		cursor_skip(&cursor);
	if (fields < VERDICT_FIELDS || !cursor_at_end(&cursor))
		return false;
	verdict->code = strcmp(code, "ok") == 0 ? WEFT_OK : weft_code_parse(code);
	return true;
}

static void join_key(const struct gossip_crypto *crypto, const uint8_t shared[32],
		     const uint8_t *sender, const uint8_t *recipient, uint8_t out[AEAD_KEY_BYTES])
{
	static const char label[] = "weft join 1";
	uint8_t text[sizeof(label) + 2 * KX_PUB_BYTES];

	memcpy(text, label, sizeof(label));
	memcpy(text + sizeof(label), sender, KX_PUB_BYTES);
	memcpy(text + sizeof(label) + KX_PUB_BYTES, recipient, KX_PUB_BYTES);
	crypto->hash(crypto->ctx, shared, 32, text, sizeof(text), out);
}

void join_keys(const struct gossip_crypto *crypto, const uint8_t shared[32],
	       const uint8_t joiner[KX_PUB_BYTES], const uint8_t seed[KX_PUB_BYTES],
	       uint8_t to_seed[AEAD_KEY_BYTES], uint8_t to_joiner[AEAD_KEY_BYTES])
{
	join_key(crypto, shared, joiner, seed, to_seed);
	join_key(crypto, shared, seed, joiner, to_joiner);
}

void join_transcript(const struct chain_ctx *ctx, const uint8_t ad[PROOF_AD_BYTES],
		     const uint8_t seed_key[KX_PUB_BYTES], const struct proof *proof,
		     struct chain_text *text)
{
	uint8_t name_hash[NAME_HASH_BYTES];
	uint8_t replace = proof->replace;

	chain_name_hash(ctx->crypto, proof->name, name_hash);
	chain_text_begin(text, ctx, "weft proof 1");
	chain_text_add(text, ad, PROOF_AD_BYTES);
	chain_text_add(text, seed_key, KX_PUB_BYTES);
	chain_text_add(text, proof->pub, SIGN_PUB_BYTES);
	chain_text_add(text, name_hash, sizeof(name_hash));
	chain_text_add(text, &replace, 1);
}
