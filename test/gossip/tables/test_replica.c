/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "gossip/tables/replica.h"

#include <string.h>

#include "test/base/cmocka_all.h"
#include "replica_kit.h"

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

static void rows_are_found_by_owner_topic_kind_and_key(void **state)
{
	struct row_view row = make(2, 0, 7, 1), other;
	uint32_t slot = replica_kit_store(&row);

	(void)state;
	assert_int_equal(replica_find(&kit.replica, &row), slot);
	other = make(3, 0, 7, 1);
	assert_int_equal(replica_find(&kit.replica, &other), NONE);
	other = make(2, 9, 7, 1);
	assert_int_equal(replica_find(&kit.replica, &other), NONE);
	other = make(2, 0, 8, 1);
	assert_int_equal(replica_find(&kit.replica, &other), NONE);
	other = row;
	other.kind = ROW_GRANT;
	assert_int_equal(replica_find(&kit.replica, &other), NONE);
	other = row;
	other.key_len = 3;
	assert_int_equal(replica_find(&kit.replica, &other), NONE);
}

static void a_newer_row_replaces_the_older_in_its_slot(void **state)
{
	struct row_view row = make(2, 0, 7, 1), held;
	size_t blobs_before = kit.core.blobs.count;
	uint32_t slot = replica_kit_store(&row);

	(void)state;
	row.sequence = 2;
	row.deleted = true;
	assert_int_equal(replica_kit_store(&row), slot);
	assert_int_equal(kit.replica.row_count, 1);
	assert_int_equal(kit.replica.dead_count, 1);
	assert_int_equal(kit.core.blobs.count, blobs_before + 1);
	replica_view(&kit.replica, slot, &held);
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
				replica_kit_store(&row);
				row.sequence = n + 1;
			}
			slots[i] = replica_kit_store(&row);
		}
		replica_check(&kit.replica);
		if (round == 0)
			hash = replica_topic(&kit.replica, TOPIC_ALL)->hash;
		assert_true(replica_topic(&kit.replica, TOPIC_ALL)->hash == hash);
		for (uint32_t i = 0; i < 200; i++)
			replica_remove(&kit.replica, slots[(i * 13) % 200]);
		replica_check(&kit.replica);
		assert_int_equal(kit.replica.row_count, 0);
		assert_true(replica_topic(&kit.replica, TOPIC_ALL)->hash == 0);
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
	slot = replica_kit_store(&fact);
	hash = replica_topic(&kit.replica, TOPIC_ALL)->hash;
	fact.owner = id_numbered(3);
	assert_int_equal(replica_find(&kit.replica, &fact), slot);
	assert_int_equal(replica_find_fact(&kit.replica, replica_place(&fact)), slot);
	replica_kit_store(&fact);
	assert_true(replica_topic(&kit.replica, TOPIC_ALL)->hash != hash);
	assert_int_equal(kit.replica.fact_count, 1);
	assert_int_equal(kit.replica.origins.count, 1); /* none but the unused */
}

static void a_hundred_thousand_rows_cost_little_beyond_their_bytes(void **state)
{
	size_t before = kit.core.core.heap.used_bytes;

	(void)state;
	for (uint32_t n = 0; n < 100000; n++) {
		struct row_view row = make((uint8_t)(2 + n % 100), 0, n, n / 100 + 1);
		replica_kit_store(&row);
	}
	assert_in_range((kit.core.core.heap.used_bytes - before) / 100000, 48, 120);
}

int main(void)
{
#define REPLICA_TEST(name) \
	cmocka_unit_test_setup_teardown(name, replica_kit_open, replica_kit_close)
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
