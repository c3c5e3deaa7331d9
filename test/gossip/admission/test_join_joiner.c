/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "test/gossip/cluster.h"
#include "gossip/admission/admission_impl.h"
#include "gossip/core/wire.h"
#include "gossip/gossip_impl.h"
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

static bool three_alive(struct cluster *c)
{
	return cluster_alive(c, 0) == 3 && cluster_alive(c, 1) == 3 && cluster_alive(c, 2) == 3;
}

static void three_nodes_joined_by_one_token_see_each_other(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 3);
	assert_true(cluster_until(c, 150, three_alive));
	for (size_t n = 0; n < 3; n++) {
		char name[NAME_BYTES];
		struct id id;
		assert_int_equal(gossip_cluster(c->nodes[n].g, &id, name), 0);
		assert_string_equal(name, "lab");
		assert_int_equal(gossip_is_admin(c->nodes[n].g), n == 0);
	}
	assert_int_equal(gossip_tables_hash(c->nodes[0].g), gossip_tables_hash(c->nodes[1].g));
	assert_int_equal(gossip_tables_hash(c->nodes[0].g), gossip_tables_hash(c->nodes[2].g));
}

static void a_node_admitted_by_a_node_that_is_no_admin_is_believed_by_all(void **state)
{
	struct cluster *c = *state;
	struct hostport seed;

	cluster_form(c, 2);
	cluster_make(c, (struct gossip_command){0});
	cluster_kill(c, 0); /* the only admin is away */
	seed = c->nodes[1].addr;
	cluster_start(c, 2);
	assert_int_equal(
	    cluster_do(c, 2,
		       (struct gossip_command){
			   .kind = CMD_JOIN, .text = c->token, .addr_count = 1, .addrs = &seed}),
	    0);
	cluster_start(c, 0);
	cluster_run(c, 3000);
	assert_int_equal(cluster_alive(c, 0), 3);
}

static void the_second_seed_admits_when_the_first_is_away(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 3);
	cluster_make(c, (struct gossip_command){0});
	cluster_kill(c, 0);
	assert_int_equal(cluster_join(c, 3, c->token, false), 0);
}

static void a_damaged_token_is_refused_before_anything_is_sent(void **state)
{
	struct cluster *c = *state;
	char *text;

	cluster_form(c, 1);
	cluster_make(c, (struct gossip_command){0});
	text = c->token;
	text[40] = text[40] == 'x' ? 'y' : 'x';
	assert_int_equal(cluster_join(c, 1, text, false), WEFT_E_TOKEN_INVALID);
	assert_int_equal(cluster_counter(c, 1, "datagrams_sent"), 0);
	assert_true(cluster_is_untouched(c, 1));
}

static void two_newcomers_at_once_are_both_admitted(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 1);
	cluster_make(c, (struct gossip_command){0});
	cluster_start(c, 1);
	cluster_start(c, 2);
	cluster_begin(c, 1, (struct gossip_command){.kind = CMD_JOIN, .text = c->token});
	cluster_begin(c, 2, (struct gossip_command){.kind = CMD_JOIN, .text = c->token});
	assert_true(cluster_until(c, 1000, three_alive));
}

static void without_a_seed_the_join_fails_and_says_who_did_not_answer(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 1);
	cluster_make(c, (struct gossip_command){0});
	cluster_kill(c, 0);
	assert_int_equal(cluster_join(c, 1, c->token, false), WEFT_E_NO_PEER);
	assert_non_null(strstr(c->nodes[1].err.message, "10.0.0.1:7947: no answer"));
	assert_true(cluster_is_untouched(c, 1));
}

static bool lose_some(void *ctx, const struct flight *flight)
{
	unsigned *seen = ctx;
	unsigned type = flight->bytes[0] & 0x0f;

	/* The first of each step of the handshake is lost. */
	if (type < DGRAM_HELLO || type > DGRAM_ADMIT)
		return true;
	return (seen[type]++) > (type == DGRAM_ADMIT ? 1 : 0);
}

