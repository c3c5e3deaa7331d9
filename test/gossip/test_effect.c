/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "cluster.h"
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

/* The same store, two processes, one epoch: what a snapshot of a running machine gives. */
static void copy_node_1(struct cluster *c)
{
	cluster_form(c, 3);
	cluster_kill(c, 1);
	cluster_copy_store(c, 1, 4);
	snprintf(c->nodes[4].name, sizeof(c->nodes[4].name), "%s", "h1");
}

static void a_copy_that_was_alone_is_refused_when_it_meets_the_others(void **state)
{
	struct cluster *c = *state;

	copy_node_1(c);
	c->nodes[4].cut = true;
	cluster_start(c, 4);
	cluster_start(c, 1);
	cluster_run(c, 6000);
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_ACTIVE);
	assert_true(gossip_is_alone(c->nodes[4].g));
	c->nodes[4].cut = false;
	cluster_run(c, 15000);
	assert_int_equal(gossip_phase(c->nodes[4].g), NODE_COPY);
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_ACTIVE);
	assert_false(gossip_is_cloned(c->nodes[1].g));
	assert_int_equal(c->traces[TRACE_CLONE_SEEN], 0);
}

/* Fenced, or told that it is a copy: either leases nothing. */
static bool both_stopped(struct cluster *c)
{
	return gossip_is_cloned(c->nodes[1].g) &&
	       (gossip_is_cloned(c->nodes[4].g) || gossip_phase(c->nodes[4].g) == NODE_COPY);
}

static void a_clone_fences_the_original_and_says_so_after_a_restart(void **state)
{
	struct cluster *c = *state;

	copy_node_1(c);
	/* Each of the two is confirmed by somebody who does not know of the other. */
	c->nodes[0].cut = true;
	cluster_start(c, 4);
	cluster_run(c, 4000);
	assert_int_equal(gossip_phase(c->nodes[4].g), NODE_ACTIVE);
	c->nodes[0].cut = false;
	c->nodes[2].cut = c->nodes[4].cut = true;
	cluster_start(c, 1);
	cluster_run(c, 4000);
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_ACTIVE);
	assert_false(gossip_is_alone(c->nodes[1].g) || gossip_is_alone(c->nodes[4].g));
	c->nodes[2].cut = c->nodes[4].cut = false;
	assert_true(cluster_until(c, 15000, both_stopped));
	cluster_kill(c, 4);
	cluster_start(c, 1);
	cluster_run(c, 1000);
	assert_true(gossip_is_cloned(c->nodes[1].g));
}

static void a_disk_that_went_back_fences_its_node(void **state)
{
	struct cluster *c = *state;
	struct row_view row = {
	    .kind = ROW_TAGS, .value = (const uint8_t *)"\x91\x90", .value_len = 2};

	cluster_form(c, 3);
	cluster_copy_store(c, 1, 4);
	assert_int_equal(
	    cluster_do(c, 1,
		       (struct gossip_command){.kind = CMD_PUT, .rows = &row, .row_count = 1}),
	    0);
	cluster_run(c, 15000); /* nobody tells it any more: it has to be asked for */
	assert_false(gossip_is_cloned(c->nodes[1].g));
	cluster_kill(c, 1);
	cluster_copy_store(c, 4, 1);
	cluster_start(c, 1);
	cluster_run(c, 15000);
	assert_true(gossip_is_cloned(c->nodes[1].g));
	assert_int_equal(c->traces[TRACE_FENCED], 1);
	cluster_kill(c, 1);
	cluster_start(c, 1);
	cluster_run(c, 1000);
	assert_true(gossip_is_cloned(c->nodes[1].g));
}

static void a_removal_holds_everywhere_whatever_became_of_its_author(void **state)
{
	struct cluster *c = *state;
	struct id admin, victim;

	cluster_form(c, 3);
	admin = gossip_self(c->nodes[1].g);
	victim = gossip_self(c->nodes[2].g);
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_ADMIN_ADD, .id = admin}), 0);
	cluster_run(c, 300);
	/* It is cut off when it ceases to be one, and removes somebody in the meantime. */
	c->nodes[1].cut = true;
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_ADMIN_RM, .id = admin}), 0);
	cluster_run(c, 500);
	assert_int_equal(
	    cluster_do(c, 1, (struct gossip_command){.kind = CMD_REMOVE, .id = victim}), 0);
	cluster_run(c, 500);
	c->nodes[1].cut = false;
	cluster_run(c, 15000);
	assert_int_equal(cluster_state(c, 0, 2), MEMBER_REMOVED);
	assert_int_equal(cluster_state(c, 1, 2), MEMBER_REMOVED);
	assert_int_equal(gossip_phase(c->nodes[2].g), NODE_REMOVED);
}

static void a_member_removed_before_its_record_comes_is_removed(void **state)
{
	struct cluster *c = *state;
	struct member_info info;
	struct id id;

	cluster_form(c, 3);
	id = gossip_self(c->nodes[2].g);
	cluster_kill(c, 2);
	assert_int_equal(cluster_do(c, 0, (struct gossip_command){.kind = CMD_REMOVE, .id = id}),
			 0);
	cluster_run(c, 500);
	cluster_make(c, (struct gossip_command){0});
	assert_int_equal(cluster_join(c, 3, c->token, false), 0);
	cluster_run(c, 2000);
	assert_true(gossip_member(c->nodes[3].g, &id, &info));
	assert_int_equal(info.state, MEMBER_REMOVED);
	assert_int_equal(cluster_alive(c, 3), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(a_copy_that_was_alone_is_refused_when_it_meets_the_others),
	    TEST(a_clone_fences_the_original_and_says_so_after_a_restart),
	    TEST(a_disk_that_went_back_fences_its_node),
	    TEST(a_removal_holds_everywhere_whatever_became_of_its_author),
	    TEST(a_member_removed_before_its_record_comes_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
