/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Certificates: what parses, verifies only as it was signed. */
#include <string.h>

#include "gossip/trust/cert.h"
#include "input.h"
#include "test/gossip/seeded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seeded seeded;
	const struct gossip_crypto *crypto = seeded_init(&seeded, 1);
	uint8_t pub[SIGN_PUB_BYTES], sec[SIGN_SEC_BYTES];
	uint8_t signed_bytes[CERT_BYTES];
	struct cert cert;

	if (!cert_parse(data, size, &cert))
		return 0;
	seeded_pair(crypto, 1, pub, sec);
	cert_key_id(crypto, cert.key);
	cert_sign(crypto, &cert, sec, signed_bytes);
	FUZZ_MUST(cert_verify(crypto, signed_bytes, pub));
	/* Nothing is lost in reading: the signed part is written as it was. */
	FUZZ_MUST(memcmp(data, signed_bytes, CERT_BYTES - SIG_BYTES) == 0);
	FUZZ_MUST(!cert_verify(crypto, data, pub) || memcmp(data, signed_bytes, CERT_BYTES) == 0);
	return 0;
}
