/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/reclaim.c: the rows by which space is taken back. */
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

/* What the removed node wrote last was told by somebody who forgot it before it closed. */
static void a_reclaim_outranks_what_nobody_remembered_at_the_closing(void **state)
{
	struct cluster_row row = {.view = {.kind = ROW_RANGE, .key_len = RANGE_KEY_BYTES}};
	struct range_key key = {.generation = 1};
	struct ipam_net_info info;

	(void)state;
	key.network = cluster_with_network(&c, 3, 1, 2, "10.1.0.0/24");
	cluster_crash(&c, 2);
	cluster_remove(&c, 0, 2);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 0, &key.network), 256);
	assert_int_equal(prefix_parse("10.1.0.0/24", &key.range), 0);
	row.view.owner = c.nodes[2].id;
	row.view.epoch = 1;
	for (; key.generation <= 1000; key.generation++) {
		range_key_encode(&key, row.view.key);
		row.view.sequence = 99 + key.generation;
		for (size_t i = 0; i < 2; i++) {
			cluster_show(&c, i, &row);
			assert_true(ipamdb_net(c.nodes[i].db, &key.network, &info));
			assert_int_equal(info.conflicts, 0);
			assert_int_equal(info.frozen, 0);
		}
		assert_int_equal(cluster_held(&c, 0, &key.network), 256);
	}
}

/* Node 2 claims what it has at this generation, and is removed; how much of it node 0 then has. */
static uint64_t held_after_claim_at(uint64_t generation, uint64_t *frozen)
{
	struct cluster_row row = {.view = {.kind = ROW_RANGE, .key_len = RANGE_KEY_BYTES}};
	struct range_key key = {.generation = generation};
	struct ipam_net_info info;

	key.network = cluster_with_network(&c, 3, 1, 2, "10.1.0.0/24");
	assert_int_equal(prefix_parse("10.1.0.0/24", &key.range), 0);
	range_key_encode(&key, row.view.key);
	row.view.owner = c.nodes[2].id;
	row.view.epoch = 1;
	row.view.sequence = 99;
	cluster_crash(&c, 2);
	for (size_t i = 0; i < 2; i++)
		cluster_show(&c, i, &row);
	cluster_remove(&c, 0, 2);
	cluster_run(&c, 5000);
	assert_true(ipamdb_net(c.nodes[1].db, &key.network, &info));
	*frozen = info.frozen;
	return cluster_held(&c, 0, &key.network);
}

/* Nobody would believe whoever took it, and so the next one would take it as well. */
static void what_nothing_outranks_is_not_taken_back(void **state)
{
	uint64_t frozen;

	(void)state;
	assert_int_equal(held_after_claim_at(GENERATION_MAX, &frozen), 0);
	assert_int_equal(frozen, 256);
	cluster_close(&c);
	assert_int_equal(held_after_claim_at(GENERATION_MAX - 1, &frozen), 256);
	assert_int_equal(frozen, 0);
}

/* The version that node's closure promises, and the newest of its ranges. */
static uint64_t promised_version(size_t node, uint64_t *newest)
{
	struct rec_closure rec = {.sequence = 0};

	*newest = 0;
	for (size_t i = 0; i < c.nodes[node].disk.rows.count; i++) {
		const struct cluster_row *row = vec_at(&c.nodes[node].disk.rows, i);
		if (!id_eq(&row->view.owner, &c.nodes[node].id))
			continue;
		if (row->view.kind == ROW_RANGE && row->view.sequence > *newest)
			*newest = row->view.sequence;
		if (row->view.kind == FACT_CLOSURE)
			assert_int_equal(rec_closure_decode(row->bytes, row->view.value_len, &rec),
					 0);
	}
	return rec.sequence;
}

/* A newcomer with a lower id comes while the reclaim is on its way to disk: a closure that shows
 * the new view and does not count the reclaim would let the newcomer take the same space. */
