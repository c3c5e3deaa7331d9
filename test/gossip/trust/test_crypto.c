/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "gossip/trust/crypto.h"
#include "test/gossip/seeded.h"
#include "test/base/cmocka_all.h"

static void ids_are_the_first_bytes_of_a_labelled_hash(void **state)
{
	const struct gossip_crypto *crypto = gossip_crypto_sodium();
	uint8_t hash[HASH_BYTES];
	struct id id = crypto_id(crypto, "weft test", "abc", 3);

	(void)state;
	crypto_hash_label(crypto, "weft test", "abc", 3, NULL, 0, hash);
	assert_memory_equal(id.b, hash, ID_BYTES);
	/* BLAKE2b-256 of "weft test\\0" 00000003 "abc" 00000000, by another implementation. */
	assert_true(vector_fits("label",
				"8310335e6816ba84ef5f7e5c2247eb03cb6048242ce33a73fdf103489714a0de",
				hash, HASH_BYTES));
}

static void no_two_pairs_of_strings_give_one_hash(void **state)
{
	const struct gossip_crypto *crypto = gossip_crypto_sodium();
	uint8_t a[HASH_BYTES], b[HASH_BYTES];

	(void)state;
	crypto_hash_label(crypto, "weft test", "ab", 2, "c", 1, a);
	crypto_hash_label(crypto, "weft test", "a", 1, "bc", 2, b);
	assert_memory_not_equal(a, b, HASH_BYTES);
	crypto_hash_label(crypto, "weft tesT", "ab", 2, "c", 1, b);
	assert_memory_not_equal(a, b, HASH_BYTES);
}

static void a_random_id_is_never_zero(void **state)
{
	struct seeded seeded;
	const struct gossip_crypto *crypto = seeded_init(&seeded, 3);
	struct id first = crypto_random_id(crypto);
	struct id second = crypto_random_id(crypto);

	(void)state;
	assert_false(id_is_zero(&first));
	assert_false(id_eq(&first, &second));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ids_are_the_first_bytes_of_a_labelled_hash),
	    cmocka_unit_test(no_two_pairs_of_strings_give_one_hash),
	    cmocka_unit_test(a_random_id_is_never_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
