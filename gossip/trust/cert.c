/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cert.h"

#include <string.h>

#include "gossip/base/check.h"
#include "gossip/core/wire.h"

#define CERT_FORM 1
#define SIGNED_BYTES (CERT_BYTES - SIG_BYTES)

static const char cert_label[] = "weft cert 1";

enum cert_at {
	AT_WIRE_MIN = 1,
	AT_WIRE_MAX = 2,
	AT_RESERVED = 3,
	AT_CLUSTER = 4,
	AT_NODE = AT_CLUSTER + ID_BYTES,
	AT_EPOCH = AT_NODE + ID_BYTES,
	AT_KEY = AT_EPOCH + 8,
	AT_SIG = AT_KEY + KX_PUB_BYTES,
};
_Static_assert(AT_SIG == SIGNED_BYTES, "the layout fills the certificate");

static size_t signed_text(const uint8_t *bytes, uint8_t out[sizeof(cert_label) + SIGNED_BYTES])
{
	memcpy(out, cert_label, sizeof(cert_label));
	memcpy(out + sizeof(cert_label), bytes, SIGNED_BYTES);
	return sizeof(cert_label) + SIGNED_BYTES;
}

void cert_sign(const struct gossip_crypto *crypto, const struct cert *cert,
	       const uint8_t sec[SIGN_SEC_BYTES], uint8_t out[CERT_BYTES])
{
	uint8_t text[sizeof(cert_label) + SIGNED_BYTES];
	size_t len;

	WEFT_ASSERT(cert->wire_min >= 1 && cert->wire_min <= cert->wire_max);
	WEFT_ASSERT(cert->epoch > 0);
	out[0] = CERT_FORM;
	out[AT_WIRE_MIN] = cert->wire_min;
	out[AT_WIRE_MAX] = cert->wire_max;
	out[AT_RESERVED] = 0;
	memcpy(out + AT_CLUSTER, cert->cluster.b, ID_BYTES);
	memcpy(out + AT_NODE, cert->node.b, ID_BYTES);
	wire_put(out + AT_EPOCH, cert->epoch, 8);
	memcpy(out + AT_KEY, cert->key, KX_PUB_BYTES);
	len = signed_text(out, text);
	crypto->sign(crypto->ctx, sec, text, len, out + AT_SIG);
}

bool cert_parse(const uint8_t *bytes, size_t len, struct cert *cert)
{
	if (len != CERT_BYTES || bytes[0] != CERT_FORM || bytes[AT_RESERVED] != 0)
		return false;
	cert->wire_min = bytes[AT_WIRE_MIN];
	cert->wire_max = bytes[AT_WIRE_MAX];
	memcpy(cert->cluster.b, bytes + AT_CLUSTER, ID_BYTES);
	memcpy(cert->node.b, bytes + AT_NODE, ID_BYTES);
	cert->epoch = wire_get(bytes + AT_EPOCH, 8);
	memcpy(cert->key, bytes + AT_KEY, KX_PUB_BYTES);
	return cert->wire_min >= 1 && cert->wire_min <= cert->wire_max && cert->epoch > 0 &&
	       !id_is_zero(&cert->node);
}

bool cert_verify(const struct gossip_crypto *crypto, const uint8_t *bytes,
		 const uint8_t pub[SIGN_PUB_BYTES])
{
	uint8_t text[sizeof(cert_label) + SIGNED_BYTES];
	size_t len = signed_text(bytes, text);

	return crypto->verify(crypto->ctx, pub, text, len, bytes + AT_SIG) == 0;
}

uint64_t cert_key_id(const struct gossip_crypto *crypto, const uint8_t key[KX_PUB_BYTES])
{
	uint8_t hash[HASH_BYTES];

	crypto_hash_label(crypto, "weft key id", key, KX_PUB_BYTES, NULL, 0, hash);
	return wire_get(hash, KEY_ID_BYTES);
}
