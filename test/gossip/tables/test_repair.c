/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "tables_net.h"

#include <string.h>

#include "test/base/cmocka_all.h"

TNET_ADMISSION

static const struct id tnet_a = {{0xaa}};

/* Rows and facts by everybody, some of them written again and some deleted. */
static void write_much(struct tnet *net, uint32_t count, uint32_t from)
{
	for (uint32_t i = 0; i < count; i++) {
		size_t writer = 1 + i % net->count;
		uint32_t key = from + (uint32_t)rng_below(&net->rng, count);
		if (i % 5 == 0)
			assert_int_equal(tnet_put(net, writer, FACT_NETWORK, NULL, key, "f"), 0);
		else if (i % 7 == 0)
			assert_int_equal(tnet_delete(net, writer, ROW_RANGE, NULL, key), 0);
		else
			assert_int_equal(tnet_put(net, writer, ROW_RANGE, NULL, key, "r"), 0);
		tnet_run(net, 2);
	}
}

static void everything_told_under_loss_is_equal_in_the_end(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 8; seed++) {
		struct tnet net;
		tnet_open(&net, 5, seed);
		net.loss_percent = 25;
		net.delay_ns_max = 5 * NS_PER_MS;
		write_much(&net, 300, 0);
		assert_in_range(tnet_run_until_equal(&net, 20000), 1, 20000);
		tnet_close(&net);
	}
}

static void a_partition_heals(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 5, 3);
	for (size_t a = 1; a <= 2; a++) {
		for (size_t b = 3; b <= 5; b++)
			tnet_cut(&net, a, b, true);
	}
	write_much(&net, 1500, 0);
	assert_false(tnet_is_equal(&net));
	for (size_t a = 1; a <= 2; a++) {
		for (size_t b = 3; b <= 5; b++)
			tnet_cut(&net, a, b, false);
	}
	assert_in_range(tnet_run_until_equal(&net, 10000), 1, 10000);
	tnet_close(&net);
}

static void a_newcomer_gets_everything_at_once_when_it_asks(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 3, 4);
	tnet_cut(&net, 1, 3, true);
	tnet_cut(&net, 2, 3, true);
	write_much(&net, 3000, 0);
	tnet_run(&net, 2000);
	tnet_cut(&net, 1, 3, false);
	tnet_sync(&net, 3, 1);
	tnet_run(&net, 300);
	assert_true(tables_hash(tnet_node(&net, 3)->tables) ==
		    tables_hash(tnet_node(&net, 1)->tables));
	assert_int_equal(tnet_node(&net, 3)->synced, 1);
	tnet_close(&net);
}

static void a_sync_survives_loss(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct tnet net;
		tnet_open(&net, 2, seed);
		tnet_cut(&net, 1, 2, true);
		write_much(&net, 600, 0);
		tnet_cut(&net, 1, 2, false);
		net.loss_percent = 25;
		tnet_sync(&net, 2, 1);
		assert_in_range(tnet_run_until_equal(&net, 20000), 1, 20000);
		tnet_run(&net, 10000);
		assert_true(tnet_node(&net, 2)->synced >= 1);
		tnet_close(&net);
	}
}

static void the_first_sync_with_each_member_is_told_though_nothing_differs(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 4, 11);
	tnet_run(&net, 600000);
	for (size_t number = 1; number <= 4; number++)
		assert_int_equal(tnet_node(&net, number)->synced, 3);
	tnet_close(&net);
}

static void who_waits_for_all_has_met_each_in_bounded_time(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 12, 12);
	repair_meet(tnet_node(&net, 1)->tables, true);
	tnet_run(&net, 11 * MEET_MS);
	assert_int_equal(tnet_node(&net, 1)->synced, 11);
	assert_in_range(tnet_node(&net, 2)->synced, 0, 3); /* nobody else hurries */
	tnet_close(&net);
}

/* Each of them takes a third of its time-outs away from the others. */
static void who_does_not_answer_does_not_keep_the_others_from_being_met(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 12, 13);
	for (size_t number = 2; number <= 8; number++)
		tnet_cut(&net, 1, number, true);
	repair_meet(tnet_node(&net, 1)->tables, true);
	tnet_run(&net, 4 * MEET_MS + 7 * 280);
	assert_int_equal(tnet_node(&net, 1)->synced, 4);
	for (size_t number = 2; number <= 8; number++)
		tnet_cut(&net, 1, number, false);
	tnet_run(&net, 1000 + 7 * MEET_MS); /* those under way wait for a time-out of theirs */
	assert_int_equal(tnet_node(&net, 1)->synced, 11);
	tnet_close(&net);
}

static void who_waits_no_longer_compares_as_everybody_does(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 12, 14);
	repair_meet(tnet_node(&net, 1)->tables, true);
	tnet_run(&net, 2 * MEET_MS);
	repair_meet(tnet_node(&net, 1)->tables, false);
	tnet_run(&net, 9 * MEET_MS);
	assert_in_range(tnet_node(&net, 1)->synced, 2, 6);
	tnet_close(&net);
}

