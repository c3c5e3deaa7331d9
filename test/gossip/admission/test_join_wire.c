/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "gossip/admission/join_wire.h"
#include "test/gossip/seeded.h"
#include "test/gossip/vectors/wire_v1.h"
#include "test/base/cmocka_all.h"

struct fixture {
	struct seeded seeded;
	struct chain_ctx ctx;
	uint8_t pub[4][SIGN_PUB_BYTES], sec[4][SIGN_SEC_BYTES];
	uint8_t terms[TERMS_BYTES_MAX];
	struct proof proof;
};

static int setup(void **state)
{
	static struct fixture f;
	struct admin_path none = {.len = 0};
	struct admin_path path;

	memset(&f, 0, sizeof(f));
	f.ctx.crypto = seeded_init(&f.seeded, 9);
	for (uint8_t i = 0; i < 4; i++)
		seeded_pair(f.ctx.crypto, i, f.pub[i], f.sec[i]);
	f.ctx.cluster_pub = f.pub[1];
	path_extend(&f.ctx, &none, f.sec[1], f.pub[2], (struct wall){1}, &path);
	f.proof = (struct proof){.path = path, .terms = f.terms, .terms_len = 20, .replace = true};
	memset(f.terms, 0x54, sizeof(f.terms));
	snprintf(f.proof.name, sizeof(f.proof.name), "%s", "node-1");
	memcpy(f.proof.pub, f.pub[3], SIGN_PUB_BYTES);
	f.proof.cert.id.b[0] = 1;
	f.proof.cert.expires.ms = 77;
	f.proof.vtep = inet_from_v4(0x0a000002);
	hostport_parse("10.0.0.2:7947", 0, &f.proof.gossip);
	memset(f.proof.bind, 1, SIG_BYTES);
	memset(f.proof.token_sig, 2, SIG_BYTES);
	memset(f.proof.node_sig, 3, SIG_BYTES);
	*state = &f;
	return 0;
}

static void a_proof_reads_back_as_it_was_written(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	struct proof read;
	int len = proof_encode(&f->proof, bytes, sizeof(bytes));

	assert_true(len > 0);
	assert_true(proof_decode(bytes, (size_t)len, &read));
	assert_string_equal(read.name, "node-1");
	assert_true(read.replace);
	assert_true(hostport_eq(&read.gossip, &f->proof.gossip));
	assert_memory_equal(read.path.bytes, f->proof.path.bytes, f->proof.path.len);
	assert_int_equal(read.cert.expires.ms, 77);
	assert_memory_equal(read.node_sig, f->proof.node_sig, SIG_BYTES);
	assert_true(vector_fits("proof", vector_proof, bytes, (size_t)len));
}

static void the_largest_proof_fits_one_datagram(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	struct admin_path parent;

	for (int i = 0; i < 2; i++) {
		parent = f->proof.path;
		path_extend(&f->ctx, &parent, f->sec[2], f->pub[2], (struct wall){1},
			    &f->proof.path);
	}
	assert_int_equal(f->proof.path.len, PATH_BYTES_MAX);
	f->proof.terms_len = TERMS_BYTES_MAX;
	memset(f->proof.name, 'n', NAME_BYTES - 1);
	hostport_parse("[2001:db8::1]:65535", 0, &f->proof.gossip);
	assert_true(proof_encode(&f->proof, bytes,
				 DATAGRAM_BYTES_MAX - PROOF_AD_BYTES - AEAD_TAG_BYTES) > 0);
}

static void a_truncated_proof_is_none(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	struct proof read;
	int len = proof_encode(&f->proof, bytes, sizeof(bytes));

	for (int cut = 0; cut < len; cut++)
		assert_false(proof_decode(bytes, (size_t)cut, &read));
	bytes[0]++; /* a field more than there is */
	assert_false(proof_decode(bytes, (size_t)len, &read));
}

