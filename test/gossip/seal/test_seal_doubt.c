/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "seal_kit.h"

/* Node 2 is a copy of node 0 and is refused by node 1; the datagram in which it claimed. */
static struct net_datagram refuse_copy(struct seal_net *net)
{
	struct member *member = net_member(net, 1, 1);
	struct net_datagram claim;

	seal_meet(net, 0, 1);
	seal_claimer(net, 2, 2, 7009);
	net_run(net);
	net_frame(net, 2, 2, FRAME_CLAIM, "c", 1);
	assert_int_equal(net->count, 1);
	claim = net->pending[0];
	net_pass(net, 500);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_REFUSED);
	net_pass(net, 6000);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_NONE);
	assert_int_equal(member->epoch, 1);
	return claim;
}

static void stop_all_but(struct seal_net *net, size_t node)
{
	for (size_t i = 0; i < NET_NODES; i++)
		if (i != node)
			net_stop(net, i);
}

static void a_refused_key_is_not_taken_from_a_record_when_the_member_is_gone(void **state)
{
	static const enum member_state states[] = {MEMBER_FAILED, MEMBER_LEFT, MEMBER_ALIVE};
	struct seal_net *net = *state;
	struct net_datagram claim = refuse_copy(net), cert;
	struct member *member = net_member(net, 1, 1);

	cert = seal_cert_datagram(seal_own_cert(net->nodes[2].seal), 7009);
	stop_all_but(net, 1);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		member_set_state(&net->nodes[1].members, member, states[i]);
		net->nodes[1].opened = 0;
		for (int place = 0; place < 2; place++) {
			uint16_t from = place == 0 ? 7009 : 7001;
			seal_arrive_from(net, 1, from, &cert);
			seal_arrive_from(net, 1, from, &claim);
			assert_in_range(seal_bytes_to(net, from), 0, cert.len + claim.len);
			net_pass(net, 8000);
		}
		assert_int_equal(net->nodes[1].opened, 0);
		assert_int_equal(member->epoch, 1);
		assert_int_equal(member->addr.port, 7001);
		assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_NONE);
	}
}

static void a_refused_copy_is_taken_when_the_original_is_gone_and_it_answers(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);

	(void)refuse_copy(net);
	net_stop(net, 0);
	member_set_state(&net->nodes[1].members, member, MEMBER_FAILED);
	net_frame(net, 2, 2, FRAME_CLAIM, "c", 1);
	net_run(net);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_NONE);
	assert_int_equal(member->epoch, 2);
	assert_int_equal(member->addr.port, 7009);
	net_say(net, 2, 2, "here");
	net_run(net);
	assert_true(net_heard(net, 1, "here"));
}

static void a_refused_copy_is_taken_when_the_silent_original_was_asked_too(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);

	(void)refuse_copy(net);
	net_stop(net, 0);
	net_frame(net, 2, 2, FRAME_CLAIM, "c", 1);
	net_run(net);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_CHECKING);
	net_pass(net, 1000);
	assert_int_equal(member->epoch, 1);
	net_pass(net, 400);
	assert_int_equal(member->epoch, 2);
	/* The answer came while that was not decided: it is asked once more. */
	net_say(net, 2, 2, "here I am");
	net_run(net);
	assert_true(net_heard(net, 1, "here I am"));
	assert_int_equal(member->addr.port, 7009);
}

static void an_original_that_speaks_before_the_answer_comes_is_asked(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);
	struct net_datagram claim = refuse_copy(net);
	struct net_datagram cert = seal_cert_datagram(seal_own_cert(net->nodes[2].seal), 7009);

	(void)claim;
	member_set_state(&net->nodes[1].members, member, MEMBER_FAILED);
	seal_arrive(net, 1, &cert);
	net_lose(net);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_UNPROVEN);
	net_say(net, 0, 2, "on");
	net_run(net);
	net_pass(net, 100);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_REFUSED);
	assert_int_equal(member->epoch, 1);
}

static void a_doubted_key_does_not_put_off_a_fresh_claim(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);
	struct net_datagram claim = refuse_copy(net);

	net_stop(net, 0);
	seal_claimer(net, 3, 3, 7010);
	net_run(net);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(seal_arrive(net, 1, &claim), DROP_REPLAY);
		net_pass(net, 50);
	}
	net_pass(net, 400);
	assert_int_equal(member->epoch, 3);
	/* It is older now, and can become true no more. */
	assert_null(peer_known(net->nodes[1].seal, member)->doubted);
}

