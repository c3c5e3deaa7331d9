/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/nets.c: networks that rows name before anybody knows them, if ever. */
#include "cluster.h"
#include "ipamdb/db.h"
#include "test/base/cmocka_all.h"

#define ROWS_MAX 65536 /* that one owner may have */

static struct cluster c;

static int teardown(void **state)
{
	(void)state;
	cluster_close(&c);
	return 0;
}

/* A row of node 2's about network i of those that nobody ever made, seen by node 1. */
static void show(uint16_t kind, uint32_t i, bool deleted)
{
	struct rec_attachment attachment = {.free_log2 = 1};
	struct rec_grant grant = {.to = c.nodes[0].id};
	struct range_key key = {.generation = 1};
	uint8_t value[VALUE_BYTES_MAX] = {0xc0};
	struct row_view row = {.kind = kind,
			       .deleted = deleted,
			       .owner = c.nodes[2].id,
			       .epoch = 1,
			       .sequence = deleted ? 2 : 1,
			       .value = value,
			       .value_len = 1};
	struct ipam_event event = {.kind = IPAM_EV_ROW, .now = c.now, .row = &row};

	memset(&key.network, 0x77, ID_BYTES);
	memcpy(key.network.b, &i, sizeof(i));
	assert_int_equal(prefix_parse("10.9.0.0/25", &key.range), 0);
	if (kind == ROW_ATTACHMENT) {
		memcpy(row.key, key.network.b, ID_BYTES);
		row.key_len = ID_BYTES;
		row.value_len = (size_t)rec_attachment_encode(&attachment, value, sizeof(value));
	} else {
		range_key_encode(&key, row.key);
		row.key_len = RANGE_KEY_BYTES;
	}
	if (kind == ROW_GRANT)
		row.value_len = (size_t)rec_grant_encode(&grant, value, sizeof(value));
	ipamdb_step(c.nodes[1].db, &event);
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
	assert_int_equal(db->nets.count, ROWS_MAX + 1);
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
	struct rec_network rec = {.name = "late", .vni = 4096, .port = 4789, .pool_count = 1};
	uint8_t value[VALUE_BYTES_MAX];
	struct row_view row = {.kind = FACT_NETWORK, .epoch = 1, .sequence = 9, .value = value};
	struct ipam_event event = {.kind = IPAM_EV_ROW, .now = c.now, .row = &row};
	const struct ipamdb *db;
	struct net *net;

	(void)state;
	(void)cluster_with_network(&c, 3, 1, 1, "10.1.0.0/24");
	cluster_crash(&c, 2);
	event.now = c.now;
	db = c.nodes[1].db;
	show(ROW_RANGE, 7, false);
	assert_int_equal(db->namers.count, 1);
	net = net_at(db, 0);
	if (net->tended)
		net = net_at(db, 1);
	assert_int_equal(prefix_parse("10.9.0.0/24", &rec.pools[0].subnet), 0);
	rec.pools[0].ip_range = rec.pools[0].subnet;
	row.value_len = (size_t)rec_network_encode(&rec, value, sizeof(value));
	row.owner = c.nodes[0].id;
	row.key_len = ID_BYTES;
	memcpy(row.key, net->id.b, ID_BYTES);
	ipamdb_step(c.nodes[1].db, &event);
	assert_true(net->known && net->tended);
	assert_int_equal(db->namers.count, 0);
	assert_int_equal(net->claims.count, 2); /* the row, and who made it */
	assert_non_null(net_pool(net, net->pools[0].subnet.lo));
	ipamdb_check(c.nodes[1].db);
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
		assert_int_equal(db->namers.count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(networks_that_were_made_up_hinder_none_that_was_made,
				      teardown),
	    cmocka_unit_test_teardown(a_fact_after_the_rows_makes_the_network_known, teardown),
	    cmocka_unit_test_teardown(what_nothing_speaks_of_any_more_is_given_back, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
