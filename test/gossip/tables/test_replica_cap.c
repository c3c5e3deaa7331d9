/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "gossip/tables/replica_cap.h"

#include <string.h>

#include "test/base/cmocka_all.h"
#include "replica_kit.h"

static uint32_t store(uint16_t kind, uint8_t owner, uint32_t n, uint64_t sequence)
{
	struct row_view row = {.kind = kind, .sequence = sequence, .key_len = 4};

	row.owner = id_numbered(owner);
	row.epoch = row_is_fact(&row) ? 0 : 1;
	wire_put(row.key, n, 4);
	return replica_kit_store(&row);
}

static uint64_t sum(void)
{
	return replica_topic(&kit.replica, TOPIC_ALL)->hash;
}

static void a_capped_origin_is_left_out_of_all_sums(void **state)
{
	(void)state;
	store(ROW_RANGE, 2, 1, 1);
	replica_cap(&kit.replica, 1);
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
	replica_cap_author(&kit.replica, &author);
	assert_true(sum() == without);
	store(FACT_NETWORK, 2, 20, 1);
	store(FACT_NETWORK, 2, 5, 9);
	assert_true(sum() == without);
	replica_check(&kit.replica);
	/* What another author writes over one of them counts again. */
	store(FACT_NETWORK, 4, 5, 10);
	assert_true(sum() != without);
}

static uint32_t facts_of(const struct id *author)
{
	uint32_t number = replica_find_owner(&kit.replica, author);

	return number != NONE ? replica_owner(&kit.replica, number)->facts : 0;
}

static void facts_are_counted_for_who_wrote_them_last(void **state)
{
	struct id two = id_numbered(2), three = id_numbered(3);

	(void)state;
	store(FACT_NETWORK, 2, 1, 1);
	store(FACT_NETWORK, 2, 2, 1);
	store(FACT_NETWORK, 2, 2, 2);
	assert_int_equal(facts_of(&two), 2);
	assert_int_equal(facts_of(&three), 0);
	store(FACT_NETWORK, 3, 2, 3);
	assert_int_equal(facts_of(&two), 1);
	assert_int_equal(facts_of(&three), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define REPLICA_TEST(name) \
	cmocka_unit_test_setup_teardown(name, replica_kit_open, replica_kit_close)
	    REPLICA_TEST(a_capped_origin_is_left_out_of_all_sums),
	    REPLICA_TEST(facts_of_a_capped_author_are_left_out_and_those_of_others_are_not),
	    REPLICA_TEST(facts_are_counted_for_who_wrote_them_last),
	};
#undef REPLICA_TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
