/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The bytes that a signature of the chain covers, built up field by field: for the files of the
 * chain, and for the join, whose signatures cover its keys besides.
 */
#pragma once

#include "chain.h"

struct chain_text {
	size_t len;
	uint8_t bytes[64 + PATH_BYTES_MAX + TOKEN_CERT_BYTES];
};

/* Label, NUL and the cluster's public key: how every signed text begins. */
void chain_text_begin(struct chain_text *text, const struct chain_ctx *ctx, const char *label);
void chain_text_add(struct chain_text *text, const void *bytes, size_t len);
void chain_text_add_wall(struct chain_text *text, struct wall at);
void chain_text_sign(const struct chain_text *text, const struct chain_ctx *ctx,
		     const uint8_t sec[SIGN_SEC_BYTES], uint8_t sig[SIG_BYTES]);
bool chain_text_verify(const struct chain_text *text, const struct chain_ctx *ctx,
		       const uint8_t pub[SIGN_PUB_BYTES], const uint8_t sig[SIG_BYTES]);
