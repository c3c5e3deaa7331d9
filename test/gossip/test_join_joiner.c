/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cluster.h"
#include "gossip/wire.h"

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

static char token_text[TOKEN_TEXT_MAX];

static const char *make(struct cluster *c, struct gossip_command command)
{
	command.kind = CMD_TOKEN_CREATE;
	assert_int_equal(cluster_do(c, 0, command), 0);
	snprintf(token_text, sizeof(token_text), "%s", c->nodes[0].text);
	return token_text;
}

/* A joiner that failed has changed nothing. */
static void assert_untouched(struct cluster *c, size_t n)
{
	assert_int_equal(gossip_phase(c->nodes[n].g), NODE_NO_CLUSTER);
	assert_int_equal(c->nodes[n].stored_count, 0);
	assert_int_equal(gossip_cluster(c->nodes[n].g, &(struct id){{0}}, (char[NAME_BYTES]){0}),
			 WEFT_E_NO_CLUSTER);
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
	make(c, (struct gossip_command){0});
	cluster_kill(c, 0); /* the only admin is away */
	seed = c->nodes[1].addr;
	cluster_start(c, 2);
	assert_int_equal(
	    cluster_do(c, 2,
		       (struct gossip_command){
			   .kind = CMD_JOIN, .text = token_text, .addr_count = 1, .addrs = &seed}),
	    0);
	cluster_start(c, 0);
	cluster_run(c, 3000);
	assert_int_equal(cluster_alive(c, 0), 3);
}

static void the_second_seed_admits_when_the_first_is_away(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 3);
	make(c, (struct gossip_command){0});
	cluster_kill(c, 0);
	assert_int_equal(cluster_join(c, 3, token_text, false), 0);
}

static void an_expired_token_is_refused_and_both_clocks_are_named(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 1);
	make(c, (struct gossip_command){.ttl_ms = 60000});
	c->wall.ms += 61000;
	c->nodes[1].wall_skew_ms = -3600000;
	assert_int_equal(cluster_join(c, 1, token_text, false), WEFT_E_TOKEN_EXPIRED);
	assert_non_null(strstr(c->nodes[1].err.message, "expired at 20"));
	assert_non_null(strstr(c->nodes[1].err.message, "clock of h0 says 20"));
	assert_non_null(strstr(c->nodes[1].err.message, "this host's clock says 20"));
	assert_null(strchr(c->nodes[1].err.message, '\n'));
	assert_untouched(c, 1);
}

static void a_damaged_token_is_refused_before_anything_is_sent(void **state)
{
	struct cluster *c = *state;
	char *text;

	cluster_form(c, 1);
	make(c, (struct gossip_command){0});
	text = token_text;
	text[40] = text[40] == 'x' ? 'y' : 'x';
	assert_int_equal(cluster_join(c, 1, text, false), WEFT_E_TOKEN_INVALID);
	assert_int_equal(cluster_counter(c, 1, "datagrams_sent"), 0);
	assert_untouched(c, 1);
}

static void a_revoked_token_is_refused(void **state)
{
	struct cluster *c = *state;
	struct id id;

	cluster_form(c, 2);
	make(c, (struct gossip_command){0});
	id = c->nodes[0].answer_id;
	assert_int_equal(cluster_do(c, 0, (struct gossip_command){.kind = CMD_TOKEN_RM, .id = id}),
			 0);
	cluster_run(c, 500);
	assert_int_equal(cluster_join(c, 2, token_text, false), WEFT_E_TOKEN_REVOKED);
	assert_untouched(c, 2);
}

