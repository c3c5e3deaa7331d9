/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What was recorded or held back is shown while it is undecided who is the member. */
#include "rival_kit.h"

static void the_record_of_an_older_process_changes_nothing(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram record = record_of(net, 2, 7099);

	net_stop(net, 0);
	seal_claimer(net, 2, 5, 7009);
	net_run(net);
	for (int at = 50; at <= 1100; at += 50) {
		size_t before = net->count;

		seal_arrive(net, 1, &record);
		assert_in_range(net->count - before, 0, 1);
		assert_in_range(seal_bytes_to(net, 7099), 0, record.len);
		net_lose(net);
		net_pass(net, 50);
		assert_int_equal(claimed_epoch(net), 5);
	}
	net_pass(net, 250);
	assert_int_equal(claim_at_1(net), CLAIM_NONE);
	assert_int_equal(member_at_1(net)->epoch, 5);
	assert_int_equal(member_at_1(net)->addr.port, 7009);
}

static void a_record_does_not_keep_the_original_out(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram record;

	net_start(net, 0, 1, 3, 7020);
	net_know(net, 0, 2, 7002);
	record = record_of(net, 4, 7099);
	seal_claimer(net, 2, 5, 7009);
	net_run(net);
	for (int i = 0; i < 4; i++) {
		seal_arrive(net, 1, &record);
		net_say(net, 0, 2, "on");
		seal_arrive(net, 1, &record);
		net_run(net);
		net_pass(net, 50);
	}
	assert_int_equal(claimed_epoch(net), 3);
	assert_original_stays(net, 3, 7020);
}

/* All that came from a late claimer was sent back to it: it is still the one that speaks. */
static void a_record_does_not_displace_a_late_claim_that_speaks(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram record = record_of(net, 2, 7099);

	net_stop(net, 0);
	member_at_1(net)->epoch = 4;
	net_start(net, 2, 1, 3, 7009);
	net_know(net, 2, 2, 7002);
	net_frame(net, 2, 2, FRAME_CLAIM, "c", 1);
	net_run(net);
	net_pass(net, 2000);
	assert_int_equal(claim_at_1(net), CLAIM_SET_BACK);
	peer_known(net->nodes[1].seal, member_at_1(net))->session->claim->heard = 0;
	assert_int_equal(seal_arrive(net, 1, &record), DROP_OLD_CERT);
	assert_int_equal(claimed_epoch(net), 3);
	assert_int_equal(claim_at_1(net), CLAIM_SET_BACK);
}

/* A process was a rival once, and has ended; what it said then was recorded. */
static void what_opened_under_a_rival_does_not_open_again(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram cert, kept[2];

	net_stop(net, 0);
	seal_claimer(net, 2, 3, 7030);
	net_run(net);
	net_start(net, 3, 1, 9, 7009);
	net_know(net, 3, 2, 7002);
	net_frame(net, 3, 2, FRAME_CLAIM, "c", 1);
	net_run(net);
	cert = seal_cert_datagram(seal_own_cert(net->nodes[3].seal), 7009);
	seal_keep(net, 3, 2, kept, 2);
	net_run(net);
	seal_arrive_all(net, 1, kept, 2, DROP_REPLAY);
	net_stop(net, 3);
	claim_on(net, 2, 1500);
	assert_int_equal(member_at_1(net)->epoch, 3);
	net_stop(net, 2);
	net_pass(net, 7000);

	seal_claimer(net, 2, 12, 7044);
	net_run(net);
	assert_int_equal(claimed_epoch(net), 12);
	assert_int_equal(seal_arrive(net, 1, &cert), DROP_NONE);
	seal_arrive_all(net, 1, kept, 2, DROP_REPLAY);
	net_lose(net);
	net_start(net, 0, 1, 11, 7020);
	net_know(net, 0, 2, 7002);
	both_go_on(net, 0, 2, 250);
	assert_int_equal(claimed_epoch(net), 11);
	assert_original_stays(net, 11, 7020);
}

/* What was held back on its way opens once: it is in the way of the original for a while only. */
static void a_rival_that_answers_nothing_gives_way(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram cert, held;

	net_start(net, 3, 1, 5, 7009);
	net_know(net, 3, 2, 7002);
	net_frame(net, 3, 2, FRAME_CLAIM, "c", 1);
	net_lose(net);
	cert = seal_cert_datagram(seal_own_cert(net->nodes[1].seal), 7002);
	assert_int_equal(seal_arrive(net, 3, &cert), DROP_NONE);
	net_lose(net);
	seal_keep(net, 3, 2, &held, 1);
	net_lose(net);
	cert = seal_cert_datagram(seal_own_cert(net->nodes[3].seal), 7077);
	net_stop(net, 3);

	seal_claimer(net, 2, 12, 7044);
	net_run(net);
	assert_int_equal(seal_arrive(net, 1, &cert), DROP_NONE);
	assert_int_equal(seal_arrive(net, 1, &held), DROP_PROVISIONAL);
	net_lose(net);
	net_start(net, 0, 1, 11, 7020);
	net_know(net, 0, 2, 7002);
	both_go_on(net, 0, 2, 250);
	assert_int_equal(claimed_epoch(net), 12);
	both_go_on(net, 0, 2, 500);
	assert_int_equal(claimed_epoch(net), 11);
	assert_original_stays(net, 11, 7020);
}

/* One that did answer keeps its place, whatever is shown. */
static void a_rival_that_answered_does_not_give_way(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram record = record_of(net, 7, 7099);

	seal_claimer(net, 2, 9, 7009);
	net_run(net);
	claim_on(net, 2, 250);
	net_start(net, 0, 1, 8, 7020);
	net_know(net, 0, 2, 7002);
	net_frame(net, 0, 2, FRAME_CLAIM, "c", 1);
	net_run(net);
	claim_on(net, 2, 500);
	assert_int_equal(claimed_epoch(net), 9);
	assert_int_equal(seal_arrive(net, 1, &record), DROP_OLD_CERT);
	net_say(net, 0, 2, "on");
	net_run(net);
	assert_int_equal(claimed_epoch(net), 9);
	claim_on(net, 2, 1500);
	assert_int_equal(member_at_1(net)->epoch, 9);
}

static void a_record_of_the_original_does_not_keep_it_from_answering_at_home(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram record = seal_cert_datagram(seal_own_cert(net->nodes[0].seal), 7099);

	hold_original(net, true);
	seal_claimer(net, 2, 2, 7009);
	net_run(net);
	assert_int_equal(seal_arrive(net, 1, &record), DROP_NONE);
	net_lose(net);
	hold_original(net, false);
	net_pass(net, 700);
	assert_int_equal(claim_at_1(net), CLAIM_REFUSED);
	assert_int_equal(peer_known(net->nodes[1].seal, member_at_1(net))->current.epoch, 1);
	assert_int_equal(member_at_1(net)->addr.port, 7001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    SEAL_TEST(the_record_of_an_older_process_changes_nothing),
	    SEAL_TEST(a_record_does_not_keep_the_original_out),
	    SEAL_TEST(a_record_does_not_displace_a_late_claim_that_speaks),
	    SEAL_TEST(what_opened_under_a_rival_does_not_open_again),
	    SEAL_TEST(a_rival_that_answers_nothing_gives_way),
	    SEAL_TEST(a_rival_that_answered_does_not_give_way),
	    SEAL_TEST(a_record_of_the_original_does_not_keep_it_from_answering_at_home),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
