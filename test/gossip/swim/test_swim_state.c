/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "test/base/cmocka_all.h"

#include <string.h>

#include "swim_kit.h"

/* Node 1 with the members 2 to 20; nobody answers, frames stay in the outbox. */
static struct core_kit kit;
static struct swim *swim;
static struct member *subject;

static int setup(void **state)
{
	(void)state;
	swim = swim_kit_open(&kit, 20);
	subject = core_kit_member(&kit, 9, "n");
	member_set_incarnation(&kit.members, subject, 5);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	swim_kit_close(&kit, swim);
	return 0;
}

static void accuse(uint8_t accuser, uint64_t incarnation)
{
	struct id id = id_numbered(accuser);

	state_suspect(swim, subject, incarnation, &id);
}

static void judge(uint8_t who, uint64_t incarnation)
{
	struct id id = id_numbered(who);

	state_verdict(swim, subject, incarnation, &id);
}

/* Only suspicions run out; nothing else of the protocol has its turn. */
static void pass(int64_t ms)
{
	core_kit_step(&kit, ms);
	core_kit_unsend(&kit.core.outbox);
	state_tick(swim);
}

static void an_unconfirmed_suspicion_lasts_five_times_the_shortest(void **state)
{
	(void)state;
	accuse(3, 5);
	assert_int_equal(subject->state, MEMBER_SUSPECT);
	pass(5499);
	assert_int_equal(subject->state, MEMBER_SUSPECT);
	pass(1);
	assert_int_equal(subject->state, MEMBER_FAILED);
}

static void confirmations_shorten_it_by_the_logarithm(void **state)
{
	(void)state;
	accuse(3, 5);
	accuse(4, 5);
	assert_int_equal(mono_diff_ms(swim->suspicions_due, kit.core.now), 3300);
	accuse(4, 5);
	assert_int_equal(mono_diff_ms(swim->suspicions_due, kit.core.now), 3300);
	accuse(5, 5);
	assert_int_equal(mono_diff_ms(swim->suspicions_due, kit.core.now), 2016);
	accuse(6, 5);
	assert_int_equal(mono_diff_ms(swim->suspicions_due, kit.core.now), 1100);
	pass(1100);
	assert_int_equal(subject->state, MEMBER_FAILED);
}

static void an_older_accusation_does_nothing(void **state)
{
	(void)state;
	accuse(3, 4);
	judge(3, 4);
	assert_int_equal(subject->state, MEMBER_ALIVE);
}

static void only_a_newer_incarnation_refutes(void **state)
{
	(void)state;
	accuse(3, 5);
	state_alive(swim, subject, 5);
	assert_int_equal(subject->state, MEMBER_SUSPECT);
	state_alive(swim, subject, 6);
	assert_int_equal(subject->state, MEMBER_ALIVE);
	assert_int_equal(subject->incarnation, 6);
	pass(20000);
	assert_int_equal(subject->state, MEMBER_ALIVE);
}

static void an_accuser_that_did_not_hear_the_refuted_looks_again_at_once(void **state)
{
	(void)state;
	accuse(3, 5);
	state_alive(swim, subject, 6);
	assert_int_equal(swim->stats[SWIM_PROBES], 0);
	accuse(1, 6);
	state_heard(swim, subject);
	state_alive(swim, subject, 7);
	assert_int_equal(swim->stats[SWIM_PROBES], 0);
	accuse(1, 7);
	state_alive(swim, subject, 8);
	assert_int_equal(subject->state, MEMBER_ALIVE);
	assert_int_equal(swim->stats[SWIM_PROBES], 1);
	for (int i = 0; i < 20 && subject->state == MEMBER_ALIVE; i++) {
		pass(100);
		probe_tick(swim);
	}
	assert_int_equal(subject->state, MEMBER_SUSPECT);
}

static void a_failed_member_comes_back_with_a_newer_incarnation_only(void **state)
{
	(void)state;
	accuse(3, 5);
	pass(5500);
	assert_int_equal(subject->state, MEMBER_FAILED);
	state_alive(swim, subject, 5);
	assert_int_equal(subject->state, MEMBER_FAILED);
	state_alive(swim, subject, 6);
	assert_int_equal(subject->state, MEMBER_ALIVE);
	assert_int_equal(kit.members.arrivals.count, 1 + 19);
}

