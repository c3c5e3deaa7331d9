/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What a member does that took the older of two processes for the node. Node 0 is that one, node 1
 * the member, node 2 the other process, which runs. What the two themselves make of it is in
 * test_claim_rival.c, test_twins.c and test_seal_mad.c.
 */
#include "seal_kit.h"

#define SHOWN_BYTES (WIRE_OVERHEAD_BYTES + FRAME_HEADER_BYTES + CERT_BYTES)

static void run_beside(struct seal_net *net)
{
	seal_meet(net, 0, 1);
	net_start(net, 2, 1, 2, 7009);
	net_know(net, 2, 2, 7002);
}

/* The other one speaks and is refused, when so many bytes of it opened; true when it is shown the
 * certificate. */
static bool is_shown(struct seal_net *net, size_t opened)
{
	struct member *member = net_member(net, 1, 1);

	net->nodes[2].got_len = 0;
	net_say(net, 2, 2, "it runs");
	net_pass(net, 1000);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_REFUSED);
	peer_known(net->nodes[1].seal, member)->session->claim->heard = opened;
	net_pass(net, CLAIM_REFUSED_MS);
	if (net->nodes[2].got_len == 0)
		return false;
	assert_int_equal(net->nodes[2].got_len, CERT_BYTES);
	assert_memory_equal(net->nodes[2].got, seal_own_cert(net->nodes[0].seal), CERT_BYTES);
	return true;
}

static void who_runs_is_shown_the_older_certificate_when_it_is_refused_twice(void **state)
{
	struct seal_net *net = *state;

	run_beside(net);
	assert_false(is_shown(net, SHOWN_BYTES));
	assert_true(is_shown(net, SHOWN_BYTES));
	assert_int_equal(net_member(net, 1, 1)->epoch, 1);
	assert_int_equal(net->nodes[1].clones, 0);
}

static void it_is_shown_in_no_more_bytes_than_opened(void **state)
{
	struct seal_net *net = *state;

	run_beside(net);
	assert_false(is_shown(net, SHOWN_BYTES));
	assert_false(is_shown(net, SHOWN_BYTES - 1));
}

/* Its claim was refused by what it answered just before it ended. */
static void nobody_is_shown_the_certificate_of_a_process_that_is_silent_since(void **state)
{
	struct seal_net *net = *state;

	run_beside(net);
	assert_false(is_shown(net, SHOWN_BYTES));
	net_stop(net, 0);
	net_say(net, 2, 2, "x");
	net_pass(net, 3000);
	assert_int_equal(net_member(net, 1, 1)->epoch, 2);
	assert_int_equal(net->nodes[2].got_len, 0);
}

/* It waits for the answer to its claim: that one tells it where the node lives. */
static void who_asks_is_shown_nothing(void **state)
{
	struct seal_net *net = *state;

	run_beside(net);
	for (int i = 0; i < 3; i++) {
		net_frame(net, 2, 2, FRAME_CLAIM, "c", 1);
		assert_false(is_shown(net, SHOWN_BYTES));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    SEAL_TEST(who_runs_is_shown_the_older_certificate_when_it_is_refused_twice),
	    SEAL_TEST(it_is_shown_in_no_more_bytes_than_opened),
	    SEAL_TEST(nobody_is_shown_the_certificate_of_a_process_that_is_silent_since),
	    SEAL_TEST(who_asks_is_shown_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
