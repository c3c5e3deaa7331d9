/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "gossip/trust/crypto.h"
#include "test/gossip/seeded.h"
#include "test/base/cmocka_all.h"

static const struct gossip_crypto *sodium;

static void unhex(const char *hex, uint8_t *out)
{
	for (size_t i = 0; hex[2 * i] != '\0'; i++) {
		unsigned byte;
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
}

/* RFC 8032, 7.1, test 3. */
static void signatures_are_those_of_rfc_8032(void **state)
{
	uint8_t seed[SEED_BYTES], pub[SIGN_PUB_BYTES], sec[SIGN_SEC_BYTES], sig[SIG_BYTES];
	uint8_t msg[2] = {0xaf, 0x82};

	(void)state;
	unhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", seed);
	sodium->sign_pair(sodium->ctx, seed, pub, sec);
	assert_true(vector_fits("pub",
				"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
				pub, sizeof(pub)));
	sodium->sign(sodium->ctx, sec, msg, sizeof(msg), sig);
	assert_true(vector_fits("sig",
				"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
				"18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
				sig, sizeof(sig)));
	assert_int_equal(sodium->verify(sodium->ctx, pub, msg, sizeof(msg), sig), 0);
	msg[0] ^= 1;
	assert_int_not_equal(sodium->verify(sodium->ctx, pub, msg, sizeof(msg), sig), 0);
}

static void a_point_of_low_order_is_refused(void **state)
{
	uint8_t sec[KX_SEC_BYTES] = {5}, zero[KX_PUB_BYTES] = {0}, shared[32];

	(void)state;
	assert_int_not_equal(sodium->kx(sodium->ctx, sec, zero, shared), 0);
}

static void both_sides_agree_on_a_secret(void **state)
{
	uint8_t a_pub[KX_PUB_BYTES], a_sec[KX_SEC_BYTES], b_pub[KX_PUB_BYTES], b_sec[KX_SEC_BYTES];
	uint8_t a[32], b[32];

	(void)state;
	sodium->kx_pair(sodium->ctx, a_pub, a_sec);
	sodium->kx_pair(sodium->ctx, b_pub, b_sec);
	assert_int_equal(sodium->kx(sodium->ctx, a_sec, b_pub, a), 0);
	assert_int_equal(sodium->kx(sodium->ctx, b_sec, a_pub, b), 0);
	assert_memory_equal(a, b, sizeof(a));
}

static void what_is_sealed_opens_with_key_counter_and_header_only(void **state)
{
	uint8_t key[AEAD_KEY_BYTES] = {1}, text[4] = "text", header[3] = {9, 9, 9};
	uint8_t sealed[sizeof(text) + AEAD_TAG_BYTES], opened[sizeof(text)];

	(void)state;
	sodium->seal(sodium->ctx, key, 7, header, 3, text, sizeof(text), sealed);
	assert_int_equal(
	    sodium->open(sodium->ctx, key, 7, header, 3, sealed, sizeof(sealed), opened), 0);
	assert_memory_equal(opened, text, sizeof(text));
	assert_int_not_equal(
	    sodium->open(sodium->ctx, key, 8, header, 3, sealed, sizeof(sealed), opened), 0);
	header[0] = 8;
	assert_int_not_equal(
	    sodium->open(sodium->ctx, key, 7, header, 3, sealed, sizeof(sealed), opened), 0);
	assert_int_not_equal(sodium->open(sodium->ctx, key, 7, header, 3, sealed, 3, opened), 0);
}

static void a_wiped_secret_is_zero(void **state)
{
	uint8_t secret[32], zero[32] = {0};

	(void)state;
	memset(secret, 7, sizeof(secret));
	sodium->wipe(sodium->ctx, secret, sizeof(secret));
	assert_memory_equal(secret, zero, sizeof(zero));
}

static int setup(void **state)
{
	(void)state;
	sodium = gossip_crypto_sodium();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(signatures_are_those_of_rfc_8032),
	    cmocka_unit_test(a_point_of_low_order_is_refused),
	    cmocka_unit_test(both_sides_agree_on_a_secret),
	    cmocka_unit_test(what_is_sealed_opens_with_key_counter_and_header_only),
	    cmocka_unit_test(a_wiped_secret_is_zero),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
