/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/closure.c: a removed node's space comes back, once, and to one. */
#include <string.h>

#include "cluster.h"
#include "ipamdb/query.h"
#include "test/base/cmocka_all.h"

static struct cluster c;

static int teardown(void **state)
{
	(void)state;
	cluster_close(&c);
	return 0;
}

static void the_space_of_a_removed_node_comes_back(void **state)
{
	struct ipam_block block;
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 3, 1, 2, "10.1.0.0/24");
	cluster_leased(&c, 0, &net);
	cluster_leased(&c, 1, &net);
	cluster_crash(&c, 2);
	cluster_remove(&c, 1, 2);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 0, &net) + cluster_held(&c, 1, &net), 256);
	assert_int_equal(ipamdb_blocks(c.nodes[0].db, NULL, &block, 1), 0);
	cluster_run(&c, IPAM_COOLDOWN_MS);
	for (int i = 0; i < 251; i++)
		cluster_leased(&c, (size_t)i % 2, &net);
}

static void a_failed_member_blocks_until_it_is_back_and_is_named(void **state)
{
	struct ipam_block block;
	struct lease lease;
	struct id net;
	uint64_t before;

	(void)state;
	net = cluster_with_network(&c, 4, 1, 3, "10.1.0.0/24");
	cluster_leased(&c, 0, &net);
	/* Node 2 gets a share that nobody else hears of. */
	for (size_t i = 0; i < 2; i++)
		c.cut[3][i] = c.cut[i][3] = c.cut[2][i] = c.cut[i][2] = true;
	lease = cluster_leased(&c, 2, &net);
	assert_true(inet_is_v4(&lease.address));
	cluster_crash(&c, 2);
	cluster_crash(&c, 3);
	memset(c.cut, 0, sizeof(c.cut));
	before = cluster_held(&c, 0, &net);
	cluster_remove(&c, 0, 3);
	cluster_run(&c, 60000);
	assert_int_equal(cluster_held(&c, 0, &net), before);
	assert_int_equal(ipamdb_blocks(c.nodes[0].db, &c.nodes[3].id, &block, 1), 1);
	assert_true(id_eq(&block.member, &c.nodes[2].id));
	assert_int_equal(block.why, IPAM_BLOCK_SILENT);
	cluster_start(&c, 2, true);
	cluster_sync(&c);
	cluster_run(&c, 5000);
	assert_int_equal(
	    cluster_held(&c, 0, &net) + cluster_held(&c, 1, &net) + cluster_held(&c, 2, &net), 256);
	assert_true(cluster_held(&c, 2, &net) > 0);
}

static void two_removals_of_one_node_are_one(void **state)
{
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 3, 1, 2, "10.1.0.0/24");
	cluster_crash(&c, 2);
	cluster_remove(&c, 0, 2);
	cluster_remove(&c, 1, 2);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 0, &net), 256);
	assert_int_equal(cluster_held(&c, 1, &net), 0);
}

static void a_grant_that_comes_after_the_closing_and_that_nobody_held_is_void(void **state)
{
	struct cluster_row grant = {.view = {.kind = ROW_GRANT, .key_len = RANGE_KEY_BYTES}};
	struct range_key key = {.generation = 2};
	struct rec_grant rec = {0};
	struct ipam_event event = {.kind = IPAM_EV_ROW, .row = &grant.view};
	int len;

	(void)state;
	key.network = cluster_with_network(&c, 3, 1, 2, "10.1.0.0/24");
	cluster_crash(&c, 2);
	cluster_remove(&c, 0, 2);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 0, &key.network), 256);
	/* The removed node, cut off, has gone on granting. */
	assert_int_equal(prefix_parse("10.1.0.128/25", &key.range), 0);
	range_key_encode(&key, grant.view.key);
	rec.to = c.nodes[1].id;
	len = rec_grant_encode(&rec, grant.bytes, sizeof(grant.bytes));
	grant.view.value = grant.bytes;
	grant.view.value_len = (size_t)len;
	grant.view.owner = c.nodes[2].id;
	grant.view.epoch = 1;
	grant.view.sequence = 99;
	cluster_step(&c, 1, &event);
	cluster_step(&c, 0, &event);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 1, &key.network), 0);
	assert_int_equal(cluster_held(&c, 0, &key.network), 256);
}

