/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "seal_kit.h"

static void frames_for_a_stranger_wait_for_its_certificate_and_then_arrive(void **state)
{
	struct seal_net *net = *state;

	net_say(net, 0, 2, "hello");
	assert_int_equal(net->count, 1);
	assert_int_equal(net->pending[0].len, CERT_DGRAM_BYTES);
	net_run(net);
	assert_true(net_heard(net, 1, "hello"));
	assert_true(id_eq(&net->nodes[1].got_from, &net->nodes[0].core.self.id));
}

static void a_lost_request_for_a_certificate_is_repeated(void **state)
{
	struct seal_net *net = *state;

	net_say(net, 0, 2, "hello");
	net_lose(net);
	net_pass(net, 400);
	assert_true(net_heard(net, 1, "hello"));
}

static void
with_both_certificates_known_a_datagram_costs_36_bytes_more_than_its_frames(void **state)
{
	struct seal_net *net = *state;

	seal_meet(net, 0, 1);
	net_say(net, 0, 2, "abc");
	assert_int_equal(net->count, 1);
	assert_int_equal(net->pending[0].len, WIRE_OVERHEAD_BYTES + FRAME_HEADER_BYTES + 3);
	assert_int_equal(seal_room(net->nodes[0].seal, net_member(net, 0, 2)), WIRE_PAYLOAD_MAX);
}

static void nothing_of_the_frames_is_readable_in_a_datagram(void **state)
{
	static const char text[] = "a name that nobody reads";
	struct seal_net *net = *state;

	net_say(net, 0, 2, text);
	for (int hop = 0; hop < 3 && net->count > 0; hop++) {
		for (size_t i = 0; i < net->count; i++)
			assert_null(memmem(net->pending[i].bytes, net->pending[i].len, text, 8));
		struct net_datagram first = net->pending[0];
		net->count = 0;
		net_arrive(net, hop % 2 == 0 ? 1 : 0, &first.from, first.bytes, first.len);
	}
	assert_true(net_heard(net, 1, text));
}

static void a_replayed_datagram_is_dropped_and_counted(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram kept;

	seal_meet(net, 0, 1);
	net_say(net, 0, 2, "once");
	kept = net->pending[0];
	net_run(net);
	assert_true(net_heard(net, 1, "once"));
	assert_int_equal(net_arrive(net, 1, &kept.from, kept.bytes, kept.len), DROP_REPLAY);
	assert_int_equal(net->nodes[1].core.drops[DROP_REPLAY], 1);
	assert_false(net_heard(net, 1, "once"));
}

static void datagrams_out_of_order_are_all_opened(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram kept[40];

	seal_meet(net, 0, 1);
	seal_keep(net, 0, 2, kept, 40);
	net_lose(net);
	seal_arrive_all(net, 1, kept, 40, DROP_NONE);
}

static void every_changed_bit_of_a_datagram_is_noticed(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram kept;
	unsigned opened;

	seal_meet(net, 0, 1);
	net_say(net, 0, 2, "text");
	kept = net->pending[0];
	net_lose(net);
	opened = net->nodes[1].opened;
	for (size_t bit = 0; bit < kept.len * 8; bit++) {
		kept.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_not_equal(net_arrive(net, 1, &kept.from, kept.bytes, kept.len),
				     DROP_NONE);
		kept.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		net_lose(net);
	}
	assert_int_equal(net->nodes[1].opened, opened);
	assert_int_equal(net_arrive(net, 1, &kept.from, kept.bytes, kept.len), DROP_NONE);
}

static void truncated_and_random_datagrams_are_counted_and_never_answered_with_more(void **state)
{
	struct seal_net *net = *state;
	struct hostport from = net_addr(9);
	uint8_t bytes[1400];
	uint64_t drops = 0;

	seal_meet(net, 0, 1);
	for (size_t round = 0; round < 3000; round++) {
		size_t len = round % 1300;
		const struct gossip_crypto *crypto = &net->nodes[0].seeded.table;
		size_t sent = 0;
		crypto->random(crypto->ctx, bytes, sizeof(bytes));
		bytes[0] = (uint8_t)(0x10 | (1 + round % 3));
		assert_int_not_equal(net_arrive(net, 1, &from, bytes, len), DROP_NONE);
		for (size_t i = 0; i < net->count; i++)
			sent += net->pending[i].len;
		assert_true(sent <= len);
		net_lose(net);
	}
	for (int i = 1; i < DROP_END_; i++)
		drops += net->nodes[1].core.drops[i];
	assert_int_equal(drops, 3000);
	seal_meet(net, 0, 1);
}

