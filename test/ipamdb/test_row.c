/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/row.c: very many rows that came before the network that they speak of, of which
 * all but STRANGE_CLAIMS_MAX were passed over, are read in portions when it is made. */
#include <string.h>

#include "strange.h"
#include "ipamdb/author.h"
#include "ipamdb/claim.h"
#include "ipamdb/closure.h"
#include "test/base/cmocka_all.h"

#define MANY ((uint32_t)(4 * READING_PORTION))

static struct cluster c;

static int teardown(void **state)
{
	(void)state;
	cluster_close(&c);
	return 0;
}

/* A row of node 2's about an address of network 0x77, one of every two. */
static struct cluster_row row_at(uint16_t kind, uint32_t at, uint64_t generation, bool deleted)
{
	struct range_key key = {.network = strange_id(0x77), .generation = generation};

	key.range.ip = inet_from_v4(0x0a090000U + 2 * at);
	key.range.bits = 128;
	return strange_row(&c, kind, &key, 1, deleted);
}

/* So many are in the tables of node 1, and no more than it may know without the network here. */
static void write_many(bool is_falling)
{
	for (uint32_t i = 0; i < MANY; i++) {
		struct cluster_row row = row_at(ROW_RANGE, is_falling ? MANY - 1 - i : i, 3, false);

		vec_push(&c.nodes[1].disk.rows, &row);
		if (i < STRANGE_CLAIMS_MAX + 10)
			cluster_show(&c, 1, &row);
	}
}

/* Some to node 1, the newest: they are read first. */
static void write_grants(void)
{
	for (uint32_t i = 0; i < 10; i++) {
		struct cluster_row row = row_at(ROW_GRANT, MANY + i, 3, false);

		vec_push(&c.nodes[1].disk.rows, &row);
	}
}

static void show_on(size_t node, uint16_t kind, uint32_t i)
{
	strange_fact(&c, node, kind, i, "10.8.0.0/13");
}

static void show_fact(uint16_t kind, uint32_t i)
{
	show_on(1, kind, i);
}

static struct net *net_seen(uint32_t i)
{
	return strange_net(&c, i);
}

/* A millisecond goes by; how many rows were visited in it. */
static size_t tick(void)
{
	size_t before = c.nodes[1].rows_visited;

	cluster_run(&c, 1);
	return c.nodes[1].rows_visited - before;
}

/* Until all is read; in how many portions, of which none is longer than it may be. */
static size_t read_all(void)
{
	const struct ipamdb *db = c.nodes[1].db;
	size_t portions = 0;

	for (int ms = 0; ms < 1000 && db->unread; ms++) {
		size_t rows = tick();

		assert_in_range(rows, 0, READING_PORTION);
		portions += rows > 0;
	}
	assert_false(db->unread || db->reading.is_up);
	ipamdb_check(c.nodes[1].db);
	return portions;
}

static void check_whole(size_t claims)
{
	const struct net *net = net_seen(0x77);

	assert_non_null(net);
	assert_false(net->unread || net->reading);
	assert_int_equal(net->claims.count, claims);
}

static void many_rows_are_read_in_portions(void **state)
{
	(void)state;
	for (int falling = 0; falling < 2; falling++) {
		(void)strange_begin(&c);
		write_many(falling);
		assert_int_equal(net_seen(0x77)->claims.count, STRANGE_CLAIMS_MAX);
		c.nodes[1].rows_visited = 0;
		show_fact(FACT_NETWORK, 0x77);
		assert_int_equal(c.nodes[1].rows_visited, READING_PORTION);
		assert_true(net_seen(0x77)->unread);
		assert_int_equal(read_all(), MANY / READING_PORTION - 1);
		check_whole(MANY + 1);
		if (falling == 0)
			cluster_close(&c);
	}
}

/* Else it would be by half of what is known. */
static void nothing_is_taken_up_before_all_is_read(void **state)
{
	const struct ipamdb *db = strange_begin(&c);

	(void)state;
	write_many(true);
	write_grants();
	show_fact(FACT_NETWORK, 0x77);
	assert_true(net_seen(0x77)->wants_accept);
	while (db->unread) {
		assert_int_equal(net_seen(0x77)->range_rows, 0);
		(void)tick();
	}
	cluster_run(&c, 10);
	assert_true(net_seen(0x77)->range_rows > 0);
}

