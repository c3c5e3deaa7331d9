/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

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

static int about(struct cluster *c, size_t n, enum gossip_command_kind kind, const struct id *id)
{
	return cluster_do(c, n, (struct gossip_command){.kind = kind, .id = *id});
}

static void only_admins_make_tokens_admins_and_removals(void **state)
{
	static const enum gossip_command_kind kinds[] = {CMD_TOKEN_CREATE, CMD_TOKEN_RM,
							 CMD_ADMIN_ADD, CMD_ADMIN_RM, CMD_REMOVE};
	struct cluster *c = *state;
	struct id id;

	cluster_form(c, 2);
	id = gossip_self(c->nodes[0].g);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		assert_int_equal(about(c, 1, kinds[i], &id), WEFT_E_DENIED);
		assert_non_null(strstr(c->nodes[1].err.message, "no admin"));
	}
}

static void an_admin_named_by_an_admin_admits_and_is_believed(void **state)
{
	struct cluster *c = *state;
	char token[TOKEN_TEXT_MAX];
	struct id id;

	cluster_form(c, 2);
	id = gossip_self(c->nodes[1].g);
	assert_int_equal(about(c, 0, CMD_ADMIN_ADD, &id), 0);
	cluster_run(c, 300);
	assert_true(gossip_is_admin(c->nodes[1].g));
	snprintf(token, sizeof(token), "%s", cluster_token(c, 1));
	assert_int_equal(cluster_join(c, 2, token, false), 0);
	/* Named by one who does not hold the cluster key: a path of two. */
	id = gossip_self(c->nodes[2].g);
	cluster_run(c, 300);
	assert_int_equal(about(c, 1, CMD_ADMIN_ADD, &id), 0);
	cluster_run(c, 300);
	assert_true(gossip_is_admin(c->nodes[2].g));
	snprintf(token, sizeof(token), "%s", cluster_token(c, 2));
	assert_int_equal(cluster_join(c, 3, token, false), 0);
	cluster_run(c, 500);
	for (size_t n = 0; n < 4; n++)
		assert_int_equal(cluster_alive(c, n), 4);
	cluster_kill(c, 1);
	cluster_start(c, 1);
	cluster_run(c, 1000);
	assert_true(gossip_is_admin(c->nodes[1].g));
}

static void the_tokens_of_one_who_ceased_to_be_admin_admit_nobody(void **state)
{
	struct cluster *c = *state;
	char token[TOKEN_TEXT_MAX];
	struct id id, admitted[4];

	cluster_form(c, 2);
	id = gossip_self(c->nodes[1].g);
	assert_int_equal(about(c, 0, CMD_ADMIN_ADD, &id), 0);
	cluster_run(c, 300);
	snprintf(token, sizeof(token), "%s", cluster_token(c, 1));
	assert_int_equal(cluster_join(c, 2, token, false), 0);
	assert_int_equal(about(c, 0, CMD_ADMIN_RM, &id), 0);
	cluster_run(c, 300);
	assert_false(gossip_is_admin(c->nodes[1].g));
	assert_int_equal(cluster_join(c, 3, token, false), WEFT_E_TOKEN_REVOKED);
	/* And whom it admitted is found. */
	assert_int_equal(gossip_admitted_by(c->nodes[0].g, &id, admitted, 4), 1);
	id = gossip_self(c->nodes[2].g);
	assert_true(id_eq(&admitted[0], &id));
	assert_int_equal(about(c, 0, CMD_ADMIN_ADD, &(struct id[]){gossip_self(c->nodes[1].g)}[0]),
			 WEFT_E_CONFLICT);
}

static void the_last_admin_stays(void **state)
{
	struct cluster *c = *state;
	struct id id;

	cluster_form(c, 2);
	id = gossip_self(c->nodes[0].g);
	assert_int_equal(about(c, 0, CMD_ADMIN_RM, &id), WEFT_E_CONFLICT);
	assert_non_null(strstr(c->nodes[0].err.message, "last admin"));
}

static void a_removed_node_is_gone_everywhere_and_fences_itself(void **state)
{
	struct cluster *c = *state;
	struct id id;

	cluster_form(c, 3);
	id = gossip_self(c->nodes[2].g);
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_REMOVE, .id = id, .text = "sold"}),
	    0);
	cluster_run(c, 3000);
	assert_int_equal(cluster_state(c, 0, 2), MEMBER_REMOVED);
	assert_int_equal(cluster_state(c, 1, 2), MEMBER_REMOVED);
	assert_int_equal(gossip_phase(c->nodes[2].g), NODE_REMOVED);
	assert_int_equal(c->traces[TRACE_SELF_REMOVED], 1);
	cluster_kill(c, 2);
	cluster_start(c, 2);
	assert_int_equal(gossip_phase(c->nodes[2].g), NODE_REMOVED);
}

