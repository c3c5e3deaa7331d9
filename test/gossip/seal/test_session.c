/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "seal_kit.h"
#include "test/gossip/vectors/wire_v1.h"

static struct peer *peer(struct seal_net *net, size_t node, uint8_t identity)
{
	return peer_of(net->nodes[node].seal, net_member(net, node, identity));
}

static void a_session_that_slept_still_refuses_what_it_received(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram kept[3];

	seal_meet(net, 0, 1);
	seal_keep(net, 0, 2, kept, 3);
	net_run(net);
	net->now = mono_add_ms(net->now, SESSION_IDLE_MS);
	session_sleep(net->nodes[1].seal, peer(net, 1, 1));
	assert_null(peer(net, 1, 1)->session);
	seal_arrive_all(net, 1, kept, 3, DROP_REPLAY);
	seal_meet(net, 0, 1);
}

static void a_session_that_a_new_key_woke_refuses_what_it_received_under_the_old_one(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram kept[3];

	seal_meet(net, 0, 1);
	seal_keep(net, 0, 2, kept, 3);
	net_run(net);
	net->now = mono_add_ms(net->now, SESSION_IDLE_MS);
	session_sleep(net->nodes[1].seal, peer(net, 1, 1));
	net->nodes[0].core.self.epoch = 2;
	seal_renew(net->nodes[0].seal);
	net_say(net, 0, 2, "under the new key");
	net_run(net);
	assert_true(net_heard(net, 1, "under the new key"));
	assert_int_equal(peer(net, 1, 1)->session->previous.epoch, 1);
	seal_arrive_all(net, 1, kept, 3, DROP_REPLAY);
	seal_meet(net, 0, 1);
}

static void a_session_that_slept_never_sends_under_an_old_counter(void **state)
{
	struct seal_net *net = *state;
	uint64_t last;

	seal_meet(net, 0, 1);
	for (int i = 0; i < 100; i++) {
		net_say(net, 0, 2, "x");
		net_run(net);
	}
	last = peer(net, 0, 2)->session->pairs[OWN_CURRENT][PEER_CURRENT]->tx_next;
	net->now = mono_add_ms(net->now, SESSION_IDLE_MS);
	session_sleep(net->nodes[0].seal, peer(net, 0, 2));
	net_say(net, 0, 2, "awake");
	assert_true(peer(net, 0, 2)->session->pairs[OWN_CURRENT][PEER_CURRENT]->tx_next > last);
	net_run(net);
	assert_true(net_heard(net, 1, "awake"));
}

static void both_directions_and_all_pairs_have_keys_of_their_own(void **state)
{
	struct seal_net *net = *state;
	const struct pair *there, *back, *other;

	net_start(net, 2, 3, 1, 7003);
	seal_meet(net, 0, 1);
	net_say(net, 0, 3, "x");
	net_run(net);
	there = peer(net, 0, 2)->session->pairs[OWN_CURRENT][PEER_CURRENT];
	back = peer(net, 1, 1)->session->pairs[OWN_CURRENT][PEER_CURRENT];
	other = peer(net, 0, 3)->session->pairs[OWN_CURRENT][PEER_CURRENT];
	assert_memory_equal(there->tx, back->rx, AEAD_KEY_BYTES);
	assert_memory_equal(there->rx, back->tx, AEAD_KEY_BYTES);
	assert_memory_not_equal(there->tx, there->rx, AEAD_KEY_BYTES);
	assert_memory_not_equal(there->tx, other->tx, AEAD_KEY_BYTES);
}

static void a_pair_with_the_previous_own_key_stays_closed_after_sleep(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram kept;

	seal_meet(net, 0, 1);
	net_say(net, 0, 2, "under the old key");
	kept = net->pending[0];
	net_run(net);
	net->nodes[1].core.self.epoch = 2;
	seal_renew(net->nodes[1].seal);
	seal_meet(net, 0, 1);
	seal_meet(net, 0, 1);
	session_sleep(net->nodes[1].seal, peer(net, 1, 1));
	assert_int_not_equal(net_arrive(net, 1, &kept.from, kept.bytes, kept.len), DROP_NONE);
	assert_false(net_heard(net, 1, "under the old key"));
}

static void a_peer_that_is_forgotten_leaves_no_key(void **state)
{
	struct seal_net *net = *state;

	seal_meet(net, 0, 1);
	assert_int_equal(net->nodes[1].seal->by_key.count, 1);
	peer_forget(net->nodes[1].seal, peer(net, 1, 1));
	assert_int_equal(net->nodes[1].seal->by_key.count, 0);
	assert_int_equal(net->nodes[1].seal->sessions, 0);
}

/* Own secret 0x11.., peer's secret 0x22.., node ids 0xa1.. and 0xb2.., cluster 0xc1.., counter 5.
 */
static void the_keys_and_bytes_of_a_datagram_are_those_of_wire_version_1(void **state)
{
	static const uint8_t base[KX_PUB_BYTES] = {9};
	struct seal_net *net = *state;
	struct net_node *self = &net->nodes[0];
	const struct gossip_crypto *crypto = self->core.crypto;
	struct own_key *own = &self->seal->own[OWN_CURRENT];
	uint8_t peer_sec[KX_SEC_BYTES], peer_pub[KX_PUB_BYTES];
	struct hostport to = net_addr(7002);
	struct pair pair;
	struct id peer_id;

	memset(own->sec, 0x11, sizeof(own->sec));
	memset(peer_sec, 0x22, sizeof(peer_sec));
	memset(peer_id.b, 0xb2, ID_BYTES);
	memset(self->core.self.id.b, 0xa1, ID_BYTES);
	memset(self->core.self.cluster.b, 0xc1, ID_BYTES);
	crypto->kx(crypto->ctx, own->sec, base, own->pub);
	crypto->kx(crypto->ctx, peer_sec, base, peer_pub);
	own->key_id = cert_key_id(crypto, own->pub);
	assert_true(pair_derive(self->seal, own, &peer_id, peer_pub, &pair));
	assert_true(vector_fits("pair_tx", vector_pair_tx, pair.tx, AEAD_KEY_BYTES));
	pair.tx_next = 5;
	core_begin_step(&self->core, net->now, (struct wall){0});
	assert_true(pair_send(self->seal, &pair, cert_key_id(crypto, peer_pub), false, &to,
			      (const uint8_t *)"\x10\x00\x02hi", 5));
	assert_true(vector_fits("sealed", vector_sealed, self->update.sends[0].bytes,
				self->update.sends[0].len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    SEAL_TEST(a_session_that_slept_still_refuses_what_it_received),
	    SEAL_TEST(a_session_that_a_new_key_woke_refuses_what_it_received_under_the_old_one),
	    SEAL_TEST(a_session_that_slept_never_sends_under_an_old_counter),
	    SEAL_TEST(both_directions_and_all_pairs_have_keys_of_their_own),
	    SEAL_TEST(a_pair_with_the_previous_own_key_stays_closed_after_sleep),
	    SEAL_TEST(the_keys_and_bytes_of_a_datagram_are_those_of_wire_version_1),
	    SEAL_TEST(a_peer_that_is_forgotten_leaves_no_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
