/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "test/base/cmocka_all.h"

#include <string.h>

#include "test/gossip/core_kit.h"

static struct core_kit kit;
static uint8_t body[WIRE_PAYLOAD_MAX];

static int setup(void **state)
{
	(void)state;
	core_kit_open(&kit, 1);
	memset(body, 0x5a, sizeof(body));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_kit_close(&kit);
	return 0;
}

static void add(enum frame_class class, uint8_t type, size_t len)
{
	struct id to = id_numbered(2);

	assert_int_equal(outbox_add(&kit.core.outbox, &to, class, type, body, len), 0);
	outbox_check(&kit.core.outbox);
}

/* Packs one datagram of all frames; types[i] counts frames of type i in it. */
static size_t pack(size_t room, unsigned types[256])
{
	struct outbox *box = &kit.core.outbox;
	struct outbox_frame *candidates[64];
	uint8_t out[WIRE_PAYLOAD_MAX];
	size_t len;

	assert_true(box->frames.count <= 64);
	for (size_t i = 0; i < box->frames.count; i++)
		candidates[i] = vec_at(&box->frames, i);
	len = outbox_pack(box, candidates, box->frames.count, out, room);
	memset(types, 0, 256 * sizeof(*types));
	for (size_t at = 0; at < len; at += FRAME_HEADER_BYTES + (size_t)wire_get(out + at + 1, 2))
		types[out[at]]++;
	return len;
}

static void frames_of_one_peer_travel_together(void **state)
{
	unsigned types[256];

	(void)state;
	add(CLASS_CONTROL, FRAME_PING, 4);
	add(CLASS_OWN, FRAME_ROW, 200);
	add(CLASS_MESSAGE, FRAME_REQUEST, 300);
	assert_int_equal(pack(WIRE_PAYLOAD_MAX, types), 7 + 203 + 303);
	outbox_compact(&kit.core.outbox);
	assert_int_equal(kit.core.outbox.frames.count, 0);
	assert_int_equal(kit.core.outbox.len, 0);
}

static void control_goes_before_everything_that_was_there_first(void **state)
{
	unsigned types[256];

	(void)state;
	add(CLASS_ROW, FRAME_ROW, 1100);
	add(CLASS_CONTROL, FRAME_PING, 60);
	add(CLASS_CONTROL, FRAME_ACK, 60);
	pack(WIRE_PAYLOAD_MAX, types);
	assert_int_equal(types[FRAME_PING], 1);
	assert_int_equal(types[FRAME_ACK], 1);
	assert_int_equal(types[FRAME_ROW], 0);
	outbox_compact(&kit.core.outbox);
	assert_int_equal(kit.core.outbox.frames.count, 1);
	pack(WIRE_PAYLOAD_MAX, types);
	assert_int_equal(types[FRAME_ROW], 1);
}

static void a_class_with_much_to_say_leaves_the_others_their_share(void **state)
{
	unsigned types[256];

	(void)state;
	for (int i = 0; i < 20; i++)
		add(CLASS_OWN, FRAME_ROW, 147);
	add(CLASS_REPAIR, FRAME_MARKS, 147);
	add(CLASS_MESSAGE, FRAME_REQUEST, 147);
	pack(1200 - 36, types);
	assert_int_equal(types[FRAME_MARKS], 1);
	assert_int_equal(types[FRAME_REQUEST], 1);
	assert_int_equal(types[FRAME_ROW], 5);
}

static void a_frame_larger_than_the_room_stays(void **state)
{
	unsigned types[256];

	(void)state;
	add(CLASS_ROW, FRAME_ROW, 1150);
	assert_int_equal(pack(900, types), 0);
	outbox_compact(&kit.core.outbox);
	assert_int_equal(kit.core.outbox.frames.count, 1);
}

static void what_stays_keeps_its_bytes_and_order(void **state)
{
	struct outbox *box = &kit.core.outbox;
	const struct outbox_frame *frame;
	uint8_t expected[10];

	(void)state;
	for (uint8_t i = 0; i < 6; i++) {
		memset(body, i, 10);
		add(CLASS_ROW, i, 10);
		((struct outbox_frame *)vec_at(&box->frames, i))->done = i % 2 == 0;
	}
	outbox_compact(box);
	outbox_check(box);
	assert_int_equal(box->frames.count, 3);
	for (uint8_t i = 0; i < 3; i++) {
		frame = vec_at(&box->frames, i);
		memset(expected, 2 * i + 1, sizeof(expected));
		assert_int_equal(frame->type, 2 * i + 1);
		assert_memory_equal(outbox_body(box, frame), expected, sizeof(expected));
	}
}

static void the_box_is_bounded(void **state)
{
	struct id to = id_numbered(2);
	size_t added = 0;

	(void)state;
	while (outbox_add(&kit.core.outbox, &to, CLASS_ROW, FRAME_ROW, body, 1000) == 0)
		added++;
	assert_int_equal(added, OUTBOX_BYTES_MAX / 1000);
	assert_int_equal(outbox_add(&kit.core.outbox, &to, CLASS_ROW, FRAME_ROW, body, 1000),
			 WEFT_E_LIMIT);
	core_kit_unsend(&kit.core.outbox);
	for (added = 0; outbox_add(&kit.core.outbox, &to, CLASS_ROW, FRAME_ROW, NULL, 0) == 0;)
		added++;
	assert_int_equal(added, OUTBOX_FRAMES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(frames_of_one_peer_travel_together, setup, teardown),
	    cmocka_unit_test_setup_teardown(control_goes_before_everything_that_was_there_first,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(a_class_with_much_to_say_leaves_the_others_their_share,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(a_frame_larger_than_the_room_stays, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_stays_keeps_its_bytes_and_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_box_is_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