static void a_token_of_another_cluster_is_told_by_its_seed(void **state)
{
	struct cluster *c = *state;
	struct hostport there;

	cluster_form(c, 1);
	make(c, (struct gossip_command){0});
	cluster_kill(c, 0);
	cluster_start(c, 1);
	assert_int_equal(cluster_do(c, 1, (struct gossip_command){.kind = CMD_INIT}), 0);
	there = c->nodes[1].addr;
	cluster_start(c, 2);
	assert_int_equal(
	    cluster_do(c, 2,
		       (struct gossip_command){
			   .kind = CMD_JOIN, .text = token_text, .addr_count = 1, .addrs = &there}),
	    WEFT_E_WRONG_CLUSTER);
	assert_non_null(strstr(c->nodes[2].err.message, "another cluster"));
	assert_non_null(strstr(c->nodes[2].err.message, "10.0.0.1:7947: no answer"));
	assert_untouched(c, 2);
}

static void a_second_node_with_a_taken_name_is_refused(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 2);
	make(c, (struct gossip_command){0});
	strcpy(c->nodes[2].name, "h1");
	assert_int_equal(cluster_join(c, 2, token_text, false), WEFT_E_NAME_TAKEN);
	assert_non_null(strstr(c->nodes[2].err.message, "named h1"));
	assert_untouched(c, 2);
	assert_int_equal(cluster_alive(c, 0), 2);
}

static void two_newcomers_cannot_take_one_name_at_one_seed(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 1);
	make(c, (struct gossip_command){0});
	strcpy(c->nodes[1].name, "twin");
	strcpy(c->nodes[2].name, "twin");
	cluster_start(c, 1);
	cluster_start(c, 2);
	cluster_begin(c, 1, (struct gossip_command){.kind = CMD_JOIN, .text = token_text});
	cluster_begin(c, 2, (struct gossip_command){.kind = CMD_JOIN, .text = token_text});
	cluster_run(c, 500);
	assert_true(c->nodes[1].answered && c->nodes[2].answered);
	assert_true((c->nodes[1].err.code == 0) != (c->nodes[2].err.code == 0));
}

static void two_newcomers_at_once_are_both_admitted(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 1);
	make(c, (struct gossip_command){0});
	cluster_start(c, 1);
	cluster_start(c, 2);
	cluster_begin(c, 1, (struct gossip_command){.kind = CMD_JOIN, .text = token_text});
	cluster_begin(c, 2, (struct gossip_command){.kind = CMD_JOIN, .text = token_text});
	assert_true(cluster_until(c, 1000, three_alive));
}

static void a_dead_bearer_of_the_name_is_replaced_on_request(void **state)
{
	struct cluster *c = *state;
	struct member_info info;
	struct id old;
	size_t at = 0;
	size_t removed = 0;

	cluster_form(c, 3);
	old = gossip_self(c->nodes[1].g);
	make(c, (struct gossip_command){0});
	cluster_kill(c, 1);
	cluster_wipe_store(c, 1);
	assert_int_equal(cluster_join(c, 1, token_text, false), WEFT_E_NAME_TAKEN);
	assert_int_equal(cluster_join(c, 1, token_text, true), 0);
	cluster_run(c, 500);
	assert_true(gossip_member(c->nodes[2].g, &old, &info));
	assert_int_equal(info.state, MEMBER_REMOVED);
	while (gossip_member_next(c->nodes[2].g, &at, &info))
		removed += info.state == MEMBER_REMOVED;
	assert_int_equal(removed, 1);
	assert_int_equal(cluster_alive(c, 2), 3);
}

static void a_running_bearer_on_another_host_is_not_replaced(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 2);
	make(c, (struct gossip_command){0});
	strcpy(c->nodes[2].name, "h1");
	assert_int_equal(cluster_join(c, 2, token_text, true), WEFT_E_NAME_TAKEN);
	assert_int_equal(cluster_alive(c, 0), 2);
}

static void a_name_outside_the_tokens_pattern_is_refused(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 1);
	make(c, (struct gossip_command){.text = "web*"});
	assert_int_equal(cluster_join(c, 1, token_text, false), WEFT_E_DENIED);
	assert_non_null(strstr(c->nodes[1].err.message, "\"web*\""));
	assert_untouched(c, 1);
	strcpy(c->nodes[1].name, "web7");
	cluster_start(c, 1);
	assert_int_equal(cluster_join(c, 1, token_text, false), 0);
}

