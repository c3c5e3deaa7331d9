/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Everything that four whole nodes said to each other in a quarter of a minute, with a node that
 * restarted and one that joined late, is recorded and told again: in order and shuffled, to the
 * right nodes and to wrong ones, from the right address and from elsewhere, back to who said it,
 * and to a node that restarted alone. None of it changes what a node knows, stores or tells; all of
 * it is counted; and who is replayed gets no more than was sent in his name.
 */
#include "test/base/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "test/gossip/cluster.h"
#include "gossip/gossip_impl.h"

#define NODES 4
#define RECORDS_MAX 20000
#define KIND_OF_LATER 40
#define FACT_OF_LATER 200

struct corpus {
	struct cluster *c;
	size_t count;
	struct flight *at;
	bool recording;
	struct hostport source; /* while replaying: what goes there is counted and lost */
	size_t answered;
};

static bool tap(void *ctx, const struct flight *flight)
{
	struct corpus *corpus = ctx;

	if (corpus->recording) {
		assert_true(corpus->count < RECORDS_MAX);
		corpus->at[corpus->count++] = *flight;
		return true;
	}
	if (corpus->source.port == 0 || !hostport_eq(&flight->to, &corpus->source))
		return true;
	corpus->answered += flight->len;
	return false;
}

static void put(struct cluster *c, size_t n, uint16_t kind, uint8_t key, const char *value)
{
	struct row_view row = {
	    .kind = kind,
	    .key = {key},
	    .key_len = kind >= ROW_KIND_FACTS ? ID_BYTES : 1,
	    .value = (const uint8_t *)value,
	    .value_len = strlen(value),
	};
	struct gossip_command command = {.kind = CMD_PUT, .row_count = 1, .rows = &row};

	assert_int_equal(cluster_do(c, n, command), 0);
	cluster_run(c, 300);
}

/* A quarter of a minute in the life of a cluster; every cookie in it has expired at the end. */
static void live(struct cluster *c)
{
	const char *token;

	cluster_form(c, NODES - 1);
	token = cluster_make(c, (struct gossip_command){.text = NULL});
	for (uint8_t i = 0; i < 4; i++) {
		put(c, i % 3, KIND_OF_LATER, i, "a row");
		put(c, i % 3, FACT_OF_LATER, i, "a fact");
	}
	cluster_kill(c, 2);
	cluster_run(c, 500);
	cluster_start(c, 2);
	cluster_run(c, 1000);
	assert_int_equal(cluster_join(c, 3, token, false), 0);
	put(c, 3, KIND_OF_LATER, 9, "a row of the newcomer");
	put(c, 0, KIND_OF_LATER, 0, "a newer row");
	cluster_run(c, 11000);
	for (size_t n = 0; n < NODES; n++)
		assert_int_equal(cluster_alive(c, n), NODES);
}

static int setup(void **state)
{
	struct corpus *corpus = calloc(1, sizeof(*corpus));

	corpus->c = cluster_new();
	corpus->at = calloc(RECORDS_MAX, sizeof(*corpus->at));
	corpus->c->watch = tap;
	corpus->c->watch_ctx = corpus;
	corpus->recording = true;
	live(corpus->c);
	corpus->recording = false;
	assert_true(corpus->count > 200);
	*state = corpus;
	return 0;
}

static int teardown(void **state)
{
	struct corpus *corpus = *state;

	cluster_free(corpus->c);
	free(corpus->at);
	free(corpus);
	return 0;
}

static uint64_t mix(uint64_t sum, const void *bytes, size_t len)
{
	return sum * UINT64_C(0x100000001b3) + map_hash(bytes, len, 1);
}

