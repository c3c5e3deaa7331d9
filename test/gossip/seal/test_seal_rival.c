/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Two processes of one node, of which none is where it is looked for. */
#include "rival_kit.h"

static void both_claim(struct seal_net *net, size_t first, size_t second, int64_t ms)
{
	for (int64_t at = 0; at < ms; at += 250) {
		net_frame(net, first, 2, FRAME_CLAIM, "c", 1);
		net_run(net);
		net_frame(net, second, 2, FRAME_CLAIM, "c", 1);
		net_run(net);
		net_pass(net, 250);
	}
}

/* Who asks was just started: it knows no key, and a record that is not true any more. */
static void an_original_that_moved_finds_who_asks_for_it_in_vain(void **state)
{
	struct seal_net *net = *state;

	net->nodes[0].addr = net_addr(7020);
	seal_claimer(net, 2, 2, 7009);
	net_run(net);
	net_pass(net, 600);
	assert_int_equal(claim_at_1(net), CLAIM_CHECKING);
	net_say(net, 0, 2, "on");
	net_run(net);
	assert_false(net_heard(net, 1, "on"));
	assert_int_equal(claim_at_1(net), CLAIM_CHECKING);
	assert_int_equal(claimed_epoch(net), 1);
	assert_original_stays(net, 1, 7020);
}

/* It was started since, and what is known is the key before. */
static void an_original_that_was_started_elsewhere_is_found_as_well(void **state)
{
	struct seal_net *net = *state;

	seal_meet(net, 0, 1);
	net_stop(net, 0);
	seal_claimer(net, 2, 3, 7009);
	net_run(net);
	net_start(net, 0, 1, 2, 7020);
	net_know(net, 0, 2, 7002);
	both_go_on(net, 0, -1, 250);
	assert_int_equal(claimed_epoch(net), 2);
	assert_original_stays(net, 2, 7020);
}

/* Epochs do not tell which one is the original: a copy counts on from a disk that may be of today
 * or some days old, and an original goes on by one each day. */
static void who_runs_stays(struct seal_net *net, uint64_t original, uint64_t copy, bool comes_first)
{
	net_start(net, 0, 1, original, 7020);
	net_know(net, 0, 2, 7002);
	if (comes_first) {
		both_go_on(net, 0, -1, 250);
		assert_int_equal(claimed_epoch(net), original);
	}
	seal_claimer(net, 2, copy, 7009);
	net_run(net);
	assert_int_equal(claimed_epoch(net), comes_first ? original : copy);
	both_go_on(net, 0, 2, 2000);
	assert_int_equal(member_at_1(net)->epoch, original);
	assert_int_equal(member_at_1(net)->addr.port, 7020);
	assert_int_equal(claim_at_1(net), CLAIM_REFUSED);
	both_go_on(net, 0, 2, 20000);
	assert_int_equal(member_at_1(net)->epoch, original);
	assert_int_equal(member_at_1(net)->addr.port, 7020);
	seal_meet(net, 0, 1);
	assert_int_equal(net->nodes[1].clones, 0);
}

static void an_original_that_runs_stays_before_a_copy_that_is_older(void **state)
{
	who_runs_stays(*state, 8, 6, true);
}

static void an_original_that_runs_stays_after_a_copy_that_is_older(void **state)
{
	who_runs_stays(*state, 8, 6, false);
}

static void an_original_that_runs_stays_before_a_copy_that_is_newer(void **state)
{
	who_runs_stays(*state, 8, 9, true);
}

static void an_original_that_runs_stays_after_a_copy_that_is_newer(void **state)
{
	who_runs_stays(*state, 8, 9, false);
}

static void an_original_that_runs_stays_before_a_copy_of_its_epoch(void **state)
{
	who_runs_stays(*state, 8, 8, true);
}

static void an_original_that_runs_stays_after_a_copy_of_its_epoch(void **state)
{
	who_runs_stays(*state, 8, 8, false);
}