/* A merge writes the new rows and the tombstones of the old in one commit, but what of it got
 * through before the end is any part of it. */
static void tombstones_without_the_rows_that_outrank_them_lose_no_space(void **state)
{
	struct cluster_row end = {
	    .view = {.kind = ROW_RANGE, .deleted = true, .key_len = RANGE_KEY_BYTES}};
	struct range_key key = {.generation = 1};
	struct ipam_net_info info;
	uint64_t mine;

	(void)state;
	key.network = cluster_with_network(&c, 3, 1, 2, "10.1.0.0/24");
	cluster_leased(&c, 1, &key.network);
	mine = cluster_held(&c, 1, &key.network);
	assert_int_equal(prefix_parse("10.1.0.0/24", &key.range), 0);
	range_key_encode(&key, end.view.key);
	end.view.owner = c.nodes[2].id;
	end.view.epoch = 1;
	end.view.sequence = 99;
	cluster_crash(&c, 2);
	cluster_show(&c, 0, &end);
	cluster_run(&c, 10000);
	assert_true(ipamdb_net(c.nodes[0].db, &key.network, &info));
	assert_int_equal(info.holders, 2);
	cluster_show(&c, 1, &end);
	cluster_remove(&c, 0, 2);
	cluster_run(&c, 10000);
	assert_int_equal(cluster_held(&c, 0, &key.network), 256 - mine);
	assert_int_equal(cluster_held(&c, 1, &key.network), mine);
}

static void a_void_grant_stays_void_after_a_restart(void **state)
{
	struct cluster_row *row;
	struct range_key key = {.generation = 2};
	struct rec_grant rec = {0};
	struct id net;
	uint64_t before;

	(void)state;
	cluster_init(&c, 4, 1);
	key.network = net = cluster_network(&c, 2, "blue", "10.1.0.0/24");
	cluster_run(&c, 10);
	cluster_leased(&c, 1, &net);
	before = cluster_held(&c, 1, &net);
	cluster_crash(&c, 2);
	cluster_crash(&c, 3); /* blocks the reclaim */
	cluster_remove(&c, 0, 2);
	cluster_run(&c, 5000);
	/* A grant that only the removed node knew, found on its disk by whoever comes back first.
	 */
	row = vec_push(&c.nodes[1].disk.rows, NULL);
	row->view.kind = ROW_GRANT;
	row->view.key_len = RANGE_KEY_BYTES;
	assert_int_equal(prefix_parse("10.1.0.64/26", &key.range), 0);
	range_key_encode(&key, row->view.key);
	rec.to = c.nodes[1].id;
	row->view.value_len = (size_t)rec_grant_encode(&rec, row->bytes, sizeof(row->bytes));
	row->view.owner = c.nodes[2].id;
	row->view.epoch = 1;
	row->view.sequence = 99;
	cluster_tell_all(&c, 1);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 1, &net), before);
	cluster_crash(&c, 1);
	cluster_start_keeping(&c, 1);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 1, &net), before);
	cluster_start(&c, 3, true);
	cluster_sync(&c);
	cluster_run(&c, 5000);
	assert_int_equal(
	    cluster_held(&c, 0, &net) + cluster_held(&c, 1, &net) + cluster_held(&c, 3, &net), 256);
}