static void answers_to_one_source_are_limited(void **state)
{
	struct seal_net *net = *state;
	struct hostport from = net_addr(9);
	uint8_t bytes[200] = {0x11, 1, 2, 3, 9};

	for (int i = 0; i < 200; i++) {
		bytes[11] = (uint8_t)i;
		net_arrive(net, 1, &from, bytes, sizeof(bytes));
	}
	assert_int_equal(net->count, 200);
	for (int i = 0; i < 20; i++)
		net_arrive(net, 1, &from, bytes, sizeof(bytes));
	assert_int_equal(net->count, 200);
}

static void after_a_restart_nothing_recorded_earlier_opens(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram kept[3];

	seal_meet(net, 0, 1);
	seal_keep(net, 0, 2, kept, 3);
	net_lose(net);
	net_start(net, 1, 2, 2, 7002);
	seal_arrive_all(net, 1, kept, 3, DROP_STALE_KEY);
	assert_int_equal(net->nodes[1].opened, 0);
}

static void a_peer_that_restarted_is_understood_again_after_one_lost_datagram(void **state)
{
	struct seal_net *net = *state;

	seal_meet(net, 0, 1);
	net_pass(net, 300);
	net_start(net, 1, 2, 2, 7002);
	net_say(net, 0, 2, "lost on the old key");
	net_run(net);
	net_say(net, 0, 2, "under the new key");
	net_run(net);
	assert_true(net_heard(net, 1, "under the new key"));
}

static void the_keys_of_yesterday_still_open_what_was_under_way(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram kept;

	seal_meet(net, 0, 1);
	net_say(net, 0, 2, "under way");
	kept = net->pending[0];
	net_lose(net);
	net->nodes[0].core.self.epoch = 2;
	net->nodes[1].core.self.epoch = 2;
	seal_renew(net->nodes[0].seal);
	seal_renew(net->nodes[1].seal);
	assert_int_equal(net_arrive(net, 1, &kept.from, kept.bytes, kept.len), DROP_NONE);
	assert_true(net_heard(net, 1, "under way"));
	assert_int_equal(net_arrive(net, 1, &kept.from, kept.bytes, kept.len), DROP_REPLAY);
	seal_meet(net, 0, 1);
	net->nodes[1].core.self.epoch = 3;
	seal_renew(net->nodes[1].seal);
	assert_int_equal(net_arrive(net, 1, &kept.from, kept.bytes, kept.len), DROP_STALE_KEY);
}

static void what_does_not_fit_beside_the_certificate_follows_it(void **state)
{
	struct seal_net *net = *state;
	uint8_t row[1160];

	memset(row, 'r', sizeof(row));
	net_frame(net, 0, 2, 200, row, sizeof(row));
	net_run(net);
	assert_int_equal(net->nodes[1].got_len, sizeof(row));
	assert_memory_equal(net->nodes[1].got, row, sizeof(row));
}

static void an_empty_datagram_makes_the_peer_answer(void **state)
{
	struct seal_net *net = *state;
	struct net_node *self = &net->nodes[0];

	core_begin_step(&self->core, net->now, (struct wall){0});
	assert_int_equal(seal_send(self->seal, net_member(net, 0, 2), NULL, NULL, 0), 0);
	assert_int_equal(self->update.send_count, 1);
}

static void nothing_is_sent_to_a_removed_member(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 0, 2);

	seal_meet(net, 0, 1);
	member_set_state(&net->nodes[0].members, member, MEMBER_REMOVED);
	seal_forget(net->nodes[0].seal, member);
	net_say(net, 0, 2, "anything");
	assert_int_equal(net->count, 0);
}

/* Delivers all of them in an order drawn from a seed, twice over; how many opened. */
static unsigned shuffled(struct seal_net *net, struct net_datagram *kept, size_t count)
{
	unsigned before = net->nodes[1].opened;
	struct rng rng;

	rng_init(&rng, 11);
	for (int round = 0; round < 2; round++) {
		for (size_t i = count; i-- > 1;) {
			size_t with = (size_t)rng_below(&rng, i + 1);
			struct net_datagram held = kept[i];
			kept[i] = kept[with];
			kept[with] = held;
		}
		for (size_t i = 0; i < count; i++)
			seal_arrive(net, 1, &kept[i]);
		net_lose(net);
	}
	return net->nodes[1].opened - before;
}

