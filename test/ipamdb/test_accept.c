/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/accept.c. */
#include <string.h>

#include "cluster.h"
#include "test/base/cmocka_all.h"

static struct cluster c;

static int teardown(void **state)
{
	(void)state;
	cluster_close(&c);
	return 0;
}

static void a_grant_that_was_used_and_given_back_is_not_taken_up_again(void **state)
{
	struct cluster_row stale;
	struct id net;
	struct lease lease;
	uint64_t tag;
	size_t found = 0;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	tag = cluster_lease(&c, 1, &net, "10.1.0.50");
	cluster_run(&c, 50);
	lease = cluster_answer(&c, tag)->leases[0];
	for (size_t i = 0; i < c.nodes[0].disk.rows.count; i++) {
		struct cluster_row *row = vec_at(&c.nodes[0].disk.rows, i);
		if (row->view.kind != ROW_GRANT)
			continue;
		stale = *row;
		found++;
	}
	assert_int_equal(found, 1);
	cluster_release(&c, 1, &net, &lease);
	cluster_run(&c, 180000); /* given back, merged, collected */
	assert_int_equal(cluster_held(&c, 0, &net), 256);
	/* The recipient restarts with a snapshot from the days of the grant and hears nobody. */
	cluster_crash(&c, 1);
	c.cut[0][1] = c.cut[1][0] = true;
	cluster_start(&c, 1, true);
	cluster_show(&c, 1, &stale);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 1, &net), 0);
}

static void a_fenced_node_takes_nothing_up_until_it_is_active_again(void **state)
{
	struct ipam_event fence = {.kind = IPAM_EV_ACTIVE, .ok = false};
	struct ipam_event active = {.kind = IPAM_EV_ACTIVE, .ok = true};
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	c.drop_answers = true;
	cluster_lease(&c, 1, &net, NULL);
	cluster_step(&c, 1, &fence);
	cluster_run(&c, 100);
	assert_int_equal(cluster_held(&c, 0, &net), 192);
	assert_int_equal(cluster_held(&c, 1, &net), 0);
	cluster_step(&c, 1, &active);
	cluster_run(&c, 1000);
	assert_int_equal(cluster_held(&c, 1, &net), 64);
}

static void a_failed_commit_is_tried_again(void **state)
{
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	c.nodes[1].fail_commits = true;
	cluster_lease(&c, 1, &net, NULL);
	cluster_run(&c, 1000);
	assert_int_equal(cluster_held(&c, 1, &net), 0);
	c.nodes[1].fail_commits = false;
	cluster_run(&c, 1000);
	assert_int_equal(cluster_held(&c, 1, &net), 64);
}

/* A grant of everything, as node 1 alone would have it, becomes visible to node 0. */
static void show_grant(const struct id *net, uint64_t generation, struct id to)
{
	struct cluster_row row = {.view = {.kind = ROW_GRANT, .owner = c.nodes[1].id, .epoch = 1}};
	struct range_key key = {*net, {{{0}}, 0}, generation};
	struct rec_grant rec = {.to = to};
	int len = rec_grant_encode(&rec, row.bytes, sizeof(row.bytes));

	assert_int_equal(prefix_parse("10.1.0.0/24", &key.range), 0);
	row.view.sequence = generation;
	row.view.key_len = RANGE_KEY_BYTES;
	range_key_encode(&key, row.view.key);
	row.view.value = row.bytes;
	row.view.value_len = (size_t)len;
	cluster_show(&c, 0, &row);
	cluster_run(&c, 100);
}

static void a_grant_at_the_end_of_all_generations_harms_nobody(void **state)
{
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	show_grant(&net, UINT64_MAX, c.nodes[0].id);
	cluster_leased(&c, 1, &net); /* nothing was taken up: the first range is granted from */
	show_grant(&net, GENERATION_MAX, c.nodes[0].id);
	assert_int_equal(cluster_held(&c, 0, &net), 256);
	cluster_lease(&c, 1, &net, NULL); /* no grant follows that anybody believes in */
	cluster_run(&c, 100);
	cluster_leased(&c, 0, &net);
	cluster_check(&c);
}

/* Node 0 admitted node 2, and has heard of the removal of node 1, which node 2 has not. */
static struct id begin_newcomer(void)
{
	struct id net;

