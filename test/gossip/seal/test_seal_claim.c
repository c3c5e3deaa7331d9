/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "seal_kit.h"

static void a_restart_at_the_same_address_is_believed_at_once(void **state)
{
	struct seal_net *net = *state;

	seal_meet(net, 0, 1);
	net_start(net, 0, 1, 2, 7001);
	seal_meet(net, 0, 1);
	assert_int_equal(net_member(net, 1, 1)->epoch, 2);
	assert_int_equal(seal_claim(net->nodes[1].seal, net_member(net, 1, 1)), CLAIM_NONE);
}

static void a_copy_of_a_running_node_is_refused_and_the_original_goes_on(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);

	seal_meet(net, 0, 1);
	seal_claimer(net, 2, 2, 7009);
	net_run(net);
	net_pass(net, 500);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_REFUSED);
	assert_int_equal(member->addr.port, 7001);
	assert_int_equal(member->epoch, 1);
	seal_meet(net, 0, 1);
	assert_int_equal(net->nodes[1].clones, 0);
	net_pass(net, 6000);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_NONE);
}

/* It opened once, and is answered as often as somebody asks for it. */
static void a_refused_claimer_is_sent_no_more_bytes_than_it_brought(void **state)
{
	struct seal_net *net = *state;
	const struct hostport at = net_addr(7009), other = net_addr(7010);
	uint8_t frame[FRAME_HEADER_BYTES + 27];
	size_t came;

	seal_meet(net, 0, 1);
	seal_claimer(net, 2, 2, 7009);
	net_run(net);
	net_pass(net, 500);
	assert_int_equal(seal_claim(net->nodes[1].seal, net_member(net, 1, 1)), CLAIM_REFUSED);
	net_frame(net, 2, 2, FRAME_CLAIM, "c", 1);
	came = seal_bytes_to(net, 7002);
	assert_true(came > WIRE_OVERHEAD_BYTES);
	net_run(net);
	came += WIRE_OVERHEAD_BYTES + CERT_BYTES + FRAME_HEADER_BYTES + 1; /* what it began with */
	wire_put_frame(frame, FRAME_CLAIM_ANSWER, (const uint8_t[27]){0}, 27);
	core_begin_step(&net->nodes[1].core, net->now, (struct wall){0});
	for (int i = 0; i < 10; i++) {
		seal_answer_claim(net->nodes[1].seal, net_member(net, 1, 1), &at, frame,
				  sizeof(frame));
		seal_answer_claim(net->nodes[1].seal, net_member(net, 1, 1), &other, frame,
				  sizeof(frame));
	}
	for (size_t i = 0; i < net->nodes[1].update.send_count; i++) {
		const struct gossip_send *send = &net->nodes[1].update.sends[i];

		assert_int_equal(send->to.port, 7009);
		assert_true(send->len <= came);
		came -= send->len;
	}
	assert_true(net->nodes[1].update.send_count > 0);
}

static void a_copy_is_found_also_by_a_node_that_never_spoke_to_the_original(void **state)
{
	struct seal_net *net = *state;

	seal_claimer(net, 2, 2, 7009);
	net_run(net);
	net_pass(net, 1000);
	assert_int_equal(seal_claim(net->nodes[1].seal, net_member(net, 1, 1)), CLAIM_REFUSED);
}

/* The machine of the original stands still, or goes on. */
static void hold_original(struct seal_net *net, bool held)
{
	net->nodes[0].addr = net_addr(held ? 1 : 7001);
}

static void an_original_that_was_stopped_is_asked_anew_once_it_speaks(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);

	seal_meet(net, 0, 1);
	hold_original(net, true);
	seal_claimer(net, 2, 2, 7009);
	net_run(net);
	net_pass(net, 1100);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_CHECKING);
	/* It speaks, and stops again before it was asked. */
	hold_original(net, false);
	net_say(net, 0, 2, "on");
	hold_original(net, true);
	net_run(net);
	net_pass(net, 1000);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_CHECKING);
	hold_original(net, false);
	net_say(net, 0, 2, "on");
	net_run(net);
	net_pass(net, 50);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_REFUSED);
	assert_int_equal(member->epoch, 1);
}