static void a_join_that_cannot_be_stored_leaves_no_addresses_behind(void **state)
{
	struct cluster *c = *state;
	const char *token;

	cluster_form(c, 1);
	token = cluster_token(c, 0);
	cluster_start(c, 1);
	c->nodes[1].store_fails = true;
	assert_int_equal(cluster_join(c, 1, token, false), WEFT_E_STORE);
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_NO_CLUSTER);
	assert_int_equal(c->nodes[1].g->admission->seeds.count, 0);
}

static void every_step_of_the_handshake_may_be_lost_once(void **state)
{
	struct cluster *c = *state;
	unsigned seen[16] = {0};

	cluster_form(c, 1);
	cluster_make(c, (struct gossip_command){0});
	c->watch = lose_some;
	c->watch_ctx = seen;
	assert_int_equal(cluster_join(c, 1, c->token, false), 0);
	assert_true(seen[DGRAM_ADMIT] > 2);
	assert_int_equal(c->traces[TRACE_ADMITTED], 1);
	cluster_run(c, 500);
	assert_int_equal(cluster_alive(c, 0), 2);
}

struct reading {
	const char *words[8];
	size_t count;
	size_t found;
	size_t grown; /* answers larger than a HELLO */
};

static bool read_along(void *ctx, const struct flight *flight)
{
	struct reading *reading = ctx;

	for (size_t i = 0; i < reading->count; i++)
		reading->found += memmem(flight->bytes, flight->len, reading->words[i],
					 strlen(reading->words[i])) != NULL;
	reading->grown +=
	    (flight->bytes[0] & 0x0f) == DGRAM_COOKIE && flight->len > DATAGRAM_BYTES_MAX;
	return true;
}

static void nothing_readable_is_on_the_wire(void **state)
{
	struct reading reading = {.words = {"alphanode", "betanode", "labcluster", "role", "web"},
				  .count = 5};
	struct rec_label tag = {"role", "web"};
	struct cluster *c = *state;

	snprintf(c->nodes[0].name, sizeof(c->nodes[0].name), "%s", "alphanode");
	snprintf(c->nodes[1].name, sizeof(c->nodes[1].name), "%s", "betanode");
	c->watch = read_along;
	c->watch_ctx = &reading;
	cluster_start(c, 0);
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_INIT, .text = "labcluster"}), 0);
	cluster_make(c, (struct gossip_command){.label_count = 1, .labels = &tag});
	assert_int_equal(cluster_join(c, 1, c->token, false), 0);
	cluster_run(c, 2000);
	assert_int_equal(cluster_alive(c, 0), 2);
	assert_int_equal(reading.found, 0);
	assert_int_equal(reading.grown, 0);
}

static void a_member_cannot_join_again(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 2);
	cluster_make(c, (struct gossip_command){0});
	assert_int_equal(cluster_join(c, 1, c->token, false), WEFT_E_HAS_CLUSTER);
	assert_int_equal(cluster_do(c, 1, (struct gossip_command){.kind = CMD_INIT}),
			 WEFT_E_HAS_CLUSTER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(three_nodes_joined_by_one_token_see_each_other),
	    TEST(a_node_admitted_by_a_node_that_is_no_admin_is_believed_by_all),
	    TEST(the_second_seed_admits_when_the_first_is_away),
	    TEST(a_damaged_token_is_refused_before_anything_is_sent),
	    TEST(two_newcomers_at_once_are_both_admitted),
	    TEST(without_a_seed_the_join_fails_and_says_who_did_not_answer),
	    TEST(a_join_that_cannot_be_stored_leaves_no_addresses_behind),
	    TEST(every_step_of_the_handshake_may_be_lost_once),
	    TEST(nothing_readable_is_on_the_wire),
	    TEST(a_member_cannot_join_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
