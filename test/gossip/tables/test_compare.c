/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What a comparison costs, counted in datagrams. */
#include "tables_net.h"

#include <string.h>

#include "test/base/cmocka_all.h"

#include "gossip/tables/compare.h"
#include "test/gossip/vectors/wire_v1.h"

TNET_ADMISSION

#define OWNERS 100u

static const struct id tnet_a = {{0xaa}};

/* The nth row of a big table: owned by one of OWNERS strangers, or a fact. */
static void row_numbered(struct row_view *row, uint32_t n, bool facts, uint32_t owners)
{
	*row = (struct row_view){.epoch = 1};
	row->owner = id_numbered(200);
	if (facts) {
		row->kind = FACT_NETWORK;
		row->epoch = 0;
		row->sequence = 1;
	} else {
		row->kind = ROW_RANGE;
		wire_put(row->owner.b + 1, n % owners, 4);
		row->sequence = n / owners + 1;
	}
	tnet_key(row, n);
}

static void load(struct tnet *net, size_t number, const struct row_view *row)
{
	struct tnet_node *node = tnet_node(net, number);
	struct write write = {.kind = row_is_fact(row) ? WRITE_FACT : WRITE_SNAPSHOT};
	uint8_t bytes[ROW_BYTES_MAX];

	write.len = tnet_sign(row, bytes);
	write.bytes = bytes;
	assert_int_equal(tables_load(node->tables, &write), 0);
}

/* Two nodes with the same rows; node `ahead` has one more, or a newer one. */
static void open_differing(struct tnet *net, uint32_t rows, bool facts, uint32_t owners,
			   size_t ahead, bool newer)
{
	struct row_view row;

	tnet_open(net, 2, rows + ahead + newer);
	for (size_t n = 1; n <= 2; n++) {
		tnet_node(net, n)->kit.core.limits.networks_per_author = rows + 1;
		for (uint32_t i = 0; i < rows; i++) {
			row_numbered(&row, i, facts, owners);
			load(net, n, &row);
		}
	}
	assert_true(tnet_is_equal(net));
	row_numbered(&row, rows, facts, owners);
	if (newer)
		tnet_key(&row, rows / 2 / owners * owners + rows % owners);
	if (newer && facts) {
		row_numbered(&row, rows / 2, facts, owners);
		row.sequence++;
	}
	load(net, ahead, &row);
	assert_false(tnet_is_equal(net));
}

static void costs_at_most_ten_datagrams(uint32_t rows, bool facts, uint32_t owners, bool newer)
{
	for (size_t ahead = 1; ahead <= 2; ahead++) {
		struct tnet net;
		open_differing(&net, rows, facts, owners, ahead, newer);
		tnet_sync(&net, 1, 2);
		tnet_run(&net, 500);
		assert_true(tnet_is_equal(&net));
		assert_in_range(net.datagrams, 2, 10);
		assert_int_equal(tnet_node(&net, 1)->synced, 1);
		assert_int_equal(tnet_node(&net, 3 - ahead)->changes, 1);
		tnet_close(&net);
	}
}

static void equal_tables_cost_one_datagram_each_way(void **state)
{
	struct row_view row;
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 1);
	for (size_t n = 1; n <= 2; n++) {
		for (uint32_t i = 0; i < 1000; i++) {
			row_numbered(&row, i, false, OWNERS);
			load(&net, n, &row);
		}
	}
	tnet_sync(&net, 1, 2);
	tnet_run(&net, 100);
	assert_int_equal(net.datagrams, 2);
	assert_in_range(net.bytes, 1, 240);
	assert_int_equal(tnet_node(&net, 1)->synced, 1);
	tnet_close(&net);
}

static void one_row_among_ten_thousand_costs_at_most_ten_datagrams(void **state)
{
	(void)state;
	costs_at_most_ten_datagrams(10000, false, OWNERS, false);
	costs_at_most_ten_datagrams(10000, false, OWNERS, true);
	costs_at_most_ten_datagrams(10000, false, 10000, false);
}