static void of_many_refused_keys_all_stay_doubted(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);
	struct net_datagram certs[DOUBTED_MAX + 1];

	(void)refuse_copy(net);
	for (uint64_t i = 0; i <= DOUBTED_MAX; i++) {
		net_start(net, 2, 1, 3 + i, 7009);
		certs[i] = seal_cert_datagram(seal_own_cert(net->nodes[2].seal), 7009);
		seal_arrive(net, 1, &certs[i]);
		net_pass(net, 6000);
		assert_int_equal(member->epoch, 1);
	}
	assert_int_equal(peer_known(net->nodes[1].seal, member)->doubted->count, DOUBTED_MAX);
	stop_all_but(net, 1);
	member_set_state(&net->nodes[1].members, member, MEMBER_FAILED);
	for (size_t i = 0; i <= DOUBTED_MAX; i++) {
		seal_arrive(net, 1, &certs[i]);
		assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_UNPROVEN);
	}
	assert_int_equal(member->epoch, 1);
	/* A later start is taken as ever, and with it all the doubts are over. */
	net_start(net, 0, 1, 4 + DOUBTED_MAX, 7001);
	seal_meet(net, 0, 1);
	assert_int_equal(member->epoch, 4 + DOUBTED_MAX);
	assert_null(peer_known(net->nodes[1].seal, member)->doubted);
}

/* Nor does its process become true by it: it answers, or it is not taken. */
static void of_many_refused_keys_the_first_one_still_has_to_answer(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);
	struct net_datagram cert;

	(void)refuse_copy(net);
	for (uint64_t i = 0; i <= DOUBTED_MAX; i++) {
		net_start(net, 3, 1, 3 + i, 7010);
		cert = seal_cert_datagram(seal_own_cert(net->nodes[3].seal), 7010);
		seal_arrive(net, 1, &cert);
		net_pass(net, 6000);
	}
	net_stop(net, 0);
	net_stop(net, 3);
	member_set_state(&net->nodes[1].members, member, MEMBER_FAILED);
	cert = seal_cert_datagram(seal_own_cert(net->nodes[2].seal), 7009);
	seal_arrive(net, 1, &cert);
	net_lose(net);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_UNPROVEN);
	net_frame(net, 2, 2, FRAME_CLAIM, "c", 1);
	net_run(net);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_NONE);
	assert_int_equal(member->epoch, 2);
	assert_int_equal(member->addr.port, 7009);
}

/* Who recorded a refused certificate shows it first, so that the claim is his: its process is asked
 * where it speaks all the same, and he is told nothing. */
static void a_doubted_key_is_asked_where_its_process_speaks(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);
	struct net_datagram cert;

	(void)refuse_copy(net);
	cert = seal_cert_datagram(seal_own_cert(net->nodes[2].seal), 7009);
	net_stop(net, 0);
	member_set_state(&net->nodes[1].members, member, MEMBER_FAILED);
	seal_arrive_from(net, 1, 7099, &cert);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_UNPROVEN);
	net_lose(net);
	net_say(net, 2, 2, "here");
	assert_int_equal(net->count, 1);
	cert = seal_intercept(net);
	seal_arrive(net, 1, &cert);
	assert_int_equal(seal_bytes_to(net, 7099), 0);
	net_run(net);
	assert_int_equal(member->epoch, 2);
	net_say(net, 2, 2, "here");
	net_run(net);
	assert_true(net_heard(net, 1, "here"));
	assert_int_equal(member->addr.port, 7009);
}

/* What it answers at one address proves nothing for another, from which its answer is sent on. */
static void an_answer_that_comes_from_elsewhere_moves_nobody(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);
	struct net_datagram first, second, challenge, answer, cert;

	(void)refuse_copy(net);
	cert = seal_cert_datagram(seal_own_cert(net->nodes[2].seal), 7099);
	net_stop(net, 0);
	member_set_state(&net->nodes[1].members, member, MEMBER_FAILED);
	seal_arrive(net, 1, &cert);
	net_lose(net);
	net_say(net, 2, 2, "the first");
	first = seal_intercept(net);
	net_say(net, 2, 2, "the second");
	second = seal_intercept(net);
	seal_arrive(net, 1, &second);
	challenge = seal_intercept(net);
	assert_int_equal(challenge.to.port, 7009);
	seal_arrive(net, 2, &challenge);
	answer = seal_intercept(net);
	seal_arrive_from(net, 1, 7099, &first);
	seal_arrive_from(net, 1, 7099, &answer);
	assert_int_equal(member->epoch, 1);
	assert_int_equal(member->addr.port, 7001);
}

/* A record of another refused certificate does not take the place of a claim whose process speaks,
 * and has not answered yet. */
static void a_doubted_key_that_speaks_is_not_put_off_by_another(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);
	struct net_datagram record, claim;

	(void)refuse_copy(net);
	record = seal_cert_datagram(seal_own_cert(net->nodes[2].seal), 7099);
	seal_claimer(net, 2, 3, 7009);
	net_run(net);
	net_pass(net, 6000);
	assert_int_equal(peer_known(net->nodes[1].seal, member)->doubted->count, 2);
	net_stop(net, 0);
	member_set_state(&net->nodes[1].members, member, MEMBER_FAILED);
	net_frame(net, 2, 2, FRAME_CLAIM, "c", 1);
	claim = seal_intercept(net);
	seal_arrive(net, 1, &claim);
	for (int i = 0; i < 3; i++)
		assert_int_equal(seal_arrive(net, 1, &record), DROP_OLD_CERT);
	net_run(net);
	assert_int_equal(member->epoch, 3);
	assert_int_equal(member->addr.port, 7009);
}

