/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/tidy.c. */
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

static void release_and_wait(size_t node, const struct id *net, const struct lease *lease,
			     int64_t ms)
{
	cluster_release(&c, node, net, lease);
	cluster_run(&c, ms);
}

static struct lease leased_by_name(size_t node, const struct id *net, const char *addr)
{
	uint64_t tag = cluster_lease(&c, node, net, addr);

	cluster_run(&c, 50);
	assert_non_null(cluster_answer(&c, tag));
	assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
	return cluster_answer(&c, tag)->leases[0];
}

static void an_idle_single_address_goes_back_and_the_rows_merge_again(void **state)
{
	struct id net;
	struct lease lease;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	lease = leased_by_name(1, &net, "10.1.0.50");
	assert_int_equal(cluster_held(&c, 1, &net), 1);
	release_and_wait(1, &net, &lease, 180000);
	assert_int_equal(cluster_held(&c, 0, &net), 256);
	assert_int_equal(cluster_own_rows(&c, 0), 1);
	assert_int_equal(cluster_own_rows(&c, 1), 0);
}

static void a_single_address_in_use_stays(void **state)
{
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	leased_by_name(1, &net, "10.1.0.50");
	cluster_run(&c, 300000);
	assert_int_equal(cluster_held(&c, 1, &net), 1);
}

static void a_thousand_named_leases_leave_a_small_table(void **state)
{
	struct id net;
	char addr[INET_TEXT_BYTES];

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	for (int round = 0; round < 5; round++) {
		struct lease leases[40];
		for (int i = 0; i < 40; i++) {
			struct inet ip = inet_from_v4(0x0a010000u + 20u + (uint32_t)i * 5u);
			inet_format(&ip, addr);
			leases[i] = leased_by_name(1, &net, addr);
		}
		for (int i = 0; i < 40; i++)
			release_and_wait(1, &net, &leases[i], 10);
		cluster_run(&c, 400000);
		assert_int_equal(cluster_own_rows(&c, 0), 1);
		assert_int_equal(cluster_own_rows(&c, 1), 0);
	}
}

static void a_grant_row_stays_while_a_range_of_ours_lies_under_it(void **state)
{
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	cluster_leased(&c, 1, &net);
	cluster_run(&c, 20000);
	/* The own rows alone must say what is ours: a restart that knows nobody else's rows. */
	cluster_crash(&c, 1);
	cluster_crash(&c, 0);
	cluster_start(&c, 0, true);
	assert_int_equal(cluster_held(&c, 0, &net), 192);
	cluster_run(&c, 20000);
	assert_int_equal(cluster_held(&c, 0, &net), 192);
}

static uint64_t conflicts(size_t node, const struct id *net)
{
	struct ipam_net_info info;

	assert_true(ipamdb_net(c.nodes[node].db, net, &info));
	return info.conflicts;
}

/* Wherever in the life of a range that came back the disk is slow: a grant that is made while the
 * rows of the merge are under way has a generation above theirs. */
static void a_grant_while_rows_merge_is_above_them(void **state)
{
	(void)state;
	for (int64_t ms = 29000; ms <= 36000; ms += 500) {
		struct lease lease;
		struct id net;

		net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
		lease = leased_by_name(1, &net, "10.1.0.50");
		release_and_wait(1, &net, &lease, 60000 + ms);
		c.nodes[0].hold_commits = true;
		cluster_run(&c, 2500);
		cluster_lease(&c, 1, &net, "10.1.0.50");
		cluster_run(&c, 100);
		c.nodes[0].hold_commits = false;
		cluster_run(&c, 10000);
		assert_int_equal(conflicts(0, &net), 0);
		assert_int_equal(conflicts(1, &net), 0);
		cluster_close(&c);
	}
	cluster_init(&c, 1, 1); /* for the teardown */
}

static void the_rows_of_a_removed_network_are_collected(void **state)
{
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	leased_by_name(1, &net, "10.1.0.50");
	cluster_network_end(&c, 0, &net);
	cluster_run(&c, 20000);
	assert_int_equal(cluster_own_rows(&c, 0), 0);
	assert_int_equal(cluster_own_rows(&c, 1), 0);
}

/* The range with which the network began, and what outranks a part of it, on node 0's disk. */
static bool has_collected(const struct id *other, bool *is_kept)
{
	bool collected = false;

	*is_kept = false;
	for (size_t i = 0; i < c.nodes[0].disk.rows.count; i++) {
		const struct cluster_row *row = vec_at(&c.nodes[0].disk.rows, i);
		if (row->view.kind != ROW_RANGE)
			continue;
		if (id_eq(&row->view.owner, other))
			*is_kept = row->is_kept;
		else if (row->view.deleted)
			collected = true;
	}
	return collected;
}