static void nothing_is_closed_while_a_reclaim_is_on_its_way_to_disk(void **state)
{
	struct ipam_event event = {.kind = IPAM_EV_MEMBER, .present = true, .name = "new"};
	uint64_t promised, newest;
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 4, 1, 2, "10.1.0.0/24");
	memset(event.member.b + 1, 0x77, ID_BYTES - 1);
	cluster_crash(&c, 2);
	cluster_crash(&c, 3);
	cluster_remove(&c, 0, 2);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 0, &net), 0);
	c.nodes[0].hold_commits = true;
	cluster_start(&c, 3, true);
	cluster_sync(&c);
	cluster_run(&c, 5000); /* all have closed; the reclaim waits for the disk */
	for (size_t i = 0; i < 4; i++)
		cluster_step(&c, i, &event);
	cluster_run(&c, 5000);
	c.nodes[0].hold_commits = false;
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 0, &net), 256);
	promised = promised_version(0, &newest);
	assert_true(newest > 0);
	assert_int_equal(promised, newest);
}

/* Nothing else happens any more by which it would be noticed. */
static void a_network_that_is_heard_of_after_all_has_closed_is_taken_back(void **state)
{
	struct id net;

	(void)state;
	cluster_init(&c, 3, 1);
	c.cut[2][0] = c.cut[2][1] = true;
	net = cluster_network(&c, 2, "blue", "10.1.0.0/24");
	cluster_run(&c, 10);
	cluster_crash(&c, 2);
	cluster_remove(&c, 0, 2);
	cluster_run(&c, 30000);
	for (size_t i = 0; i < c.nodes[2].disk.rows.count; i++) {
		struct cluster_row *row = vec_at(&c.nodes[2].disk.rows, i);
		if (row->view.kind != FACT_NETWORK)
			continue;
		cluster_show(&c, 0, row);
		cluster_show(&c, 1, row);
	}
	cluster_run(&c, 10000);
	assert_int_equal(cluster_held(&c, 0, &net), 256);
}

/* A disk that went back may show as its own what it gave away. */
static void a_guarded_node_promises_nothing_before_it_has_met_a_member(void **state)
{
	struct ipam_event synced = {.kind = IPAM_EV_SYNCED};
	struct ipam_block block;
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 3, 1, 2, "10.1.0.0/24");
	c.guard = GUARD_ONE;
	cluster_crash(&c, 1);
	cluster_start(&c, 1, false);
	cluster_crash(&c, 2);
	cluster_remove(&c, 0, 2);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 0, &net), 0);
	assert_int_equal(ipamdb_blocks(c.nodes[0].db, NULL, &block, 1), 1);
	assert_true(id_eq(&block.member, &c.nodes[1].id));
	assert_int_equal(block.why, IPAM_BLOCK_SILENT);
	synced.member = c.nodes[0].id;
	cluster_step(&c, 1, &synced);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 0, &net), 256);
}

static void a_fenced_node_neither_promises_anything_nor_takes_back(void **state)
{
	struct ipam_event fence = {.kind = IPAM_EV_ACTIVE, .ok = false};
	struct ipam_event active = {.kind = IPAM_EV_ACTIVE, .ok = true};
	struct ipam_block block;
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 3, 1, 2, "10.1.0.0/24");
	cluster_step(&c, 0, &fence);
	cluster_crash(&c, 2);
	cluster_remove(&c, 1, 2);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 0, &net) + cluster_held(&c, 1, &net), 0);
	assert_int_equal(ipamdb_blocks(c.nodes[1].db, NULL, &block, 1), 1);
	assert_true(id_eq(&block.member, &c.nodes[0].id));
	cluster_step(&c, 0, &active);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 0, &net), 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(a_network_that_is_heard_of_after_all_has_closed_is_taken_back,
				      teardown),
	    cmocka_unit_test_teardown(a_guarded_node_promises_nothing_before_it_has_met_a_member,
				      teardown),
	    cmocka_unit_test_teardown(a_fenced_node_neither_promises_anything_nor_takes_back,
				      teardown),
	    cmocka_unit_test_teardown(a_reclaim_outranks_what_nobody_remembered_at_the_closing,
				      teardown),
	    cmocka_unit_test_teardown(what_nothing_outranks_is_not_taken_back, teardown),
	    cmocka_unit_test_teardown(nothing_is_closed_while_a_reclaim_is_on_its_way_to_disk,
				      teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