static void a_grant_that_is_just_taken_up_is_never_reclaimed(void **state)
{
	struct ipam_net_info info;
	struct id net;

	(void)state;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		net = cluster_with_network(&c, 3, seed, 2, "10.1.0.0/24");
		/* The grant reaches its recipient alone, whose disk is slow; then the donor dies.
		 */
		c.cut[2][0] = c.cut[0][2] = true;
		c.nodes[1].hold_commits = true;
		cluster_lease(&c, 1, &net, NULL);
		cluster_run(&c, 50);
		cluster_crash(&c, 2);
		c.delay_ms_max = 200;
		cluster_remove(&c, 0, 2);
		cluster_run(&c, 500);
		c.nodes[1].hold_commits = false;
		cluster_run(&c, 10000);
		cluster_sync(&c);
		cluster_run(&c, 5000);
		assert_true(ipamdb_net(c.nodes[0].db, &net, &info));
		assert_int_equal(info.conflicts, 0);
		assert_int_equal(cluster_held(&c, 1, &net), 64);
		assert_int_equal(cluster_held(&c, 0, &net), 192);
		cluster_close(&c);
	}
	cluster_init(&c, 1, 1); /* for the teardown */
}

static uint64_t closure_version(size_t closer)
{
	for (size_t i = 0; i < c.nodes[closer].disk.rows.count; i++) {
		const struct cluster_row *row = vec_at(&c.nodes[closer].disk.rows, i);
		if (row->view.kind == FACT_CLOSURE && id_eq(&row->view.owner, &c.nodes[closer].id))
			return row->view.sequence;
	}
	return 0;
}

static void a_closer_that_forgot_rows_does_not_take_its_word_back(void **state)
{
	struct id net;
	uint64_t version;

	(void)state;
	net = cluster_with_network(&c, 4, 1, 2, "10.1.0.0/24");
	cluster_leased(&c, 0, &net);
	cluster_run(&c, 10);
	cluster_crash(&c, 2);
	cluster_crash(&c, 3); /* blocks the reclaim */
	cluster_remove(&c, 0, 2);
	cluster_run(&c, 5000);
	version = closure_version(1);
	assert_true(version > 0);
	cluster_crash(&c, 1);
	for (size_t i = 0; i < 4; i++)
		c.cut[1][i] = c.cut[i][1] = true;
	cluster_start(&c, 1, true); /* without others' rows */
	cluster_run(&c, 5000);
	assert_int_equal(closure_version(1), version);
	memset(c.cut, 0, sizeof(c.cut));
	cluster_start(&c, 3, true);
	cluster_sync(&c);
	cluster_run(&c, 5000);
	assert_int_equal(
	    cluster_held(&c, 0, &net) + cluster_held(&c, 1, &net) + cluster_held(&c, 3, &net), 256);
}

/* A row of a removed node that one member has and the reclaimer not, far above all others. */
static void a_row_that_only_one_closer_has_is_outranked_by_the_reclaim(void **state)
{
	struct cluster_row row = {.view = {.kind = ROW_RANGE, .key_len = RANGE_KEY_BYTES}};
	struct range_key key = {.generation = 50};
	struct ipam_net_info info;
	struct lease lease;

	(void)state;
	key.network = cluster_with_network(&c, 3, 1, 2, "10.1.0.0/24");
	cluster_crash(&c, 2);
	assert_int_equal(prefix_parse("10.1.0.0/24", &key.range), 0);
	range_key_encode(&key, row.view.key);
	row.view.owner = c.nodes[2].id;
	row.view.epoch = 1;
	row.view.sequence = 99;
	cluster_show(&c, 1, &row);
	cluster_remove(&c, 0, 2);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 0, &key.network), 256);
	cluster_run(&c, IPAM_COOLDOWN_MS);
	lease = cluster_leased(&c, 1, &key.network);
	cluster_show(&c, 0, &row);
	cluster_run(&c, 5000);
	assert_true(ipamdb_net(c.nodes[0].db, &key.network, &info));
	assert_int_equal(info.frozen, 0);
	assert_int_equal(cluster_held(&c, 0, &key.network) + cluster_held(&c, 1, &key.network),
			 256);
	assert_true(inet_is_v4(&lease.address));
}

