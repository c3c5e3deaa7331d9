/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "seal_kit.h"

static void a_new_address_is_answered_but_not_followed_before_it_proved_itself(void **state)
{
	struct seal_net *net = *state;
	struct hostport elsewhere = net_addr(7777);
	struct member *member = net_member(net, 1, 1);

	seal_meet(net, 0, 1);
	net_say(net, 0, 2, "sent on by somebody");
	struct net_datagram kept = net->pending[0];
	net_lose(net);
	assert_int_equal(net_arrive(net, 1, &elsewhere, kept.bytes, kept.len), DROP_NONE);
	assert_true(net->nodes[1].provisional);
	assert_int_equal(member->addr.port, 7001);
	assert_int_equal(member->provisional.port, 7777);
	assert_int_equal(net->count, 1);
	assert_int_equal(net->pending[0].to.port, 7777);
	net_run(net); /* nobody is there */
	assert_int_equal(member->addr.port, 7001);
}

static void an_address_that_answers_the_challenge_is_followed(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);

	seal_meet(net, 0, 1);
	net->nodes[0].addr = net_addr(7777);
	net_say(net, 0, 2, "moved here");
	net_run(net);
	assert_int_equal(member->addr.port, 7777);
	assert_int_equal(member->provisional.port, 0);
	net_say(net, 1, 1, "there you are");
	net_run(net);
	assert_true(net_heard(net, 0, "there you are"));
}

static void one_new_address_is_challenged_once_a_second(void **state)
{
	struct seal_net *net = *state;
	struct hostport elsewhere = net_addr(7777);

	seal_meet(net, 0, 1);
	for (int i = 0; i < 5; i++)
		net_say(net, 0, 2, "x");
	struct net_datagram kept[5];
	memcpy(kept, net->pending, sizeof(kept));
	net_lose(net);
	for (int i = 0; i < 4; i++)
		net_arrive(net, 1, &elsewhere, kept[i].bytes, kept[i].len);
	assert_int_equal(net->count, 1);
	net->now = mono_add_ms(net->now, 1001);
	net_arrive(net, 1, &elsewhere, kept[4].bytes, kept[4].len);
	assert_int_equal(net->count, 2);
}

static void a_wrong_response_moves_nobody(void **state)
{
	struct seal_net *net = *state;

	seal_meet(net, 0, 1);
	net->nodes[0].addr = net_addr(7777);
	net_frame(net, 0, 2, FRAME_RESPONSE, "8 bytes!", 8);
	struct net_datagram kept = net->pending[0];
	net_lose(net);
	assert_int_equal(net_arrive(net, 1, &kept.from, kept.bytes, kept.len), DROP_FRAME);
	assert_int_equal(net_member(net, 1, 1)->addr.port, 7001);
}

static void frames_of_another_length_are_malformed(void **state)
{
	static const uint8_t types[] = {FRAME_CERT, FRAME_CHALLENGE, FRAME_RESPONSE, FRAME_CLONE};
	struct seal_net *net = *state;

	seal_meet(net, 0, 1);
	for (size_t i = 0; i < sizeof(types); i++) {
		net_frame(net, 0, 2, types[i], "short", 5);
		struct net_datagram kept = net->pending[0];
		net_lose(net);
		assert_int_equal(net_arrive(net, 1, &kept.from, kept.bytes, kept.len), DROP_FRAME);
	}
}

static void a_newer_certificate_inside_a_sealed_datagram_is_taken_from_any_address(void **state)
{
	struct seal_net *net = *state;
	uint8_t cert[CERT_BYTES];

	seal_meet(net, 0, 1);
	net_say(net, 0, 2, "x");
	net_lose(net);
	/* The sender still seals under its old key, as it does until it has renewed. */
	struct net_node *self = &net->nodes[0];
	struct cert next = {.wire_min = 1, .wire_max = 1, .epoch = 2, .key = {3}};
	next.cluster = self->core.self.cluster;
	next.node = self->core.self.id;
	cert_sign(self->core.crypto, &next, self->core.self.sign_sec, cert);
	self->addr = net_addr(7777);
	net_frame(net, 0, 2, FRAME_CERT, cert, sizeof(cert));
	net_run(net);
	assert_int_equal(net_member(net, 1, 1)->epoch, 2);
	assert_int_equal(seal_claim(net->nodes[1].seal, net_member(net, 1, 1)), CLAIM_NONE);
}

static void a_certificate_of_somebody_else_inside_a_datagram_is_refused(void **state)
{
	struct seal_net *net = *state;

	net_start(net, 2, 3, 1, 7003);
	seal_meet(net, 0, 1);
	net_frame(net, 0, 2, FRAME_CERT, seal_own_cert(net->nodes[2].seal), CERT_BYTES);
	struct net_datagram kept = net->pending[0];
	net_lose(net);
	assert_int_equal(net_arrive(net, 1, &kept.from, kept.bytes, kept.len), DROP_CERT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    SEAL_TEST(a_new_address_is_answered_but_not_followed_before_it_proved_itself),
	    SEAL_TEST(an_address_that_answers_the_challenge_is_followed),
	    SEAL_TEST(one_new_address_is_challenged_once_a_second),
	    SEAL_TEST(a_wrong_response_moves_nobody),
	    SEAL_TEST(frames_of_another_length_are_malformed),
	    SEAL_TEST(a_newer_certificate_inside_a_sealed_datagram_is_taken_from_any_address),
	    SEAL_TEST(a_certificate_of_somebody_else_inside_a_datagram_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
