/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "test/base/cmocka_all.h"

#include <string.h>

#include "test/gossip/core_kit.h"
#include "gossip/message/message.h"

/* Two nodes; frames go from one outbox to the other by hand. */
static struct core_kit kits[2];
static struct messages *msgs[2];

static int setup(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < 2; i++) {
		core_kit_open(&kits[i], (uint8_t)(i + 1));
		core_kit_member(&kits[i], (uint8_t)(2 - i), "peer");
		core_kit_step(&kits[i], 0);
		msgs[i] = messages_new(&kits[i].core, &kits[i].members);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		messages_check(msgs[i]);
		messages_free(msgs[i]);
		core_kit_close(&kits[i]);
	}
	return 0;
}

/* Lets ms pass at both, with their timers. */
static void pass(int64_t ms)
{
	for (int i = 0; i < 2; i++) {
		core_kit_step(&kits[i], ms);
		messages_tick(msgs[i]);
		messages_check(msgs[i]);
	}
}

/* Carries what one node has to say to the other, or loses it; the number of frames. */
static size_t carry(int from, bool lose)
{
	struct outbox *box = &kits[from].core.outbox;
	struct id sender = kits[from].core.self.id;
	int to = 1 - from;
	size_t count = box->frames.count;

	for (size_t i = 0; i < count && !lose; i++) {
		const struct outbox_frame *frame = vec_at(&box->frames, i);
		assert_int_equal(messages_frame(msgs[to], member_find(&kits[to].members, &sender),
						frame->type, outbox_body(box, frame), frame->len),
				 DROP_NONE);
	}
	core_kit_unsend(box);
	messages_check(msgs[to]);
	return count;
}

static void request(const char *text, uint64_t tag, int64_t ttl_ms)
{
	struct gossip_command command = {
	    .kind = CMD_MESSAGE,
	    .tag = tag,
	    .id = id_numbered(2),
	    .bytes = (const uint8_t *)text,
	    .len = strlen(text),
	    .ttl_ms = ttl_ms,
	};

	messages_request(msgs[0], &command);
}

static void reply(uint64_t message, const char *text)
{
	struct gossip_command command = {
	    .kind = CMD_REPLY,
	    .message = message,
	    .bytes = (const uint8_t *)text,
	    .len = strlen(text),
	};

	messages_reply(msgs[1], &command);
}

static void a_request_is_delivered_and_its_answer_comes_back_under_the_tag(void **state)
{
	(void)state;
	request("give me", 42, 0);
	carry(0, false);
	assert_int_equal(kits[1].update.delivery_count, 1);
	assert_int_equal(kits[1].update.deliveries[0].len, 7);
	assert_memory_equal(kits[1].update.deliveries[0].bytes, "give me", 7);
	reply(kits[1].update.deliveries[0].message, "take");
	carry(1, false);
	assert_int_equal(kits[0].update.answer_count, 1);
	assert_int_equal(kits[0].update.answers[0].tag, 42);
	assert_int_equal(kits[0].update.answers[0].err.code, 0);
	assert_memory_equal(kits[0].update.answers[0].bytes, "take", 4);
	pass(1000);
	assert_int_equal(kits[0].update.answer_count, 0);
	assert_int_equal(messages_deadline(msgs[0]).ns, INT64_MAX);
}

static void a_repeated_request_is_delivered_once_and_answered_again(void **state)
{
	uint64_t handle;

	(void)state;
	request("x", 1, 5000);
	carry(0, false);
	handle = kits[1].update.deliveries[0].message;
	pass(300);
	assert_int_equal(carry(0, false), 1); /* the retry */
	assert_int_equal(kits[1].update.delivery_count, 0);
	reply(handle, "y");
	carry(1, true); /* the answer is lost */
	pass(900);
	assert_int_equal(carry(0, false), 1);
	assert_int_equal(kits[1].update.delivery_count, 0);
	assert_int_equal(carry(1, false), 1);
	assert_int_equal(kits[0].update.answer_count, 1);
	assert_int_equal(carry(0, false), 1); /* its acknowledgement */
}

static void a_lost_request_is_sent_again_after_the_round_trip_time(void **state)
{
	struct id peer = id_numbered(2);

	(void)state;
	member_find(&kits[0].members, &peer)->srtt_ns = 80 * NS_PER_MS;
	member_find(&kits[0].members, &peer)->rttvar_ns = 5 * NS_PER_MS;
	request("x", 1, 2000);
	carry(0, true);
	pass(99);
	assert_int_equal(carry(0, true), 0);
	assert_int_equal(kits[0].members.doubted.count, 0);
	pass(1);
	assert_int_equal(carry(0, true), 1);
	assert_int_equal(kits[0].members.doubted.count, 1);
	pass(199);
	assert_int_equal(carry(0, true), 0);
	pass(1);
	assert_int_equal(carry(0, true), 1);
}

