/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Certificates: a node's identity key vouches for its ephemeral X25519 key of one start (or of one
 * day of a long run). They travel with first datagrams, are not gossiped, and replace each other
 * only upwards by epoch.
 *
 *   140 bytes: form 1 | wire_min 1 | wire_max 1 | reserved 1 (0) | cluster 16 | node 16 |
 *   epoch 8 | X25519 key 32 | Ed25519 signature 64 over "weft cert 1" NUL and the 76 before it
 */
#pragma once

#include <stdbool.h>

#include "crypto.h"

#define CERT_BYTES 140
#define KEY_ID_BYTES 8

struct cert {
	uint8_t wire_min, wire_max;
	struct id cluster;
	struct id node;
	uint64_t epoch;
	uint8_t key[KX_PUB_BYTES];
};

/* Writes and signs a certificate. */
void cert_sign(const struct gossip_crypto *crypto, const struct cert *cert,
	       const uint8_t sec[SIGN_SEC_BYTES], uint8_t out[CERT_BYTES]);

/* Reads foreign bytes without checking the signature; false when no node would write them. */
bool cert_parse(const uint8_t *bytes, size_t len, struct cert *cert);

/* True when the signature in bytes[0..CERT_BYTES) is of this identity key. */
bool cert_verify(const struct gossip_crypto *crypto, const uint8_t *bytes,
		 const uint8_t pub[SIGN_PUB_BYTES]);

/* First bytes of the labelled hash of an X25519 public key: its name in datagram headers. */
uint64_t cert_key_id(const struct gossip_crypto *crypto, const uint8_t key[KX_PUB_BYTES]);