/* The original was started again at another place, and its copy some moments later: both claim. */
static void claim_twice(struct seal_net *net, uint64_t epoch, size_t twin, uint16_t port)
{
	seal_meet(net, 0, 1);
	net_start(net, 0, 1, 2, 7020);
	net_know(net, 0, 2, 7002);
	net_frame(net, 0, 2, FRAME_CLAIM, "c", 1);
	net_run(net);
	net_pass(net, 300);
	net_start(net, twin, 1, epoch, port);
	net_know(net, twin, 2, 7002);
	for (int i = 0; i < 16; i++) {
		for (size_t node = 0; node <= 2; node += 2)
			if (net->nodes[node].seal != NULL)
				net_frame(net, node, 2, FRAME_CLAIM, "c", 1);
		net_run(net);
		net_pass(net, 250);
	}
}

static void assert_first_taken(struct seal_net *net)
{
	const struct member *member = net_member(net, 1, 1);

	assert_int_equal(member->epoch, 2);
	assert_int_equal(member->addr.port, 7020);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_REFUSED);
}

static void of_two_that_claim_at_once_the_first_is_not_put_off_by_its_copy(void **state)
{
	struct seal_net *net = *state;

	claim_twice(net, 3, 2, 7009);
	assert_first_taken(net);
	net_say(net, 0, 2, "on");
	net_run(net);
	assert_true(net_heard(net, 1, "on"));
}

static void of_two_with_one_epoch_that_claim_at_once_the_first_is_taken(void **state)
{
	struct seal_net *net = *state;

	claim_twice(net, 2, 2, 7009);
	assert_first_taken(net);
	assert_int_equal(net->nodes[1].clones, 0);
}

static void of_two_that_claim_from_one_place_the_later_one_is_taken(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);

	claim_twice(net, 3, 0, 7020);
	assert_int_equal(member->epoch, 3);
	assert_int_equal(member->addr.port, 7020);
}

/* Also where its process has said nothing since it was believed. */
static void who_was_believed_unheard_is_asked_where_it_claimed(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);

	seal_meet(net, 0, 1);
	net_start(net, 0, 1, 2, 7020);
	net_know(net, 0, 2, 7002);
	net_frame(net, 0, 2, FRAME_CLAIM, "c", 1);
	net_run(net);
	net->nodes[0].addr = net_addr(1); /* nothing reaches it */
	net_pass(net, 1450);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_NONE);
	assert_true(peer_known(net->nodes[1].seal, member)->shown);
	assert_int_equal(member->addr.port, 7001);
	net->nodes[0].addr = net_addr(7020);
	net_start(net, 2, 1, 3, 7009);
	net_know(net, 2, 2, 7002);
	net_frame(net, 2, 2, FRAME_CLAIM, "c", 1);
	net_run(net);
	net_pass(net, 1450);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_REFUSED);
	assert_int_equal(member->epoch, 2);
}

static void what_an_old_process_sent_late_puts_its_successor_off_for_a_while_only(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);
	int late = 0;

	seal_meet(net, 0, 1);
	net_start(net, 2, 1, 2, 7009);
	net_know(net, 2, 2, 7002);
	hold_original(net, true);
	net_frame(net, 2, 2, FRAME_CLAIM, "c", 1);
	net_run(net);
	for (; late < 60 && seal_claim(net->nodes[1].seal, member) == CLAIM_CHECKING; late++) {
		hold_original(net, false);
		net_say(net, 0, 2, "late");
		hold_original(net, true);
		net_run(net);
		net_pass(net, 300);
	}
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_NONE);
	assert_int_equal(member->epoch, 2);
	assert_in_range(late, 6, 20);
}

/* Says so many bytes; true when the certificate came back, and nothing else did. */
static bool original_is_told(struct seal_net *net, size_t len, const uint8_t cert[CERT_BYTES])
{
	char text[CERT_BYTES + 1];

	memset(text, 'x', len);
	text[len] = 0;
	net->nodes[0].got_len = 0;
	net_say(net, 0, 2, text);
	net_run(net);
	assert_true(net_heard(net, 1, text));
	if (net->nodes[0].got_len == 0)
		return false;
	assert_int_equal(net->nodes[0].got_len, CERT_BYTES);
	assert_memory_equal(net->nodes[0].got, cert, CERT_BYTES);
	return true;
}