static void one_fact_among_ten_thousand_costs_at_most_ten_datagrams(void **state)
{
	(void)state;
	costs_at_most_ten_datagrams(10000, true, OWNERS, false);
	costs_at_most_ten_datagrams(10000, true, OWNERS, true);
}

static void one_row_among_a_hundred_thousand_costs_at_most_ten_datagrams(void **state)
{
	(void)state;
	costs_at_most_ten_datagrams(100000, false, OWNERS, false);
}

static void a_row_lost_in_the_middle_is_found_by_listing_its_origin(void **state)
{
	struct row_view row;
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 5);
	for (size_t n = 1; n <= 2; n++) {
		for (uint32_t i = 0; i < 1000; i++) {
			row_numbered(&row, i, false, 10);
			if (n == 1 || i != 455)
				load(&net, n, &row);
		}
	}
	/* The poorer one believes to be complete. */
	row_numbered(&row, 455, false, 10);
	for (uint32_t i = 1; i < tnet_node(&net, 2)->tables->replica.origins.count; i++) {
		struct origin *origin = replica_origin(&tnet_node(&net, 2)->tables->replica, i);
		watermark_complete(&origin->mark, &tnet_node(&net, 2)->kit.core.heap,
				   origin->mark.top);
	}
	tnet_sync(&net, 2, 1);
	tnet_run(&net, 500);
	assert_true(tnet_is_equal(&net));
	assert_int_equal(tnet_node(&net, 2)->changes, 1);
	assert_in_range(net.datagrams, 2, 14);
	tnet_close(&net);
}

#define HOLED 60u

/* Two nodes with equal rows, a version of each owner missing in between. */
static void open_holed(struct tnet *net)
{
	struct row_view row;

	tnet_open(net, 2, 8);
	for (size_t n = 1; n <= 2; n++) {
		for (uint32_t i = 0; i < 2 * HOLED; i++) {
			row_numbered(&row, i, false, HOLED);
			row.sequence += row.sequence - 1;
			load(net, n, &row);
		}
	}
	assert_true(tnet_is_equal(net));
}

static size_t holes(struct tnet *net, size_t number)
{
	const struct replica *replica = &tnet_node(net, number)->tables->replica;
	size_t count = 0;

	for (uint32_t i = 1; i < replica->origins.count; i++)
		count += watermark_has_gaps(&replica_origin(replica, i)->mark);
	return count;
}

static void holes_in_what_was_seen_are_closed_many_at_a_time(void **state)
{
	struct replica *replica;
	struct tnet net;

	(void)state;
	open_holed(&net);
	replica = &tnet_node(&net, 1)->tables->replica;
	for (uint32_t i = 1; i < replica->origins.count; i++) {
		struct origin *origin = replica_origin(replica, i);
		watermark_complete(&origin->mark, &tnet_node(&net, 1)->kit.core.heap,
				   origin->mark.top);
	}
	assert_int_equal(holes(&net, 1), 0);
	assert_int_equal(holes(&net, 2), HOLED);
	tnet_run(&net, 12000);
	assert_int_equal(holes(&net, 2), 0);
	tnet_close(&net);
}

static void holes_that_nobody_can_close_leave_a_quiet_cluster_quiet(void **state)
{
	struct tnet net;
	size_t bytes;

	(void)state;
	open_holed(&net);
	tnet_run(&net, 60000);
	assert_int_equal(holes(&net, 1), HOLED);
	bytes = net.bytes;
	tnet_run(&net, 60000);
	/* Both nodes and both directions, of the 300 B/s that each may take for everything. */
	assert_in_range(net.bytes - bytes, 1, (uintmax_t)60 * 2 * 100);
	tnet_close(&net);
}

/* How far the place of an origin is behind the one before it, around. */
static uint64_t gap_before(const struct replica *replica, uint32_t number)
{
	const uint64_t place = replica_origin(replica, number)->place;
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 1; i < replica->origins.count; i++) {
		uint64_t gap = place - replica_origin(replica, i)->place;
		if (i != number && gap < least)
			least = gap;
	}
	return least;
}

