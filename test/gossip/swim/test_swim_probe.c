/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "test/base/cmocka_all.h"

#include <string.h>

#include "swim_kit.h"

/* Node 1 with the members 2 to 20; what it says is looked at in its outbox. */
static struct core_kit kit;
static struct swim *swim;
static struct member *target;

static int setup(void **state)
{
	(void)state;
	swim = swim_kit_open(&kit, 20);
	target = core_kit_member(&kit, 9, "n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	swim_kit_close(&kit, swim);
	return 0;
}

static void pass(int64_t ms)
{
	core_kit_step(&kit, ms);
	core_kit_unsend(&kit.core.outbox);
	probe_tick(swim);
}

static size_t sent(uint8_t type)
{
	size_t count = 0;

	for (size_t i = 0; i < kit.core.outbox.frames.count; i++)
		count += ((struct outbox_frame *)vec_at(&kit.core.outbox.frames, i))->type == type;
	return count;
}

/* The first frame of this type, and the number in its first four bytes. */
static const struct outbox_frame *first(uint8_t type, uint32_t *seq)
{
	for (size_t i = 0; i < kit.core.outbox.frames.count; i++) {
		const struct outbox_frame *frame = vec_at(&kit.core.outbox.frames, i);
		if (frame->type != type)
			continue;
		*seq = (uint32_t)wire_get(outbox_body(&kit.core.outbox, frame), 4);
		return frame;
	}
	fail_msg("no frame of type %d", type);
	return NULL;
}

static size_t sent_via(uint8_t type, const struct hostport *via)
{
	size_t count = 0;

	for (size_t i = 0; i < kit.core.outbox.frames.count; i++) {
		const struct outbox_frame *frame = vec_at(&kit.core.outbox.frames, i);
		count += frame->type == type && hostport_eq(&frame->via, via);
	}
	return count;
}

static void a_silent_member_is_looked_for_where_its_record_says_it_lives(void **state)
{
	const struct hostport home = {inet_from_v4(0x0a000063), GOSSIP_PORT};
	const struct hostport heard_at = target->addr;
	struct rec_member rec = *target->rec;

	(void)state;
	rec.gossip = home;
	member_apply_record(&kit.members, target, &rec, 1);
	target->addr = heard_at;
	assert_false(hostport_eq(&target->addr, &home));
	probe_start(swim, target, false);
	assert_int_equal(sent_via(FRAME_PING, &home), 0);
	pass(150);
	assert_int_equal(sent_via(FRAME_PING, &home), 1);
	assert_int_equal(sent(FRAME_PING), 2);
	target->addr = home;
	pass(150);
	assert_int_equal(sent_via(FRAME_PING, &home), 0);
}

static void who_leaves_others_without_an_answer_is_probed_at_once_and_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		target->doubted = true;
		swim_doubt(swim, target);
		assert_false(target->doubted);
		assert_int_equal(sent(FRAME_PING), 1);
	}
	pass(150);
	assert_int_equal(sent(FRAME_PING_REQ), SWIM_WITNESSES);
	member_set_state(&kit.members, target, MEMBER_FAILED);
	pass(150);
	swim_doubt(swim, target);
	assert_int_equal(sent(FRAME_PING), 0);
}

static void a_silent_member_is_asked_through_ever_new_witnesses_and_suspected(void **state)
{
	(void)state;
	probe_start(swim, target, false);
	assert_int_equal(sent(FRAME_PING), 1);
	assert_int_equal(sent(FRAME_PING_REQ), 0);
	pass(150);
	for (int round = 0; round < SWIM_RETRIES; round++) {
		assert_int_equal(sent(FRAME_PING), 1);
		assert_int_equal(sent(FRAME_PING_REQ), SWIM_WITNESSES);
		assert_int_equal(target->state, MEMBER_ALIVE);
		pass(150);
	}
	pass(150);
	assert_int_equal(target->state, MEMBER_SUSPECT);
	assert_int_equal(swim->stats[SWIM_PROBES_FAILED], 1);
}