static void who_is_removed_meanwhile_has_granted_nothing(void **state)
{
	const struct ipamdb *db = strange_begin(&c);

	(void)state;
	write_many(true);
	write_grants();
	show_fact(FACT_NETWORK, 0x77);
	(void)tick();
	assert_true(db->unread);
	cluster_remove(&c, 1, 2);
	cluster_run(&c, 5);
	assert_true(db->unread);
	assert_non_null(closure_of(db, &db->self)); /* nothing keeps it from closing */
	(void)read_all();
	cluster_run(&c, 100);
	assert_int_equal(net_seen(0x77)->range_rows, 0);
	for (size_t i = 0; i < net_seen(0x77)->claims.count; i++) {
		const struct claim *claim = vec_at(&net_seen(0x77)->claims, i);

		assert_int_equal(claim->is_void, claim->is_grant);
	}
}

/* All members but this one are gone: it takes everything back, when it knows whose all was. */
static void nothing_is_taken_back_before_all_is_read(void **state)
{
	const struct ipamdb *db = strange_begin(&c);

	(void)state;
	write_many(true);
	cluster_crash(&c, 0);
	cluster_remove(&c, 1, 2);
	cluster_remove(&c, 1, 0);
	cluster_run(&c, 5000);
	show_fact(FACT_NETWORK, 0x77);
	assert_true(db->unread);
	while (db->unread) {
		assert_int_equal(net_seen(0x77)->range_rows, 0);
		assert_false(flights_name(db, &net_seen(0x77)->id));
		(void)tick();
	}
	check_whole(MANY + 1);
	cluster_run(&c, 10);
	assert_true(net_seen(0x77)->range_rows > 0);
}

/* What changes, comes or goes meanwhile is seen as it is then, and hides nothing. */
static void rows_that_change_meanwhile_count_as_they_are(void **state)
{
	struct vec *rows = &c.nodes[1].disk.rows;
	struct cluster_row row;

	(void)state;
	(void)strange_begin(&c);
	write_many(false);
	show_fact(FACT_NETWORK, 0x77);
	(void)tick();
	for (uint32_t i = 0; i < MANY; i += MANY / 2 - 1) { /* one not read yet, and read ones */
		row = row_at(ROW_RANGE, i, 3, true);
		assert_true(cluster_disk_put(&c.nodes[1].disk, &row));
		cluster_show(&c, 1, &row);
	}
	row = row_at(ROW_RANGE, MANY, 3, false);
	vec_push(rows, &row);
	cluster_show(&c, 1, &row);
	for (size_t i = 0; i < rows->count; i++) { /* among those that were not read yet */
		const struct cluster_row *there = vec_at(rows, i);
		struct cluster_row gone = row_at(ROW_RANGE, 5000, 3, false);

		if (memcmp(there->view.key, gone.view.key, RANGE_KEY_BYTES) != 0)
			continue;
		vec_remove(rows, i);
		break;
	}
	(void)read_all();
	check_whole(MANY + 1); /* one more, one less, and who made it */
	assert_int_equal(net_seen(0x77)->ended_claims, 1 + 3);
}

/* It waits for the next reading: this one is half over. */
static void a_network_that_is_made_meanwhile_is_read_next(void **state)
{
	const struct ipamdb *db = strange_begin(&c);
	struct cluster_row row = row_at(ROW_RANGE, MANY, 3, false);
	struct range_key key = {.network = strange_id(0x78), .generation = 7};

	(void)state;
	write_many(true);
	assert_int_equal(prefix_parse("10.9.0.0/25", &key.range), 0);
	range_key_encode(&key, row.view.key);
	vec_push(&c.nodes[1].disk.rows, &row); /* the first that is read */
	cluster_show(&c, 1, &row);
	assert_null(net_seen(0x78)); /* he has claimed too much */
	show_fact(FACT_NETWORK, 0x77);
	(void)tick();
	show_fact(FACT_NETWORK, 0x78);
	while (net_seen(0x77)->unread)
		(void)tick();
	assert_true(net_seen(0x78)->unread && db->unread);
	assert_int_equal(net_seen(0x78)->claims.count, 1);
	(void)read_all();
	assert_int_equal(net_seen(0x78)->claims.count, 2);
	check_whole(MANY + 1);
}

static void a_network_that_ends_meanwhile_is_let_go(void **state)
{
	(void)state;
	(void)strange_begin(&c);
	write_many(true);
	show_fact(FACT_NETWORK, 0x77);
	(void)tick();
	show_fact(FACT_NETWORK_END, 0x77);
	(void)read_all();
	cluster_run(&c, 3000);
	assert_false(net_seen(0x77)->tended);
	assert_int_equal(net_seen(0x77)->claims.count, 0);
	ipamdb_check(c.nodes[1].db);
}

