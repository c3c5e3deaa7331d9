/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "gossip/trust/cert.h"
#include "gossip/trust/chain.h"
#include "test/gossip/seeded.h"
#include "test/gossip/vectors/wire_v1.h"
#include "test/base/cmocka_all.h"

struct fixture {
	struct seeded seeded;
	const struct gossip_crypto *crypto;
	uint8_t pub[SIGN_PUB_BYTES];
	uint8_t sec[SIGN_SEC_BYTES];
	struct cert cert;
	uint8_t bytes[CERT_BYTES];
};

static int setup(void **state)
{
	static struct fixture f;

	f.crypto = seeded_init(&f.seeded, 1);
	seeded_pair(f.crypto, 1, f.pub, f.sec);
	f.cert = (struct cert){.wire_min = 1, .wire_max = 1, .epoch = 258};
	memset(f.cert.cluster.b, 0xc1, ID_BYTES);
	f.cert.node = chain_node_id(f.crypto, f.pub);
	memset(f.cert.key, 0x77, KX_PUB_BYTES);
	cert_sign(f.crypto, &f.cert, f.sec, f.bytes);
	*state = &f;
	return 0;
}

static void a_certificate_reads_back_and_its_signature_fits(void **state)
{
	struct fixture *f = *state;
	struct cert read;

	assert_true(cert_parse(f->bytes, CERT_BYTES, &read));
	assert_int_equal(read.epoch, 258);
	assert_true(id_eq(&read.node, &f->cert.node));
	assert_true(id_eq(&read.cluster, &f->cert.cluster));
	assert_memory_equal(read.key, f->cert.key, KX_PUB_BYTES);
	assert_true(cert_verify(f->crypto, f->bytes, f->pub));
}

static void every_changed_bit_spoils_a_certificate(void **state)
{
	struct fixture *f = *state;

	for (size_t bit = 0; bit < CERT_BYTES * 8; bit++) {
		struct cert read;
		f->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(cert_parse(f->bytes, CERT_BYTES, &read) &&
			     cert_verify(f->crypto, f->bytes, f->pub));
		f->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void a_certificate_of_another_length_is_none(void **state)
{
	struct fixture *f = *state;
	struct cert read;

	assert_false(cert_parse(f->bytes, CERT_BYTES - 1, &read));
	assert_false(cert_parse(f->bytes, 0, &read));
}

static void the_bytes_of_a_certificate_are_those_of_wire_version_1(void **state)
{
	struct fixture *f = *state;
	uint64_t key_id = cert_key_id(f->crypto, f->cert.key);

	assert_true(vector_fits("cert", vector_cert, f->bytes, CERT_BYTES));
	assert_int_equal(key_id, vector_key_id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_certificate_reads_back_and_its_signature_fits, setup),
	    cmocka_unit_test_setup(every_changed_bit_spoils_a_certificate, setup),
	    cmocka_unit_test_setup(a_certificate_of_another_length_is_none, setup),
	    cmocka_unit_test_setup(the_bytes_of_a_certificate_are_those_of_wire_version_1, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