static void silence_ends_with_a_time_out(void **state)
{
	(void)state;
	request("x", 9, 500);
	for (int i = 0; i < 49; i++) {
		pass(10);
		carry(0, true);
		assert_int_equal(kits[0].update.answer_count, 0);
	}
	pass(10);
	assert_int_equal(kits[0].update.answer_count, 1);
	assert_int_equal(kits[0].update.answers[0].tag, 9);
	assert_int_equal(kits[0].update.answers[0].err.code, WEFT_E_TIMEOUT);
}

static void unknown_left_and_removed_peers_are_refused_at_once(void **state)
{
	struct gossip_command command = {.kind = CMD_MESSAGE, .tag = 3, .id = id_numbered(200)};
	struct id peer = id_numbered(2);

	(void)state;
	messages_request(msgs[0], &command);
	assert_int_equal(kits[0].update.answers[0].err.code, WEFT_E_NO_PEER);
	member_set_state(&kits[0].members, member_find(&kits[0].members, &peer), MEMBER_LEFT);
	request("x", 4, 0);
	assert_int_equal(kits[0].update.answers[1].err.code, WEFT_E_NO_PEER);
	command.id = kits[0].core.self.id;
	messages_request(msgs[0], &command);
	assert_int_equal(kits[0].update.answers[2].err.code, WEFT_E_NO_PEER);
	assert_int_equal(carry(0, true), 0);
}

static void a_late_answer_is_let_go_and_a_late_reply_ignored(void **state)
{
	uint64_t handle;

	(void)state;
	request("x", 1, 100);
	carry(0, false);
	handle = kits[1].update.deliveries[0].message;
	pass(101);
	assert_int_equal(kits[0].update.answer_count, 1);
	reply(handle, "late");
	core_kit_unsend(&kits[0].core.outbox);
	carry(1, false);
	assert_int_equal(kits[0].update.answer_count, 1); /* the time-out, nothing new */
	assert_int_equal(carry(0, false), 1);             /* acknowledged all the same */
	reply(handle, "twice");
	assert_int_equal(carry(1, false), 0);
}

static void a_request_that_finds_no_room_is_delivered_when_repeated(void **state)
{
	struct outbox *box = &kits[0].core.outbox;
	struct id sender = id_numbered(1);
	const struct outbox_frame *frame;

	(void)state;
	request("x", 1, 2000);
	kits[1].update.delivery_count = UPDATE_DELIVERIES;
	frame = vec_at(&box->frames, 0);
	assert_int_equal(messages_frame(msgs[1], member_find(&kits[1].members, &sender),
					frame->type, outbox_body(box, frame), frame->len),
			 DROP_RATE);
	core_kit_unsend(box);
	pass(250);
	carry(0, false);
	assert_int_equal(kits[1].update.delivery_count, 1);
}

static void served_requests_are_forgotten_after_their_time(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		request("x", 1, 1000);
		pass(0);
		carry(0, false);
	}
	assert_true(messages_deadline(msgs[1]).ns < INT64_MAX);
	for (int i = 0; i < 10; i++) {
		pass(1000);
		core_kit_unsend(&kits[0].core.outbox);
	}
	assert_int_equal(messages_deadline(msgs[1]).ns, INT64_MAX);
}

static void frames_that_are_cut_off_are_refused(void **state)
{
	struct id sender = id_numbered(2);
	struct member *from = member_find(&kits[0].members, &sender);
	uint8_t body[WIRE_PAYLOAD_MAX] = {0};

	(void)state;
	assert_int_equal(messages_frame(msgs[0], from, FRAME_REQUEST, body, 11), DROP_FRAME);
	assert_int_equal(messages_frame(msgs[0], from, FRAME_REQUEST, body, 13 + MESSAGE_BYTES_MAX),
			 DROP_FRAME);
	assert_int_equal(messages_frame(msgs[0], from, FRAME_ANSWER, body, 7), DROP_FRAME);
	assert_int_equal(messages_frame(msgs[0], from, FRAME_ANSWER_ACK, body, 7), DROP_FRAME);
	assert_int_equal(messages_frame(msgs[0], from, 60, body, 8), DROP_FRAME_TYPE);
}

static void a_message_over_the_limit_is_refused(void **state)
{
	static char text[MESSAGE_BYTES_MAX + 2];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	request(text, 5, 0);
	assert_int_equal(kits[0].update.answers[0].err.code, WEFT_E_INVALID);
}

#define WITH_KIT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_KIT(a_request_is_delivered_and_its_answer_comes_back_under_the_tag),
	    WITH_KIT(a_repeated_request_is_delivered_once_and_answered_again),
	    WITH_KIT(a_lost_request_is_sent_again_after_the_round_trip_time),
	    WITH_KIT(silence_ends_with_a_time_out),
	    WITH_KIT(unknown_left_and_removed_peers_are_refused_at_once),
	    WITH_KIT(a_late_answer_is_let_go_and_a_late_reply_ignored),
	    WITH_KIT(a_request_that_finds_no_room_is_delivered_when_repeated),
	    WITH_KIT(served_requests_are_forgotten_after_their_time),
	    WITH_KIT(frames_that_are_cut_off_are_refused),
	    WITH_KIT(a_message_over_the_limit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
