/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "gossip/base/check.h"
#include "gossip/admission/join_wire.h"
#include "test/gossip/cluster.h"
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

/* Keeps copies of what passes, by type. */
struct tap {
	struct flight last[16];
	unsigned seen[16];
	unsigned lose;             /* type that does not arrive */
	const struct hostport *to; /* the only one whose copies are kept; NULL for all */
};

static bool tap(void *ctx, const struct flight *flight)
{
	struct tap *t = ctx;
	unsigned type = flight->bytes[0] & 0x0f;

	if (t->to == NULL || hostport_eq(t->to, &flight->to))
		t->last[type] = *flight;
	t->seen[type]++;
	return type != t->lose;
}

static struct tap *tapped(struct cluster *c)
{
	static struct tap t;

	memset(&t, 0, sizeof(t));
	c->watch = tap;
	c->watch_ctx = &t;
	return &t;
}

static void again(struct cluster *c, size_t n, const struct hostport *from,
		  const struct flight *flight)
{
	cluster_deliver(c, n, from, flight->bytes, flight->len);
}

static void a_short_hello_is_not_answered(void **state)
{
	struct cluster *c = *state;
	struct tap *t;
	struct hostport from;
	uint8_t hello[DATAGRAM_BYTES_MAX] = {WIRE_VERSION << 4 | DGRAM_HELLO};

	cluster_form(c, 1);
	t = tapped(c);
	from = c->nodes[1].addr;
	for (size_t len = WIRE_OVERHEAD_BYTES; len < DATAGRAM_BYTES_MAX; len += 13)
		cluster_deliver(c, 0, &from, hello, len);
	assert_int_equal(t->seen[DGRAM_COOKIE], 0);
	cluster_deliver(c, 0, &from, hello, DATAGRAM_BYTES_MAX);
	assert_int_equal(t->seen[DGRAM_COOKIE], 1);
	assert_true(t->last[DGRAM_COOKIE].len <= DATAGRAM_BYTES_MAX);
}

static void a_proof_without_a_good_cookie_costs_nothing_and_gets_nothing(void **state)
{
	struct cluster *c = *state;
	struct tap *t;
	struct flight proof;
	struct hostport other;

	cluster_form(c, 1);
	char token[TOKEN_TEXT_MAX];
	snprintf(token, sizeof(token), "%s", cluster_token(c, 0));
	t = tapped(c);
	t->lose = DGRAM_PROOF;
	assert_int_equal(cluster_join(c, 1, token, false), WEFT_E_NO_PEER);
	assert_true(t->seen[DGRAM_PROOF] > 0);
	proof = t->last[DGRAM_PROOF];
	/* From another address, with a changed cookie, and too late. */
	other = c->nodes[2].addr;
	again(c, 0, &other, &proof);
	proof.bytes[WIRE_HEADER_BYTES + 12] ^= 1;
	again(c, 0, &proof.from, &proof);
	proof.bytes[WIRE_HEADER_BYTES + 12] ^= 1;
	assert_int_equal(cluster_counter(c, 0, "dropped_cookie"), 2);
	c->now = mono_add_ms(c->now, 11000);
	again(c, 0, &proof.from, &proof);
	assert_int_equal(cluster_counter(c, 0, "dropped_cookie"), 3);
	assert_int_equal(t->seen[DGRAM_ADMIT], 0);
	assert_int_equal(c->traces[TRACE_ADMITTED], 0);
}

static void the_same_proof_again_gets_the_same_admission(void **state)
{
	struct cluster *c = *state;
	char token[TOKEN_TEXT_MAX];
	struct tap *t;

	cluster_form(c, 1);
	snprintf(token, sizeof(token), "%s", cluster_token(c, 0));
	t = tapped(c);
	t->lose = DGRAM_ADMIT;
	cluster_start(c, 1);
	cluster_begin(c, 1, (struct gossip_command){.kind = CMD_JOIN, .text = token});
	cluster_run(c, 1500);
	assert_true(t->seen[DGRAM_PROOF] >= 3);
	assert_int_equal(c->traces[TRACE_ADMITTED], 1);
	t->lose = 0;
	cluster_run(c, 1500);
	assert_true(c->nodes[1].answered);
	assert_int_equal(c->nodes[1].err.code, 0);
	assert_int_equal(c->traces[TRACE_ADMITTED], 1);
}

static void every_changed_bit_of_a_proof_is_noticed(void **state)
{
	struct cluster *c = *state;
	char token[TOKEN_TEXT_MAX];
	struct flight proof;
	struct tap *t;

	cluster_form(c, 1);
	snprintf(token, sizeof(token), "%s", cluster_token(c, 0));
	t = tapped(c);
	t->lose = DGRAM_PROOF;
	cluster_start(c, 1);
	cluster_begin(c, 1, (struct gossip_command){.kind = CMD_JOIN, .text = token});
	cluster_run(c, 100);
	assert_true(t->seen[DGRAM_PROOF] > 0);
	proof = t->last[DGRAM_PROOF];
	for (size_t at = 1; at < proof.len; at += 3) {
		proof.bytes[at] ^= 0x20;
		again(c, 0, &proof.from, &proof);
		proof.bytes[at] ^= 0x20;
		c->now = mono_add_ms(c->now, 5);
	}
	assert_int_equal(t->seen[DGRAM_ADMIT], 0);
	assert_int_equal(c->traces[TRACE_ADMITTED], 0);
}