/* The closures are all there, but not the rows of one of them: the space is not taken. */
static void rows_behind_a_closure_are_waited_for(void **state)
{
	struct ipam_block block;
	struct cluster_row *row;
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 3, 1, 2, "10.1.0.0/24");
	c.cut[0][1] = c.cut[1][0] = c.cut[0][2] = c.cut[2][0] = true;
	cluster_leased(&c, 1, &net); /* of which nothing comes to node 0 */
	assert_int_equal(cluster_held(&c, 1, &net), 64);
	cluster_crash(&c, 2);
	cluster_remove(&c, 1, 2);
	cluster_run(&c, 100);
	for (size_t i = 0; i < c.nodes[1].disk.rows.count; i++) {
		row = vec_at(&c.nodes[1].disk.rows, i);
		if (row->view.kind == FACT_REMOVAL || row->view.kind == FACT_CLOSURE) {
			vec_push(&c.nodes[0].disk.rows, row);
			cluster_show(&c, 0, row);
		}
	}
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 0, &net), 0);
	assert_int_equal(ipamdb_blocks(c.nodes[0].db, NULL, &block, 1), 1);
	assert_int_equal(block.why, IPAM_BLOCK_ROWS);
	memset(c.cut, 0, sizeof(c.cut));
	cluster_sync(&c);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 0, &net), 192);
	assert_int_equal(cluster_held(&c, 1, &net), 64);
}

static void a_member_that_only_another_closer_knows_blocks(void **state)
{
	struct ipam_event event = {.kind = IPAM_EV_MEMBER, .present = true, .name = "new"};
	struct ipam_block block;
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 3, 1, 2, "10.1.0.0/24");
	memset(&event.member, 0x77, sizeof(event.member));
	cluster_step(&c, 1, &event);
	cluster_crash(&c, 2);
	cluster_remove(&c, 0, 2);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 0, &net), 0);
	assert_int_equal(ipamdb_blocks(c.nodes[0].db, NULL, &block, 1), 1);
	assert_true(id_eq(&block.member, &c.nodes[1].id));
	assert_int_equal(block.why, IPAM_BLOCK_VIEW);
	event.present = false; /* it was removed before anybody else had heard of it */
	event.removed = true;
	cluster_step(&c, 0, &event);
	cluster_step(&c, 1, &event);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 0, &net), 256);
}

/* Who forgot a member would go by older closures of those who counted it. */
static void the_members_of_a_view_are_on_the_disk_before_the_closure(void **state)
{
	struct rec_member rec = {.name = "host1", .wire_min = 1, .wire_max = 1};
	const struct cluster_row *row = NULL;
	uint8_t value[512];
	struct id net;
	int len;

	(void)state;
	net = cluster_with_network(&c, 3, 1, 2, "10.1.0.0/24");
	assert_int_equal(hostport_parse("192.0.2.1", 7946, &rec.gossip), 0);
	len = rec_member_encode(&rec, value, sizeof(value));
	assert_true(len > 0);
	cluster_fact(&c, 1, ROW_MEMBER, net.b, 0, value, (size_t)len);
	cluster_run(&c, 10);
	c.nodes[0].fail_commits = true; /* what cannot be kept is not promised */
	cluster_crash(&c, 2);
	cluster_remove(&c, 0, 2);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 0, &net), 0);
	c.nodes[0].fail_commits = false;
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 0, &net), 256);
	for (size_t i = 0; i < c.nodes[0].disk.rows.count; i++) {
		const struct cluster_row *at = vec_at(&c.nodes[0].disk.rows, i);
		if (at->view.kind == ROW_MEMBER && id_eq(&at->view.owner, &c.nodes[1].id))
			row = at;
	}
	assert_non_null(row);
	assert_true(row->is_kept);
}

static void the_removal_of_the_reclaimer_in_the_middle_leaves_nothing_behind(void **state)
{
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 4, 1, 3, "10.1.0.0/24");
	cluster_leased(&c, 1, &net);
	cluster_crash(&c, 3);
	c.nodes[0].hold_commits = true; /* its closure, later its reclaim, never lands */
	cluster_remove(&c, 1, 3);
	cluster_run(&c, 2000);
	cluster_crash(&c, 0);
	cluster_remove(&c, 1, 0);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 1, &net) + cluster_held(&c, 2, &net), 256);
}

