/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/nets.c: networks that rows name before anybody knows them, if ever. */
#include "strange.h"
#include "ipamdb/author.h"
#include "ipamdb/closure.h"
#include "test/base/cmocka_all.h"

#define ROWS_MAX 65536 /* that one owner may have */

static struct cluster c;

static int teardown(void **state)
{
	(void)state;
	cluster_close(&c);
	return 0;
}

/* A row of node 2's about network i of those that nobody ever made. */
static struct cluster_row row_of(uint16_t kind, uint32_t i, uint64_t generation, bool deleted)
{
	struct rec_attachment attachment = {.mtu_bytes = 1450, .free_log2 = 1};
	struct range_key key = {.network = strange_id(i), .generation = generation};
	struct cluster_row row;

	assert_int_equal(prefix_parse("10.9.0.0/25", &key.range), 0);
	row = strange_row(&c, kind, &key, 0, deleted);
	if (kind == ROW_ATTACHMENT) {
		row.view.key_len = ID_BYTES;
		row.view.value_len =
		    (size_t)rec_attachment_encode(&attachment, row.bytes, sizeof(row.bytes));
	}
	return row;
}

/* Node 1 sees it. */
static void show(uint16_t kind, uint32_t i, bool deleted)
{
	struct cluster_row row = row_of(kind, i, 1, deleted);

	cluster_show(&c, 1, &row);
}

/* It is in the tables of node 1 as well. */
static void show_kept(uint16_t kind, uint32_t i, uint64_t generation, bool deleted)
{
	struct cluster_row row = row_of(kind, i, generation, deleted);

	assert_true(cluster_disk_put(&c.nodes[1].disk, &row));
	cluster_show(&c, 1, &row);
}

/* Node 1 sees it. */
static void show_fact(uint16_t kind, uint32_t i)
{
	strange_fact(&c, 1, kind, i, "10.9.0.0/24");
}

static const struct net *net_seen(uint32_t i)
{
	return strange_net(&c, i);
}

static const struct author *author_seen(size_t node)
{
	return map_find(&c.nodes[1].db->authors, &c.nodes[node].id);
}

static size_t count_claims(void)
{
	const struct ipamdb *db = c.nodes[1].db;
	size_t sum = 0;

	for (size_t i = 0; i < db->nets.count; i++)
		sum += net_at(db, i)->claims.count;
	return sum;
}

static void networks_that_were_made_up_hinder_none_that_was_made(void **state)
{
	struct id first = cluster_with_network(&c, 3, 1, 1, "10.1.0.0/24");
	const struct ipamdb *db = c.nodes[1].db;
	const struct ipam_answer *answer;
	struct id late;
	uint64_t tag;

	(void)state;
	(void)first;
	cluster_crash(&c, 2);
	for (uint32_t i = 0; i < ROWS_MAX + 100; i++)
		show(ROW_RANGE, i, false);
	assert_int_equal(db->nets.count, STRANGE_NETS_MAX + 1);
	assert_int_equal(db->tended.count, 1);
	late = cluster_network(&c, 1, "green", "10.2.0.0/24");
	cluster_run(&c, 2000);
	tag = cluster_lease(&c, 1, &late, NULL);
	cluster_run(&c, 1000);
	answer = cluster_answer(&c, tag);
	assert_non_null(answer);
	assert_int_equal(answer->err.code, 0);
	assert_int_equal(db->tended.count, 2);
}

/* Whoever named a network first answers for it no more when its fact comes. */
static void a_fact_after_the_rows_makes_the_network_known(void **state)
{
	const struct net *net;

	(void)state;
	(void)strange_begin(&c);
	show(ROW_RANGE, 7, false);
	assert_non_null(author_seen(2));
	show_fact(FACT_NETWORK, 7);
	net = net_seen(7);
	assert_non_null(net);
	assert_true(net->known && net->tended);
	assert_null(author_seen(2));
	assert_int_equal(net->claims.count, 2); /* the row, and who made it */
	assert_non_null(net_pool((struct net *)(uintptr_t)net, net->pools[0].subnet.lo));
	ipamdb_check(c.nodes[1].db);
}

static void fill_with_networks(void)
{
	for (uint32_t i = 1000; i < 1000 + STRANGE_NETS_MAX; i++)
		show_kept(ROW_ATTACHMENT, i, 1, false);
}

