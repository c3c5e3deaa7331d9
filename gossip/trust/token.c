/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "token.h"

#include <string.h>

#include "gossip/base/check.h"
#include "gossip/core/wire.h"

#define TOKEN_FORM 1
#define CHECKSUM_BYTES 6
#define RAW_BYTES_MAX 1044 /* what TOKEN_TEXT_MAX characters hold behind the prefix */

static const char prefix[] = "weft1-";
static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

_Static_assert((RAW_BYTES_MAX * 4 + 2) / 3 + sizeof(prefix) <= TOKEN_TEXT_MAX, "text fits");

void hostport_pack(struct pack *pack, const struct hostport *addr)
{
	size_t len = inet_is_v4(&addr->ip) ? 4 : 16;
	uint8_t bytes[18];

	memcpy(bytes, addr->ip.b + 16 - len, len);
	wire_put(bytes + len, addr->port, 2);
	pack_bin(pack, bytes, len + 2);
}

bool hostport_unpack(struct cursor *cursor, struct hostport *addr)
{
	size_t len;
	const uint8_t *bytes = cursor_bin(cursor, 18, &len);

	memset(addr, 0, sizeof(*addr));
	if (bytes == NULL || (len != 6 && len != 18)) {
		cursor->bad = true;
		return false;
	}
	if (len == 6)
		addr->ip = inet_from_v4((uint32_t)wire_get(bytes, 4));
	else
		memcpy(addr->ip.b, bytes, 16);
	addr->port = (uint16_t)wire_get(bytes + len - 2, 2);
	return true;
}

int token_make(const struct chain_ctx *ctx, const struct admin_path *path,
	       const uint8_t admin_sec[SIGN_SEC_BYTES], const struct rec_token *terms,
	       struct token *token, struct weft_err *err)
{
	const struct gossip_crypto *crypto = ctx->crypto;
	uint8_t sec[SIGN_SEC_BYTES];
	int len;

	WEFT_ASSERT(path->len > 0);
	*token = (struct token){.path = *path, .terms = *terms};
	len = rec_token_encode(terms, token->terms_bytes, sizeof(token->terms_bytes));
	if (len == WEFT_E_LIMIT)
		return weft_err_set(err, WEFT_E_INVALID,
				    "name pattern and tags are too long for a token; a token "
				    "carries %d bytes of them: use fewer or shorter tags",
				    TERMS_BYTES_MAX);
	if (len < 0)
		return weft_err_set(err, WEFT_E_INVALID,
				    "the name pattern or a tag is malformed; patterns are made of "
				    "the letters of names and * ? [ ], tags are key=value without "
				    "a key twice");
	token->terms_len = (size_t)len;
	memcpy(token->cluster_pub, ctx->cluster_pub, SIGN_PUB_BYTES);
	crypto->random(crypto->ctx, token->seed, SEED_BYTES);
	crypto->sign_pair(crypto->ctx, token->seed, token->cert.pub, sec);
	crypto->wipe(crypto->ctx, sec, sizeof(sec));
	token->cert.id = crypto_random_id(crypto);
	token->cert.expires = terms->expires;
	chain_terms_hash(crypto, token->terms_bytes, token->terms_len, token->cert.terms);
	token_cert_sign(ctx, path, admin_sec, &token->cert);
	return 0;
}

static size_t base64_encode(const uint8_t *bytes, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i += 3) {
		size_t have = len - i < 3 ? len - i : 3;
		uint32_t group = (uint32_t)bytes[i] << 16;
		if (have > 1)
			group |= (uint32_t)bytes[i + 1] << 8;
		if (have > 2)
			group |= bytes[i + 2];
		for (size_t k = 0; k <= have; k++)
			out[n++] = digits[group >> (18 - 6 * k) & 63];
	}
	out[n] = '\0';
	return n;
}