/* All that a node knows, stores and believes of others; not what it is about to say. */
static uint64_t fingerprint(const struct cluster *c, size_t n, bool with_time)
{
	const struct cnode *node = &c->nodes[n];
	const struct gossip *g = node->g;
	uint64_t sum = gossip_tables_hash(g);

	sum = mix(sum, &g->core.self.phase, sizeof(g->core.self.phase));
	sum = mix(sum, &g->core.self.epoch, sizeof(g->core.self.epoch));
	sum = mix(sum, &g->core.self.cloned, sizeof(g->core.self.cloned));
	for (size_t i = 0; i < g->members.ordered.count; i++) {
		const struct member *member = *(struct member **)vec_at(&g->members.ordered, i);
		sum = mix(sum, &member->id, sizeof(member->id));
		sum = mix(sum, &member->state, sizeof(member->state));
		sum = mix(sum, &member->incarnation, sizeof(member->incarnation));
		sum = mix(sum, &member->epoch, sizeof(member->epoch));
		sum = mix(sum, member->addr.ip.b, sizeof(member->addr.ip.b));
		sum = mix(sum, &member->addr.port, sizeof(member->addr.port));
		sum = mix(sum, &member->provisional.port, sizeof(member->provisional.port));
		if (with_time)
			sum = mix(sum, &member->heard, sizeof(member->heard));
	}
	for (size_t i = 0; i < node->stored_count; i++)
		sum = mix(sum, node->stored[i].bytes, node->stored[i].len);
	return mix(sum, &g->core.next_token, sizeof(g->core.next_token));
}

static uint64_t dropped(const struct cluster *c, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < DROP_END_; i++)
		sum += c->nodes[n].g->core.drops[i];
	return sum;
}

/* One datagram of the corpus at a node, in the same instant: answered with no more than itself, and
 * counted unless it is a question that anybody may ask. */
static void again(struct corpus *corpus, size_t n, const struct hostport *from,
		  const struct flight *flight)
{
	uint64_t before = dropped(corpus->c, n);
	unsigned type = flight->bytes[0] & 0x0f;

	corpus->source = *from;
	corpus->answered = 0;
	cluster_deliver(corpus->c, n, from, flight->bytes, flight->len);
	assert_true(corpus->answered <= flight->len);
	if (type != DGRAM_CERT && type != DGRAM_HELLO)
		assert_int_equal(dropped(corpus->c, n), before + 1);
	corpus->source.port = 0;
}

static bool is_for(const struct corpus *corpus, size_t n, const struct flight *flight)
{
	return corpus->c->nodes[n].g != NULL && hostport_eq(&flight->to, &corpus->c->nodes[n].addr);
}

static void prints_take(const struct corpus *corpus, uint64_t prints[NODES])
{
	for (size_t n = 0; n < NODES; n++) {
		if (corpus->c->nodes[n].g != NULL)
			prints[n] = fingerprint(corpus->c, n, true);
	}
}

static void prints_equal(const struct corpus *corpus, const uint64_t prints[NODES])
{
	for (size_t n = 0; n < NODES; n++) {
		if (corpus->c->nodes[n].g != NULL)
			assert_int_equal(fingerprint(corpus->c, n, true), prints[n]);
	}
}

static void shuffle(struct corpus *corpus, uint64_t seed)
{
	struct rng rng;

	rng_init(&rng, seed);
	for (size_t i = corpus->count; i-- > 1;) {
		size_t with = (size_t)rng_below(&rng, i + 1);
		struct flight held = corpus->at[i];
		corpus->at[i] = corpus->at[with];
		corpus->at[with] = held;
	}
}

static void the_recorded_session_again_changes_nothing(void **state)
{
	struct corpus *corpus = *state;
	uint64_t prints[NODES];

	prints_take(corpus, prints);
	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < corpus->count; i++) {
			const struct flight *flight = &corpus->at[i];
			for (size_t n = 0; n < NODES; n++) {
				if (is_for(corpus, n, flight))
					again(corpus, n, &flight->from, flight);
			}
		}
		prints_equal(corpus, prints);
		shuffle(corpus, round);
	}
}

static void at_nodes_that_it_was_not_meant_for_it_changes_nothing(void **state)
{
	struct corpus *corpus = *state;
	uint64_t prints[NODES];

	prints_take(corpus, prints);
	shuffle(corpus, 3);
	for (size_t i = 0; i < corpus->count; i++) {
		const struct flight *flight = &corpus->at[i];
		for (size_t n = 0; n < NODES; n++) {
			if (!is_for(corpus, n, flight))
				again(corpus, n, &flight->from, flight);
		}
	}
	prints_equal(corpus, prints);
}

static void from_elsewhere_it_changes_nothing_and_draws_nothing(void **state)
{
	struct corpus *corpus = *state;
	uint64_t prints[NODES];

	prints_take(corpus, prints);
	for (size_t i = 0; i < corpus->count; i++) {
		const struct flight *flight = &corpus->at[i];
		struct hostport stranger = {inet_from_v4(0xc0000200 + (uint32_t)(i % 251)), 4000};
		for (size_t n = 0; n < NODES; n++)
			again(corpus, n, &stranger, flight);
	}
	prints_equal(corpus, prints);
	corpus->source = (struct hostport){inet_from_v4(0xc0000201), 4000};
	corpus->answered = 0;
	cluster_run(corpus->c, 3000);
	assert_int_equal(corpus->answered, 0);
}