static void rows_beyond_the_cap_are_read_again_when_the_fact_comes(void **state)
{
	const struct ipamdb *db = strange_begin(&c);
	const struct net *net;

	(void)state;
	fill_with_networks();
	show_kept(ROW_RANGE, 7, 3, false);
	show_kept(ROW_RANGE, 7, 2, true);
	show_kept(ROW_GRANT, 7, 4, false);
	show_kept(ROW_GRANT, 7, 5, true);
	show_kept(ROW_ATTACHMENT, 7, 1, false);
	assert_null(net_seen(7));
	show_fact(FACT_NETWORK, 7);
	net = net_seen(7);
	assert_non_null(net);
	assert_int_equal(net->claims.count,
			 4); /* who made it, and those that are no deleted grant */
	assert_int_equal(net->ended_claims, 2);
	assert_int_equal(net->attached.count, 1);
	assert_false(net->unread || db->unread);
	assert_int_equal(db->nets.count, STRANGE_NETS_MAX + 2);
	ipamdb_check(c.nodes[1].db);
}

/* Each reading takes all rows of whoever had some passed over, who may make many networks. */
static void so_they_are_ten_times_a_second_at_most(void **state)
{
	const struct ipamdb *db = strange_begin(&c);

	(void)state;
	fill_with_networks();
	show_kept(ROW_RANGE, 6, 3, false);
	show_kept(ROW_RANGE, 7, 3, false);
	show_fact(FACT_NETWORK, 6);
	assert_int_equal(net_seen(6)->claims.count, 2);
	show_fact(FACT_NETWORK, 7);
	assert_int_equal(net_seen(7)->claims.count, 1);
	assert_true(net_seen(7)->unread && db->unread);
	assert_true(mono_diff_ms(ipamdb_deadline(c.nodes[1].db), db->now) <= 101);
	cluster_run(&c, 150);
	assert_int_equal(net_seen(7)->claims.count, 2);
	assert_false(net_seen(7)->unread || db->unread);
	ipamdb_check(c.nodes[1].db);
}

/* The same with one network in which he claims too much. */
static void claims_beyond_the_cap_are_read_again_as_well(void **state)
{
	const struct net *net;
	size_t more = 10;

	(void)state;
	(void)strange_begin(&c);
	for (uint64_t g = 1; g <= STRANGE_CLAIMS_MAX; g++)
		show_kept(ROW_RANGE, 8, g, g % 2 == 0);
	for (uint64_t g = 1; g <= more; g++)
		show_kept(ROW_RANGE, 7, g, g % 2 == 0);
	assert_null(net_seen(7));
	assert_int_equal(net_seen(8)->claims.count, STRANGE_CLAIMS_MAX);
	show_fact(FACT_NETWORK, 7);
	net = net_seen(7);
	assert_non_null(net);
	assert_int_equal(net->claims.count, more + 1);
	show_fact(FACT_NETWORK, 8);
	assert_int_equal(net_seen(8)->claims.count, STRANGE_CLAIMS_MAX + 1);
	assert_int_equal(author_seen(2)->strange, 0);
	ipamdb_check(c.nodes[1].db);
}

/* Nor does this node close without what it has not taken in. */
static void what_was_passed_over_counts_for_a_closure(void **state)
{
	struct ipamdb *db;

	(void)state;
	(void)strange_begin(&c);
	db = c.nodes[1].db;
	fill_with_networks();
	show_kept(ROW_RANGE, 7, 77, false);
	assert_int_equal(closure_top(db), 0);
	cluster_remove(&c, 1, 2);
	assert_int_equal(closure_top(db), 77);
}

static void ended_ranges_in_made_up_networks_are_few(void **state)
{
	const struct ipamdb *db = strange_begin(&c);
	size_t before = count_claims();

	(void)state;
	for (uint32_t i = 0; i < 200; i++) {
		for (uint64_t g = 1; g <= 500; g++) {
			struct cluster_row row = row_of(ROW_RANGE, i, g, true);
			cluster_show(&c, 1, &row);
		}
	}
	assert_in_range(count_claims() - before, 1, STRANGE_CLAIMS_MAX);
	for (uint32_t i = 0; i < 3000; i++) {
		for (uint64_t g = 1; g <= 10; g++) {
			struct cluster_row row = row_of(ROW_RANGE, i, g, false);
			cluster_show(&c, 1, &row);
			row.view.deleted = true;
			cluster_show(&c, 1, &row);
		}
	}
	assert_in_range(count_claims() - before, 1, STRANGE_CLAIMS_MAX);
	assert_in_range(db->nets.count, 1, STRANGE_NETS_MAX + 1);
	ipamdb_check(c.nodes[1].db);
}