static void no_witness_is_asked_twice_while_there_are_others(void **state)
{
	bool asked[256] = {false};

	(void)state;
	probe_start(swim, target, true);
	for (int round = 0; round < SWIM_RETRIES; round++) {
		for (size_t i = 0; i < kit.core.outbox.frames.count; i++) {
			const struct outbox_frame *frame = vec_at(&kit.core.outbox.frames, i);
			if (frame->type != FRAME_PING_REQ)
				continue;
			assert_false(asked[frame->to.b[0]]);
			asked[frame->to.b[0]] = true;
		}
		pass(150);
	}
	assert_false(asked[9]);
	assert_false(asked[1]);
}

static void an_answer_ends_the_probe_and_measures_the_round_trip(void **state)
{
	uint32_t seq = 0;

	(void)state;
	probe_start(swim, target, false);
	first(FRAME_PING, &seq);
	core_kit_step(&kit, 8);
	probe_acked(swim, target, seq);
	assert_int_equal(target->srtt_ns, 8 * NS_PER_MS);
	assert_int_equal(probe_deadline(swim).ns, INT64_MAX);
}

static void a_late_answer_to_the_first_ping_counts_in_a_later_round(void **state)
{
	uint32_t seq = 0;

	(void)state;
	probe_start(swim, target, false);
	first(FRAME_PING, &seq);
	pass(150);
	core_kit_step(&kit, 30);
	probe_acked(swim, target, seq);
	assert_int_equal(target->srtt_ns, 180 * NS_PER_MS);
	assert_int_equal(probe_deadline(swim).ns, INT64_MAX);
}

static void only_the_target_and_witnesses_that_were_asked_may_answer(void **state)
{
	struct id id = id_numbered(20);
	struct member *stranger = member_find(&kit.members, &id);
	const struct outbox_frame *asked;
	uint32_t seq = 0;

	(void)state;
	for (uint8_t i = 2; i <= 20; i++) { /* leave three witnesses, 2 to 4 */
		struct id other = id_numbered(i);
		if (i > 4 && i != 9)
			member_set_state(&kit.members, member_find(&kit.members, &other),
					 MEMBER_FAILED);
	}
	probe_start(swim, target, true);
	asked = first(FRAME_PING_REQ, &seq);
	probe_acked(swim, stranger, seq);
	assert_true(probe_deadline(swim).ns < INT64_MAX);
	probe_acked(swim, target, seq + 1); /* of a round that was not yet */
	assert_true(probe_deadline(swim).ns < INT64_MAX);
	probe_acked(swim, member_find(&kit.members, &asked->to), seq);
	assert_int_equal(probe_deadline(swim).ns, INT64_MAX);
	assert_int_equal(target->srtt_ns, 0);
}

static void nacks_say_that_it_is_not_us(void **state)
{
	(void)state;
	probe_start(swim, target, true);
	for (int round = 0; round < SWIM_RETRIES; round++) {
		for (size_t i = 0; i < kit.core.outbox.frames.count; i++) {
			const struct outbox_frame *frame = vec_at(&kit.core.outbox.frames, i);
			if (frame->type == FRAME_PING_REQ)
				probe_nacked(
				    swim, member_find(&kit.members, &frame->to),
				    (uint32_t)wire_get(outbox_body(&kit.core.outbox, frame), 4));
		}
		pass(150);
	}
	pass(300);
	assert_int_equal(target->state, MEMBER_SUSPECT);
	assert_int_equal(swim->health, 0);
}

static void missing_nacks_say_that_it_may_be_us(void **state)
{
	(void)state;
	probe_start(swim, target, true);
	for (int round = 0; round <= SWIM_RETRIES; round++)
		pass(300);
	assert_int_equal(target->state, MEMBER_SUSPECT);
	assert_int_equal(swim->health, 1);
	assert_int_equal(swim_timeout_ns(swim, target), 300 * NS_PER_MS);
}

static void time_outs_follow_the_round_trip_within_the_bounds_of_the_profile(void **state)
{
	(void)state;
	assert_int_equal(swim_timeout_ns(swim, target), 150 * NS_PER_MS);
	target->srtt_ns = NS_PER_MS;
	assert_int_equal(swim_timeout_ns(swim, target), 100 * NS_PER_MS);
	target->srtt_ns = 200 * NS_PER_MS;
	target->rttvar_ns = 10 * NS_PER_MS;
	assert_int_equal(swim_timeout_ns(swim, target), 240 * NS_PER_MS);
	target->rttvar_ns = NS_PER_S;
	assert_int_equal(swim_timeout_ns(swim, target), 500 * NS_PER_MS);
}

