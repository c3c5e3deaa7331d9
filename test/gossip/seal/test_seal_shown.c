/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Keys of certificates that somebody showed, and whose process has answered nothing yet. */
#include "seal_kit.h"

static struct peer *peer_at_1(struct seal_net *net)
{
	return peer_of(net->nodes[1].seal, net_member(net, 1, 1));
}

/* The certificate of a process of this identity that ran once in this epoch, elsewhere. */
static struct net_datagram record_by(struct seal_net *net, uint8_t identity, uint64_t epoch,
				     uint16_t from)
{
	struct net_datagram record;

	net_start(net, 3, identity, epoch, 7090);
	record = seal_cert_datagram(seal_own_cert(net->nodes[3].seal), from);
	net_stop(net, 3);
	return record;
}

static struct net_datagram record_of(struct seal_net *net, uint64_t epoch, uint16_t from)
{
	return record_by(net, 1, epoch, from);
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

/* How many of so many words from each to the other arrive, one pair of them a second. */
static unsigned talk(struct seal_net *net, int seconds)
{
	unsigned heard = 0;

	for (int i = 0; i < seconds; i++) {
		net_say(net, 1, 1, "hello");
		net_say(net, 0, 2, "hallo");
		net_run(net);
		heard += net_heard(net, 0, "hello");
		heard += net_heard(net, 1, "hallo");
		net_pass(net, 1000);
	}
	return heard;
}

/* It only answers by its certificate, and then nobody says anything for long. */
static void a_session_that_sleeps_does_not_doubt_a_key_that_it_did_not_ask(void **state)
{
	struct seal_net *net = *state;

	seal_meet(net, 0, 1);
	net_start(net, 0, 1, 2, 7001);
	net_say(net, 1, 1, "one word");
	net_run(net);
	assert_true(peer_at_1(net)->shown);
	net->now = mono_add_ms(net->now, SESSION_IDLE_MS);
	session_sleep(net->nodes[1].seal, peer_at_1(net));
	for (int i = 0; i < 2; i++) {
		net_say(net, 1, 1, "more words");
		net_run(net);
	}
	assert_true(net_heard(net, 0, "more words"));
	assert_key(net, 2);
}

/* A pair of nodes was copied as a whole, and both copies were in later epochs. */
static void two_that_doubt_the_true_key_of_each_other_meet(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram first, second;

	seal_meet(net, 0, 1);
	first = record_by(net, 1, 9, 7001);
	second = record_by(net, 2, 9, 7002);
	net_start(net, 0, 1, 2, 7001);
	net_start(net, 1, 2, 2, 7002);
	seal_arrive(net, 1, &first);
	seal_arrive(net, 0, &second);
	net_lose(net);
	assert_in_range(talk(net, 10), 16, 20);
	assert_key(net, 2);
}

static void each_further_record_does_not_put_the_original_off_again(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram records[20];
	unsigned heard = 0;

	seal_meet(net, 0, 1);
	for (uint64_t i = 0; i < 20; i++)
		records[i] = record_of(net, 10 + i, 7001);
	for (size_t i = 0; i < 20; i++) {
		seal_arrive(net, 1, &records[i]);
		net_lose(net);
		net_say(net, 0, 2, "on");
		net_run(net);
		net_say(net, 1, 1, "heard");
		net_run(net);
		heard += net_heard(net, 0, "heard");
		net_pass(net, 950);
	}
	assert_true(heard > 0);
}

/* Lets what goes to node 1 arrive until its challenge is under way, which is lost. */
static void lose_challenge(struct seal_net *net)
{
	while (net->count > 0 &&
	       (peer_at_1(net)->session == NULL || peer_at_1(net)->session->spoke_from.port == 0)) {
		struct net_datagram datagram = net->pending[0];

		memmove(net->pending, net->pending + 1, --net->count * sizeof(datagram));
		seal_arrive(net, datagram.to.port == 7002 ? 1 : 0, &datagram);
	}
	net_lose(net);
}

static void what_opened_under_a_key_that_went_does_not_open_again_when_it_is_back(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram record, kept[4];

	record = record_of(net, 3, 7001);
	net_say(net, 0, 2, "here");
	lose_challenge(net);
	seal_keep(net, 0, 2, kept, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(seal_arrive(net, 1, &kept[i]), DROP_NONE);
	net_lose(net);
	assert_true(peer_at_1(net)->shown);
	net->nodes[1].core.self.epoch++;
	seal_renew(net->nodes[1].seal);
	seal_arrive(net, 1, &record);
	net_lose(net);
	assert_int_equal(peer_at_1(net)->current.epoch, 3);
	for (int i = 0; i < 4; i++) {
		net_say(net, 0, 2, "here");
		net_pass(net, 300);
	}
	assert_int_equal(peer_at_1(net)->current.epoch, 1);
	seal_arrive_all(net, 1, kept, 4, DROP_REPLAY);
}

static void a_key_that_was_put_back_can_still_prove_a_clone(void **state)
{
	struct seal_net *net = *state;

	seal_meet(net, 0, 1);
	show(net, 3, 7001);
	net_pass(net, OUTLIVED_MS);
	net_say(net, 0, 2, "on");
	net_run(net);
	assert_memory_equal(peer_at_1(net)->session->cert, seal_own_cert(net->nodes[0].seal),
			    CERT_BYTES);
}

/* Its datagrams leave by two addresses in turns, and it is reached at both. */
static void who_speaks_from_two_places_proves_its_key(void **state)
{
	struct seal_net *net = *state;
	unsigned sent = 0;

	seal_meet(net, 0, 1);
	net_start(net, 0, 1, 2, 7001);
	for (int i = 0; i < 20; i++) {
		net_say(net, 0, 2, "a");
		net_say(net, 0, 2, "b");
		while (net->count > 0) {
			struct net_datagram datagram = net->pending[0];

			memmove(net->pending, net->pending + 1, --net->count * sizeof(datagram));
			if (datagram.to.port == 7002)
				seal_arrive_from(net, 1, sent++ % 2 == 0 ? 7001 : 7051, &datagram);
			else
				seal_arrive(net, 0, &datagram);
		}
		net->now = mono_add_ms(net->now, 500);
	}
	assert_false(peer_at_1(net)->shown);
	assert_int_equal(peer_at_1(net)->current.epoch, 2);
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
	    SEAL_TEST(a_session_that_sleeps_does_not_doubt_a_key_that_it_did_not_ask),
	    SEAL_TEST(two_that_doubt_the_true_key_of_each_other_meet),
	    SEAL_TEST(each_further_record_does_not_put_the_original_off_again),
	    SEAL_TEST(what_opened_under_a_key_that_went_does_not_open_again_when_it_is_back),
	    SEAL_TEST(a_key_that_was_put_back_can_still_prove_a_clone),
	    SEAL_TEST(who_speaks_from_two_places_proves_its_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