/* Somebody who saw its certificate showed it from elsewhere, before it spoke. */
static void stays_where_it_speaks(struct seal_net *net, uint64_t copy)
{
	struct net_datagram record;

	net_start(net, 0, 1, 8, 7020);
	net_know(net, 0, 2, 7002);
	record = seal_cert_datagram(seal_own_cert(net->nodes[0].seal), 7099);
	assert_int_equal(seal_arrive(net, 1, &record), DROP_NONE);
	net_lose(net);
	both_go_on(net, 0, -1, 250);
	assert_int_equal(claimed_epoch(net), 8);
	seal_claimer(net, 2, copy, 7009);
	net_run(net);
	claim_on(net, 2, 3000);
	assert_int_equal(member_at_1(net)->epoch, 8);
	assert_int_equal(member_at_1(net)->addr.port, 7020);
	assert_int_equal(claim_at_1(net), CLAIM_REFUSED);
	seal_meet(net, 0, 1);
}

static void an_original_that_was_shown_elsewhere_stays_before_an_older_copy(void **state)
{
	stays_where_it_speaks(*state, 6);
}

static void an_original_that_was_shown_elsewhere_stays_before_a_newer_copy(void **state)
{
	stays_where_it_speaks(*state, 9);
}

/* What a copy is asked goes where it is, wherever its certificate was shown first. */
static void a_copy_that_was_shown_elsewhere_is_refused_where_it_speaks(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram record;

	seal_meet(net, 0, 1);
	net_start(net, 2, 1, 2, 7009);
	net_know(net, 2, 2, 7002);
	record = seal_cert_datagram(seal_own_cert(net->nodes[2].seal), 7099);
	assert_int_equal(seal_arrive(net, 1, &record), DROP_NONE);
	net_run(net);
	claim_on(net, 2, 250);
	assert_int_equal(claim_at_1(net), CLAIM_REFUSED);
	assert_int_equal(
	    peer_known(net->nodes[1].seal, member_at_1(net))->session->claim->from.port, 7009);
}

/* Its answer is late, or is lost: it is not displaced at once, and comes back. */
static void who_claimed_first_is_asked_before_it_is_displaced(void **state)
{
	struct seal_net *net = *state;

	net_start(net, 0, 1, 8, 7020);
	net_know(net, 0, 2, 7002);
	both_go_on(net, 0, -1, 250);
	net->nodes[0].addr = net_addr(1);
	seal_claimer(net, 2, 9, 7009);
	net_run(net);
	claim_on(net, 2, 250);
	assert_int_equal(claimed_epoch(net), 8);
	claim_on(net, 2, 250);
	assert_int_equal(claimed_epoch(net), 9);
	net->nodes[0].addr = net_addr(7020);
	both_go_on(net, 0, 2, 250);
	assert_int_equal(claimed_epoch(net), 8);
	assert_original_stays(net, 8, 7020);
}

/* The one that comes first has ended, and is asked in vain. */
static void who_claimed_first_and_has_ended_gives_way(void **state)
{
	struct seal_net *net = *state;

	seal_claimer(net, 2, 9, 7009);
	net_run(net);
	net_stop(net, 2);
	net_start(net, 0, 1, 8, 7020);
	net_know(net, 0, 2, 7002);
	both_go_on(net, 0, -1, 3000);
	assert_int_equal(member_at_1(net)->epoch, 8);
	assert_int_equal(member_at_1(net)->addr.port, 7020);
}

/* Both were just started, and this node has nobody else to hear it from. */
static void the_first_stays(struct seal_net *net, uint64_t first, uint64_t second)
{
	net_start(net, 0, 1, first, 7020);
	net_know(net, 0, 2, 7002);
	net_frame(net, 0, 2, FRAME_CLAIM, "c", 1);
	net_run(net);
	seal_claimer(net, 2, second, 7009);
	net_run(net);
	both_claim(net, 0, 2, 2000);
	assert_int_equal(member_at_1(net)->epoch, first);
	assert_int_equal(member_at_1(net)->addr.port, 7020);
	assert_int_equal(claim_at_1(net), CLAIM_REFUSED);
}

