/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "test/gossip/cluster.h"
#include "gossip/core/wire.h"
#include "test/base/cmocka_all.h"

static int setup(void **state)
{
	*state = cluster_new();
	return 0;
}

static int teardown(void **state)
{
	cluster_free(*state);
	return 0;
}

struct cookie_tap {
	struct flight cookie;
	unsigned cookies, proofs;
};

static bool keep_cookies(void *ctx, const struct flight *flight)
{
	struct cookie_tap *tap = ctx;
	unsigned type = flight->bytes[0] & 0x0f;

	tap->proofs += type == DGRAM_PROOF;
	if (type != DGRAM_COOKIE)
		return true;
	tap->cookie = *flight;
	tap->cookies++;
	return false;
}

static void a_seed_that_does_not_prove_its_chain_is_shown_nothing(void **state)
{
	static struct cookie_tap tap;
	struct cluster *c = *state;
	struct flight *cookie = &tap.cookie;

	cluster_form(c, 1);
	cluster_make(c, (struct gossip_command){0});
	memset(&tap, 0, sizeof(tap));
	c->watch = keep_cookies;
	c->watch_ctx = &tap;
	cluster_start(c, 1);
	cluster_begin(c, 1, (struct gossip_command){.kind = CMD_JOIN, .text = c->token});
	cluster_run(c, 100);
	assert_int_equal(tap.cookies, 1);
	/* Certificate, identity key, name hash and chain: each byte counts; the cookie is the
	 * seed's own business. */
	for (size_t at = WIRE_HEADER_BYTES + 24; at < cookie->len; at += 5) {
		cookie->bytes[at] ^= 0x40;
		cluster_deliver(c, 1, &cookie->from, cookie->bytes, cookie->len);
		cookie->bytes[at] ^= 0x40;
		cluster_run(c, 1);
		assert_int_equal(tap.proofs, 0);
	}
	assert_int_equal(tap.proofs, 0);
	/* None of them did harm: the true one still counts. */
	cluster_deliver(c, 1, &cookie->from, cookie->bytes, cookie->len);
	cluster_run(c, 2);
	assert_int_equal(tap.proofs, 1);
}

static void a_token_of_another_cluster_is_told_by_its_seed(void **state)
{
	struct cluster *c = *state;
	struct hostport there;

	cluster_form(c, 1);
	cluster_make(c, (struct gossip_command){0});
	cluster_kill(c, 0);
	cluster_start(c, 1);
	assert_int_equal(cluster_do(c, 1, (struct gossip_command){.kind = CMD_INIT}), 0);
	there = c->nodes[1].addr;
	cluster_start(c, 2);
	assert_int_equal(
	    cluster_do(c, 2,
		       (struct gossip_command){
			   .kind = CMD_JOIN, .text = c->token, .addr_count = 1, .addrs = &there}),
	    WEFT_E_WRONG_CLUSTER);
	assert_non_null(strstr(c->nodes[2].err.message, "another cluster"));
	assert_non_null(strstr(c->nodes[2].err.message, "10.0.0.1:7947: no answer"));
	assert_true(cluster_is_untouched(c, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(a_seed_that_does_not_prove_its_chain_is_shown_nothing),
	    TEST(a_token_of_another_cluster_is_told_by_its_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
