/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "gossip/base/err.h"
#include "gossip/trust/chain.h"
#include "test/gossip/seeded.h"
#include "test/gossip/vectors/wire_v1.h"
#include "test/base/cmocka_all.h"

#define CLUSTER 1
#define ADMIN 2
#define SEED_NODE 3
#define NODE 4
#define TOKEN 5

struct fixture {
	struct seeded seeded;
	struct chain_cache cache;
	struct chain_ctx ctx;
	uint8_t pub[16][SIGN_PUB_BYTES];
	uint8_t sec[16][SIGN_SEC_BYTES];
	struct admin_path path;
	struct token_cert cert;
	uint8_t name_hash[NAME_HASH_BYTES];
	uint8_t chain[CHAIN_BYTES_MAX];
	size_t len;
};

/* A chain of this depth for the node "box" admitted at 1,000 by a token that ends at 2,000. */
static void build(struct fixture *f, int depth)
{
	uint8_t bind[SIG_BYTES];
	struct admission_sig adm = {.at = {1000}};
	struct admin_path parent = {.len = 0};
	int issuer = CLUSTER;

	for (int i = 0; i < depth; i++) {
		int subject = i == 0 ? ADMIN : 8 + i;
		assert_int_equal(path_extend(&f->ctx, &parent, f->sec[issuer], f->pub[subject],
					     (struct wall){500 + i}, &f->path),
				 0);
		parent = f->path;
		issuer = subject;
	}
	f->cert = (struct token_cert){.expires = {2000}};
	memset(f->cert.id.b, 0x70, ID_BYTES);
	memset(f->cert.terms, 0x71, TERMS_HASH_BYTES);
	memcpy(f->cert.pub, f->pub[TOKEN], SIGN_PUB_BYTES);
	token_cert_sign(&f->ctx, &f->path, f->sec[issuer], &f->cert);
	chain_bind(&f->ctx, &f->cert.id, f->sec[TOKEN], f->pub[NODE], bind);
	memcpy(adm.admitter, f->pub[SEED_NODE], SIGN_PUB_BYTES);
	chain_admit(&f->ctx, &f->cert, f->pub[NODE], f->name_hash, f->sec[SEED_NODE], &adm);
	f->len = chain_token_encode(&f->path, &f->cert, bind, &adm, f->chain);
}

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	f.ctx.crypto = seeded_init(&f.seeded, 1);
	for (uint8_t i = 0; i < 16; i++)
		seeded_pair(f.ctx.crypto, i, f.pub[i], f.sec[i]);
	f.ctx.cluster_pub = f.pub[CLUSTER];
	chain_name_hash(f.ctx.crypto, "box", f.name_hash);
	build(&f, 1);
	*state = &f;
	return 0;
}

static int verify(struct fixture *f, struct chain_info *info)
{
	return chain_verify(&f->ctx, f->chain, f->len, f->pub[NODE], f->name_hash, info);
}

static void a_whole_chain_is_believed_and_says_who_admitted_whom(void **state)
{
	struct fixture *f = *state;
	struct chain_info info;
	struct id id;

	assert_int_equal(verify(f, &info), 0);
	assert_false(info.is_root);
	assert_true(id_eq(&info.token, &f->cert.id));
	id = chain_node_id(f->ctx.crypto, f->pub[SEED_NODE]);
	assert_true(id_eq(&info.admitter, &id));
	assert_int_equal(info.admin_count, 1);
	id = chain_node_id(f->ctx.crypto, f->pub[ADMIN]);
	assert_true(id_eq(&info.admins[0], &id));
	assert_int_equal(info.at.ms, 1000);
}

static void the_deepest_chain_fits_the_member_record_and_is_believed(void **state)
{
	struct fixture *f = *state;
	struct admin_path over;
	struct chain_info info;

	build(f, ADMIN_DEPTH_MAX);
	assert_true(f->len <= CHAIN_BYTES_MAX);
	assert_int_equal(verify(f, &info), 0);
	assert_int_equal(info.admin_count, ADMIN_DEPTH_MAX);
	assert_int_equal(
	    path_extend(&f->ctx, &f->path, f->sec[10], f->pub[12], (struct wall){1}, &over),
	    WEFT_E_LIMIT);
}

static void every_changed_byte_spoils_a_chain(void **state)
{
	struct fixture *f = *state;

	build(f, 2);
	assert_int_equal(verify(f, NULL), 0);
	for (size_t i = 0; i < f->len; i++) {
		f->chain[i] ^= 0x10;
		assert_int_equal(verify(f, NULL), WEFT_E_INVALID);
		f->chain[i] ^= 0x10;
	}
	for (size_t len = 0; len < f->len; len++)
		assert_int_equal(
		    chain_verify(&f->ctx, f->chain, len, f->pub[NODE], f->name_hash, NULL),
		    WEFT_E_INVALID);
}

