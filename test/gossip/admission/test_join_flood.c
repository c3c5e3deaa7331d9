/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Somebody joins while strangers from elsewhere use up what a seed does for strangers. What the
 * joiner says always comes last, so that luck lets nobody in.
 */
#include "test/gossip/seal/flood_kit.h"

#define JOINER 4
#define JOIN_WITHIN_MS 8000 /* of its 20 s */

/* From one place, as everybody who has no need to lie about it: a rented machine, a botnet's net.
 */
static size_t hello_from_one_place(struct flood *f, uint8_t *bytes)
{
	f->source.ip = inet_from_v4(0x20000000 | (uint32_t)rng_below(&f->rng, 256));
	return hello(f, bytes);
}

/* The cookie is real, what is sealed under it is not: each costs a key agreement. */
static size_t proof_under_a_cookie(struct flood *f, uint8_t *bytes)
{
	uint8_t hint_bytes[HINT_BYTES];

	f->source = f->recorded.to;
	hint_of(own_key(f)->key_id, hint_bytes);
	header_write(bytes, DGRAM_PROOF, hint_bytes, rng_u64(&f->rng), 1);
	memcpy(bytes + WIRE_HEADER_BYTES, f->recorded.bytes + WIRE_HEADER_BYTES, COOKIE_BYTES);
	memset(bytes + WIRE_HEADER_BYTES + COOKIE_BYTES, 9, KX_PUB_BYTES);
	fill(f, bytes + WIRE_HEADER_BYTES + COOKIE_BYTES + KX_PUB_BYTES, 100);
	return PROOF_AD_BYTES + 100;
}

static bool keep_cookie(void *ctx, const struct flight *flight)
{
	struct flood *f = ctx;

	if ((flight->bytes[0] & 0x0f) == DGRAM_COOKIE)
		f->recorded = *flight;
	return (flight->bytes[0] & 0x0f) != DGRAM_COOKIE;
}

static void take_cookie(struct flood *f)
{
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	size_t len = hello(f, bytes);

	memset(bytes + WIRE_HEADER_BYTES, 9, KX_PUB_BYTES);
	f->source = (struct hostport){inet_from_v4(0x20000007), 7};
	f->recorded.len = 0;
	f->c->watch = keep_cookie;
	cluster_deliver(f->c, 0, &f->source, bytes, len);
	cluster_run(f->c, 2);
	f->c->watch = tap;
	assert_true(f->recorded.len > 0);
}

/* What the joiner says comes behind what the flood says in the same millisecond. */
static struct {
	struct flight said[8];
	size_t count;
} last_in_line;

static bool hold_back(void *ctx, const struct flight *flight)
{
	struct flood *f = ctx;

	if (!hostport_eq(&flight->from, &f->c->nodes[JOINER].addr))
		return tap(ctx, flight);
	/* The token names other seeds too, which nobody floods; here they do not count. */
	if (!hostport_eq(&flight->to, &f->c->nodes[0].addr) || last_in_line.count == 8)
		return false;
	last_in_line.said[last_in_line.count++] = *flight;
	return false;
}

static void one_millisecond(struct flood *f, unsigned per_ms)
{
	size_t count = last_in_line.count;

	for (unsigned i = 0; i < per_ms; i++)
		one(f);
	last_in_line.count = 0;
	for (size_t i = 0; i < count; i++) {
		const struct flight said = last_in_line.said[i];

		cluster_deliver(f->c, 0, &said.from, said.bytes, said.len);
	}
	cluster_run(f->c, 1);
}

static void joins_beside(struct flood *f, size_t (*make)(struct flood *f, uint8_t *bytes),
			 unsigned per_ms)
{
	cluster_make(f->c, (struct gossip_command){0});
	f->wanted = 0; /* what is recorded stays */
	f->make = make;
	for (unsigned i = 0; i < 20 * PER_MS; i++)
		one(f);
	cluster_start(f->c, JOINER);
	last_in_line.count = 0;
	f->c->watch = hold_back;
	cluster_begin(f->c, JOINER, (struct gossip_command){.kind = CMD_JOIN, .text = f->c->token});
	for (int ms = 0; ms < JOIN_WITHIN_MS && !f->c->nodes[JOINER].answered; ms++) {
		if (make == proof_under_a_cookie && ms % 5000 == 0)
			take_cookie(f);
		f->c->watch = hold_back;
		one_millisecond(f, per_ms);
	}
	assert_true(f->c->nodes[JOINER].answered);
	assert_int_equal(f->c->nodes[JOINER].err.code, 0);
}

static void who_joins_is_heard_while_others_ask_for_cookies_from_elsewhere(void **state)
{
	joins_beside(*state, hello_from_one_place, PER_MS);
}

static void who_joins_is_heard_while_others_waste_proofs_from_elsewhere(void **state)
{
	struct flood *f = *state;

	take_cookie(f);
	joins_beside(f, proof_under_a_cookie, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, flood_setup, flood_teardown)
	    TEST(who_joins_is_heard_while_others_ask_for_cookies_from_elsewhere),
	    TEST(who_joins_is_heard_while_others_waste_proofs_from_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
