/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "test/base/cmocka_all.h"

#include <string.h>

#include "test/gossip/core_kit.h"
#include "gossip/swim/swim_parts.h"

static struct core_kit kit;
static struct swim *swim;

static struct member *numbered(uint8_t number)
{
	struct id id = id_numbered(number);

	return member_find(&kit.members, &id);
}

static int setup(void **state)
{
	(void)state;
	core_kit_open(&kit, 1);
	for (uint8_t i = 2; i <= 60; i++)
		core_kit_member(&kit, i, "n");
	swim = swim_new(&kit.core, &kit.members);
	for (uint8_t i = 1; i <= 60; i++)
		swim_watch(swim, numbered(i));
	swim->started = true;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tell_check(swim);
	swim_free(swim);
	core_kit_close(&kit);
	return 0;
}

static size_t tick(int64_t ms)
{
	core_kit_step(&kit, ms);
	core_kit_unsend(&kit.core.outbox);
	tell_tick(swim);
	tell_check(swim);
	return kit.core.outbox.frames.count;
}

static void news_goes_to_four_at_once_and_ends_after_a_bounded_number_of_sends(void **state)
{
	size_t sent = 0;

	(void)state;
	tell_all(swim, numbered(7));
	assert_int_equal(tick(2), 0);
	assert_int_equal(tick(1), 4);
	for (int i = 0; i < 20; i++)
		sent += tick(100);
	assert_int_equal(4 + sent, 13); /* 4 and 3 for each factor of four in 60 */
	assert_int_equal(swim->tell_due.ns, INT64_MAX);
}

static void a_member_has_one_slot_and_its_last_state_is_told(void **state)
{
	const struct outbox_frame *frame;
	struct id accuser = id_numbered(3);

	(void)state;
	for (int i = 0; i < 100; i++)
		tell_all(swim, numbered(7));
	assert_int_equal(swim->telling.count, 1);
	state_suspect(swim, numbered(7), 0, &accuser);
	assert_int_equal(swim->telling.count, 1);
	tick(10);
	frame = vec_at(&kit.core.outbox.frames, 0);
	assert_int_equal(frame->type, FRAME_SUSPECT);
	assert_memory_equal(outbox_body(&kit.core.outbox, frame) + SWIM_SUBJECT_BYTES, accuser.b,
			    ID_BYTES);
}

static void room_in_a_datagram_is_filled_newest_first(void **state)
{
	uint8_t out[3 * (FRAME_HEADER_BYTES + SWIM_SUBJECT_BYTES) + 10];

	(void)state;
	for (uint8_t i = 10; i < 20; i++)
		tell_all(swim, numbered(i));
	assert_int_equal(swim_fill(swim, numbered(2), out, sizeof(out)), 81);
	assert_int_equal(out[FRAME_HEADER_BYTES], 19);
	assert_int_equal(out[27 + FRAME_HEADER_BYTES], 18);
	assert_int_equal(out[54 + FRAME_HEADER_BYTES], 17);
	assert_int_equal(swim_fill(swim, numbered(2), out, 10), 0);
}

static void nobody_is_told_that_he_is_alive(void **state)
{
	uint8_t out[WIRE_PAYLOAD_MAX];

	(void)state;
	tell_all(swim, numbered(7));
	assert_int_equal(swim_fill(swim, numbered(7), out, sizeof(out)), 0);
	assert_int_equal(swim->telling.count, 1);
	assert_int_equal(swim_fill(swim, numbered(8), out, sizeof(out)), 27);
}

static void piggybacked_news_counts_as_sent(void **state)
{
	uint8_t out[WIRE_PAYLOAD_MAX];
	size_t fills = 0;

	(void)state;
	tell_all(swim, numbered(7));
	while (swim_fill(swim, numbered(2), out, sizeof(out)) > 0)
		fills++;
	assert_int_equal(fills, 13);
	assert_int_equal(swim->telling.count, 0);
}

static void the_queue_never_exceeds_the_members(void **state)
{
	(void)state;
	for (int round = 0; round < 5; round++) {
		for (uint8_t i = 2; i <= 60; i++)
			tell_all(swim, numbered(i));
	}
	assert_int_equal(swim->telling.count, 59);
	for (int i = 0; i < 200; i++)
		tick(100);
	assert_int_equal(swim->telling.count, 0);
}

static void news_that_nobody_can_hear_grows_old(void **state)
{
	(void)state;
	for (uint8_t i = 2; i <= 60; i++)
		member_set_state(&kit.members, numbered(i), MEMBER_FAILED);
	tell_all(swim, numbered(7));
	for (int i = 0; i < 20; i++)
		assert_int_equal(tick(100), 0);
	assert_int_equal(swim->telling.count, 0);
}

static void what_left_or_was_removed_is_not_told(void **state)
{
	(void)state;
	tell_all(swim, numbered(7));
	member_set_state(&kit.members, numbered(7), MEMBER_REMOVED);
	for (int i = 0; i < 20; i++)
		assert_int_equal(tick(100), 0);
	assert_int_equal(swim->telling.count, 0);
}

#define WITH_KIT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_KIT(news_goes_to_four_at_once_and_ends_after_a_bounded_number_of_sends),
	    WITH_KIT(a_member_has_one_slot_and_its_last_state_is_told),
	    WITH_KIT(room_in_a_datagram_is_filled_newest_first),
	    WITH_KIT(nobody_is_told_that_he_is_alive),
	    WITH_KIT(piggybacked_news_counts_as_sent),
	    WITH_KIT(the_queue_never_exceeds_the_members),
	    WITH_KIT(news_that_nobody_can_hear_grows_old),
	    WITH_KIT(what_left_or_was_removed_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
