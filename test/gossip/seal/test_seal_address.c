/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Addresses that nobody proved. Whoever can record datagrams can send them from anywhere; none of
 * that may move a member, draw its traffic, or make a node send a stranger more than it got.
 */
#include "seal_kit.h"

#include <stdio.h>

#include "test/gossip/cluster.h"
#include "gossip/gossip_impl.h"

#define HOME 7001
#define ELSEWHERE 7777

/* Node 0 restarted and showed a newer certificate, which somebody recorded; then it fell silent. */
static struct net_datagram recorded_newer(struct seal_net *net)
{
	struct net_datagram cert;

	seal_meet(net, 0, 1);
	net_start(net, 0, 1, 2, HOME);
	cert = seal_cert_datagram(seal_own_cert(net->nodes[0].seal), ELSEWHERE);
	net_stop(net, 0);
	return cert;
}

static void a_recorded_certificate_from_elsewhere_moves_nobody_when_home_is_silent(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram cert = recorded_newer(net);
	struct member *member = net_member(net, 1, 1);

	for (int round = 0; round < 20; round++) {
		seal_arrive(net, 1, &cert);
		net_lose(net);
		net_pass(net, 250);
		assert_int_equal(member->addr.port, HOME);
	}
	net_say(net, 1, 1, "for the member alone");
	assert_int_equal(seal_bytes_to(net, ELSEWHERE), 0);
	assert_true(seal_bytes_to(net, HOME) > 0);
}

/* Node 0 came back elsewhere, and node 1 takes it for failed. What it sends there was for somebody
 * who lived there before: its certificate alone can be read. */
static struct net_datagram came_back_elsewhere(struct seal_net *net)
{
	static const uint8_t others[HINT_BYTES] = {9, 9, 9};
	struct net_datagram stray = {.len = WIRE_HEADER_BYTES + CERT_BYTES + 60};
	struct cert cert;

	seal_meet(net, 0, 1);
	net_start(net, 0, 1, 2, ELSEWHERE);
	member_set_state(&net->nodes[1].members, net_member(net, 1, 1), MEMBER_FAILED);
	memcpy(stray.bytes + WIRE_HEADER_BYTES, seal_own_cert(net->nodes[0].seal), CERT_BYTES);
	assert_true(cert_parse(stray.bytes + WIRE_HEADER_BYTES, CERT_BYTES, &cert));
	header_write(stray.bytes, DGRAM_CERT_SEALED, others,
		     cert_key_id(gossip_crypto_sodium(), cert.key), 1);
	net_lose(net);
	return stray;
}

static void a_failed_member_is_found_where_it_shows_the_certificate_of_its_new_start(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram stray = came_back_elsewhere(net);

	seal_arrive_from(net, 1, ELSEWHERE, &stray);
	assert_in_range(seal_bytes_to(net, ELSEWHERE), 1, stray.len);
	assert_int_equal(net_member(net, 1, 1)->addr.port, HOME);
	net_run(net);
	assert_int_equal(net_member(net, 1, 1)->addr.port, ELSEWHERE);
	net_say(net, 1, 1, "found");
	net_run(net);
	assert_true(net_heard(net, 0, "found"));
}

/* Who asks at an address for somebody who lived there gets an answer from who lives there now. */
static void a_certificate_answer_of_a_failed_member_finds_it_as_well(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram answer;

	(void)came_back_elsewhere(net);
	answer = seal_cert_datagram(seal_own_cert(net->nodes[0].seal), ELSEWHERE);
	answer.bytes[1] = 1;
	for (int i = 0; i < 2; i++)
		seal_arrive_from(net, 1, ELSEWHERE, &answer);
	assert_in_range(seal_bytes_to(net, ELSEWHERE), 1, 2 * answer.len);
	net_run(net);
	assert_int_equal(net_member(net, 1, 1)->addr.port, ELSEWHERE);
}

static void a_recorded_certificate_of_a_failed_member_draws_no_more_than_it_brings(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram stray = came_back_elsewhere(net);
	size_t came = 0, answers = 0;

	for (int i = 0; i < 40; i++) {
		seal_arrive_from(net, 1, 7778, &stray);
		came += stray.len;
		answers += net->count;
		assert_true(seal_bytes_to(net, 7778) <= stray.len);
		net_lose(net);
		net->now = mono_add_ms(net->now, 50);
	}
	assert_in_range(answers, 1, 3);
	assert_int_equal(net_member(net, 1, 1)->addr.port, HOME);
	/* Nor does it keep the member from being asked where it is. */
	net->now = mono_add_ms(net->now, CHALLENGE_MS);
	seal_arrive_from(net, 1, ELSEWHERE, &stray);
	seal_arrive_from(net, 1, 7778, &stray);
	net_run(net);
	assert_int_equal(net_member(net, 1, 1)->addr.port, ELSEWHERE);
}