static void alone_the_first_of_two_that_claim_stays_where_it_is_newer(void **state)
{
	the_first_stays(*state, 8, 6);
}

static void alone_the_first_of_two_that_claim_stays_where_it_is_older(void **state)
{
	the_first_stays(*state, 6, 8);
}

/* Both were just started, and the CLAIM of the first is heard first: until that of the other comes
 * it looks like a copy beside one that runs. */
static void alone_the_first_stays_also_where_it_is_heard_asking_first(void **state)
{
	struct seal_net *net = *state;

	net_start(net, 0, 1, 6, 7020);
	net_know(net, 0, 2, 7002);
	net_say(net, 0, 2, "on");
	net_run(net);
	net_start(net, 2, 1, 8, 7009);
	net_know(net, 2, 2, 7002);
	both_go_on(net, 2, -1, 250);
	assert_int_equal(claimed_epoch(net), 6);
	net_frame(net, 0, 2, FRAME_CLAIM, "c", 1);
	net_run(net);
	assert_int_equal(claimed_epoch(net), 8);
	both_claim(net, 0, 2, 2000);
	assert_int_equal(member_at_1(net)->epoch, 6);
	assert_int_equal(member_at_1(net)->addr.port, 7020);
	assert_int_equal(claim_at_1(net), CLAIM_REFUSED);
}

/* It is the second one to claim, and the record that comes names its place. */
static void who_lives_by_the_record_is_the_member(void **state)
{
	struct seal_net *net = *state;

	net_start(net, 0, 1, 6, 7020);
	net_know(net, 0, 2, 7002);
	net_frame(net, 0, 2, FRAME_CLAIM, "c", 1);
	net_run(net);
	seal_claimer(net, 2, 8, 7009);
	net_run(net);
	both_claim(net, 0, 2, 250);
	assert_int_equal(claimed_epoch(net), 6);
	net_know(net, 1, 1, 7009);
	both_claim(net, 0, 2, 500);
	assert_int_equal(member_at_1(net)->epoch, 8);
	both_claim(net, 0, 2, 8000);
	assert_int_equal(member_at_1(net)->epoch, 8);
	assert_int_equal(member_at_1(net)->addr.port, 7009);
	seal_meet(net, 2, 1);
}

/* What was proved meanwhile is not replaced by one that is older. */
static void a_rival_that_became_too_late_claims_nothing(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram cert;

	seal_claimer(net, 2, 6, 7009);
	net_run(net);
	net_start(net, 3, 1, 3, 7030);
	net_know(net, 3, 2, 7002);
	cert = seal_cert_datagram(seal_own_cert(net->nodes[3].seal), 7030);
	assert_int_equal(seal_arrive(net, 1, &cert), DROP_NONE);
	net_lose(net);
	net_stop(net, 2);
	member_at_1(net)->epoch = 5;
	net_say(net, 3, 2, "on");
	net_run(net);
	assert_int_equal(claimed_epoch(net), 6);
	assert_int_equal(claim_at_1(net), CLAIM_CHECKING);
}

/* A copy that was made some starts ago speaks up, while the original is where it is looked for. */
static void who_contradicts_a_claim_has_to_stand_the_same_questions(void **state)
{
	struct seal_net *net = *state;

	net_start(net, 0, 1, 4, 7001);
	hold_original(net, true);
	seal_claimer(net, 2, 6, 7009);
	net_run(net);
	net_start(net, 3, 1, 2, 7030);
	net_know(net, 3, 2, 7002);
	both_go_on(net, 3, -1, 250);
	assert_int_equal(claimed_epoch(net), 2);
	hold_original(net, false);
	both_go_on(net, 3, -1, 1500);
	net_stop(net, 3);
	assert_int_equal(member_at_1(net)->epoch, 4);
	assert_original_stays(net, 4, 7001);
}