static void what_a_removed_one_made_up_is_given_back(void **state)
{
	const struct ipamdb *db = strange_begin(&c);
	const struct net *net;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		show_kept(ROW_RANGE, i, 1, i % 2 == 0);
		show_kept(ROW_GRANT, i, 2, false);
		show_kept(ROW_ATTACHMENT, i, 1, false);
	}
	assert_int_equal(db->nets.count, 101);
	cluster_remove(&c, 1, 2);
	assert_int_equal(db->nets.count, 1);
	show_kept(ROW_RANGE, 100, 1, false);
	assert_int_equal(db->nets.count, 1);
	/* Where one of them is made after all, what he wrote counts as ever. */
	show_fact(FACT_NETWORK, 7);
	net = net_seen(7);
	assert_int_equal(net->claims.count, 3);
	for (size_t i = 0; i < net->claims.count; i++) {
		const struct claim *claim = vec_at(&net->claims, i);
		assert_int_equal(claim->is_void, claim->is_grant);
	}
	ipamdb_check(c.nodes[1].db);
}

static void ends_of_networks_that_never_were_cost_next_to_nothing(void **state)
{
	const struct ipamdb *db = strange_begin(&c);

	(void)state;
	show(ROW_RANGE, 3, false);
	for (uint32_t i = 0; i < 20000; i++)
		show_fact(FACT_NETWORK_END, i);
	assert_int_equal(db->nets.count, 1);
	assert_int_equal(db->tended.count, 1);
	assert_null(author_seen(2));
	/* What comes after the end is of no use. */
	show(ROW_RANGE, 3, false);
	show_fact(FACT_NETWORK, 3);
	assert_int_equal(db->nets.count, 1);
	assert_false(db->passed_over);
	ipamdb_check(c.nodes[1].db);
}

/* It is tended while something of this node's own is left there, and not any longer. */
static void a_network_that_ended_is_tended_to_its_last_lease(void **state)
{
	struct id id = cluster_with_network(&c, 3, 1, 1, "10.1.0.0/24");
	const struct ipamdb *db = c.nodes[1].db;
	struct lease lease = cluster_leased(&c, 1, &id);
	const struct net *net = net_find(db, &id);

	(void)state;
	cluster_leased(&c, 0, &id);
	cluster_network_end(&c, 1, &id);
	cluster_run(&c, 20000);
	assert_int_equal(db->tended.count, 1);
	assert_true(net->ended && net->tended);
	cluster_release(&c, 1, &id, &lease);
	cluster_run(&c, 100000);
	cluster_sync(&c); /* chores */
	cluster_run(&c, 100);
	assert_int_equal(db->tended.count, 0);
	assert_int_equal(net->claims.count, 0);
	assert_int_equal(db->authors.count, 0);
	cluster_crash(&c, 1);
	cluster_start(&c, 1, true);
	cluster_run(&c, 20000);
	assert_int_equal(c.nodes[1].db->tended.count, 0);
}

static void what_nothing_speaks_of_any_more_is_given_back(void **state)
{
	static const uint16_t kinds[] = {ROW_GRANT, ROW_ATTACHMENT};
	const struct ipamdb *db;

	(void)state;
	(void)cluster_with_network(&c, 3, 1, 1, "10.1.0.0/24");
	cluster_crash(&c, 2);
	db = c.nodes[1].db;
	for (size_t k = 0; k < 2; k++) {
		for (uint32_t i = 0; i < 100; i++)
			show(kinds[k], i, false);
		assert_int_equal(db->nets.count, 101);
		for (uint32_t i = 0; i < 100; i++)
			show(kinds[k], i, true);
		assert_int_equal(db->nets.count, 1);
		assert_int_equal(db->authors.count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(networks_that_were_made_up_hinder_none_that_was_made,
				      teardown),
	    cmocka_unit_test_teardown(a_fact_after_the_rows_makes_the_network_known, teardown),
	    cmocka_unit_test_teardown(rows_beyond_the_cap_are_read_again_when_the_fact_comes,
				      teardown),
	    cmocka_unit_test_teardown(claims_beyond_the_cap_are_read_again_as_well, teardown),
	    cmocka_unit_test_teardown(so_they_are_ten_times_a_second_at_most, teardown),
	    cmocka_unit_test_teardown(what_was_passed_over_counts_for_a_closure, teardown),
	    cmocka_unit_test_teardown(ended_ranges_in_made_up_networks_are_few, teardown),
	    cmocka_unit_test_teardown(what_a_removed_one_made_up_is_given_back, teardown),
	    cmocka_unit_test_teardown(ends_of_networks_that_never_were_cost_next_to_nothing,
				      teardown),
	    cmocka_unit_test_teardown(a_network_that_ended_is_tended_to_its_last_lease, teardown),
	    cmocka_unit_test_teardown(what_nothing_speaks_of_any_more_is_given_back, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