static void a_remembered_prefix_never_hides_a_changed_byte(void **state)
{
	struct fixture *f = *state;

	build(f, 2);
	f->ctx.cache = &f->cache;
	assert_int_equal(verify(f, NULL), 0);
	assert_true(f->cache.used > 0);
	for (size_t i = 0; i < f->len; i++) {
		f->chain[i] ^= 0x10;
		assert_int_equal(verify(f, NULL), WEFT_E_INVALID);
		f->chain[i] ^= 0x10;
	}
	assert_int_equal(verify(f, NULL), 0);
	f->ctx.cluster_pub = f->pub[ADMIN];
	assert_int_equal(verify(f, NULL), WEFT_E_INVALID);
}

static void a_chain_belongs_to_one_key_one_name_and_one_cluster(void **state)
{
	struct fixture *f = *state;
	uint8_t other[NAME_HASH_BYTES];

	chain_name_hash(f->ctx.crypto, "bob", other);
	assert_int_equal(chain_verify(&f->ctx, f->chain, f->len, f->pub[NODE], other, NULL),
			 WEFT_E_INVALID);
	assert_int_equal(chain_verify(&f->ctx, f->chain, f->len, f->pub[ADMIN], f->name_hash, NULL),
			 WEFT_E_INVALID);
	f->ctx.cluster_pub = f->pub[SEED_NODE];
	assert_int_equal(verify(f, NULL), WEFT_E_INVALID);
}

static void nobody_is_admitted_after_the_end_of_the_token(void **state)
{
	struct fixture *f = *state;
	uint8_t bind[SIG_BYTES];
	struct admission_sig adm = {.at = {2001}};

	chain_bind(&f->ctx, &f->cert.id, f->sec[TOKEN], f->pub[NODE], bind);
	memcpy(adm.admitter, f->pub[SEED_NODE], SIGN_PUB_BYTES);
	chain_admit(&f->ctx, &f->cert, f->pub[NODE], f->name_hash, f->sec[SEED_NODE], &adm);
	f->len = chain_token_encode(&f->path, &f->cert, bind, &adm, f->chain);
	assert_int_equal(verify(f, NULL), WEFT_E_INVALID);
}

static void nobody_admits_itself(void **state)
{
	struct fixture *f = *state;
	uint8_t bind[SIG_BYTES];
	struct admission_sig adm = {.at = {1000}};

	chain_bind(&f->ctx, &f->cert.id, f->sec[TOKEN], f->pub[NODE], bind);
	memcpy(adm.admitter, f->pub[NODE], SIGN_PUB_BYTES);
	chain_admit(&f->ctx, &f->cert, f->pub[NODE], f->name_hash, f->sec[NODE], &adm);
	f->len = chain_token_encode(&f->path, &f->cert, bind, &adm, f->chain);
	assert_int_equal(verify(f, NULL), WEFT_E_INVALID);
}

static void the_cluster_key_admits_the_node_that_made_it(void **state)
{
	struct fixture *f = *state;
	struct chain_info info;

	f->len = chain_root_encode(&f->ctx, f->sec[CLUSTER], f->pub[NODE], "box",
				   (struct wall){1000}, f->chain);
	assert_int_equal(verify(f, &info), 0);
	assert_true(info.is_root);
	assert_true(vector_fits("chain_root", vector_chain_root, f->chain, f->len));
	f->len = chain_root_encode(&f->ctx, f->sec[ADMIN], f->pub[NODE], "box", (struct wall){1000},
				   f->chain);
	assert_int_equal(verify(f, NULL), WEFT_E_INVALID);
}

static void the_bytes_of_a_chain_are_those_of_wire_version_1(void **state)
{
	struct fixture *f = *state;

	assert_true(vector_fits("chain_token", vector_chain_token, f->chain, f->len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_whole_chain_is_believed_and_says_who_admitted_whom, setup),
	    cmocka_unit_test_setup(the_deepest_chain_fits_the_member_record_and_is_believed, setup),
	    cmocka_unit_test_setup(every_changed_byte_spoils_a_chain, setup),
	    cmocka_unit_test_setup(a_remembered_prefix_never_hides_a_changed_byte, setup),
	    cmocka_unit_test_setup(a_chain_belongs_to_one_key_one_name_and_one_cluster, setup),
	    cmocka_unit_test_setup(nobody_is_admitted_after_the_end_of_the_token, setup),
	    cmocka_unit_test_setup(nobody_admits_itself, setup),
	    cmocka_unit_test_setup(the_cluster_key_admits_the_node_that_made_it, setup),
	    cmocka_unit_test_setup(the_bytes_of_a_chain_are_those_of_wire_version_1, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