static void one_verdict_is_an_accusation_and_several_are_believed(void **state)
{
	(void)state;
	judge(3, 5);
	assert_int_equal(subject->state, MEMBER_SUSPECT);
	judge(3, 5);
	judge(4, 5);
	assert_int_equal(subject->state, MEMBER_SUSPECT);
	judge(5, 5);
	pass(549);
	assert_int_equal(subject->state, MEMBER_SUSPECT);
	pass(1);
	assert_int_equal(subject->state, MEMBER_FAILED);
}

static void verdicts_that_come_late_are_believed_at_once(void **state)
{
	(void)state;
	accuse(3, 5);
	pass(600);
	judge(3, 5);
	judge(4, 5);
	pass(0);
	assert_int_equal(subject->state, MEMBER_SUSPECT);
	judge(5, 5);
	pass(0);
	assert_int_equal(subject->state, MEMBER_FAILED);
}

static void who_is_heard_or_contradicts_is_not_failed_by_verdicts(void **state)
{
	(void)state;
	accuse(3, 5);
	swim_heard(swim, subject);
	judge(3, 5);
	judge(4, 5);
	judge(5, 5);
	pass(1099);
	assert_int_equal(subject->state, MEMBER_SUSPECT);
	state_alive(swim, subject, 6);
	pass(20000);
	assert_int_equal(subject->state, MEMBER_ALIVE);
}

static void one_of_four_nodes_fails_nobody_by_its_word(void **state)
{
	(void)state;
	swim_kit_close(&kit, swim);
	swim = swim_kit_open(&kit, 4);
	subject = core_kit_member(&kit, 3, "n");
	judge(2, 0);
	pass(0);
	assert_int_equal(subject->state, MEMBER_SUSPECT);
	state_alive(swim, subject, 1);
	pass(20000);
	assert_int_equal(subject->state, MEMBER_ALIVE);
}

static void hearing_a_suspect_puts_its_end_off_and_tells_it_to_its_face(void **state)
{
	const struct outbox_frame *frame;

	(void)state;
	accuse(3, 5);
	pass(5000);
	swim_heard(swim, subject);
	frame = vec_at(&kit.core.outbox.frames, kit.core.outbox.frames.count - 1);
	assert_true(id_eq(&frame->to, &subject->id));
	assert_int_equal(frame->type, FRAME_SUSPECT);
	pass(1099);
	assert_int_equal(subject->state, MEMBER_SUSPECT);
	pass(1);
	assert_int_equal(subject->state, MEMBER_FAILED);
}

static void hearing_a_failed_member_leads_to_a_probe_of_it(void **state)
{
	const struct outbox_frame *frame;

	(void)state;
	accuse(3, 5);
	pass(5500);
	pass(1000);
	swim_heard(swim, subject);
	assert_int_equal(kit.core.outbox.frames.count, 2);
	frame = vec_at(&kit.core.outbox.frames, 0);
	assert_int_equal(frame->type, FRAME_FAILED);
	frame = vec_at(&kit.core.outbox.frames, 1);
	assert_int_equal(frame->type, FRAME_PING);
	swim_heard(swim, subject); /* not with every datagram */
	assert_int_equal(kit.core.outbox.frames.count, 2);
}

static void left_and_removed_members_are_not_ours_to_judge(void **state)
{
	(void)state;
	member_set_state(&kit.members, subject, MEMBER_LEFT);
	accuse(3, 9);
	judge(4, 9);
	state_alive(swim, subject, 9);
	assert_int_equal(subject->state, MEMBER_LEFT);
}

static void a_member_that_leaves_under_suspicion_ends_it(void **state)
{
	(void)state;
	accuse(3, 5);
	member_set_state(&kit.members, subject, MEMBER_LEFT);
	pass(6000);
	assert_int_equal(subject->state, MEMBER_LEFT);
	assert_int_equal(swim->suspicions.count, 0);
}

