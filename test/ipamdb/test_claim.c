/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/claim.c: what is remembered of ranges that ended. */
#include "cluster.h"
#include "ipamdb/author.h"
#include "ipamdb/claim.h"
#include "ipamdb/db.h"
#include "test/base/cmocka_all.h"

static struct cluster c;

static int teardown(void **state)
{
	(void)state;
	cluster_close(&c);
	return 0;
}

/* Node 1 sees the tombstones of many ranges of node 2's, each of its own generation. */
static void show_ends(const struct id *network, uint64_t first, uint64_t count)
{
	struct row_view row = {.kind = ROW_RANGE,
			       .deleted = true,
			       .owner = c.nodes[2].id,
			       .epoch = 1,
			       .key_len = RANGE_KEY_BYTES};
	struct range_key key = {.network = *network};
	struct ipam_event event = {.kind = IPAM_EV_ROW, .now = c.now, .row = &row};

	assert_int_equal(prefix_parse("10.1.0.0/25", &key.range), 0);
	for (uint64_t i = 0; i < count; i++) {
		key.generation = row.sequence = first + i;
		range_key_encode(&key, row.key);
		ipamdb_step(c.nodes[1].db, &event);
	}
}

static size_t count_ended(void)
{
	const struct ipamdb *db = c.nodes[1].db;
	size_t sum = 0;

	for (size_t i = 0; i < db->nets.count; i++)
		sum += net_at(db, i)->ended_claims;
	return sum;
}

/* Ranges of one who makes and ends them for ever count while others may not know what outranks
 * them: but not more of them than anybody may have rows, in all networks together. */
static void ended_ranges_of_one_author_are_bounded(void **state)
{
	struct id id = cluster_with_network(&c, 3, 1, 1, "10.1.0.0/16");
	struct id other = cluster_network(&c, 1, "green", "10.2.0.0/16");

	(void)state;
	cluster_run(&c, 1000);
	cluster_crash(&c, 2);
	show_ends(&id, 1U << 20, 40000);
	show_ends(&other, 1U << 20, 40000);
	assert_int_equal(count_ended(), ENDED_MAX);
	ipamdb_check(c.nodes[1].db);
	/* More are not taken in either. */
	show_ends(&id, 1U << 21, 10);
	assert_int_equal(count_ended(), ENDED_MAX);
}

/* One row above all of them, and room is made in no time. */
static void what_is_outranked_leaves_room(void **state)
{
	struct id id = cluster_with_network(&c, 3, 1, 1, "10.1.0.0/16");
	struct range_key key = {.network = id, .generation = 1U << 22};
	struct cluster_row row = {.view = {.kind = ROW_RANGE,
					   .owner = c.nodes[2].id,
					   .epoch = 1,
					   .sequence = 1U << 22,
					   .key_len = RANGE_KEY_BYTES,
					   .value_len = 1},
				  .bytes = {0xc0}};

	(void)state;
	cluster_crash(&c, 2);
	show_ends(&id, 1U << 20, 40000);
	assert_int_equal(prefix_parse("10.1.0.0/24", &key.range), 0);
	range_key_encode(&key, row.view.key);
	cluster_show(&c, 1, &row);
	cluster_run(&c, 5000);
	assert_int_equal(count_ended(), 0);
	assert_int_equal(c.nodes[1].db->authors.count, 0);
}

/* One of every two addresses. */
static struct claim claim_at(uint32_t at, bool is_ended)
{
	return (struct claim){
	    .span = {at * 2, at * 2},
	    .generation = 3,
	    .holder = c.nodes[2].id,
	    .author = c.nodes[2].id,
	    .is_ended = is_ended,
	    .epoch = 1,
	    .sequence = is_ended ? 2 : 1,
	};
}

/* The same claims one by one, and at once; those that are there move once, in whatever order the
 * others come. */
static void many_claims_are_settled_at_once(void **state)
{
	enum { COUNT = 2000 };
	static struct gathered items[COUNT];
	struct id id = cluster_with_network(&c, 3, 1, 1, "10.1.0.0/16");
	struct id other = cluster_network(&c, 1, "green", "10.1.0.0/16");
	struct ipamdb *db = c.nodes[1].db;
	struct net *single, *many;
	struct vec list;

	(void)state;
	cluster_run(&c, 1000);
	single = net_find(db, &id);
	many = net_find(db, &other);
	vec_init(&list, &db->heap, sizeof(struct gathered *));
	for (uint32_t i = 0; i < COUNT; i++) {
		struct claim claim = claim_at(i * 7 % COUNT, i % 5 == 0);

		claim_put(db, single, &claim);
		if (i % 2 == 0)
			claim_put(db, many, &claim);
	}
	for (uint32_t i = 0; i < COUNT; i++) {
		items[i] = (struct gathered){
		    many, claim_at((COUNT - 1 - i) * 7 % COUNT, (COUNT - 1 - i) % 5 == 0)};
		claims_gather(&list, &items[i]);
	}
	assert_in_range(claims_settle(db, &list), 1, COUNT / 2 + 1);
	assert_int_equal(list.count, 0);
	assert_int_equal(many->claims.count, single->claims.count);
	for (size_t i = 0; i < many->claims.count; i++) {
		const struct claim *a = vec_at(&many->claims, i);
		const struct claim *b = vec_at(&single->claims, i);

		assert_true(a->span.lo == b->span.lo && a->is_ended == b->is_ended &&
			    a->generation == b->generation);
	}
	assert_int_equal(many->ended_claims, single->ended_claims);
	vec_close(&list);
	ipamdb_check(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(ended_ranges_of_one_author_are_bounded, teardown),
	    cmocka_unit_test_teardown(what_is_outranked_leaves_room, teardown),
	    cmocka_unit_test_teardown(many_claims_are_settled_at_once, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