static void an_original_that_stood_still_is_shown_the_certificate_of_its_copy(void **state)
{
	struct seal_net *net = *state;
	const uint8_t *cert;

	seal_meet(net, 0, 1);
	hold_original(net, true);
	net_start(net, 2, 1, 2, 7009);
	net_know(net, 2, 2, 7002);
	cert = seal_own_cert(net->nodes[2].seal);
	net_frame(net, 2, 2, FRAME_CLAIM, "c", 1);
	net_pass(net, 1450);
	assert_int_equal(net_member(net, 1, 1)->epoch, 2);
	hold_original(net, false);
	/* For a second it may be what was on its way. */
	assert_false(original_is_told(net, CERT_BYTES, cert));
	net_pass(net, 1000);
	assert_false(original_is_told(net, CERT_BYTES - 1, cert));
	assert_true(original_is_told(net, CERT_BYTES, cert));
	assert_false(original_is_told(net, CERT_BYTES, cert));
	net_pass(net, 1000);
	assert_true(original_is_told(net, CERT_BYTES, cert));
	assert_int_equal(net_member(net, 1, 1)->epoch, 2);
}

static void only_the_claim_of_a_claimer_is_heard(void **state)
{
	struct seal_net *net = *state;

	seal_meet(net, 0, 1);
	net_start(net, 2, 1, 2, 7009);
	net_know(net, 2, 2, 7002);
	net_say(net, 2, 2, "not yet");
	net_run(net);
	assert_false(net_heard(net, 1, "not yet"));
	net_frame(net, 2, 2, FRAME_CLAIM, "c", 1);
	net_run(net);
	assert_true(net_heard(net, 1, "c"));
	assert_true(net->nodes[1].claiming);
}

static void a_node_that_moved_is_believed_when_its_old_address_stays_silent(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);

	seal_meet(net, 0, 1);
	net_stop(net, 0);
	seal_claimer(net, 2, 2, 7009);
	net_run(net);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_CHECKING);
	net_pass(net, 1000);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_CHECKING);
	net_pass(net, 400);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_NONE);
	/* It was asked where it claimed from, and answered. */
	assert_int_equal(member->epoch, 2);
	assert_int_equal(member->addr.port, 7009);
	seal_meet(net, 2, 1);
}

static void a_node_that_failed_may_come_back_from_anywhere(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);

	seal_meet(net, 0, 1);
	member_set_state(&net->nodes[1].members, member, MEMBER_FAILED);
	net_stop(net, 0);
	net_start(net, 2, 1, 2, 7009);
	net_know(net, 2, 2, 7002);
	net_say(net, 2, 2, "back");
	net_run(net);
	assert_true(net_heard(net, 1, "back"));
}

static void two_keys_in_one_epoch_are_a_clone_and_everybody_hears_of_it(void **state)
{
	struct seal_net *net = *state;

	net_start(net, 3, 3, 1, 7003);
	seal_meet(net, 0, 1);
	seal_meet(net, 1, 3);
	seal_meet(net, 0, 3);
	net_start(net, 2, 1, 1, 7009);
	net->nodes[2].core.rng.s[0] ^= 1;
	net_know(net, 2, 2, 7002);
	net_say(net, 2, 2, "clone");
	net_run(net);
	assert_int_equal(net->nodes[1].clones, 0);
	net_pass(net, 5500);
	assert_int_equal(net->nodes[1].clones, 1);
	assert_int_equal(net->nodes[3].clones, 1);
	assert_int_equal(net->nodes[0].clones, 1);
	assert_true(net->nodes[0].core.self.cloned);
	assert_false(net_heard(net, 1, "clone"));
}

static void a_copy_that_claims_late_is_refused_and_the_original_unharmed(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);

	net_start(net, 0, 1, 3, 7001);
	seal_meet(net, 0, 1);
	for (uint64_t epoch = 3; epoch >= 2; epoch--) {
		net_start(net, 2, 1, epoch, 7009);
		net->nodes[2].core.rng.s[0] ^= epoch;
		net_know(net, 2, 2, 7002);
		net_frame(net, 2, 2, FRAME_CLAIM, "c", 1);
		net_pass(net, 100);
		assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_REFUSED);
		net_pass(net, 5500);
		assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_NONE);
		assert_int_equal(member->addr.port, 7001);
		assert_int_equal(net->nodes[1].clones, 0);
		assert_int_equal(net->nodes[0].clones, 0);
		net_stop(net, 2);
	}
}

static void a_late_claim_is_not_believed_because_nobody_answers(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);

	net_start(net, 0, 1, 3, 7001);
	seal_meet(net, 0, 1);
	net_stop(net, 0);
	seal_claimer(net, 2, 2, 7009);
	net_run(net);
	net_pass(net, 2000);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_SET_BACK);
	net_pass(net, 5000);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_NONE);
	assert_int_equal(member->addr.port, 7001);
}

