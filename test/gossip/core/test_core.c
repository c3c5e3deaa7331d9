/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "test/base/cmocka_all.h"

#include <string.h>

#include "test/gossip/core_kit.h"

static struct core_kit kit;

static int setup(void **state)
{
	(void)state;
	core_kit_open(&kit, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_kit_close(&kit);
	return 0;
}

static void scratch_lives_for_the_step_and_its_blocks_are_used_again(void **state)
{
	uint8_t *small, *large;
	size_t held;

	(void)state;
	small = scratch_take(&kit.core.scratch, 100);
	large = scratch_take(&kit.core.scratch, 20000);
	memset(small, 1, 100);
	memset(large, 2, 20000);
	assert_int_equal(small[99], 1);
	assert_int_equal((uintptr_t)large % 16, 0);
	held = kit.core.heap.used_bytes;
	for (int i = 0; i < 100; i++) {
		core_kit_step(&kit, 1);
		assert_ptr_equal(scratch_take(&kit.core.scratch, 100), small);
		assert_ptr_equal(scratch_take(&kit.core.scratch, 20000), large);
	}
	assert_int_equal(kit.core.heap.used_bytes, held);
}

static void a_persist_group_holds_the_writes_added_after_it(void **state)
{
	struct write write = {.kind = WRITE_META, .meta = META_EPOCH};
	uint64_t first, second;

	(void)state;
	first = core_persist_begin(&kit.core, 7);
	core_persist_write(&kit.core, &write);
	core_persist_write(&kit.core, &write);
	second = core_persist_begin(&kit.core, 0);
	core_persist_write(&kit.core, &write);
	assert_true(first != 0 && second > first);
	assert_int_equal(kit.update.persists[0].count, 2);
	assert_int_equal(kit.update.persists[0].tag, 7);
	assert_int_equal(kit.update.persists[1].first, 2);
	assert_int_equal(kit.update.persists[1].count, 1);
}

static void a_full_update_opens_no_persist_group(void **state)
{
	(void)state;
	for (int i = 0; i < UPDATE_PERSISTS; i++)
		assert_true(core_persist_begin(&kit.core, 0) != 0);
	assert_int_equal(core_persist_begin(&kit.core, 0), 0);
	assert_false(core_has_room(&kit.core, 0, 1, 0));
	assert_true(core_has_room(&kit.core, 1, 0, 1));
	core_kit_step(&kit, 0);
	assert_true(core_has_room(&kit.core, UPDATE_CHANGES, UPDATE_WRITES, UPDATE_ANSWERS));
}

static void an_answer_without_a_tag_goes_nowhere(void **state)
{
	(void)state;
	core_answer(&kit.core, 0)->err.code = WEFT_E_BUSY;
	assert_int_equal(kit.update.answer_count, 0);
	assert_int_equal(core_answer(&kit.core, 9)->err.code, 0);
	assert_int_equal(kit.update.answer_count, 1);
	assert_int_equal(kit.update.answers[0].tag, 9);
}

static void limits_left_at_zero_take_their_defaults(void **state)
{
	(void)state;
	assert_int_equal(kit.core.limits.members_max, 20000);
	assert_int_equal(kit.core.limits.row_bytes_per_owner_s, 65536);
}

static void secrets_are_wiped_at_the_end(void **state)
{
	struct core_kit other;
	uint8_t zero[SIGN_SEC_BYTES] = {0};

	(void)state;
	core_kit_open(&other, 2);
	memset(other.core.self.sign_sec, 0x55, SIGN_SEC_BYTES);
	core_kit_close(&other);
	assert_memory_equal(other.core.self.sign_sec, zero, SIGN_SEC_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		scratch_lives_for_the_step_and_its_blocks_are_used_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_persist_group_holds_the_writes_added_after_it, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(a_full_update_opens_no_persist_group, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_answer_without_a_tag_goes_nowhere, setup, teardown),
	    cmocka_unit_test_setup_teardown(limits_left_at_zero_take_their_defaults, setup,
					    teardown),
	    cmocka_unit_test(secrets_are_wiped_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