static void a_window_full_of_datagrams_in_any_order_opens_once_each(void **state)
{
	static struct net_datagram kept[WINDOW_COUNTERS];
	struct seal_net *net = *state;

	seal_meet(net, 0, 1);
	for (size_t i = 0; i < WINDOW_COUNTERS; i++) {
		net_say(net, 0, 2, "x");
		kept[i] = seal_intercept(net);
	}
	assert_int_equal(shuffled(net, kept, WINDOW_COUNTERS), WINDOW_COUNTERS);
	assert_int_equal(net->nodes[1].core.drops[DROP_REPLAY], WINDOW_COUNTERS);
}

static void what_fell_behind_the_window_stays_closed(void **state)
{
	static struct net_datagram kept[300];
	struct seal_net *net = *state;
	unsigned opened;

	seal_meet(net, 0, 1);
	for (size_t i = 0; i < 300; i++) {
		net_say(net, 0, 2, "late");
		kept[i] = seal_intercept(net);
	}
	for (size_t i = 0; i < WINDOW_COUNTERS + 64; i++) {
		net_say(net, 0, 2, "x");
		net_run(net);
	}
	opened = net->nodes[1].opened;
	for (size_t i = 0; i < 300; i++)
		assert_int_equal(seal_arrive(net, 1, &kept[i]), DROP_REPLAY);
	assert_int_equal(net->nodes[1].opened, opened);
}

static void datagrams_in_any_order_across_new_keys_of_both_sides_open_once_each(void **state)
{
	static struct net_datagram kept[90];
	struct seal_net *net = *state;

	seal_meet(net, 0, 1);
	for (size_t i = 0; i < 90; i++) {
		if (i == 30 || i == 60) {
			struct net_node *turns = &net->nodes[i == 30 ? 0 : 1];
			turns->core.self.epoch++;
			seal_renew(turns->seal);
			seal_meet(net, 0, 1);
		}
		net_say(net, 0, 2, "x");
		kept[i] = seal_intercept(net);
	}
	assert_int_equal(shuffled(net, kept, 90), 90);
	assert_int_equal(net->nodes[1].core.drops[DROP_REPLAY], 90);
}

static void a_datagram_that_comes_back_or_goes_astray_is_dropped(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram kept;

	net_start(net, 2, 3, 1, 7003);
	seal_meet(net, 0, 1);
	seal_meet(net, 0, 2);
	net_say(net, 0, 2, "for the second");
	kept = seal_intercept(net);
	assert_int_equal(seal_arrive(net, 0, &kept), DROP_SELF);
	assert_int_equal(seal_arrive_from(net, 0, 7002, &kept), DROP_SELF);
	assert_int_equal(net->count, 0);
	assert_int_equal(seal_arrive(net, 2, &kept), DROP_STALE_KEY);
	assert_true(seal_bytes_to(net, 7001) <= kept.len);
	net_lose(net);
	/* Under a hint that fits, as if it were for the third. */
	hint_of(net->nodes[2].seal->own[OWN_CURRENT].key_id, kept.bytes + 1);
	assert_int_equal(seal_arrive(net, 2, &kept), DROP_AUTH);
	assert_false(net_heard(net, 2, "for the second"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    SEAL_TEST(frames_for_a_stranger_wait_for_its_certificate_and_then_arrive),
	    SEAL_TEST(a_lost_request_for_a_certificate_is_repeated),
	    SEAL_TEST(with_both_certificates_known_a_datagram_costs_36_bytes_more_than_its_frames),
	    SEAL_TEST(nothing_of_the_frames_is_readable_in_a_datagram),
	    SEAL_TEST(a_replayed_datagram_is_dropped_and_counted),
	    SEAL_TEST(datagrams_out_of_order_are_all_opened),
	    SEAL_TEST(every_changed_bit_of_a_datagram_is_noticed),
	    SEAL_TEST(truncated_and_random_datagrams_are_counted_and_never_answered_with_more),
	    SEAL_TEST(answers_to_one_source_are_limited),
	    SEAL_TEST(after_a_restart_nothing_recorded_earlier_opens),
	    SEAL_TEST(a_peer_that_restarted_is_understood_again_after_one_lost_datagram),
	    SEAL_TEST(the_keys_of_yesterday_still_open_what_was_under_way),
	    SEAL_TEST(what_does_not_fit_beside_the_certificate_follows_it),
	    SEAL_TEST(an_empty_datagram_makes_the_peer_answer),
	    SEAL_TEST(nothing_is_sent_to_a_removed_member),
	    SEAL_TEST(a_window_full_of_datagrams_in_any_order_opens_once_each),
	    SEAL_TEST(what_fell_behind_the_window_stays_closed),
	    SEAL_TEST(datagrams_in_any_order_across_new_keys_of_both_sides_open_once_each),
	    SEAL_TEST(a_datagram_that_comes_back_or_goes_astray_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
