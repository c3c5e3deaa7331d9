/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "gossip/replica_cap.h"

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

static uint32_t store(uint16_t kind, uint8_t owner, uint32_t n, uint64_t sequence)
{
	struct row_view row = {.kind = kind, .sequence = sequence, .key_len = 4};
	uint8_t bytes[ROW_BYTES_MAX] = {0};
	int len;

	row.owner = id_numbered(owner);
	row.epoch = row_is_fact(&row) ? 0 : 1;
	wire_put(row.key, n, 4);
	len = row_encode(&row, bytes, sizeof(bytes));
	assert_true(len > 0);
	return replica_store(&replica, replica_find(&replica, &row), &row,
			     blob_take(&kit.blobs, bytes, (size_t)len + ROW_SIG_BYTES));
}

static uint64_t sum(void)
{
	return replica_topic(&replica, TOPIC_ALL)->hash;
}

static void a_capped_origin_is_left_out_of_all_sums(void **state)
{
	(void)state;
	store(ROW_RANGE, 2, 1, 1);
	replica_cap(&replica, 1);
	assert_true(sum() == 0);
	store(ROW_RANGE, 2, 2, 2);
	assert_true(sum() == 0);
}

static void facts_of_a_capped_author_are_left_out_and_those_of_others_are_not(void **state)
{
	struct id author = id_numbered(2);
	uint64_t without;

	(void)state;
	store(FACT_NETWORK, 3, 1, 1);
	without = sum();
	for (uint32_t i = 2; i < 20; i++)
		store(FACT_NETWORK, 2, i, 1);
	assert_true(sum() != without);
	replica_cap_author(&replica, &author);
	assert_true(sum() == without);
	store(FACT_NETWORK, 2, 20, 1);
	store(FACT_NETWORK, 2, 5, 9);
	assert_true(sum() == without);
	replica_check(&replica);
	/* What another author writes over one of them counts again. */
	store(FACT_NETWORK, 4, 5, 10);
	assert_true(sum() != without);
}

static void facts_are_counted_for_who_wrote_them_last(void **state)
{
	struct id two = id_numbered(2), three = id_numbered(3);

	(void)state;
	store(FACT_NETWORK, 2, 1, 1);
	store(FACT_NETWORK, 2, 2, 1);
	store(FACT_NETWORK, 2, 2, 2);
	assert_int_equal(replica_facts_of(&replica, &two), 2);
	assert_int_equal(replica_facts_of(&replica, &three), 0);
	store(FACT_NETWORK, 3, 2, 3);
	assert_int_equal(replica_facts_of(&replica, &two), 1);
	assert_int_equal(replica_facts_of(&replica, &three), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define REPLICA_TEST(name) cmocka_unit_test_setup_teardown(name, open_replica, close_replica)
	    REPLICA_TEST(a_capped_origin_is_left_out_of_all_sums),
	    REPLICA_TEST(facts_of_a_capped_author_are_left_out_and_those_of_others_are_not),
	    REPLICA_TEST(facts_are_counted_for_who_wrote_them_last),
	};
#undef REPLICA_TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