/* Should their authors be gone for good, this node still knows who came after it. */
static void what_a_collected_row_relies_upon_is_on_the_disk_before(void **state)
{
	struct id net;
	bool is_kept = false;

	(void)state;
	net = cluster_with_network(&c, 4, 1, 0, "10.1.0.0/24");
	cluster_attachment(&c, 0, &net, 9); /* the others ask it first */
	cluster_run(&c, 10);
	for (size_t i = 1; i < 4; i++)
		cluster_leased(&c, i, &net);
	for (int ms = 0; ms < 20000 && !has_collected(&c.nodes[1].id, &is_kept); ms++)
		cluster_run(&c, 1);
	assert_true(has_collected(&c.nodes[1].id, &is_kept));
	assert_true(is_kept);
}

static uint64_t top_generation(size_t node, const struct id *net)
{
	struct ipam_ring_info part;
	uint64_t top = 0;

	for (size_t at = 0; ipamdb_ring_next(c.nodes[node].db, net, &at, &part);)
		top = part.generation > top ? part.generation : top;
	return top;
}

/* Else it would be granted to this node itself, again and again while the rest lasts. */
static void a_single_address_beside_own_space_that_rests_stays(void **state)
{
	struct lease leases[2];
	uint64_t before;
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/29");
	leases[0] = leased_by_name(0, &net, "10.1.0.2");
	leases[1] = leased_by_name(0, &net, "10.1.0.4");
	cluster_release(&c, 0, &net, &leases[0]);
	cluster_release(&c, 0, &net, &leases[1]);
	cluster_run(&c, 10);
	cluster_hand_over(&c, 0); /* .2 and .4 rest at the other, .3 lies between them */
	cluster_run(&c, 5000);
	assert_int_equal(cluster_held(&c, 1, &net), 8);
	before = top_generation(1, &net);
	cluster_run(&c, 50000);
	assert_int_equal(cluster_held(&c, 1, &net), 8);
	assert_int_equal(top_generation(1, &net), before);
}

/* A range of this author in the network at this generation. */
static struct cluster_row range_row(size_t author, const struct id *net, const char *range,
				    uint64_t generation)
{
	struct cluster_row row = {.view = {.kind = ROW_RANGE, .key_len = RANGE_KEY_BYTES}};
	struct range_key key = {.network = *net, .generation = generation};

	assert_int_equal(prefix_parse(range, &key.range), 0);
	range_key_encode(&key, row.view.key);
	row.view.owner = c.nodes[author].id;
	row.view.epoch = 1;
	row.view.sequence = ++c.nodes[author].disk.row_sequence;
	row.view.value_len = 1;
	row.bytes[0] = 0xc0;
	return row;
}

/* What one of the two halves says of a clash is not said of the other, though both have one holder
 * and one generation. */
static void rows_under_a_range_beside_a_clash_are_collected(void **state)
{
	static const char *const ranges[] = {"10.1.0.0/25", "10.1.0.128/25", "10.1.0.0/26",
					     "10.1.0.64/26"};
	struct cluster_row row;
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	assert_true(id_cmp(&c.nodes[0].id, &c.nodes[1].id) < 0); /* it stays the holder */
	cluster_crash(&c, 0);
	for (size_t i = 0; i < 4; i++) {
		row = range_row(0, &net, ranges[i], i < 2 ? 5 : 3);
		vec_push(&c.nodes[0].disk.rows, &row);
	}
	cluster_start(&c, 0, true);
	row = range_row(1, &net, "10.1.0.128/25", 5);
	cluster_show(&c, 0, &row);
	assert_int_equal(cluster_held(&c, 0, &net), 128);
	assert_int_equal(conflicts(0, &net), 128);
	assert_int_equal(cluster_own_rows(&c, 0), 5);
	cluster_run(&c, 20000);
	assert_int_equal(cluster_held(&c, 0, &net), 128);
	assert_int_equal(conflicts(0, &net), 128);
	/* The halves, and what lies under the clash. */
	assert_int_equal(cluster_own_rows(&c, 0), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(what_a_collected_row_relies_upon_is_on_the_disk_before,
				      teardown),
	    cmocka_unit_test_teardown(an_idle_single_address_goes_back_and_the_rows_merge_again,
				      teardown),
	    cmocka_unit_test_teardown(a_single_address_in_use_stays, teardown),
	    cmocka_unit_test_teardown(a_thousand_named_leases_leave_a_small_table, teardown),
	    cmocka_unit_test_teardown(a_grant_row_stays_while_a_range_of_ours_lies_under_it,
				      teardown),
	    cmocka_unit_test_teardown(a_grant_while_rows_merge_is_above_them, teardown),
	    cmocka_unit_test_teardown(rows_under_a_range_beside_a_clash_are_collected, teardown),
	    cmocka_unit_test_teardown(the_rows_of_a_removed_network_are_collected, teardown),
	    cmocka_unit_test_teardown(a_single_address_beside_own_space_that_rests_stays, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