static void a_refutation_from_the_reserve_is_told_at_once(void **state)
{
	uint64_t before = kit.core.self.incarnation;

	(void)state;
	assert_int_equal(before, 0);
	core_kit_step(&kit, 1);
	state_refute(swim, before);
	assert_int_equal(kit.core.self.incarnation, before + 1);
	assert_int_equal(kit.last_trace.event, TRACE_REFUTED);
	state_refute(swim, before);
	assert_int_equal(kit.core.self.incarnation, before + 1);
	assert_int_equal(swim->health, 1);
}

static void an_incarnation_beyond_the_reserve_waits_for_the_store(void **state)
{
	(void)state;
	core_kit_step(&kit, 1);
	state_refute(swim, 1000);
	assert_int_equal(kit.core.self.incarnation, 0);
	assert_int_equal(kit.update.persist_count, 1);
	swim_durable(swim, kit.update.persists[0].token + 7, true);
	assert_int_equal(kit.core.self.incarnation, 0);
	swim_durable(swim, kit.update.persists[0].token, true);
	assert_int_equal(kit.core.self.incarnation, 1001);
}

static void a_failed_commit_is_tried_again_and_tells_nothing(void **state)
{
	(void)state;
	core_kit_step(&kit, 1);
	state_refute(swim, 1000);
	swim_durable(swim, kit.update.persists[0].token, false);
	assert_int_equal(kit.core.self.incarnation, 0);
	pass(999);
	assert_int_equal(kit.update.persist_count, 0);
	pass(1);
	assert_int_equal(kit.update.persist_count, 1);
	swim_durable(swim, kit.update.persists[0].token, true);
	assert_int_equal(kit.core.self.incarnation, 1001);
}

static void what_is_stored_is_never_below_what_was_told(void **state)
{
	uint64_t stored = swim->reserved;

	(void)state;
	for (int i = 0; i < 100; i++) {
		core_kit_step(&kit, 1);
		state_refute(swim, kit.core.self.incarnation);
		assert_true(kit.core.self.incarnation <= stored);
		if (kit.update.persist_count > 0) {
			swim_durable(swim, kit.update.persists[0].token, true);
			stored = swim->reserved;
		}
	}
	assert_int_equal(kit.core.self.incarnation, 100);
}

static void a_stall_gives_everybody_the_time_back(void **state)
{
	(void)state;
	accuse(3, 5);
	core_kit_step(&kit, 8000);
	swim_tick(swim);
	assert_int_equal(subject->state, MEMBER_SUSPECT);
	assert_int_equal(swim->stats[SWIM_STALLS], 1);
}

#define WITH_KIT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_KIT(an_unconfirmed_suspicion_lasts_five_times_the_shortest),
	    WITH_KIT(confirmations_shorten_it_by_the_logarithm),
	    WITH_KIT(an_older_accusation_does_nothing),
	    WITH_KIT(only_a_newer_incarnation_refutes),
	    WITH_KIT(an_accuser_that_did_not_hear_the_refuted_looks_again_at_once),
	    WITH_KIT(a_failed_member_comes_back_with_a_newer_incarnation_only),
	    WITH_KIT(one_verdict_is_an_accusation_and_several_are_believed),
	    WITH_KIT(verdicts_that_come_late_are_believed_at_once),
	    WITH_KIT(who_is_heard_or_contradicts_is_not_failed_by_verdicts),
	    WITH_KIT(one_of_four_nodes_fails_nobody_by_its_word),
	    WITH_KIT(hearing_a_suspect_puts_its_end_off_and_tells_it_to_its_face),
	    WITH_KIT(hearing_a_failed_member_leads_to_a_probe_of_it),
	    WITH_KIT(left_and_removed_members_are_not_ours_to_judge),
	    WITH_KIT(a_member_that_leaves_under_suspicion_ends_it),
	    WITH_KIT(a_refutation_from_the_reserve_is_told_at_once),
	    WITH_KIT(an_incarnation_beyond_the_reserve_waits_for_the_store),
	    WITH_KIT(a_failed_commit_is_tried_again_and_tells_nothing),
	    WITH_KIT(what_is_stored_is_never_below_what_was_told),
	    WITH_KIT(a_stall_gives_everybody_the_time_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