/* What node 0 sends where it hopes to find somebody of the cluster. */
static struct net_datagram knock_of(struct seal_net *net, uint16_t port)
{
	struct hostport to = net_addr(port);

	core_begin_step(&net->nodes[0].core, net->now, (struct wall){0});
	seal_knock(net->nodes[0].seal, &to);
	return (struct net_datagram){
	    .from = net->nodes[0].addr,
	    .to = to,
	    .len = net->nodes[0].update.sends[0].len,
	};
}

static void a_failed_member_that_knocks_is_found_and_told_who_found_it(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram knock;

	(void)came_back_elsewhere(net);
	net->nodes[1].row_len = 600;
	knock = knock_of(net, 7002);
	memcpy(knock.bytes, net->nodes[0].update.sends[0].bytes, knock.len);
	assert_int_equal(seal_arrive(net, 1, &knock), DROP_NONE);
	assert_in_range(seal_bytes_to(net, ELSEWHERE), 600 + CERT_BYTES, knock.len);
	net_run(net);
	assert_int_equal(net_member(net, 1, 1)->addr.port, ELSEWHERE);
	assert_int_equal(net_member(net, 0, 2)->addr.port, 7002);
}

static void a_recorded_knock_draws_no_more_than_it_brings(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram knock;

	(void)came_back_elsewhere(net);
	net->nodes[1].row_len = 700;
	knock = knock_of(net, 7002);
	memcpy(knock.bytes, net->nodes[0].update.sends[0].bytes, knock.len);
	for (int i = 0; i < 40; i++) {
		seal_arrive_from(net, 1, 7778, &knock);
		assert_true(seal_bytes_to(net, 7778) <= knock.len);
		net_lose(net);
		net->now = mono_add_ms(net->now, 50);
	}
	assert_int_equal(net_member(net, 1, 1)->addr.port, HOME);
}

static void a_member_that_is_alive_and_knocks_gets_a_certificate(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram knock;

	seal_meet(net, 0, 1);
	net->nodes[1].row_len = 600;
	knock = knock_of(net, 7002);
	memcpy(knock.bytes, net->nodes[0].update.sends[0].bytes, knock.len);
	assert_int_equal(seal_arrive(net, 1, &knock), DROP_NONE);
	assert_int_equal(net->count, 1);
	assert_int_equal(net->pending[0].len, CERT_DGRAM_BYTES);
}

/* Both remember each other, but who is knocked at has forgotten; the answer lets the other find it.
 */
static void who_knocks_finds_a_member_that_answers_with_its_certificate(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram knock, answer;

	seal_meet(net, 0, 1);
	member_set_state(&net->nodes[0].members, net_member(net, 0, 2), MEMBER_FAILED);
	net->nodes[0].row_len = 600;
	knock = knock_of(net, ELSEWHERE);
	memcpy(knock.bytes, net->nodes[0].update.sends[0].bytes, knock.len);
	answer = seal_cert_datagram(seal_own_cert(net->nodes[1].seal), ELSEWHERE);
	answer.bytes[1] = 1;
	memcpy(answer.bytes + 12, knock.bytes + 12, 8);
	seal_arrive(net, 0, &answer);
	assert_in_range(seal_bytes_to(net, ELSEWHERE), 600, KNOCK_DGRAM_BYTES);
	net_lose(net);
	net->now = mono_add_ms(net->now, CHALLENGE_MS);
	seal_arrive(net, 0, &answer); /* once more: nothing was asked any more */
	assert_int_equal(seal_bytes_to(net, ELSEWHERE), 0);
}

/* Node 1 knows a later life of node 0, which knocks where node 1 is now: of a claimer it hears the
 * claim alone. */
static void who_knocks_while_it_claims_asks_also_where_the_answer_came_from(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram knock, answer;

	seal_meet(net, 0, 1);
	net_start(net, 2, 1, 2, 7009);
	net_know(net, 2, 2, 7077);
	member_set_state(&net->nodes[2].members, net_member(net, 2, 2), MEMBER_FAILED);
	net->nodes[2].row_len = 600;
	/* Who does not ask is shown the certificate in use by the end, and knows node 1 by it. */
	for (int claims = 1; claims >= 0; claims--) {
		struct hostport to = net_addr(7002);

		net->nodes[2].claims = claims == 1;
		net->nodes[1].got_len = 0;
		core_begin_step(&net->nodes[2].core, net->now, (struct wall){0});
		seal_knock(net->nodes[2].seal, &to);
		knock = (struct net_datagram){
		    .from = net->nodes[2].addr, .to = to, .len = net->nodes[2].update.sends[0].len};
		memcpy(knock.bytes, net->nodes[2].update.sends[0].bytes, knock.len);
		answer = seal_cert_datagram(seal_own_cert(net->nodes[1].seal), 7002);
		answer.bytes[1] = 1;
		memcpy(answer.bytes + 12, knock.bytes + 12, 8);
		seal_arrive(net, 2, &answer);
		assert_in_range(seal_bytes_to(net, 7002), 600, KNOCK_DGRAM_BYTES);
		net_run(net);
		assert_int_equal(net->nodes[1].got_len, claims == 1 ? 8 : 0);
		if (claims == 1)
			assert_int_equal(net->nodes[1].got[7], 2);
		net_pass(net, 6000);
	}
}