/* The number of bytes, or -1 for a character or length that base64url does not have. */
static int base64_decode(const char *text, size_t len, uint8_t *out, size_t cap)
{
	uint32_t bits = 0;
	unsigned held = 0;
	size_t n = 0;

	if (len % 4 == 1)
		return -1;
	for (size_t i = 0; i < len; i++) {
		const char *digit = text[i] == '\0' ? NULL : strchr(digits, text[i]);
		if (digit == NULL)
			return -1;
		bits = (bits << 6 | (uint32_t)(digit - digits)) & 0xffff;
		held += 6;
		if (held < 8)
			continue;
		held -= 8;
		if (n == cap)
			return -1;
		out[n++] = (uint8_t)(bits >> held);
	}
	/* One byte string has one text: the bits left over are zero. */
	if ((bits & ((1u << held) - 1)) != 0)
		return -1;
	return (int)n;
}

static void checksum(const struct gossip_crypto *crypto, const uint8_t *bytes, size_t len,
		     uint8_t out[CHECKSUM_BYTES])
{
	uint8_t hash[HASH_BYTES];

	crypto_hash_label(crypto, "weft token text", bytes, len, NULL, 0, hash);
	memcpy(out, hash, CHECKSUM_BYTES);
}

static bool token_pack(const struct token *token, size_t addr_count, struct pack *pack)
{
	uint8_t cert[TOKEN_CERT_BYTES];

	token_cert_encode(&token->cert, cert);
	pack_array(pack, 7);
	pack_uint(pack, TOKEN_FORM);
	pack_bin(pack, token->cluster_pub, SIGN_PUB_BYTES);
	pack_bin(pack, token->path.bytes, token->path.len);
	pack_bin(pack, cert, sizeof(cert));
	pack_bin(pack, token->terms_bytes, token->terms_len);
	pack_bin(pack, token->seed, SEED_BYTES);
	pack_array(pack, addr_count);
	for (size_t i = 0; i < addr_count; i++)
		hostport_pack(pack, &token->addrs[i]);
	return pack_ok(pack);
}