static void an_idle_node_sends_little(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 10, 5);
	write_much(&net, 100, 0);
	tnet_run(&net, 60000);
	assert_true(tnet_is_equal(&net));
	net.bytes = 0;
	tnet_run(&net, 600000);
	/* A node's share of the idle budget, headers included. */
	assert_in_range(net.bytes / 10 / 600, 1, 40);
	/* And it knows that it is current. */
	for (size_t i = 1; i <= 10; i++) {
		struct mono at;
		struct id with;

		assert_true(tables_synced(tnet_node(&net, i)->tables, &with, &at));
		assert_false(id_eq(&with, &tnet_node(&net, i)->kit.core.self.id));
		assert_in_range(mono_diff_ms(net.now, at), 0, 20000);
	}
	tnet_close(&net);
}

static void nodes_that_start_together_wait_for_one_that_knows(void **state)
{
	(void)state;
	for (int heals = 0; heals <= 1; heals++) {
		struct tnet net;
		tnet_open(&net, 3, 6);
		tnet_run(&net, 6000);
		tnet_restart(&net, 1);
		tnet_restart(&net, 2);
		tnet_cut(&net, 1, 3, true);
		tnet_cut(&net, 2, 3, true);
		tnet_sync(&net, 1, 2);
		tnet_run(&net, 1000);
		assert_in_range(tnet_node(&net, 1)->synced, 1, 10);
		assert_false(tables_is_whole(tnet_node(&net, 1)->tables));
		if (heals) {
			tnet_cut(&net, 1, 3, false);
			tnet_sync(&net, 1, 3);
		}
		tnet_run(&net, heals ? 200 : 4500);
		assert_true(tables_is_whole(tnet_node(&net, 1)->tables));
		tnet_close(&net);
	}
}

static void a_restarted_node_catches_up(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 3, 6);
	write_much(&net, 300, 0);
	tnet_run(&net, 3000);
	tnet_restart(&net, 3); /* before its first snapshot: own rows and facts are all it has */
	assert_true(tnet_node(&net, 3)->tables->replica.fact_count > 0);
	assert_false(tnet_is_equal(&net));
	tnet_sync(&net, 3, 2);
	assert_in_range(tnet_run_until_equal(&net, 300), 1, 300);
	tnet_close(&net);
}

static void a_network_among_many_nodes_is_repaired(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 12, 7);
	tnet_attach(&net, 1, &tnet_a);
	tnet_attach(&net, 2, &tnet_a);
	tnet_run(&net, 2000);
	tnet_cut(&net, 1, 2, true);
	assert_int_equal(tnet_put(&net, 1, ROW_ENDPOINT, &tnet_a, 1, "e"), 0);
	tnet_run(&net, 2000); /* the fast path has given up */
	assert_false(tnet_has(&net, 2, 1, &tnet_a, ROW_ENDPOINT, 1, NULL));
	tnet_cut(&net, 1, 2, false);
	tnet_run(&net, 12000);
	assert_true(tnet_has(&net, 2, 1, &tnet_a, ROW_ENDPOINT, 1, "e"));
	tnet_close(&net);
}

static void a_peer_that_does_not_answer_is_given_up(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 8);
	tnet_cut(&net, 1, 2, true);
	assert_int_equal(tnet_node(&net, 1)->kit.members.doubted.count, 0);
	tnet_sync(&net, 1, 2);
	tnet_run(&net, 200);
	assert_int_equal(tnet_node(&net, 1)->kit.members.doubted.count, 1);
	tnet_run(&net, 30000);
	assert_int_equal(tnet_node(&net, 1)->synced, 0);
	assert_true(tnet_node(&net, 1)->tables->counts.unsynced > 0);
	tnet_cut(&net, 1, 2, false);
	tnet_run(&net, 20000);
	assert_true(tnet_node(&net, 1)->synced > 0);
	tnet_close(&net);
}

/* While the two are cut off from each other, each receives half of so many rows by one author, of
 * whom it takes no more; then they meet and become equal. */
static void fill_apart(struct tnet *net, struct row_view *row, uint32_t count, bool numbered)
{
	uint8_t bytes[ROW_BYTES_MAX];

	tnet_cut(net, 1, 2, true);
	for (uint32_t i = 1; i <= count; i++) {
		tnet_key(row, i);
		if (numbered)
			row->sequence = i;
		tnet_receive(net, i <= count / 2 ? 1 : 2, 1, bytes, tnet_sign(row, bytes));
	}
	tnet_run(net, 2000);
	tnet_cut(net, 1, 2, false);
	assert_in_range(tnet_run_until_equal(net, 20000), 1, 20000);
}

