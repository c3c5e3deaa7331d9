/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "gossip/base/err.h"
#include "gossip/trust/keyfile.h"
#include "test/gossip/seeded.h"
#include "test/base/cmocka_all.h"

static const char password[] = "correct horse";
static const uint8_t seed[SEED_BYTES] = {1, 2, 3};

static void a_key_file_opens_with_its_password_only(void **state)
{
	const struct gossip_crypto *crypto = gossip_crypto_sodium();
	uint8_t file[KEYFILE_BYTES];
	uint8_t found[SEED_BYTES];
	struct weft_err err = {0};

	(void)state;
	assert_int_equal(keyfile_seal(crypto, seed, password, file, &err), 0);
	assert_int_equal(keyfile_open(crypto, file, sizeof(file), password, found, &err), 0);
	assert_memory_equal(found, seed, SEED_BYTES);
	assert_int_equal(keyfile_open(crypto, file, sizeof(file), "correct house", found, &err),
			 WEFT_E_INVALID);
	assert_non_null(strstr(err.message, "passphrase"));
}

static void a_damaged_key_file_does_not_open(void **state)
{
	static const size_t places[] = {25, 60, 80, KEYFILE_BYTES - 1};
	const struct gossip_crypto *crypto = gossip_crypto_sodium();
	uint8_t file[KEYFILE_BYTES];
	uint8_t found[SEED_BYTES];

	(void)state;
	assert_int_equal(keyfile_seal(crypto, seed, password, file, NULL), 0);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		file[places[i]] ^= 1;
		assert_int_equal(keyfile_open(crypto, file, sizeof(file), password, found, NULL),
				 WEFT_E_INVALID);
		file[places[i]] ^= 1;
	}
	assert_int_equal(keyfile_open(crypto, file, sizeof(file) - 1, password, found, NULL),
			 WEFT_E_INVALID);
}

static void a_short_password_is_refused_before_any_work(void **state)
{
	struct seeded seeded;
	const struct gossip_crypto *crypto = seeded_init(&seeded, 1);
	uint8_t file[KEYFILE_BYTES];
	struct weft_err err = {0};

	(void)state;
	assert_int_equal(keyfile_seal(crypto, seed, "short", file, &err), WEFT_E_INVALID);
	assert_non_null(strstr(err.message, "needs 8"));
	seeded.table.pwhash = NULL;
	assert_int_equal(keyfile_seal(crypto, seed, password, file, &err), WEFT_E_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_key_file_opens_with_its_password_only),
	    cmocka_unit_test(a_damaged_key_file_does_not_open),
	    cmocka_unit_test(a_short_password_is_refused_before_any_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
