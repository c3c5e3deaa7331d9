/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "test/base/cmocka_all.h"

#include <string.h>

#include "gossip/swim/swim_parts.h"
#include "swim_net.h"

static struct swim_net net;

static int setup(void **state)
{
	(void)state;
	swim_net_open(&net, 5, 1, PROFILE_LAN);
	swim_net_run(&net, 1000);
	swim_net_kill(&net, 2);
	swim_net_restart(&net, 2); /* its first incarnation is told to nobody */
	swim_net_run(&net, 4000);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	swim_net_close(&net);
	return 0;
}

static enum drop_reason subject_frame(uint8_t type, size_t to, size_t from, size_t subject,
				      uint64_t incarnation, size_t accuser)
{
	uint8_t body[SWIM_SUSPECT_BYTES];

	memcpy(body, net.nodes[subject].id.b, ID_BYTES);
	wire_put(body + ID_BYTES, incarnation, 8);
	memcpy(body + SWIM_SUBJECT_BYTES, net.nodes[accuser].id.b, ID_BYTES);
	return swim_net_frame(&net, to, from, type, body,
			      type == FRAME_SUSPECT ? SWIM_SUSPECT_BYTES : SWIM_SUBJECT_BYTES);
}

static void frames_that_are_cut_off_are_refused(void **state)
{
	const struct {
		uint8_t type;
		size_t len;
	} least[] = {
	    {FRAME_PING, 4},     {FRAME_ACK, 4},     {FRAME_NACK, 4},   {FRAME_PING_REQ, 24},
	    {FRAME_SUSPECT, 40}, {FRAME_FAILED, 24}, {FRAME_ALIVE, 24},
	};
	uint8_t body[64] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(least) / sizeof(least[0]); i++) {
		for (size_t len = 0; len < least[i].len; len++)
			assert_int_equal(swim_net_frame(&net, 0, 1, least[i].type, body, len),
					 DROP_FRAME);
	}
	assert_int_equal(swim_net_frame(&net, 0, 1, 30, body, 64), DROP_FRAME_TYPE);
}

static void a_longer_body_of_a_later_version_is_read_as_far_as_known(void **state)
{
	uint8_t body[64] = {0};

	(void)state;
	assert_int_equal(swim_net_frame(&net, 0, 1, FRAME_PING, body, 64), DROP_NONE);
	assert_int_equal(swim_net_frame(&net, 0, 1, FRAME_ACK, body, 64), DROP_NONE);
}

static void an_incarnation_beyond_reason_is_refused(void **state)
{
	(void)state;
	assert_int_equal(subject_frame(FRAME_ALIVE, 0, 1, 2, UINT64_MAX, 1), DROP_FRAME);
	assert_int_equal(subject_frame(FRAME_SUSPECT, 0, 1, 2, SWIM_INCARNATION_MAX + 1, 1),
			 DROP_FRAME);
}

/* What others say of this node is taken up and stays on its disk. */
static void a_leap_is_believed_of_who_says_it_of_itself_alone(void **state)
{
	const uint64_t far = 2 * SWIM_LEAP_MAX;

	(void)state;
	assert_int_equal(subject_frame(FRAME_ALIVE, 0, 1, 2, far, 1), DROP_FRAME);
	assert_int_equal(subject_frame(FRAME_ALIVE, 0, 1, 0, far, 1), DROP_FRAME);
	assert_int_equal(subject_frame(FRAME_SUSPECT, 0, 1, 0, far, 1), DROP_FRAME);
	assert_int_equal(net.nodes[0].core.self.incarnation, 0);
	assert_int_equal(subject_frame(FRAME_ALIVE, 0, 2, 2, far, 2), DROP_NONE);
}

static void nobody_accuses_itself(void **state)
{
	(void)state;
	assert_int_equal(subject_frame(FRAME_SUSPECT, 0, 1, 2, 1000, 2), DROP_FRAME);
	assert_int_equal(subject_frame(FRAME_FAILED, 0, 2, 2, 1000, 2), DROP_FRAME);
	assert_int_equal(swim_net_state(&net, 0, 2), MEMBER_ALIVE);
}

static void word_of_a_stranger_is_passed_over(void **state)
{
	uint8_t body[SWIM_SUBJECT_BYTES] = {1, 2, 3};

	(void)state;
	assert_int_equal(swim_net_frame(&net, 0, 1, FRAME_FAILED, body, sizeof(body)), DROP_NONE);
	assert_int_equal(net.nodes[0].members.ordered.count, 5);
}

