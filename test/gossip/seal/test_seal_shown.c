/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Keys of certificates that somebody showed, and whose process has answered nothing yet. */
#include "seal_kit.h"

static struct peer *peer_at_1(struct seal_net *net)
{
	return peer_of(net->nodes[1].seal, net_member(net, 1, 1));
}

/* The certificate of a process that ran once in this epoch, and not on this network. */
static struct net_datagram record_of(struct seal_net *net, uint64_t epoch, uint16_t from)
{
	struct net_datagram record;

	net_start(net, 3, 1, epoch, 7090);
	record = seal_cert_datagram(seal_own_cert(net->nodes[3].seal), from);
	net_stop(net, 3);
	return record;
}

static void show(struct seal_net *net, uint64_t epoch, uint16_t from)
{
	struct net_datagram record = record_of(net, epoch, from);

	assert_int_equal(seal_arrive(net, 1, &record), DROP_NONE);
	net_lose(net);
	assert_int_equal(peer_at_1(net)->current.epoch, epoch);
	assert_true(peer_at_1(net)->shown);
}

static void assert_key(struct seal_net *net, uint64_t epoch)
{
	assert_int_equal(peer_at_1(net)->current.epoch, epoch);
	assert_false(peer_at_1(net)->shown);
	assert_int_equal(net_member(net, 1, 1)->epoch, epoch);
	seal_meet(net, 0, 1);
}

static void a_restart_proves_its_key_by_what_it_is_asked(void **state)
{
	struct seal_net *net = *state;

	seal_meet(net, 0, 1);
	assert_key(net, 1);
	net_start(net, 0, 1, 2, 7001);
	net_say(net, 0, 2, "again");
	net_run(net);
	assert_true(net_heard(net, 1, "again"));
	assert_key(net, 2);
}

static void a_process_that_goes_on_takes_its_key_back_and_hears_of_nothing(void **state)
{
	struct seal_net *net = *state;
	const struct net_datagram record = record_of(net, 5, 7001);

	seal_meet(net, 0, 1);
	show(net, 3, 7001);
	/* For a second it may be what was on its way. */
	net_say(net, 0, 2, "late");
	net_run(net);
	assert_true(net_heard(net, 1, "late"));
	assert_true(peer_at_1(net)->shown);
	net_pass(net, OUTLIVED_MS);
	net->nodes[0].got_len = 0;
	net_say(net, 0, 2, "on");
	net_run(net);
	assert_true(net_heard(net, 1, "on"));
	assert_int_equal(net->nodes[0].got_len, 0);
	assert_key(net, 1);
	assert_int_equal(net->nodes[1].clones, 0);
	/* Another one is shown all the same, and the first is not any more. */
	seal_arrive(net, 1, &record);
	assert_int_equal(peer_at_1(net)->current.epoch, 5);
	net_pass(net, OUTLIVED_MS);
	net_say(net, 0, 2, "on");
	net_run(net);
	seal_arrive(net, 1, &record);
	assert_key(net, 1);
}

/* It says nothing by itself, and cannot open what it is sent. */
static void a_process_that_only_shows_its_certificate_is_asked_to_speak(void **state)
{
	struct seal_net *net = *state;

	seal_meet(net, 0, 1);
	show(net, 3, 7001);
	net_pass(net, OUTLIVED_MS);
	net_say(net, 1, 1, "cannot be opened");
	net_run(net);
	assert_false(net_heard(net, 0, "cannot be opened"));
	assert_key(net, 1);
}

static void who_shows_the_certificate_before_draws_no_more_than_he_brought(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram before, other;

	seal_meet(net, 0, 1);
	before = seal_cert_datagram(seal_own_cert(net->nodes[0].seal), 7099);
	before.bytes[1] = 1; /* an answer */
	show(net, 3, 7001);
	seal_arrive(net, 1, &before);
	assert_int_equal(net->count, 0);
	net_pass(net, OUTLIVED_MS);
	for (int i = 0; i < 5; i++)
		seal_arrive(net, 1, &before);
	assert_int_equal(net->count, 1);
	assert_in_range(seal_bytes_to(net, 7099), 1, before.len);
	/* It went to who showed it, who can read it no more than others. */
	other = seal_intercept(net);
	seal_arrive(net, 0, &other);
	net_lose(net);
	assert_true(peer_at_1(net)->shown);
	net_pass(net, ASK_MS);
	seal_arrive(net, 1, &before);
	assert_int_equal(net->count, 1);
}