/* Node 1 makes its daily key while a member that moved and started again claims there. */
static void renew_in_a_claim(struct seal_net *net, enum member_state then)
{
	struct member *member = net_member(net, 1, 1);
	struct net_datagram claim;

	seal_meet(net, 0, 1);
	seal_claimer(net, 0, 2, 7020);
	net_run(net);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_CHECKING);
	net_frame(net, 0, 2, FRAME_CLAIM, "c", 1);
	claim = net->pending[0];
	net_pass(net, 300);
	member_set_state(&net->nodes[1].members, member, then);
	net->nodes[1].core.self.epoch++;
	seal_renew(net->nodes[1].seal);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_NONE);
	for (int i = 0; i < 10; i++) {
		net_say(net, 0, 2, "here");
		net_pass(net, 500);
	}
	assert_true(net_heard(net, 1, "here"));
	assert_int_equal(member->epoch, 2);
	assert_int_equal(member->addr.port, 7020);
	/* What opened under the claim does not open again. */
	net->nodes[1].opened = 0;
	seal_arrive(net, 1, &claim);
	assert_int_equal(net->nodes[1].opened, 0);
}

static void a_claim_that_ends_with_the_own_key_is_begun_anew(void **state)
{
	renew_in_a_claim(*state, MEMBER_ALIVE);
}

static void a_claim_that_ends_with_the_own_key_is_begun_anew_by_one_failed(void **state)
{
	renew_in_a_claim(*state, MEMBER_FAILED);
}

static void a_refused_claim_that_ends_with_the_own_key_is_doubted(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);
	struct net_datagram cert;

	seal_meet(net, 0, 1);
	seal_claimer(net, 2, 2, 7009);
	net_run(net);
	net_pass(net, 500);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_REFUSED);
	net->nodes[1].core.self.epoch++;
	seal_renew(net->nodes[1].seal);
	cert = seal_cert_datagram(seal_own_cert(net->nodes[2].seal), 7009);
	stop_all_but(net, 1);
	member_set_state(&net->nodes[1].members, member, MEMBER_FAILED);
	seal_arrive(net, 1, &cert);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_UNPROVEN);
	assert_int_equal(member->epoch, 1);
}

/* What it said was held back and is let through when nothing of it lives any more, and the original
 * has reached its epoch. */
static void one_word_of_a_dead_copy_is_no_proof_of_a_clone(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram answer, word;

	seal_meet(net, 0, 1);
	net_start(net, 2, 1, 2, 7009);
	net_know(net, 2, 2, 7002);
	net_say(net, 2, 2, "word");
	net_lose(net);
	answer = seal_cert_datagram(seal_own_cert(net->nodes[1].seal), 7002);
	answer.bytes[1] = 1;
	seal_arrive(net, 2, &answer);
	word = seal_intercept(net);
	net_stop(net, 2);
	net->nodes[0].core.self.epoch++;
	seal_renew(net->nodes[0].seal);
	seal_meet(net, 0, 1);
	assert_int_equal(net_member(net, 1, 1)->epoch, 2);
	seal_arrive(net, 1, &word);
	net_pass(net, 8000);
	assert_int_equal(net->nodes[1].clones, 0);
	assert_false(net->nodes[0].core.self.cloned);
}

/* It was heard since it failed, and its incarnation has not come yet. */
static void a_failed_member_that_was_heard_since_is_asked(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);

	seal_meet(net, 0, 1);
	member_set_state(&net->nodes[1].members, member, MEMBER_FAILED);
	net_pass(net, 100);
	net_say(net, 0, 2, "on");
	net_run(net);
	member->heard = net->now;
	seal_claimer(net, 2, 2, 7009);
	net_run(net);
	net_pass(net, 500);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_REFUSED);
	assert_int_equal(member->epoch, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    SEAL_TEST(a_refused_key_is_not_taken_from_a_record_when_the_member_is_gone),
	    SEAL_TEST(a_refused_copy_is_taken_when_the_original_is_gone_and_it_answers),
	    SEAL_TEST(a_refused_copy_is_taken_when_the_silent_original_was_asked_too),
	    SEAL_TEST(an_original_that_speaks_before_the_answer_comes_is_asked),
	    SEAL_TEST(a_doubted_key_does_not_put_off_a_fresh_claim),
	    SEAL_TEST(of_many_refused_keys_all_stay_doubted),
	    SEAL_TEST(of_many_refused_keys_the_first_one_still_has_to_answer),
	    SEAL_TEST(a_doubted_key_is_asked_where_its_process_speaks),
	    SEAL_TEST(an_answer_that_comes_from_elsewhere_moves_nobody),
	    SEAL_TEST(a_doubted_key_that_speaks_is_not_put_off_by_another),
	    SEAL_TEST(a_claim_that_ends_with_the_own_key_is_begun_anew),
	    SEAL_TEST(a_claim_that_ends_with_the_own_key_is_begun_anew_by_one_failed),
	    SEAL_TEST(a_refused_claim_that_ends_with_the_own_key_is_doubted),
	    SEAL_TEST(one_word_of_a_dead_copy_is_no_proof_of_a_clone),
	    SEAL_TEST(a_failed_member_that_was_heard_since_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