static void a_refused_proof_stays_refused(void **state)
{
	struct cluster *c = *state;
	struct flight proof;
	struct tap *t;

	cluster_form(c, 2);
	cluster_make(c, (struct gossip_command){0});
	snprintf(c->nodes[2].name, sizeof(c->nodes[2].name), "%s", "h1");
	t = tapped(c);
	t->to = &c->nodes[0].addr;
	assert_int_equal(cluster_join(c, 2, c->token, true), WEFT_E_NAME_TAKEN);
	proof = t->last[DGRAM_PROOF];
	cluster_kill(c, 1);
	cluster_run(c, 6000);
	assert_int_equal(cluster_state(c, 0, 1), MEMBER_FAILED);
	t->seen[DGRAM_ADMIT] = 0;
	again(c, 0, &c->nodes[2].addr, &proof);
	cluster_run(c, 500);
	assert_int_equal(t->seen[DGRAM_ADMIT], 1);
	assert_int_equal(cluster_state(c, 0, 1), MEMBER_FAILED);
	/* Who asks again is judged again. */
	assert_int_equal(cluster_join(c, 2, c->token, true), 0);
	assert_int_equal(cluster_state(c, 0, 1), MEMBER_REMOVED);
}

/* Node 1 is dead, node 2 joins in its place, and node 0 is handed its proof again. */
static struct flight replace_dead(struct cluster *c, struct tap *t)
{
	cluster_form(c, 2);
	cluster_make(c, (struct gossip_command){0});
	snprintf(c->nodes[2].name, sizeof(c->nodes[2].name), "%s", "h1");
	cluster_kill(c, 1);
	cluster_run(c, 6000);
	assert_int_equal(cluster_state(c, 0, 1), MEMBER_FAILED);
	c->nodes[0].store_fails = true;
	assert_int_equal(cluster_join(c, 2, c->token, true), WEFT_E_BUSY);
	assert_non_null(strstr(c->nodes[2].err.message, "h0 could not write"));
	c->nodes[0].store_fails = false;
	return t->last[DGRAM_PROOF];
}

static void a_replacement_that_could_not_be_written_is_not_written_for_a_replay(void **state)
{
	struct cluster *c = *state;
	struct tap *t = tapped(c);
	struct flight proof;
	size_t stored;

	t->to = &c->nodes[0].addr;
	proof = replace_dead(c, t);
	t->seen[DGRAM_ADMIT] = 0;
	stored = c->nodes[0].stored_count;
	again(c, 0, &c->nodes[2].addr, &proof);
	cluster_run(c, 500);
	assert_int_equal(t->seen[DGRAM_ADMIT], 1);
	assert_int_equal(c->nodes[0].stored_count, stored);
	assert_int_equal(cluster_state(c, 0, 1), MEMBER_FAILED);
	/* Who asks again is judged again. */
	assert_int_equal(cluster_join(c, 2, c->token, true), 0);
	assert_int_equal(cluster_state(c, 0, 1), MEMBER_REMOVED);
}

static void hellos_of_one_source_are_limited(void **state)
{
	uint8_t hello[DATAGRAM_BYTES_MAX] = {WIRE_VERSION << 4 | DGRAM_HELLO};
	struct cluster *c = *state;
	struct hostport from;
	struct tap *t;

	cluster_form(c, 1);
	t = tapped(c);
	from = c->nodes[1].addr;
	for (int i = 0; i < 1000; i++)
		cluster_deliver(c, 0, &from, hello, sizeof(hello));
	assert_int_equal(t->seen[DGRAM_COOKIE], 200);
	assert_int_equal(cluster_counter(c, 0, "dropped_rate"), 800);
}

static void a_node_in_no_cluster_answers_nobody(void **state)
{
	uint8_t hello[DATAGRAM_BYTES_MAX] = {WIRE_VERSION << 4 | DGRAM_HELLO};
	struct cluster *c = *state;
	struct tap *t = tapped(c);
	struct hostport from = c->nodes[1].addr;

	cluster_start(c, 0);
	for (unsigned type = 1; type < 16; type++) {
		hello[0] = (uint8_t)(WIRE_VERSION << 4 | type);
		cluster_deliver(c, 0, &from, hello, sizeof(hello));
	}
	for (unsigned type = 0; type < 16; type++)
		assert_int_equal(t->seen[type], 0);
}

static void random_handshakes_are_counted_and_harm_nothing(void **state)
{
	struct cluster *c = *state;
	struct hostport from = {inet_from_v4(0x0a0000f0), 4000};
	struct seeded seeded;
	const struct gossip_crypto *crypto = seeded_init(&seeded, 5);
	uint8_t bytes[DATAGRAM_BYTES_MAX];

	cluster_form(c, 2);
	for (unsigned i = 0; i < 4000; i++) {
		size_t len = i % sizeof(bytes);
		crypto->random(crypto->ctx, bytes, sizeof(bytes));
		bytes[0] = (uint8_t)(WIRE_VERSION << 4 | (i % 16));
		cluster_deliver(c, i % 2, &from, bytes, len);
	}
	cluster_run(c, 1000);
	assert_int_equal(cluster_alive(c, 0), 2);
	assert_int_equal(cluster_alive(c, 1), 2);
	assert_int_equal(c->traces[TRACE_ADMITTED], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(a_short_hello_is_not_answered),
	    TEST(a_proof_without_a_good_cookie_costs_nothing_and_gets_nothing),
	    TEST(the_same_proof_again_gets_the_same_admission),
	    TEST(every_changed_bit_of_a_proof_is_noticed),
	    TEST(a_refused_proof_stays_refused),
	    TEST(a_replacement_that_could_not_be_written_is_not_written_for_a_replay),
	    TEST(hellos_of_one_source_are_limited),
	    TEST(a_node_in_no_cluster_answers_nobody),
	    TEST(random_handshakes_are_counted_and_harm_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