static void a_name_that_is_none_spoils_a_proof(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	struct proof read;
	int len;

	snprintf(f->proof.name, sizeof(f->proof.name), "%s", "a b");
	len = proof_encode(&f->proof, bytes, sizeof(bytes));
	assert_false(proof_decode(bytes, (size_t)len, &read));
}

static void verdicts_and_rows_read_back(void **state)
{
	struct verdict verdict = {
	    .code = WEFT_E_TOKEN_EXPIRED,
	    .message = "too late",
	    .clock = {1000},
	    .at = {999},
	    .cluster_name = "lab",
	};
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	struct verdict read;
	const uint8_t *row;
	size_t row_len;
	uint8_t largest[ROW_BYTES_MAX] = {7};
	int len;

	(void)state;
	hostport_parse("10.0.0.9:1", 0, &verdict.observed);
	memset(verdict.sig, 4, SIG_BYTES);
	len = verdict_encode(&verdict, bytes, sizeof(bytes));
	assert_true(len > 0);
	assert_true(vector_fits("verdict", vector_verdict, bytes, (size_t)len));
	assert_true(verdict_decode(bytes, (size_t)len, &read, &row, &row_len));
	assert_null(row);
	assert_int_equal(read.code, WEFT_E_TOKEN_EXPIRED);
	assert_string_equal(read.message, "too late");
	assert_true(hostport_eq(&read.observed, &verdict.observed));
	for (int cut = 0; cut < len; cut++)
		assert_false(verdict_decode(bytes, (size_t)cut, &read, &row, &row_len));
	len = verdict_row_encode(largest, sizeof(largest), bytes,
				 sizeof(bytes) - WIRE_OVERHEAD_BYTES);
	assert_true(len > 0);
	assert_true(verdict_decode(bytes, (size_t)len, &read, &row, &row_len));
	assert_int_equal(row_len, sizeof(largest));
	assert_memory_equal(row, largest, row_len);
}

static void the_two_directions_of_a_handshake_have_different_keys(void **state)
{
	struct fixture *f = *state;
	uint8_t shared[32] = {1}, a[KX_PUB_BYTES] = {2}, b[KX_PUB_BYTES] = {3};
	uint8_t to_seed[AEAD_KEY_BYTES], to_joiner[AEAD_KEY_BYTES];

	join_keys(f->ctx.crypto, shared, a, b, to_seed, to_joiner);
	assert_memory_not_equal(to_seed, to_joiner, AEAD_KEY_BYTES);
	assert_true(vector_fits("join_key", vector_join_key, to_seed, AEAD_KEY_BYTES));
}

static void what_is_signed_changes_with_everything_it_is_about(void **state)
{
	struct fixture *f = *state;
	uint8_t ad[PROOF_AD_BYTES] = {0}, key[KX_PUB_BYTES] = {0};
	struct chain_text first, other;

	join_transcript(&f->ctx, ad, key, &f->proof, &first);
	ad[30] = 1; /* the cookie */
	join_transcript(&f->ctx, ad, key, &f->proof, &other);
	assert_memory_not_equal(first.bytes, other.bytes, first.len);
	ad[30] = 0;
	key[0] = 1; /* another seed */
	join_transcript(&f->ctx, ad, key, &f->proof, &other);
	assert_memory_not_equal(first.bytes, other.bytes, first.len);
	key[0] = 0;
	f->proof.replace = false;
	join_transcript(&f->ctx, ad, key, &f->proof, &other);
	assert_memory_not_equal(first.bytes, other.bytes, first.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_proof_reads_back_as_it_was_written, setup),
	    cmocka_unit_test_setup(the_largest_proof_fits_one_datagram, setup),
	    cmocka_unit_test_setup(a_truncated_proof_is_none, setup),
	    cmocka_unit_test_setup(a_name_that_is_none_spoils_a_proof, setup),
	    cmocka_unit_test_setup(verdicts_and_rows_read_back, setup),
	    cmocka_unit_test_setup(the_two_directions_of_a_handshake_have_different_keys, setup),
	    cmocka_unit_test_setup(what_is_signed_changes_with_everything_it_is_about, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