static void after_a_crash_it_is_read_from_the_beginning(void **state)
{
	(void)state;
	(void)strange_begin(&c);
	write_many(true);
	show_fact(FACT_NETWORK, 0x77);
	(void)tick();
	cluster_crash(&c, 1);
	cluster_start_keeping(&c, 1);
	(void)read_all();
	check_whole(MANY + 1);
}

/* Somebody makes one network after the other, so that some are unread at any time. */
static const struct ipam_answer *leave_while_networks_are_made(void)
{
	uint64_t tag = cluster_hand_over(&c, 1);
	uint32_t made = 0x77;

	for (int ms = 0; ms < 3000 && cluster_answer(&c, tag) == NULL; ms++) {
		if (net_seen(made)->reading || !net_seen(made)->unread)
			show_fact(FACT_NETWORK, ++made);
		(void)tick();
	}
	assert_true(net_seen(made)->unread);
	return cluster_answer(&c, tag);
}

static void who_leaves_waits_for_no_network_in_which_it_has_nothing(void **state)
{
	const struct ipam_answer *answer;
	struct id first;

	(void)state;
	first = net_at(strange_begin(&c), 0)->id;
	write_many(true);
	show_fact(FACT_NETWORK, 0x77);
	assert_true(net_seen(0x77)->unread);
	answer = leave_while_networks_are_made();
	assert_non_null(answer);
	assert_int_equal(answer->err.code, 0);
	assert_int_equal(cluster_held(&c, 1, &first), 0);
	assert_int_equal(cluster_held(&c, 0, &first), 256);
}

/* What it owns there, after a start, or was granted. */
static void but_for_one_in_which_it_has_something(void **state)
{
	struct id net = strange_id(0x77);

	(void)state;
	for (int granted = 0; granted < 2; granted++) {
		const struct ipamdb *db = strange_begin(&c);
		uint64_t tag;

		write_many(true);
		write_grants();
		show_fact(FACT_NETWORK, 0x77);
		show_on(0, FACT_NETWORK, 0x77);
		if (!granted) {
			(void)read_all();
			cluster_run(&c, 100);
			assert_int_equal(cluster_held(&c, 1, &net), 10);
			/* Before its own rows the start sees some that it passes over. */
			for (uint32_t i = 0; i < STRANGE_CLAIMS_MAX + 10; i++) {
				struct cluster_row row = row_at(ROW_RANGE, 2 * MANY + i, 3, false);

				vec_push(&c.nodes[1].disk.rows, &row);
			}
			cluster_crash(&c, 1);
			cluster_start_keeping(&c, 1);
			db = c.nodes[1].db;
		}
		assert_true(net_seen(0x77)->unread);
		tag = cluster_hand_over(&c, 1);
		while (db->unread) {
			assert_null(cluster_answer(&c, tag));
			(void)tick();
		}
		cluster_run(&c, 3000);
		assert_non_null(cluster_answer(&c, tag));
		assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
		assert_int_equal(cluster_held(&c, 1, &net), 0);
		assert_int_equal(cluster_held(&c, 0, &net), 10);
		if (!granted)
			cluster_close(&c);
	}
}

/* Who closes or takes back asks in each step. */
static void what_was_passed_over_is_not_read_to_know_its_top(void **state)
{
	struct ipamdb *db = strange_begin(&c);
	size_t before;

	(void)state;
	write_many(true);
	before = c.nodes[1].rows_visited;
	assert_int_equal(closure_top(db), 0);
	cluster_remove(&c, 1, 2);
	assert_int_equal(closure_top(db), 3);
	cluster_run(&c, 3000);
	assert_int_equal(c.nodes[1].rows_visited, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(many_rows_are_read_in_portions, teardown),
	    cmocka_unit_test_teardown(nothing_is_taken_up_before_all_is_read, teardown),
	    cmocka_unit_test_teardown(who_is_removed_meanwhile_has_granted_nothing, teardown),
	    cmocka_unit_test_teardown(nothing_is_taken_back_before_all_is_read, teardown),
	    cmocka_unit_test_teardown(rows_that_change_meanwhile_count_as_they_are, teardown),
	    cmocka_unit_test_teardown(a_network_that_is_made_meanwhile_is_read_next, teardown),
	    cmocka_unit_test_teardown(a_network_that_ends_meanwhile_is_let_go, teardown),
	    cmocka_unit_test_teardown(after_a_crash_it_is_read_from_the_beginning, teardown),
	    cmocka_unit_test_teardown(who_leaves_waits_for_no_network_in_which_it_has_nothing,
				      teardown),
	    cmocka_unit_test_teardown(but_for_one_in_which_it_has_something, teardown),
	    cmocka_unit_test_teardown(what_was_passed_over_is_not_read_to_know_its_top, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