int token_format(const struct gossip_crypto *crypto, const struct token *token,
		 char out[TOKEN_TEXT_MAX], struct weft_err *err)
{
	uint8_t raw[RAW_BYTES_MAX];
	struct pack pack;
	size_t len;

	WEFT_ASSERT(token->addr_count <= TOKEN_SEEDS_MAX);
	for (size_t count = token->addr_count + 1; count-- > 0;) {
		pack_init(&pack, raw, sizeof(raw) - CHECKSUM_BYTES);
		if (token_pack(token, count, &pack))
			break;
	}
	if (!pack_ok(&pack)) {
		crypto->wipe(crypto->ctx, raw, sizeof(raw));
		return weft_err_set(err, WEFT_E_INVALID,
				    "the token would be longer than %d characters; use fewer tags",
				    TOKEN_TEXT_MAX - 1);
	}
	checksum(crypto, raw, pack.len, raw + pack.len);
	memcpy(out, prefix, sizeof(prefix) - 1);
	len = sizeof(prefix) - 1;
	len += base64_encode(raw, pack.len + CHECKSUM_BYTES, out + len);
	crypto->wipe(crypto->ctx, raw, sizeof(raw));
	WEFT_ASSERT(len < TOKEN_TEXT_MAX);
	return (int)len;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool token_unpack(const uint8_t *bytes, size_t len, struct token *token)
{
	uint8_t cert[TOKEN_CERT_BYTES];
	const uint8_t *path, *terms;
	struct cursor cursor;
	size_t path_len;
	size_t fields;

	cursor_init(&cursor, bytes, len);
	fields = cursor_array(&cursor, 15);
	if (fields < 7 || cursor_uint(&cursor, UINT8_MAX) != TOKEN_FORM)
		return false;
	cursor_fixed(&cursor, token->cluster_pub, SIGN_PUB_BYTES);
	path = cursor_bin(&cursor, PATH_BYTES_MAX, &path_len);
	cursor_fixed(&cursor, cert, sizeof(cert));
	terms = cursor_bin(&cursor, TERMS_BYTES_MAX, &token->terms_len);
	cursor_fixed(&cursor, token->seed, SEED_BYTES);
	token->addr_count = cursor_array(&cursor, TOKEN_SEEDS_MAX);
	for (size_t i = 0; i < token->addr_count; i++)
		hostport_unpack(&cursor, &token->addrs[i]);
	for (size_t i = 7; i < fields; i++)
		cursor_skip(&cursor);
	if (!cursor_at_end(&cursor) || !path_parse(path, path_len, &token->path))
		return false;
	token_cert_decode(cert, &token->cert);
	memcpy(token->terms_bytes, terms, token->terms_len);
	return true;
}

bool token_terms_match(const struct gossip_crypto *crypto, const struct token_cert *cert,
		       const uint8_t *bytes, size_t len, struct rec_token *terms)
{
	uint8_t hash[TERMS_HASH_BYTES];

	if (len > TERMS_BYTES_MAX)
		return false;
	chain_terms_hash(crypto, bytes, len, hash);
	return memcmp(hash, cert->terms, sizeof(hash)) == 0 &&
	       rec_token_decode(bytes, len, terms) == 0 && terms->expires.ms == cert->expires.ms;
}

/* The secret belongs to the certificate, and an admin of the cluster signed that. */
static bool token_is_signed(const struct gossip_crypto *crypto, struct token *token)
{
	struct chain_ctx ctx = {.crypto = crypto, .cluster_pub = token->cluster_pub};
	uint8_t pub[SIGN_PUB_BYTES];
	uint8_t sec[SIGN_SEC_BYTES];

	crypto->sign_pair(crypto->ctx, token->seed, pub, sec);
	crypto->wipe(crypto->ctx, sec, sizeof(sec));
	return memcmp(pub, token->cert.pub, SIGN_PUB_BYTES) == 0 &&
	       token_terms_match(crypto, &token->cert, token->terms_bytes, token->terms_len,
				 &token->terms) &&
	       token_cert_verify(&ctx, &token->path, &token->cert);
}

static int text_read(const struct gossip_crypto *crypto, const char *text,
		     uint8_t raw[RAW_BYTES_MAX], struct token *token, struct weft_err *err)
{
	uint8_t sum[CHECKSUM_BYTES];
	size_t len;
	int raw_len;

	while (is_space(*text))
		text++;
	len = strlen(text);
	while (len > 0 && is_space(text[len - 1]))
		len--;
	if (len < sizeof(prefix) - 1 || memcmp(text, prefix, sizeof(prefix) - 1) != 0)
		return weft_err_set(err, WEFT_E_TOKEN_INVALID,
				    "this is no join token: one begins with \"%s\"; make one with "
				    "weft token create",
				    prefix);
	text += sizeof(prefix) - 1;
	raw_len = base64_decode(text, len - (sizeof(prefix) - 1), raw, RAW_BYTES_MAX);
	if (raw_len > CHECKSUM_BYTES)
		checksum(crypto, raw, (size_t)raw_len - CHECKSUM_BYTES, sum);
	if (raw_len <= CHECKSUM_BYTES ||
	    memcmp(sum, raw + raw_len - CHECKSUM_BYTES, CHECKSUM_BYTES) != 0)
		return weft_err_set(err, WEFT_E_TOKEN_INVALID,
				    "the token is damaged: a character is missing, added or "
				    "changed; copy it again as one line");
	if (!token_unpack(raw, (size_t)raw_len - CHECKSUM_BYTES, token))
		return weft_err_set(err, WEFT_E_TOKEN_INVALID,
				    "the token is of a form that this version does not know; make "
				    "one with weft token create");
	if (!token_is_signed(crypto, token))
		return weft_err_set(err, WEFT_E_TOKEN_INVALID,
				    "the token is not signed by an admin of its cluster; make one "
				    "with weft token create");
	return 0;
}

int token_parse(const struct gossip_crypto *crypto, const char *text, struct token *token,
		struct weft_err *err)
{
	uint8_t raw[RAW_BYTES_MAX];
	int rc;

	memset(token, 0, sizeof(*token));
	rc = text_read(crypto, text, raw, token, err);
	crypto->wipe(crypto->ctx, raw, sizeof(raw));
	if (rc != 0)
		crypto->wipe(crypto->ctx, token, sizeof(*token));
	return rc;
}