static void an_old_accusation_is_answered_with_the_newer_word(void **state)
{
	struct member *subject = member_find(&net.nodes[0].members, &net.nodes[2].id);
	struct member *elsewhere = member_find(&net.nodes[1].members, &net.nodes[2].id);
	uint64_t known = subject->incarnation;

	(void)state;
	assert_true(known > 0);
	member_set_incarnation(&net.nodes[1].members, elsewhere, known - 1);
	assert_int_equal(subject_frame(FRAME_SUSPECT, 0, 1, 2, known - 1, 1), DROP_NONE);
	assert_int_equal(swim_net_state(&net, 0, 2), MEMBER_ALIVE);
	swim_net_run(&net, 2);
	assert_int_equal(elsewhere->incarnation, known);
}

static void a_refutation_that_was_lost_is_given_again(void **state)
{
	uint64_t told = net.nodes[2].core.self.incarnation;
	struct member *elsewhere = member_find(&net.nodes[1].members, &net.nodes[2].id);

	(void)state;
	member_set_incarnation(&net.nodes[1].members, elsewhere, told - 1);
	assert_int_equal(subject_frame(FRAME_SUSPECT, 2, 1, 2, told - 1, 1), DROP_NONE);
	assert_int_equal(net.nodes[2].core.self.incarnation, told);
	swim_net_run(&net, 2);
	assert_int_equal(elsewhere->incarnation, told);
}

/* Node 2 admitted node 1, whose record was lost; node 1 doubts it and compares tables with nobody.
 */
static void who_doubts_this_node_is_contradicted_before_its_record_has_come(void **state)
{
	uint64_t told = net.nodes[2].core.self.incarnation;
	struct member *doubter = member_find(&net.nodes[2].members, &net.nodes[1].id);
	struct member *elsewhere = member_find(&net.nodes[1].members, &net.nodes[2].id);

	(void)state;
	doubter->has_record = false;
	assert_int_equal(subject_frame(FRAME_SUSPECT, 2, 1, 0, told, 1), DROP_NONE);
	assert_int_not_equal(swim_net_state(&net, 2, 0), MEMBER_SUSPECT);
	assert_int_equal(subject_frame(FRAME_SUSPECT, 2, 1, 2, told, 1), DROP_NONE);
	swim_net_run(&net, 100);
	assert_int_equal(net.nodes[2].core.self.incarnation, told + 1);
	member_set_incarnation(&net.nodes[1].members, elsewhere, told);
	assert_int_equal(subject_frame(FRAME_SUSPECT, 2, 1, 2, told, 1), DROP_NONE);
	swim_net_run(&net, 2);
	assert_int_equal(elsewhere->incarnation, told + 1);
	doubter->has_record = true;
}

/* Node 1 never heard of the incarnation of node 2; no word of it is under way any more. */
static void an_answer_tells_the_incarnation_of_who_answers(void **state)
{
	uint64_t told = net.nodes[2].core.self.incarnation;
	struct member *elsewhere = member_find(&net.nodes[1].members, &net.nodes[2].id);

	(void)state;
	assert_true(told > 0);
	swim_net_run(&net, 20000);
	member_set_incarnation(&net.nodes[1].members, elsewhere, told - 1);
	probe_start(net.nodes[1].swim, elsewhere, false);
	swim_net_run(&net, 1000);
	assert_int_equal(elsewhere->incarnation, told);
	assert_int_equal(elsewhere->state, MEMBER_ALIVE);
}

static void an_answer_with_an_incarnation_beyond_reason_is_refused(void **state)
{
	uint8_t body[SWIM_ACK_BYTES] = {0};

	(void)state;
	wire_put(body + SWIM_PING_BYTES, SWIM_INCARNATION_MAX + 1, 8);
	assert_int_equal(swim_net_frame(&net, 0, 1, FRAME_ACK, body, sizeof(body)), DROP_FRAME);
}

#define WITH_NET(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_NET(frames_that_are_cut_off_are_refused),
	    WITH_NET(a_longer_body_of_a_later_version_is_read_as_far_as_known),
	    WITH_NET(an_incarnation_beyond_reason_is_refused),
	    WITH_NET(a_leap_is_believed_of_who_says_it_of_itself_alone),
	    WITH_NET(nobody_accuses_itself),
	    WITH_NET(word_of_a_stranger_is_passed_over),
	    WITH_NET(an_old_accusation_is_answered_with_the_newer_word),
	    WITH_NET(a_refutation_that_was_lost_is_given_again),
	    WITH_NET(who_doubts_this_node_is_contradicted_before_its_record_has_come),
	    WITH_NET(an_answer_tells_the_incarnation_of_who_answers),
	    WITH_NET(an_answer_with_an_incarnation_beyond_reason_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
