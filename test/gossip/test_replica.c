/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "gossip/replica.h"

#include <string.h>

#include "../base/cmocka_all.h"
#include "core_kit.h"

static struct core_kit kit;
static struct replica replica;

static int open_replica(void **state)
{
	(void)state;
	core_kit_open(&kit, 1);
	replica_init(&replica, &kit.core);
	return 0;
}

static int close_replica(void **state)
{
	(void)state;
	replica_check(&replica);
	replica_close(&replica);
	core_kit_close(&kit);
	return 0;
}

/* Row n of an owner, with a version; signatures are not the replica's business. */
static struct row_view make(uint8_t owner, uint8_t topic, uint32_t n, uint64_t sequence)
{
	struct row_view row = {.kind = ROW_RANGE, .epoch = 1, .sequence = sequence};

	row.owner = id_numbered(owner);
	if (topic != 0)
		row.topic = id_numbered(topic);
	row.key_len = 4;
	wire_put(row.key, n, 4);
	return row;
}

static uint32_t store(const struct row_view *row)
{
	uint8_t bytes[ROW_BYTES_MAX] = {0};
	int len = row_encode(row, bytes, sizeof(bytes));

	assert_true(len > 0);
	return replica_store(&replica, replica_find(&replica, row), row,
			     blob_take(&kit.blobs, bytes, (size_t)len + ROW_SIG_BYTES));
}

static void rows_are_found_by_owner_topic_kind_and_key(void **state)
{
	struct row_view row = make(2, 0, 7, 1), other;
	uint32_t slot = store(&row);

	(void)state;
	assert_int_equal(replica_find(&replica, &row), slot);
	other = make(3, 0, 7, 1);
	assert_int_equal(replica_find(&replica, &other), NONE);
	other = make(2, 9, 7, 1);
	assert_int_equal(replica_find(&replica, &other), NONE);
	other = make(2, 0, 8, 1);
	assert_int_equal(replica_find(&replica, &other), NONE);
	other = row;
	other.kind = ROW_GRANT;
	assert_int_equal(replica_find(&replica, &other), NONE);
	other = row;
	other.key_len = 3;
	assert_int_equal(replica_find(&replica, &other), NONE);
}

static void a_newer_row_replaces_the_older_in_its_slot(void **state)
{
	struct row_view row = make(2, 0, 7, 1), held;
	size_t blobs_before = kit.blobs.count;
	uint32_t slot = store(&row);

	(void)state;
	row.sequence = 2;
	row.deleted = true;
	assert_int_equal(store(&row), slot);
	assert_int_equal(replica.row_count, 1);
	assert_int_equal(replica.dead_count, 1);
	assert_int_equal(kit.blobs.count, blobs_before + 1);
	replica_view(&replica, slot, &held);
	assert_int_equal(held.sequence, 2);
}

static void hashes_depend_on_what_is_held_and_not_on_the_way_there(void **state)
{
	struct rng rng;
	uint64_t hash = 0;

	(void)state;
	rng_init(&rng, 3);
	for (int round = 0; round < 5; round++) {
		uint32_t slots[200];
		for (uint32_t i = 0; i < 200; i++) {
			uint32_t n = (i * 77 + (uint32_t)round * 31) % 200;
			struct row_view row =
			    make((uint8_t)(2 + n % 5), (uint8_t)(n % 3), n, n + 1);
			if (rng_below(&rng, 3) == 0) { /* by a detour */
				row.sequence = 0;
				store(&row);
				row.sequence = n + 1;
			}
			slots[i] = store(&row);
		}
		replica_check(&replica);
		if (round == 0)
			hash = replica_topic(&replica, TOPIC_ALL)->hash;
		assert_true(replica_topic(&replica, TOPIC_ALL)->hash == hash);
		for (uint32_t i = 0; i < 200; i++)
			replica_remove(&replica, slots[(i * 13) % 200]);
		replica_check(&replica);
		assert_int_equal(replica.row_count, 0);
		assert_true(replica_topic(&replica, TOPIC_ALL)->hash == 0);
	}
}

static void facts_belong_to_nobody_and_tell_authors_apart_in_their_version(void **state)
{
	struct row_view fact = make(2, 0, 1, 1);
	uint64_t hash;
	uint32_t slot;

	(void)state;
	fact.kind = FACT_NETWORK;
	fact.epoch = 0;
	slot = store(&fact);
	hash = replica_topic(&replica, TOPIC_ALL)->hash;
	fact.owner = id_numbered(3);
	assert_int_equal(replica_find(&replica, &fact), slot);
	assert_int_equal(replica_find_fact(&replica, replica_place(&fact)), slot);
	store(&fact);
	assert_true(replica_topic(&replica, TOPIC_ALL)->hash != hash);
	assert_int_equal(replica.fact_count, 1);
	assert_int_equal(replica.origins.count, 1); /* none but the unused */
}

static void a_hundred_thousand_rows_cost_little_beyond_their_bytes(void **state)
{
	size_t before = kit.core.heap.used_bytes;

	(void)state;
	for (uint32_t n = 0; n < 100000; n++) {
		struct row_view row = make((uint8_t)(2 + n % 100), 0, n, n / 100 + 1);
		store(&row);
	}
	assert_in_range((kit.core.heap.used_bytes - before) / 100000, 48, 120);
}

int main(void)
{
#define REPLICA_TEST(name) cmocka_unit_test_setup_teardown(name, open_replica, close_replica)
	const struct CMUnitTest tests[] = {
	    REPLICA_TEST(rows_are_found_by_owner_topic_kind_and_key),
	    REPLICA_TEST(a_newer_row_replaces_the_older_in_its_slot),
	    REPLICA_TEST(hashes_depend_on_what_is_held_and_not_on_the_way_there),
	    REPLICA_TEST(facts_belong_to_nobody_and_tell_authors_apart_in_their_version),
	    REPLICA_TEST(a_hundred_thousand_rows_cost_little_beyond_their_bytes),
	};
#undef REPLICA_TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