/* Another member agreed to the copy, and sends its record on. */
static void a_claim_that_was_refused_is_not_true_by_its_own_record(void **state)
{
	struct seal_net *net = *state;

	seal_meet(net, 0, 1);
	seal_claimer(net, 2, 2, 7009);
	net_run(net);
	net_pass(net, 100);
	assert_int_equal(claim_at_1(net), CLAIM_REFUSED);
	net_know(net, 1, 1, 7009);
	assert_int_equal(member_at_1(net)->addr.port, 7009);
	claim_on(net, 2, 250);
	assert_int_equal(claim_at_1(net), CLAIM_REFUSED);
	assert_int_equal(member_at_1(net)->epoch, 1);
}

/* Two processes were there, so one of them is a copy: it takes more than the end of the other. */
static void a_claim_that_was_refused_is_not_true_since_its_original_fails(void **state)
{
	struct seal_net *net = *state;

	seal_meet(net, 0, 1);
	seal_claimer(net, 2, 2, 7009);
	net_run(net);
	net_pass(net, 100);
	assert_int_equal(claim_at_1(net), CLAIM_REFUSED);
	member_set_state(&net->nodes[1].members, member_at_1(net), MEMBER_FAILED);
	claim_on(net, 2, 250);
	assert_int_equal(claim_at_1(net), CLAIM_REFUSED);
	assert_int_equal(member_at_1(net)->epoch, 1);
	net_stop(net, 0);
	claim_on(net, 2, 6000);
	assert_int_equal(member_at_1(net)->epoch, 2);
}

static void a_claim_that_is_undecided_is_not_true_by_its_own_record(void **state)
{
	struct seal_net *net = *state;

	hold_original(net, true);
	seal_claimer(net, 2, 2, 7009);
	net_run(net);
	net_know(net, 1, 1, 7009);
	claim_on(net, 2, 250);
	assert_int_equal(claim_at_1(net), CLAIM_CHECKING);
	hold_original(net, false);
	net_pass(net, 1450);
	assert_int_equal(claim_at_1(net), CLAIM_REFUSED);
	assert_int_equal(member_at_1(net)->epoch, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    SEAL_TEST(an_original_that_moved_finds_who_asks_for_it_in_vain),
	    SEAL_TEST(an_original_that_was_started_elsewhere_is_found_as_well),
	    SEAL_TEST(an_original_that_runs_stays_before_a_copy_that_is_older),
	    SEAL_TEST(an_original_that_runs_stays_after_a_copy_that_is_older),
	    SEAL_TEST(an_original_that_runs_stays_before_a_copy_that_is_newer),
	    SEAL_TEST(an_original_that_runs_stays_after_a_copy_that_is_newer),
	    SEAL_TEST(an_original_that_runs_stays_before_a_copy_of_its_epoch),
	    SEAL_TEST(an_original_that_runs_stays_after_a_copy_of_its_epoch),
	    SEAL_TEST(an_original_that_was_shown_elsewhere_stays_before_an_older_copy),
	    SEAL_TEST(an_original_that_was_shown_elsewhere_stays_before_a_newer_copy),
	    SEAL_TEST(a_copy_that_was_shown_elsewhere_is_refused_where_it_speaks),
	    SEAL_TEST(who_claimed_first_is_asked_before_it_is_displaced),
	    SEAL_TEST(who_claimed_first_and_has_ended_gives_way),
	    SEAL_TEST(alone_the_first_of_two_that_claim_stays_where_it_is_newer),
	    SEAL_TEST(alone_the_first_of_two_that_claim_stays_where_it_is_older),
	    SEAL_TEST(alone_the_first_stays_also_where_it_is_heard_asking_first),
	    SEAL_TEST(who_lives_by_the_record_is_the_member),
	    SEAL_TEST(a_rival_that_became_too_late_claims_nothing),
	    SEAL_TEST(who_contradicts_a_claim_has_to_stand_the_same_questions),
	    SEAL_TEST(a_claim_that_was_refused_is_not_true_by_its_own_record),
	    SEAL_TEST(a_claim_that_was_refused_is_not_true_since_its_original_fails),
	    SEAL_TEST(a_claim_that_is_undecided_is_not_true_by_its_own_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