static void the_tags_of_a_token_become_those_of_the_node(void **state)
{
	struct rec_label tag = {"role", "web"};
	struct cluster *c = *state;
	struct rec_tags tags;
	struct id id;

	cluster_form(c, 1);
	make(c, (struct gossip_command){.label_count = 1, .labels = &tag});
	assert_int_equal(cluster_join(c, 1, token_text, false), 0);
	cluster_run(c, 300);
	id = gossip_self(c->nodes[1].g);
	assert_true(gossip_tags(c->nodes[0].g, &id, &tags));
	assert_int_equal(tags.count, 1);
	assert_string_equal(tags.tags[0].value, "web");
}

static void without_a_seed_the_join_fails_and_says_who_did_not_answer(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 1);
	make(c, (struct gossip_command){0});
	cluster_kill(c, 0);
	assert_int_equal(cluster_join(c, 1, token_text, false), WEFT_E_NO_PEER);
	assert_non_null(strstr(c->nodes[1].err.message, "10.0.0.1:7947: no answer"));
	assert_untouched(c, 1);
}

static void a_store_that_fails_leaves_the_joiner_outside(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 1);
	make(c, (struct gossip_command){0});
	cluster_start(c, 1);
	c->nodes[1].store_fails = true;
	assert_int_equal(cluster_join(c, 1, token_text, false), WEFT_E_STORE);
	assert_untouched(c, 1);
	c->nodes[1].store_fails = false;
	assert_int_equal(cluster_join(c, 1, token_text, false), 0);
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

static void every_step_of_the_handshake_may_be_lost_once(void **state)
{
	struct cluster *c = *state;
	unsigned seen[16] = {0};

	cluster_form(c, 1);
	make(c, (struct gossip_command){0});
	c->watch = lose_some;
	c->watch_ctx = seen;
	assert_int_equal(cluster_join(c, 1, token_text, false), 0);
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

	strcpy(c->nodes[0].name, "alphanode");
	strcpy(c->nodes[1].name, "betanode");
	c->watch = read_along;
	c->watch_ctx = &reading;
	cluster_start(c, 0);
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_INIT, .text = "labcluster"}), 0);
	make(c, (struct gossip_command){.label_count = 1, .labels = &tag});
	assert_int_equal(cluster_join(c, 1, token_text, false), 0);
	cluster_run(c, 2000);
	assert_int_equal(cluster_alive(c, 0), 2);
	assert_int_equal(reading.found, 0);
	assert_int_equal(reading.grown, 0);
}

static void a_member_cannot_join_again(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 2);
	make(c, (struct gossip_command){0});
	assert_int_equal(cluster_join(c, 1, token_text, false), WEFT_E_HAS_CLUSTER);
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
	    TEST(an_expired_token_is_refused_and_both_clocks_are_named),
	    TEST(a_damaged_token_is_refused_before_anything_is_sent),
	    TEST(a_revoked_token_is_refused),
	    TEST(a_token_of_another_cluster_is_told_by_its_seed),
	    TEST(a_second_node_with_a_taken_name_is_refused),
	    TEST(two_newcomers_cannot_take_one_name_at_one_seed),
	    TEST(two_newcomers_at_once_are_both_admitted),
	    TEST(a_dead_bearer_of_the_name_is_replaced_on_request),
	    TEST(a_running_bearer_on_another_host_is_not_replaced),
	    TEST(a_name_outside_the_tokens_pattern_is_refused),
	    TEST(the_tags_of_a_token_become_those_of_the_node),
	    TEST(without_a_seed_the_join_fails_and_says_who_did_not_answer),
	    TEST(a_store_that_fails_leaves_the_joiner_outside),
	    TEST(every_step_of_the_handshake_may_be_lost_once),
	    TEST(nothing_readable_is_on_the_wire),
	    TEST(a_member_cannot_join_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