static void a_helper_pings_for_others_and_passes_the_answer_on(void **state)
{
	struct id id = id_numbered(5);
	struct member *origin = member_find(&kit.members, &id);
	const struct outbox_frame *frame;
	uint32_t seq = 0;

	(void)state;
	probe_relay(swim, origin, 777, &target->id, 200);
	frame = first(FRAME_PING, &seq);
	assert_true(id_eq(&frame->to, &target->id));
	probe_acked(swim, origin, seq); /* not the one that was asked for */
	assert_int_equal(sent(FRAME_ACK), 0);
	probe_acked(swim, target, seq);
	frame = first(FRAME_ACK, &seq);
	assert_true(id_eq(&frame->to, &origin->id));
	assert_int_equal(seq, 777);
}

static void a_helper_that_hears_nothing_says_so_in_time(void **state)
{
	struct id id = id_numbered(5);
	uint32_t seq = 0;

	(void)state;
	probe_relay(swim, member_find(&kit.members, &id), 777, &target->id, 200);
	pass(159);
	assert_int_equal(sent(FRAME_NACK), 0);
	pass(1);
	assert_true(id_eq(&first(FRAME_NACK, &seq)->to, &id));
	assert_int_equal(seq, 777);
	assert_int_equal(probe_deadline(swim).ns, INT64_MAX);
}

static void help_is_bounded(void **state)
{
	struct id id = id_numbered(5);

	(void)state;
	for (uint32_t i = 0; i < 2 * SWIM_RELAYS_MAX; i++)
		probe_relay(swim, member_find(&kit.members, &id), i, &target->id, 200);
	assert_int_equal(sent(FRAME_PING), SWIM_RELAYS_MAX);
}

static void a_ping_to_a_suspect_carries_the_suspicion(void **state)
{
	struct id accuser = id_numbered(3);

	(void)state;
	state_suspect(swim, target, target->incarnation, &accuser);
	core_kit_unsend(&kit.core.outbox);
	probe_ping(swim, target, 1);
	assert_int_equal(sent(FRAME_PING), 1);
	assert_int_equal(sent(FRAME_SUSPECT), 1);
}

static void the_verdict_on_a_member_that_left_meanwhile_is_dropped(void **state)
{
	(void)state;
	probe_start(swim, target, true);
	member_set_state(&kit.members, target, MEMBER_LEFT);
	for (int round = 0; round < 10; round++)
		pass(300);
	assert_int_equal(target->state, MEMBER_LEFT);
	assert_int_equal(swim->stats[SWIM_PROBES_FAILED], 0);
}

#define WITH_KIT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_KIT(a_silent_member_is_looked_for_where_its_record_says_it_lives),
	    WITH_KIT(who_leaves_others_without_an_answer_is_probed_at_once_and_once),
	    WITH_KIT(a_silent_member_is_asked_through_ever_new_witnesses_and_suspected),
	    WITH_KIT(no_witness_is_asked_twice_while_there_are_others),
	    WITH_KIT(an_answer_ends_the_probe_and_measures_the_round_trip),
	    WITH_KIT(a_late_answer_to_the_first_ping_counts_in_a_later_round),
	    WITH_KIT(only_the_target_and_witnesses_that_were_asked_may_answer),
	    WITH_KIT(nacks_say_that_it_is_not_us),
	    WITH_KIT(missing_nacks_say_that_it_may_be_us),
	    WITH_KIT(time_outs_follow_the_round_trip_within_the_bounds_of_the_profile),
	    WITH_KIT(a_helper_pings_for_others_and_passes_the_answer_on),
	    WITH_KIT(a_helper_that_hears_nothing_says_so_in_time),
	    WITH_KIT(help_is_bounded),
	    WITH_KIT(a_ping_to_a_suspect_carries_the_suspicion),
	    WITH_KIT(the_verdict_on_a_member_that_left_meanwhile_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