/* That of one owner can be closed, and the place of its hash is right behind another one's. */
static void holes_that_nobody_can_close_leave_the_others_their_turn(void **state)
{
	struct replica *replica;
	struct origin *origin;
	struct tnet net;
	uint32_t close = 1;

	(void)state;
	open_holed(&net);
	replica = &tnet_node(&net, 1)->tables->replica;
	tnet_run(&net, 60000);
	for (uint32_t i = 2; i < replica->origins.count; i++)
		if (gap_before(replica, i) < gap_before(replica, close))
			close = i;
	origin = replica_origin(replica, close);
	watermark_complete(&origin->mark, &tnet_node(&net, 1)->kit.core.heap, origin->mark.top);
	assert_int_equal(holes(&net, 2), HOLED);
	for (unsigned s = 0; s < 60 * HOLED && holes(&net, 2) == HOLED; s++)
		tnet_run(&net, 1000);
	assert_int_equal(holes(&net, 2), HOLED - 1);
	tnet_close(&net);
}

static void a_topic_among_many_that_differs_is_found(void **state)
{
	struct id topics[60];
	struct row_view row;
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 6);
	for (uint32_t t = 0; t < 60; t++) {
		topics[t] = id_numbered(100);
		wire_put(topics[t].b, t, 4);
	}
	for (size_t n = 1; n <= 2; n++) {
		tnet_topics(&net, n, topics, 60);
		for (uint32_t t = 0; t < 60; t++) {
			row = (struct row_view){.kind = ROW_ATTACHMENT, .epoch = 1};
			row.key_len = ID_BYTES;
			memcpy(row.key, topics[t].b, ID_BYTES);
			row.sequence = t + 1;
			for (uint8_t owner = 1; owner <= 2; owner++) {
				row.owner = id_numbered(owner);
				load(&net, n, &row);
			}
		}
	}
	tnet_run(&net, 3000);
	assert_true(tnet_is_equal(&net));
	row = (struct row_view){.kind = ROW_ENDPOINT, .owner = id_numbered(9), .epoch = 1};
	row.topic = topics[41];
	row.sequence = 1;
	tnet_key(&row, 1);
	load(&net, 1, &row);
	net.datagrams = 0;
	tnet_sync(&net, 2, 1);
	tnet_run(&net, 500);
	assert_true(tnet_is_equal(&net));
	assert_in_range(net.datagrams, 2, 10);
	tnet_close(&net);
}

static void frames_are_those_of_version_1(void **state)
{
	static const uint8_t other[] = {0x95, 0, 1, 0, 0, 0x90}; /* a digest that differs */
	struct id peer = id_numbered(2);
	struct tnet_node *node;
	struct row_view row;
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 1);
	node = tnet_node(&net, 1);
	row_numbered(&row, 1, false, 1);
	load(&net, 1, &row);
	row_numbered(&row, 2, true, 1);
	load(&net, 1, &row);
	core_kit_unsend(&node->kit.core.outbox);
	compare_begin(node->tables, &peer);
	assert_true(tnet_frame_fits(node, FRAME_DIGEST, "digest", vector_digest));
	compare_digest(node->tables, member_find(&node->kit.members, &peer), other, sizeof(other));
	assert_true(tnet_frame_fits(node, FRAME_MARKS, "marks", vector_marks));
	for (uint32_t i = 0; i < 100; i++) {
		row_numbered(&row, i, false, 100);
		load(&net, 1, &row);
	}
	compare_digest(node->tables, member_find(&node->kit.members, &peer), other, sizeof(other));
	assert_true(tnet_frame_fits(node, FRAME_BUCKETS, "buckets", vector_buckets));
	tnet_close(&net);
}