	net = cluster_with_network(&c, 3, 1, 1, "10.1.0.0/24");
	cluster_crash(&c, 2);
	c.nodes[2].admitter = c.nodes[0].id;
	for (size_t i = 0; i < 3; i++)
		c.cut[0][i] = c.cut[i][0] = true;
	cluster_start(&c, 2, false);
	return net;
}

static void meet(size_t node, size_t other)
{
	struct ipam_event synced = {.kind = IPAM_EV_SYNCED, .member = c.nodes[other].id};

	cluster_step(&c, node, &synced);
	cluster_run(&c, 1000);
}

/* Node 1 leaves and gives all to the newcomer. */
static void give_all(const struct id *net)
{

	cluster_attachment(&c, 2, net, 0);
	cluster_run(&c, 10);
	cluster_hand_over(&c, 1);
	cluster_run(&c, 1000);
	assert_int_equal(cluster_held(&c, 1, net), 0);
}

static void a_newcomer_takes_nothing_up_before_it_has_met_its_admitter(void **state)
{
	struct id net;

	(void)state;
	net = begin_newcomer();
	meet(2, 1);
	give_all(&net);
	assert_int_equal(cluster_held(&c, 2, &net), 0);
	meet(2, 0);
	assert_int_equal(cluster_held(&c, 2, &net), 256);
}

static void a_newcomer_whose_admitter_is_gone_need_not_meet_him(void **state)
{
	struct id net;

	(void)state;
	net = begin_newcomer();
	meet(2, 1);
	give_all(&net);
	assert_int_equal(cluster_held(&c, 2, &net), 0);
	cluster_member(&c, 0, false, true);
	cluster_run(&c, 1000);
	assert_int_equal(cluster_held(&c, 2, &net), 256);
}

static void who_has_met_its_admitter_once_need_not_meet_him_after_a_restart(void **state)
{
	struct id net;

	(void)state;
	net = begin_newcomer();
	meet(2, 0);
	cluster_crash(&c, 2);
	cluster_start(&c, 2, false);
	meet(2, 1);
	cluster_lease(&c, 2, &net, NULL);
	cluster_run(&c, 1000);
	assert_true(cluster_held(&c, 2, &net) > 0);
}

static void who_knows_nobody_but_an_admitter_that_left_has_not_met_all(void **state)
{
	struct ipam_event active = {.kind = IPAM_EV_ACTIVE, .ok = true};
	struct ipam_event left = {.kind = IPAM_EV_MEMBER, .removed = true};

	(void)state;
	cluster_init(&c, 1, 1);
	memset(&left.member, 0x55, sizeof(left.member));
	active.member = left.member;
	cluster_step(&c, 0, &left);
	cluster_step(&c, 0, &active);
	cluster_run(&c, 1000);
	assert_false(c.nodes[0].disk.introduced);
}

/* Of two texts of one grant, which only a disk that went back signs, all keep the same one. */
static void another_text_of_a_grant_is_taken_up_by_whom_it_names(void **state)
{
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 1, "10.1.0.0/24");
	c.cut[0][1] = c.cut[1][0] = true;
	show_grant(&net, 5, cluster_stranger_id(9));
	assert_int_equal(cluster_held(&c, 0, &net), 0);
	show_grant(&net, 5, c.nodes[0].id);
	assert_int_equal(cluster_held(&c, 0, &net), 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(a_newcomer_takes_nothing_up_before_it_has_met_its_admitter,
				      teardown),
	    cmocka_unit_test_teardown(a_newcomer_whose_admitter_is_gone_need_not_meet_him,
				      teardown),
	    cmocka_unit_test_teardown(
		who_has_met_its_admitter_once_need_not_meet_him_after_a_restart, teardown),
	    cmocka_unit_test_teardown(a_grant_that_was_used_and_given_back_is_not_taken_up_again,
				      teardown),
	    cmocka_unit_test_teardown(a_fenced_node_takes_nothing_up_until_it_is_active_again,
				      teardown),
	    cmocka_unit_test_teardown(who_knows_nobody_but_an_admitter_that_left_has_not_met_all,
				      teardown),
	    cmocka_unit_test_teardown(a_failed_commit_is_tried_again, teardown),
	    cmocka_unit_test_teardown(another_text_of_a_grant_is_taken_up_by_whom_it_names,
				      teardown),
	    cmocka_unit_test_teardown(a_grant_at_the_end_of_all_generations_harms_nobody, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