static void of_two_that_were_shown_the_newer_one_stands_until_one_answers(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram old;

	seal_meet(net, 0, 1);
	old = record_of(net, 4, 7001);
	show(net, 3, 7001);
	show(net, 6, 7001);
	seal_arrive(net, 1, &old);
	net_lose(net);
	assert_int_equal(peer_at_1(net)->current.epoch, 6);
	assert_int_equal(peer_at_1(net)->session->previous.epoch, 1);
	/* The member starts again in an epoch between them, and answers. */
	net_start(net, 0, 1, 5, 7001);
	for (int i = 0; i < 3; i++) {
		net_say(net, 0, 2, "again");
		net_pass(net, 300);
	}
	assert_true(net_heard(net, 1, "again"));
	assert_key(net, 5);
	assert_int_equal(peer_at_1(net)->session->previous.epoch, 1);
}

static void a_session_that_sleeps_keeps_the_key_that_was_proved(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram kept[3];

	seal_meet(net, 0, 1);
	seal_keep(net, 0, 2, kept, 3);
	net_run(net);
	show(net, 3, 7001);
	net->now = mono_add_ms(net->now, SESSION_IDLE_MS);
	session_sleep(net->nodes[1].seal, peer_at_1(net));
	assert_null(peer_at_1(net)->session);
	assert_false(peer_at_1(net)->shown);
	seal_arrive_all(net, 1, kept, 3, DROP_REPLAY);
	assert_key(net, 1);
}

static void the_first_key_that_is_shown_of_a_member_keeps_no_other_out(void **state)
{
	struct seal_net *net = *state;

	show(net, 3, 7001);
	net_say(net, 0, 2, "here");
	net_run(net);
	net_say(net, 0, 2, "still");
	net_run(net);
	assert_true(net_heard(net, 1, "still"));
	assert_key(net, 1);
}

static void a_silent_claim_that_nobody_contradicts_is_only_shown(void **state)
{
	struct seal_net *net = *state;
	const struct net_datagram record = record_of(net, 3, 7099);

	seal_meet(net, 0, 1);
	net->nodes[0].addr = net_addr(1); /* its machine stands still */
	assert_int_equal(seal_arrive(net, 1, &record), DROP_NONE);
	net_pass(net, 1450);
	assert_int_equal(peer_at_1(net)->current.epoch, 3);
	assert_true(peer_at_1(net)->shown);
	net->nodes[0].addr = net_addr(7001);
	net_pass(net, OUTLIVED_MS);
	net_say(net, 0, 2, "on");
	net_run(net);
	assert_key(net, 1);
}

/* While one key is only shown somebody claims, in earnest or not, from elsewhere. */
static void a_claim_is_refused_by_the_process_of_the_key_that_was_proved(void **state)
{
	struct seal_net *net = *state;
	const struct member *member = net_member(net, 1, 1);

	seal_meet(net, 0, 1);
	show(net, 3, 7001);
	seal_claimer(net, 2, 4, 7009);
	net_run(net);
	net_pass(net, 500);
	assert_int_equal(seal_claim(net->nodes[1].seal, member), CLAIM_REFUSED);
	assert_int_equal(member->epoch, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    SEAL_TEST(a_restart_proves_its_key_by_what_it_is_asked),
	    SEAL_TEST(a_process_that_goes_on_takes_its_key_back_and_hears_of_nothing),
	    SEAL_TEST(a_process_that_only_shows_its_certificate_is_asked_to_speak),
	    SEAL_TEST(who_shows_the_certificate_before_draws_no_more_than_he_brought),
	    SEAL_TEST(of_two_that_were_shown_the_newer_one_stands_until_one_answers),
	    SEAL_TEST(a_session_that_sleeps_keeps_the_key_that_was_proved),
	    SEAL_TEST(the_first_key_that_is_shown_of_a_member_keeps_no_other_out),
	    SEAL_TEST(a_silent_claim_that_nobody_contradicts_is_only_shown),
	    SEAL_TEST(a_claim_is_refused_by_the_process_of_the_key_that_was_proved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
