/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "keyfile.h"

#include <string.h>

static const char magic[] = "weft cluster key 1\n";

#define MAGIC_BYTES (sizeof(magic) - 1)
#define AT_PUB MAGIC_BYTES
#define AT_SALT (AT_PUB + SIGN_PUB_BYTES)
#define AT_SEALED (AT_SALT + SALT_BYTES)
#define KEYFILE_COUNTER 1

_Static_assert(AT_SEALED + SEED_BYTES + AEAD_TAG_BYTES == KEYFILE_BYTES, "the layout fills it");

static int key_make(const struct gossip_crypto *crypto, const char *password, const uint8_t *salt,
		    uint8_t key[AEAD_KEY_BYTES], struct weft_err *err)
{
	size_t len = strlen(password);

	if (crypto->pwhash == NULL)
		return weft_err_set(
		    err, WEFT_E_UNSUPPORTED,
		    "this build cannot make a key of a passphrase; use another build");
	if (len < KEYFILE_PASSWORD_MIN || len > KEYFILE_PASSWORD_MAX)
		return weft_err_set(err, WEFT_E_INVALID,
				    "the passphrase has %zu bytes; it needs %d to %d", len,
				    KEYFILE_PASSWORD_MIN, KEYFILE_PASSWORD_MAX);
	if (crypto->pwhash(crypto->ctx, password, len, salt, key) != 0)
		return weft_err_set(
		    err, WEFT_E_BUSY,
		    "making a key of a passphrase needs 64 MiB of memory, which are not "
		    "free; try again later");
	return 0;
}

static void public_key(const struct gossip_crypto *crypto, const uint8_t seed[SEED_BYTES],
		       uint8_t pub[SIGN_PUB_BYTES])
{
	uint8_t sec[SIGN_SEC_BYTES];

	crypto->sign_pair(crypto->ctx, seed, pub, sec);
	crypto->wipe(crypto->ctx, sec, sizeof(sec));
}

int keyfile_seal(const struct gossip_crypto *crypto, const uint8_t seed[SEED_BYTES],
		 const char *password, uint8_t out[KEYFILE_BYTES], struct weft_err *err)
{
	uint8_t key[AEAD_KEY_BYTES];
	int rc;

	memcpy(out, magic, MAGIC_BYTES);
	public_key(crypto, seed, out + AT_PUB);
	crypto->random(crypto->ctx, out + AT_SALT, SALT_BYTES);
	rc = key_make(crypto, password, out + AT_SALT, key, err);
	if (rc != 0)
		return rc;
	crypto->seal(crypto->ctx, key, KEYFILE_COUNTER, out, AT_SEALED, seed, SEED_BYTES,
		     out + AT_SEALED);
	crypto->wipe(crypto->ctx, key, sizeof(key));
	return 0;
}

int keyfile_open(const struct gossip_crypto *crypto, const uint8_t *bytes, size_t len,
		 const char *password, uint8_t seed[SEED_BYTES], struct weft_err *err)
{
	uint8_t key[AEAD_KEY_BYTES];
	uint8_t pub[SIGN_PUB_BYTES];
	int rc;

	if (len != KEYFILE_BYTES || memcmp(bytes, magic, MAGIC_BYTES) != 0)
		return weft_err_set(err, WEFT_E_INVALID,
				    "this file of %zu bytes was not made by weft admin backup; "
				    "name the one that was",
				    len);
	rc = key_make(crypto, password, bytes + AT_SALT, key, err);
	if (rc != 0)
		return rc;
	rc = crypto->open(crypto->ctx, key, KEYFILE_COUNTER, bytes, AT_SEALED, bytes + AT_SEALED,
			  SEED_BYTES + AEAD_TAG_BYTES, seed);
	crypto->wipe(crypto->ctx, key, sizeof(key));
	if (rc != 0)
		return weft_err_set(err, WEFT_E_INVALID,
				    "the key file does not open; the passphrase is another one, or "
				    "the file is damaged");
	public_key(crypto, seed, pub);
	if (memcmp(pub, bytes + AT_PUB, SIGN_PUB_BYTES) != 0) {
		crypto->wipe(crypto->ctx, seed, SEED_BYTES);
		return weft_err_set(err, WEFT_E_INVALID,
				    "the key file contradicts itself; use another copy of it");
	}
	return 0;
}