static void back_at_who_said_it_it_changes_nothing(void **state)
{
	struct corpus *corpus = *state;
	uint64_t prints[NODES];

	prints_take(corpus, prints);
	for (size_t i = 0; i < corpus->count; i++) {
		const struct flight *flight = &corpus->at[i];
		for (size_t n = 0; n < NODES; n++) {
			if (hostport_eq(&flight->from, &corpus->c->nodes[n].addr))
				again(corpus, n, &flight->to, flight);
		}
	}
	prints_equal(corpus, prints);
}

/* All are killed and the first one comes back alone; in the end the others come, too. */
static void a_node_that_restarted_alone_takes_none_of_it_for_a_sign_of_life(void **state)
{
	struct corpus *corpus = *state;
	struct cluster *c = corpus->c;
	uint64_t before;

	for (size_t n = 0; n < NODES; n++)
		cluster_kill(c, n);
	c->flights = 0;
	cluster_start(c, 0);
	/* While it claims its epoch: a certificate shown again may let out the claim that waited
	 * for it, to where that member lives; nothing else comes of it. */
	for (size_t i = 0; i < corpus->count; i++)
		cluster_deliver(c, 0, &corpus->at[i].from, corpus->at[i].bytes, corpus->at[i].len);
	assert_int_equal(gossip_phase(c->nodes[0].g), NODE_CLAIMING);
	cluster_run(c, 60000);
	assert_int_equal(cluster_alive(c, 0), 1);
	before = fingerprint(c, 0, true);
	for (size_t i = 0; i < corpus->count; i++)
		again(corpus, 0, &corpus->at[i].from, &corpus->at[i]);
	assert_int_equal(fingerprint(c, 0, true), before);
	for (size_t i = 0; i < corpus->count; i++) {
		const struct flight *flight = &corpus->at[i];
		cluster_deliver(c, 0, &flight->from, flight->bytes, flight->len);
		cluster_run(c, 5);
		assert_int_equal(cluster_alive(c, 0), 1);
	}
	assert_int_equal(fingerprint(c, 0, true), before);
	for (size_t n = 1; n < NODES; n++)
		cluster_start(c, n);
	cluster_run(c, 20000);
	for (size_t n = 0; n < NODES; n++)
		assert_int_equal(cluster_alive(c, n), NODES);
}

static void while_all_go_on_it_slows_nobody_and_moves_nobody(void **state)
{
	struct corpus *corpus = *state;
	struct cluster *c = corpus->c;
	uint64_t moved = c->traces[TRACE_ADDRESS_MOVED];
	uint64_t suspects = c->traces[TRACE_MEMBER_SUSPECT];
	uint64_t hash;

	for (size_t i = 0; i < corpus->count; i++) {
		const struct flight *flight = &corpus->at[i];
		for (size_t n = 0; n < NODES; n++)
			cluster_deliver(c, n, &flight->from, flight->bytes, flight->len);
		if (i % 4 == 0)
			cluster_run(c, 1);
	}
	put(c, 1, KIND_OF_LATER, 7, "after all that");
	hash = gossip_tables_hash(c->nodes[0].g);
	for (size_t n = 0; n < NODES; n++) {
		assert_int_equal(cluster_alive(c, n), NODES);
		assert_int_equal(gossip_tables_hash(c->nodes[n].g), hash);
		assert_int_equal(gossip_is_cloned(c->nodes[n].g), false);
	}
	assert_int_equal(c->traces[TRACE_ADDRESS_MOVED], moved);
	assert_int_equal(c->traces[TRACE_MEMBER_SUSPECT], suspects);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(the_recorded_session_again_changes_nothing),
	    TEST(at_nodes_that_it_was_not_meant_for_it_changes_nothing),
	    TEST(from_elsewhere_it_changes_nothing_and_draws_nothing),
	    TEST(back_at_who_said_it_it_changes_nothing),
	    TEST(a_node_that_restarted_alone_takes_none_of_it_for_a_sign_of_life),
	    TEST(while_all_go_on_it_slows_nobody_and_moves_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