static void malformed_frames_are_verdicts(void **state)
{
	struct id peer = id_numbered(2);
	struct row_view row;
	struct tnet net;
	struct tnet_node *node;
	struct member *from;
	size_t refused = 0;

	(void)state;
	tnet_open(&net, 2, 7);
	tnet_attach(&net, 1, &tnet_a);
	for (uint32_t i = 0; i < 100; i++) {
		row_numbered(&row, i, i % 2 == 0, 7);
		load(&net, 1, &row);
	}
	node = tnet_node(&net, 1);
	from = member_find(&node->kit.members, &peer);
	for (uint32_t i = 0; i < 60000; i++) {
		uint8_t body[64];
		/* Mostly small arrays and numbers, so that some frames get far. */
		size_t len = (size_t)rng_below(&net.rng, sizeof(body));
		uint8_t type = (uint8_t)(FRAME_ROW + rng_below(&net.rng, 6));
		for (size_t j = 0; j < len; j++) {
			uint64_t dice = rng_below(&net.rng, 4);
			body[j] = (uint8_t)(dice == 0   ? rng_u64(&net.rng)
					    : dice == 1 ? 0x90 + rng_below(&net.rng, 16)
							: rng_below(&net.rng, 4));
		}
		net.now = mono_add_ms(net.now, 1); /* within the peer's allowance of work */
		core_begin_step(&node->kit.core, net.now, (struct wall){0});
		refused += tables_frame(node->tables, from, type, body, len) != DROP_NONE;
		core_kit_unsend(&node->kit.core.outbox);
	}
	assert_in_range(refused, 50000, 60000);
	assert_int_equal(tables_frame(node->tables, from, 38, NULL, 0), DROP_FRAME_TYPE);
	tables_check(node->tables);
	tnet_close(&net);
}

/* A closure is believed when all rows up to its author's version are here, so that a lost row that
 * a later one replaced must be known to be nothing soon, of however many authors. */
static void holes_of_many_owners_are_asked_about_in_one_comparison(void **state)
{
	const size_t owners = 8, last = 9;
	struct tnet net;
	int64_t ms = 0;
	size_t closed = 0;

	(void)state;
	tnet_open(&net, last, 77);
	tnet_run(&net, 5000);
	for (size_t i = 1; i < last; i++)
		net.cut[i - 1][last - 1] = net.cut[last - 1][i - 1] = true;
	for (size_t i = 1; i <= owners; i++)
		assert_int_equal(tnet_put(&net, i, ROW_RANGE, NULL, (uint32_t)i, "a"), 0);
	tnet_run(&net, 300);
	for (size_t i = 1; i <= owners; i++)
		assert_int_equal(tnet_put(&net, i, ROW_RANGE, NULL, (uint32_t)i, "b"), 0);
	memset(net.cut, 0, sizeof(net.cut));
	for (; closed < owners && ms < 60000; ms += 100) {
		tnet_run(&net, 100);
		closed = 0;
		for (size_t i = 1; i <= owners; i++) {
			struct id id = id_numbered((uint8_t)i);
			closed += tables_has(tnet_node(&net, last)->tables, &id, 1, 2);
		}
	}
	assert_int_equal(closed, owners);
	assert_true(ms <= 4000); /* one by one it takes a comparison each */
	tnet_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(holes_of_many_owners_are_asked_about_in_one_comparison),
	    cmocka_unit_test(equal_tables_cost_one_datagram_each_way),
	    cmocka_unit_test(one_row_among_ten_thousand_costs_at_most_ten_datagrams),
	    cmocka_unit_test(one_fact_among_ten_thousand_costs_at_most_ten_datagrams),
	    cmocka_unit_test(one_row_among_a_hundred_thousand_costs_at_most_ten_datagrams),
	    cmocka_unit_test(a_row_lost_in_the_middle_is_found_by_listing_its_origin),
	    cmocka_unit_test(holes_that_nobody_can_close_leave_the_others_their_turn),
	    cmocka_unit_test(holes_in_what_was_seen_are_closed_many_at_a_time),
	    cmocka_unit_test(holes_that_nobody_can_close_leave_a_quiet_cluster_quiet),
	    cmocka_unit_test(a_topic_among_many_that_differs_is_found),
	    cmocka_unit_test(frames_are_those_of_version_1),
	    cmocka_unit_test(malformed_frames_are_verdicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