static void a_late_claim_from_home_is_shown_the_later_certificate(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);
	uint8_t later[CERT_BYTES];

	net_start(net, 0, 1, 3, 7001);
	seal_meet(net, 0, 1);
	memcpy(later, seal_own_cert(net->nodes[0].seal), CERT_BYTES);
	net_start(net, 0, 1, 2, 7001);
	net->nodes[0].core.rng.s[0] ^= 1;
	net_know(net, 0, 2, 7002);
	net_frame(net, 0, 2, FRAME_CLAIM, "12345678", 8);
	net_run(net);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_SET_BACK);
	assert_int_equal(net->nodes[0].got_len, CERT_BYTES);
	assert_memory_equal(net->nodes[0].got, later, CERT_BYTES);
	assert_false(net->nodes[0].claiming);
	assert_int_equal(net->nodes[1].clones, 0);
}

static void a_certificate_that_slept_is_only_named_and_never_in_more_bytes(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);
	uint8_t epoch[8];

	net_start(net, 0, 1, 3, 7001);
	seal_meet(net, 0, 1);
	member->epoch = 9;
	session_sleep(net->nodes[1].seal, peer_known(net->nodes[1].seal, member));
	net_start(net, 0, 1, 2, 7001);
	net->nodes[0].core.rng.s[0] ^= 1;
	net_know(net, 0, 2, 7002);
	net_frame(net, 0, 2, FRAME_CLAIM, "12345678", 8);
	net_run(net);
	wire_put(epoch, 9, sizeof(epoch));
	assert_int_equal(net->nodes[0].got_len, sizeof(epoch));
	assert_memory_equal(net->nodes[0].got, epoch, sizeof(epoch));
}

static void a_clone_alarm_without_proof_is_nothing(void **state)
{
	struct seal_net *net = *state;
	uint8_t body[2 * CERT_BYTES];

	seal_meet(net, 0, 1);
	memcpy(body, seal_own_cert(net->nodes[0].seal), CERT_BYTES);
	memcpy(body + CERT_BYTES, seal_own_cert(net->nodes[0].seal), CERT_BYTES);
	body[CERT_BYTES + 50] ^= 1;
	net_frame(net, 1, 1, FRAME_CLONE, body, sizeof(body));
	net_run(net);
	assert_int_equal(net->nodes[0].clones, 0);
	assert_false(net->nodes[0].core.self.cloned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    SEAL_TEST(a_restart_at_the_same_address_is_believed_at_once),
	    SEAL_TEST(a_copy_of_a_running_node_is_refused_and_the_original_goes_on),
	    SEAL_TEST(a_refused_claimer_is_sent_no_more_bytes_than_it_brought),
	    SEAL_TEST(a_copy_is_found_also_by_a_node_that_never_spoke_to_the_original),
	    SEAL_TEST(an_original_that_was_stopped_is_asked_anew_once_it_speaks),
	    SEAL_TEST(of_two_that_claim_at_once_the_first_is_not_put_off_by_its_copy),
	    SEAL_TEST(of_two_with_one_epoch_that_claim_at_once_the_first_is_taken),
	    SEAL_TEST(of_two_that_claim_from_one_place_the_later_one_is_taken),
	    SEAL_TEST(who_was_believed_unheard_is_asked_where_it_claimed),
	    SEAL_TEST(what_an_old_process_sent_late_puts_its_successor_off_for_a_while_only),
	    SEAL_TEST(an_original_that_stood_still_is_shown_the_certificate_of_its_copy),
	    SEAL_TEST(only_the_claim_of_a_claimer_is_heard),
	    SEAL_TEST(a_node_that_moved_is_believed_when_its_old_address_stays_silent),
	    SEAL_TEST(a_node_that_failed_may_come_back_from_anywhere),
	    SEAL_TEST(two_keys_in_one_epoch_are_a_clone_and_everybody_hears_of_it),
	    SEAL_TEST(a_copy_that_claims_late_is_refused_and_the_original_unharmed),
	    SEAL_TEST(a_late_claim_is_not_believed_because_nobody_answers),
	    SEAL_TEST(a_late_claim_from_home_is_shown_the_later_certificate),
	    SEAL_TEST(a_certificate_that_slept_is_only_named_and_never_in_more_bytes),
	    SEAL_TEST(a_clone_alarm_without_proof_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