static void a_member_that_is_alive_is_not_sought_elsewhere(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram stray = came_back_elsewhere(net);
	struct member *member = net_member(net, 1, 1);

	seal_arrive_from(net, 1, ELSEWHERE, &stray);
	net_lose(net);
	member_set_state(&net->nodes[1].members, member, MEMBER_ALIVE);
	member->provisional.port = 0;
	net->now = mono_add_ms(net->now, 5000);
	seal_arrive_from(net, 1, 7778, &stray);
	net_run(net);
	assert_int_equal(member->provisional.port, 0);
	assert_int_equal(member->addr.port, HOME);
}

static void while_a_claim_is_undecided_only_its_old_address_is_asked(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram cert = recorded_newer(net);

	assert_int_equal(seal_arrive(net, 1, &cert), DROP_NONE);
	assert_true(seal_bytes_to(net, ELSEWHERE) <= cert.len);
	net_lose(net);
	for (int i = 0; i < 40; i++) {
		net->now = mono_add_ms(net->now, 50);
		net_say(net, 1, 0, NULL);
	}
	assert_true(seal_bytes_to(net, HOME) > 0);
	assert_int_equal(seal_bytes_to(net, ELSEWHERE), 0);
}

static void what_a_member_gets_goes_home_while_another_address_is_provisional(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram datagram;

	seal_meet(net, 0, 1);
	net_say(net, 0, 2, "sent on by somebody");
	datagram = seal_intercept(net);
	assert_int_equal(seal_arrive_from(net, 1, ELSEWHERE, &datagram), DROP_NONE);
	assert_int_equal(net_member(net, 1, 1)->provisional.port, ELSEWHERE);
	net_lose(net);
	for (int i = 0; i < 20; i++)
		net_say(net, 1, 1, "secret and large enough to be worth something to a thief");
	assert_int_equal(seal_bytes_to(net, ELSEWHERE), 0);
	assert_true(seal_bytes_to(net, HOME) > 1000);
}

static void a_response_that_comes_from_a_third_address_moves_nobody(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram datagram;

	seal_meet(net, 0, 1);
	net_say(net, 0, 2, "sent on by somebody");
	datagram = seal_intercept(net);
	seal_arrive_from(net, 1, ELSEWHERE, &datagram);
	/* The challenge is carried to the member, who answers it; the answer is carried on. */
	datagram = seal_intercept(net);
	assert_int_equal(datagram.to.port, ELSEWHERE);
	assert_int_equal(seal_arrive(net, 0, &datagram), DROP_NONE);
	datagram = seal_intercept(net);
	assert_int_equal(seal_arrive_from(net, 1, 7778, &datagram), DROP_FRAME);
	assert_int_equal(net_member(net, 1, 1)->addr.port, HOME);
}

static void a_challenge_is_never_larger_than_what_came_from_the_address(void **state)
{
	struct seal_net *net = *state;
	size_t came = 0;

	seal_meet(net, 0, 1);
	for (int i = 0; i < 4; i++) {
		struct net_datagram datagram;
		net_say(net, 0, 2, "x");
		datagram = seal_intercept(net);
		assert_int_equal(seal_arrive_from(net, 1, ELSEWHERE, &datagram), DROP_NONE);
		came += datagram.len;
		assert_true(seal_bytes_to(net, ELSEWHERE) <= came);
		if (i == 0)
			assert_int_equal(net->count, 0);
		if (i == 1)
			assert_int_equal(net->count, 1);
		net_lose(net);
	}
}