/* Nobody asks for what nobody can give: in a minute so many datagrams pass at most. */
static void stays_quiet(struct tnet *net, size_t datagrams)
{
	size_t before;

	tnet_run(net, 20000);
	before = net->datagrams;
	tnet_run(net, 60000);
	assert_in_range(net->datagrams - before, 1, datagrams);
}

static void a_capped_owner_does_not_keep_two_nodes_busy(void **state)
{
	struct row_view row = {.kind = ROW_RANGE, .owner = id_numbered(9), .epoch = 2};
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 9);
	tnet_node(&net, 1)->kit.core.limits.rows_topic0_per_owner = 10;
	tnet_node(&net, 2)->kit.core.limits.rows_topic0_per_owner = 10;
	fill_apart(&net, &row, 20, true);
	stays_quiet(&net, 60);
	tnet_close(&net);
}

static void a_gone_owner_who_signed_a_version_twice_does_not_keep_nodes_busy(void **state)
{
	struct row_view row = {
	    .kind = ROW_RANGE, .owner = id_numbered(9), .epoch = 2, .sequence = 1};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet net;

	(void)state;
	tnet_open(&net, 3, 9);
	for (size_t a = 1; a <= 3; a++) {
		tnet_cut(&net, a, a % 3 + 1, true);
		tables_freeze(tnet_node(&net, a)->tables, &row.owner);
	}
	for (uint32_t i = 1; i <= 3; i++) {
		tnet_key(&row, i);
		tnet_receive(&net, i, i, bytes, tnet_sign(&row, bytes));
	}
	tnet_run(&net, 2000);
	for (size_t a = 1; a <= 3; a++)
		tnet_cut(&net, a, a % 3 + 1, false);
	/* Nobody who holds one of the three takes another: they show each other why. */
	assert_false(tnet_is_equal(&net));
	assert_in_range(tnet_run_until_equal(&net, 30000), 1, 30000);
	stays_quiet(&net, 90);
	tnet_close(&net);
}

static void an_author_over_its_cap_of_facts_does_not_keep_two_nodes_busy(void **state)
{
	struct row_view row = {.kind = FACT_NETWORK, .owner = id_numbered(9), .sequence = 1};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 10);
	tnet_node(&net, 1)->kit.core.limits.facts_per_author = 10;
	tnet_node(&net, 2)->kit.core.limits.facts_per_author = 10;
	fill_apart(&net, &row, 20, false);
	stays_quiet(&net, 60);
	/* Others' facts are compared as ever. */
	row.owner = id_numbered(8);
	tnet_key(&row, 99);
	tnet_cut(&net, 1, 2, true);
	tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes));
	tnet_run(&net, 5000);
	tnet_cut(&net, 1, 2, false);
	assert_in_range(tnet_run_until_equal(&net, 20000), 1, 20000);
	assert_true(tnet_has(&net, 2, 0, NULL, FACT_NETWORK, 99, NULL));
	tnet_close(&net);
}

static void the_same_seed_sends_the_same_datagrams(void **state)
{
	size_t datagrams[2], bytes[2];

	(void)state;
	for (int run = 0; run < 2; run++) {
		struct tnet net;
		tnet_open(&net, 4, 77);
		net.loss_percent = 10;
		write_much(&net, 200, 0);
		tnet_run(&net, 5000);
		datagrams[run] = net.datagrams;
		bytes[run] = net.bytes;
		tnet_close(&net);
	}
	assert_int_equal(datagrams[0], datagrams[1]);
	assert_int_equal(bytes[0], bytes[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everything_told_under_loss_is_equal_in_the_end),
	    cmocka_unit_test(a_partition_heals),
	    cmocka_unit_test(a_newcomer_gets_everything_at_once_when_it_asks),
	    cmocka_unit_test(a_sync_survives_loss),
	    cmocka_unit_test(the_first_sync_with_each_member_is_told_though_nothing_differs),
	    cmocka_unit_test(who_waits_for_all_has_met_each_in_bounded_time),
	    cmocka_unit_test(who_does_not_answer_does_not_keep_the_others_from_being_met),
	    cmocka_unit_test(who_waits_no_longer_compares_as_everybody_does),
	    cmocka_unit_test(an_idle_node_sends_little),
	    cmocka_unit_test(nodes_that_start_together_wait_for_one_that_knows),
	    cmocka_unit_test(a_restarted_node_catches_up),
	    cmocka_unit_test(a_network_among_many_nodes_is_repaired),
	    cmocka_unit_test(a_peer_that_does_not_answer_is_given_up),
	    cmocka_unit_test(a_capped_owner_does_not_keep_two_nodes_busy),
	    cmocka_unit_test(a_gone_owner_who_signed_a_version_twice_does_not_keep_nodes_busy),
	    cmocka_unit_test(an_author_over_its_cap_of_facts_does_not_keep_two_nodes_busy),
	    cmocka_unit_test(the_same_seed_sends_the_same_datagrams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