static void what_a_leave_left_behind_is_taken_back(void **state)
{
	struct ipam_net_info info;
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 3, 1, 2, "10.1.0.0/24");
	cluster_crash(&c, 2);
	cluster_member(&c, 2, false, true);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 0, &net),
			 0); /* its recipients' rows may be on their way */
	cluster_run(&c, 15000);
	assert_int_equal(cluster_held(&c, 0, &net), 256);
	assert_true(ipamdb_net(c.nodes[1].db, &net, &info));
	assert_int_equal(info.frozen, 0);
}

/* Who has just joined may not know who was removed. */
static void nothing_is_taken_up_before_a_member_was_met(void **state)
{
	struct ipam_event synced = {.kind = IPAM_EV_SYNCED};
	struct id net;
	uint64_t tag;

	(void)state;
	cluster_init(&c, 2, 1);
	c.guard = GUARD_OFF;
	net = cluster_network(&c, 0, "blue", "10.1.0.0/24");
	cluster_run(&c, 10);
	cluster_crash(&c, 1);
	cluster_start(&c, 1, false); /* guard off, and no sync yet */
	tag = cluster_lease(&c, 1, &net, NULL);
	cluster_run(&c, 1000);
	assert_null(cluster_answer(&c, tag));
	synced.member = c.nodes[0].id;
	cluster_step(&c, 1, &synced);
	cluster_run(&c, 2000);
	assert_non_null(cluster_answer(&c, tag));
	assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
}

/* Between the end of its hand-over and the moment in which all know that it left. */
static void who_has_handed_over_takes_nothing_back(void **state)
{
	struct ipam_request leave = {.kind = IPAM_HAND_OVER};
	struct id net;
	uint64_t tag;

	(void)state;
	net = cluster_with_network(&c, 3, 1, 2, "10.1.0.0/24");
	leave.deadline = mono_add_ms(c.now, 3000);
	tag = cluster_request(&c, 0, &leave);
	cluster_run(&c, 100);
	assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
	cluster_crash(&c, 2);
	cluster_remove(&c, 1, 2);
	cluster_run(&c, 5000);
	assert_int_equal(closure_version(0), 0);
	cluster_member(&c, 0, false, true);
	cluster_run(&c, 15000);
	assert_int_equal(cluster_held(&c, 0, &net), 0);
	assert_int_equal(cluster_held(&c, 1, &net), 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(the_space_of_a_removed_node_comes_back, teardown),
	    cmocka_unit_test_teardown(a_failed_member_blocks_until_it_is_back_and_is_named,
				      teardown),
	    cmocka_unit_test_teardown(two_removals_of_one_node_are_one, teardown),
	    cmocka_unit_test_teardown(
		a_grant_that_comes_after_the_closing_and_that_nobody_held_is_void, teardown),
	    cmocka_unit_test_teardown(tombstones_without_the_rows_that_outrank_them_lose_no_space,
				      teardown),
	    cmocka_unit_test_teardown(a_void_grant_stays_void_after_a_restart, teardown),
	    cmocka_unit_test_teardown(a_grant_that_is_just_taken_up_is_never_reclaimed, teardown),
	    cmocka_unit_test_teardown(a_closer_that_forgot_rows_does_not_take_its_word_back,
				      teardown),
	    cmocka_unit_test_teardown(a_row_that_only_one_closer_has_is_outranked_by_the_reclaim,
				      teardown),
	    cmocka_unit_test_teardown(rows_behind_a_closure_are_waited_for, teardown),
	    cmocka_unit_test_teardown(a_member_that_only_another_closer_knows_blocks, teardown),
	    cmocka_unit_test_teardown(the_members_of_a_view_are_on_the_disk_before_the_closure,
				      teardown),
	    cmocka_unit_test_teardown(
		the_removal_of_the_reclaimer_in_the_middle_leaves_nothing_behind, teardown),
	    cmocka_unit_test_teardown(what_a_leave_left_behind_is_taken_back, teardown),
	    cmocka_unit_test_teardown(nothing_is_taken_up_before_a_member_was_met, teardown),
	    cmocka_unit_test_teardown(who_has_handed_over_takes_nothing_back, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