static void a_removed_node_hears_of_it_at_home_and_elsewhere_only_as_much_as_it_sent(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);
	struct net_datagram cert;
	uint8_t row[900];

	seal_meet(net, 0, 1);
	member_set_state(&net->nodes[1].members, member, MEMBER_REMOVED);
	seal_forget(net->nodes[1].seal, member);
	net_pass(net, 100);
	cert = seal_cert_datagram(seal_own_cert(net->nodes[0].seal), ELSEWHERE);
	assert_int_equal(seal_arrive(net, 1, &cert), DROP_REMOVED);
	assert_int_equal(net->count, 0);
	assert_int_equal(seal_arrive_from(net, 1, HOME, &cert), DROP_REMOVED);
	assert_int_equal(net->count, 1);
	net_run(net);
	assert_int_equal(net->nodes[0].removals, 1);
	/* Whoever takes the others for failed shows its row, which is large. */
	net_pass(net, REMOVED_MS + 100);
	net->nodes[0].addr = net_addr(ELSEWHERE);
	net_member(net, 0, 2)->addr = net_addr(7002);
	peer_of(net->nodes[0].seal, net_member(net, 0, 2))->knows = 0;
	memset(row, 'r', sizeof(row));
	net_frame(net, 0, 2, 200, row, sizeof(row));
	net_run(net);
	assert_int_equal(net->nodes[0].removals, 2);
}

static void a_claimer_gets_no_more_than_it_sent(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram datagram;

	seal_meet(net, 0, 1);
	net_start(net, 2, 1, 2, ELSEWHERE);
	net_know(net, 2, 2, 7002);
	net_frame(net, 2, 2, FRAME_CLAIM, "12345678", 8);
	net_run(net);
	net_pass(net, 500);
	assert_int_equal(seal_claim(net->nodes[1].seal, net_member(net, 1, 1)), CLAIM_REFUSED);
	net_frame(net, 2, 2, FRAME_CLAIM, "12345678", 8);
	datagram = seal_intercept(net);
	assert_int_equal(seal_arrive(net, 1, &datagram), DROP_NONE);
	net_lose(net);
	core_begin_step(&net->nodes[1].core, net->now, (struct wall){0});
	seal_answer_claim(net->nodes[1].seal, net_member(net, 1, 1), &datagram.from,
			  (const uint8_t *)"\x05\x00\x1b"
					   "verdict, epoch and address ",
			  30);
	assert_int_equal(net->nodes[1].update.send_count, 1);
	assert_true(net->nodes[1].update.sends[0].len <= datagram.len);
}

static void a_source_address_never_becomes_that_of_a_tunnel(void **state)
{
	struct cluster *c = cluster_new();
	struct hostport old;
	struct member_info info;
	struct id id;

	(void)state;
	cluster_form(c, 2);
	id = gossip_self(c->nodes[1].g);
	old = c->nodes[1].addr;
	/* As behind a NAT whose mapping changed: the gossip follows, the record is the member's. */
	c->nodes[1].addr.ip = inet_from_v4(0x0a0000f0);
	cluster_run(c, 3000);
	assert_true(gossip_member(c->nodes[0].g, &id, &info));
	assert_true(hostport_eq(&info.addr, &c->nodes[1].addr));
	assert_true(inet_eq(&info.vtep, &old.ip));
	assert_int_equal(info.state, MEMBER_ALIVE);
	cluster_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    SEAL_TEST(a_recorded_certificate_from_elsewhere_moves_nobody_when_home_is_silent),
	    SEAL_TEST(a_failed_member_is_found_where_it_shows_the_certificate_of_its_new_start),
	    SEAL_TEST(a_certificate_answer_of_a_failed_member_finds_it_as_well),
	    SEAL_TEST(a_recorded_certificate_of_a_failed_member_draws_no_more_than_it_brings),
	    SEAL_TEST(a_failed_member_that_knocks_is_found_and_told_who_found_it),
	    SEAL_TEST(a_recorded_knock_draws_no_more_than_it_brings),
	    SEAL_TEST(a_member_that_is_alive_and_knocks_gets_a_certificate),
	    SEAL_TEST(who_knocks_finds_a_member_that_answers_with_its_certificate),
	    SEAL_TEST(who_knocks_while_it_claims_asks_also_where_the_answer_came_from),
	    SEAL_TEST(a_member_that_is_alive_is_not_sought_elsewhere),
	    SEAL_TEST(while_a_claim_is_undecided_only_its_old_address_is_asked),
	    SEAL_TEST(what_a_member_gets_goes_home_while_another_address_is_provisional),
	    SEAL_TEST(a_response_that_comes_from_a_third_address_moves_nobody),
	    SEAL_TEST(a_challenge_is_never_larger_than_what_came_from_the_address),
	    SEAL_TEST(a_removed_node_hears_of_it_at_home_and_elsewhere_only_as_much_as_it_sent),
	    SEAL_TEST(a_claimer_gets_no_more_than_it_sent),
	    cmocka_unit_test(a_source_address_never_becomes_that_of_a_tunnel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
