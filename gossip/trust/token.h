/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Join tokens as people carry them: one line of text, "weft1-" and base64url (RFC 4648, 5, without
 * padding) of a MessagePack array and a checksum, so that a lost or changed character is found
 * before anything else is said.
 *
 *   array of 7: 1, cluster key bin32, path bin, token certificate bin136, terms bin (an encoded
 *   struct rec_token), token seed bin32, array of at most 8 seed addresses (bin6 or bin18);
 *   then the first 6 bytes of hash("weft token text", that)
 */
#pragma once

#include "gossip/base/err.h"
#include "gossip/base/pack.h"
#include "chain.h"
#include "gossip/gossip.h"

/* The longest encoded struct rec_token that a token may carry: the proof must fit a datagram. */
#define TERMS_BYTES_MAX 300

/* What a token says; holds a secret (seed): wipe after use. */
struct token {
	uint8_t cluster_pub[SIGN_PUB_BYTES];
	struct admin_path path;
	struct token_cert cert;
	struct rec_token terms;
	size_t terms_len;
	uint8_t terms_bytes[TERMS_BYTES_MAX]; /* as signed */
	uint8_t seed[SEED_BYTES];
	size_t addr_count;
	struct hostport addrs[TOKEN_SEEDS_MAX];
};

/* Makes a token: fresh id and key, terms encoded and signed by the path's last admin. 0, or
 * WEFT_E_INVALID with one line for terms that do not fit. addrs are for the caller to set. */
int token_make(const struct chain_ctx *ctx, const struct admin_path *path,
	       const uint8_t admin_sec[SIGN_SEC_BYTES], const struct rec_token *terms,
	       struct token *token, struct weft_err *err);

/* Writes the text with its NUL; fewer addresses when it would grow too long. The length, or
 * WEFT_E_INVALID. */
int token_format(const struct gossip_crypto *crypto, const struct token *token,
		 char out[TOKEN_TEXT_MAX], struct weft_err *err);

/* Reads text (spaces and line ends around it allowed) and checks all signatures of it: 0, or
 * WEFT_E_TOKEN_INVALID with one line, and nothing of it is left in token. */
int token_parse(const struct gossip_crypto *crypto, const char *text, struct token *token,
		struct weft_err *err);

/* Checks terms against their hash in the certificate and decodes them. */
bool token_terms_match(const struct gossip_crypto *crypto, const struct token_cert *cert,
		       const uint8_t *bytes, size_t len, struct rec_token *terms);

/* Shell pattern: * any run, ? one character, [a-z] and [!a-z] one of a set. Empty fits all. */
bool name_fits_pattern(const char *name, const char *pattern);

/* An address as bin 6 or bin 18; unpacking says false (and spoils the cursor) for others. */
void hostport_pack(struct pack *pack, const struct hostport *addr);
bool hostport_unpack(struct cursor *cursor, struct hostport *addr);