static void who_is_unknown_is_removed_only_when_that_is_meant(void **state)
{
	struct cluster *c = *state;
	struct id id;

	cluster_form(c, 2);
	memset(&id, 0x77, sizeof(id));
	assert_int_equal(about(c, 0, CMD_REMOVE, &id), WEFT_E_NOT_FOUND);
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_REMOVE, .id = id, .flag = true}),
	    0);
	assert_int_equal(c->traces[TRACE_MEMBER_REMOVED], 1);
}

static void a_node_removed_while_it_was_away_is_told_when_it_comes_back(void **state)
{
	struct cluster *c = *state;
	struct id id;

	cluster_form(c, 3);
	cluster_run(c, 1000);
	id = gossip_self(c->nodes[2].g);
	cluster_kill(c, 2);
	assert_int_equal(about(c, 0, CMD_REMOVE, &id), 0);
	cluster_run(c, 500);
	cluster_start(c, 2);
	cluster_run(c, 4000);
	assert_int_equal(gossip_phase(c->nodes[2].g), NODE_REMOVED);
	assert_int_equal(cluster_alive(c, 0), 2);
	assert_true(cluster_counter(c, 0, "dropped_removed") +
			cluster_counter(c, 1, "dropped_removed") >
		    0);
}

static void removing_twice_or_revoking_twice_is_done_already(void **state)
{
	struct cluster *c = *state;
	struct id id, nobody = {{1}};

	cluster_form(c, 2);
	cluster_token(c, 0);
	id = c->nodes[0].answer_id;
	assert_int_equal(about(c, 0, CMD_TOKEN_RM, &id), 0);
	assert_int_equal(about(c, 0, CMD_TOKEN_RM, &id), 0);
	assert_int_equal(about(c, 0, CMD_TOKEN_RM, &nobody), WEFT_E_NOT_FOUND);
	id = gossip_self(c->nodes[1].g);
	assert_int_equal(about(c, 0, CMD_REMOVE, &id), 0);
	assert_int_equal(about(c, 0, CMD_REMOVE, &id), 0);
	assert_int_equal(about(c, 0, CMD_REMOVE, &nobody), WEFT_E_NOT_FOUND);
	id = gossip_self(c->nodes[0].g);
	assert_int_equal(about(c, 0, CMD_REMOVE, &id), WEFT_E_INVALID);
}

static void a_token_that_cannot_be_stored_is_not_given_out(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 1);
	c->nodes[0].store_fails = true;
	assert_int_equal(cluster_do(c, 0, (struct gossip_command){.kind = CMD_TOKEN_CREATE}),
			 WEFT_E_STORE);
	assert_string_equal(c->nodes[0].text, "");
}

static void a_token_names_this_node_and_others_as_seeds_and_bad_terms_are_refused(void **state)
{
	struct rec_label twice[] = {{"a", "1"}, {"a", "2"}};
	struct cluster *c = *state;

	cluster_form(c, 1);
	assert_int_equal(cluster_do(c, 0,
				    (struct gossip_command){.kind = CMD_TOKEN_CREATE,
							    .label_count = 2,
							    .labels = twice}),
			 WEFT_E_INVALID);
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_TOKEN_CREATE, .ttl_ms = -1}),
	    WEFT_E_INVALID);
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_TOKEN_CREATE, .text = "a b"}),
	    WEFT_E_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(only_admins_make_tokens_admins_and_removals),
	    TEST(an_admin_named_by_an_admin_admits_and_is_believed),
	    TEST(the_tokens_of_one_who_ceased_to_be_admin_admit_nobody),
	    TEST(the_last_admin_stays),
	    TEST(a_removed_node_is_gone_everywhere_and_fences_itself),
	    TEST(who_is_unknown_is_removed_only_when_that_is_meant),
	    TEST(a_node_removed_while_it_was_away_is_told_when_it_comes_back),
	    TEST(removing_twice_or_revoking_twice_is_done_already),
	    TEST(a_token_that_cannot_be_stored_is_not_given_out),
	    TEST(a_token_names_this_node_and_others_as_seeds_and_bad_terms_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
