/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "seal_kit.h"

#include "gossip/trust/chain.h"

static void a_certificate_of_no_member_is_dropped_and_shown_ours_at_most(void **state)
{
	struct seal_net *net = *state;
	struct hostport from = net_addr(9);
	uint8_t bytes[CERT_DGRAM_BYTES];
	struct cert cert = {.wire_min = 1, .wire_max = 1, .epoch = 1, .key = {1}};
	uint8_t pub[SIGN_PUB_BYTES], sec[SIGN_SEC_BYTES];
	const struct gossip_crypto *crypto = gossip_crypto_sodium();

	seeded_pair(crypto, 99, pub, sec);
	cert.cluster = net->nodes[0].core.self.cluster;
	cert.node.b[0] = 99;
	header_write(bytes, DGRAM_CERT, (const uint8_t[3]){0}, 5, 1);
	cert_sign(crypto, &cert, sec, bytes + WIRE_HEADER_BYTES);
	assert_int_equal(net_arrive(net, 1, &from, bytes, sizeof(bytes)), DROP_CERT);
	assert_int_equal(net->count, 1);
	assert_int_equal(net->pending[0].len, sizeof(bytes));
	assert_memory_equal(net->pending[0].bytes + WIRE_HEADER_BYTES,
			    seal_own_cert(net->nodes[1].seal), CERT_BYTES);
	assert_null(member_find(&net->nodes[1].members, &cert.node));
	/* A certificate of another cluster gets nothing at all. */
	net_lose(net);
	cert.cluster.b[0] ^= 1;
	cert_sign(crypto, &cert, sec, bytes + WIRE_HEADER_BYTES);
	assert_int_equal(net_arrive(net, 1, &from, bytes, sizeof(bytes)), DROP_CERT);
	assert_int_equal(net->count, 0);
}

static void a_member_whose_record_is_not_here_yet_is_vouched_for_by_who_admitted_it(void **state)
{
	struct seal_net *net = *state;
	struct net_node *seed = &net->nodes[1];
	struct hostport from = net_addr(7005);
	uint8_t bytes[CERT_DGRAM_BYTES];
	struct cert cert = {.wire_min = 1, .wire_max = 1, .epoch = 1, .key = {7}};
	uint8_t sec[SIGN_SEC_BYTES];

	seeded_pair(gossip_crypto_sodium(), 5, seed->vouched_pub, sec);
	seed->vouched = chain_node_id(gossip_crypto_sodium(), seed->vouched_pub);
	cert.node = seed->vouched;
	cert.cluster = seed->core.self.cluster;
	header_write(bytes, DGRAM_CERT, (const uint8_t[3]){0}, 5, 1);
	cert_sign(gossip_crypto_sodium(), &cert, sec, bytes + WIRE_HEADER_BYTES);
	assert_null(net_member(net, 1, 5));
	assert_int_equal(net_arrive(net, 1, &from, bytes, sizeof(bytes)), DROP_NONE);
	assert_non_null(net_member(net, 1, 5));
	assert_int_equal(net->count, 1);
	assert_int_equal(net->pending[0].len, CERT_DGRAM_BYTES);
}

static void an_older_certificate_never_replaces_a_newer_one(void **state)
{
	struct seal_net *net = *state;
	struct hostport from = net_addr(7001);
	uint8_t old[CERT_DGRAM_BYTES];

	seal_meet(net, 0, 1);
	header_write(old, DGRAM_CERT, (const uint8_t[3]){0}, 5, 1);
	memcpy(old + WIRE_HEADER_BYTES, seal_own_cert(net->nodes[0].seal), CERT_BYTES);
	net_start(net, 0, 1, 2, 7001);
	seal_meet(net, 0, 1);
	net_start(net, 0, 1, 3, 7001);
	seal_meet(net, 0, 1);
	/* Whoever shows it may ask for its epoch; it is heard for nothing else. */
	assert_int_equal(net_arrive(net, 1, &from, old, sizeof(old)), DROP_NONE);
	assert_int_equal(seal_claim(net->nodes[1].seal, net_member(net, 1, 1)), CLAIM_SET_BACK);
	net_lose(net);
	seal_meet(net, 0, 1);
}

static void a_certificate_below_the_epoch_of_the_members_rows_is_old(void **state)
{
	struct seal_net *net = *state;
	struct hostport from = net_addr(7001);
	uint8_t bytes[CERT_DGRAM_BYTES];

	net_member(net, 1, 1)->epoch = 4;
	header_write(bytes, DGRAM_CERT, (const uint8_t[3]){0}, 5, 1);
	memcpy(bytes + WIRE_HEADER_BYTES, seal_own_cert(net->nodes[0].seal), CERT_BYTES);
	assert_int_equal(net_arrive(net, 1, &from, bytes, sizeof(bytes)), DROP_NONE);
	assert_int_equal(seal_claim(net->nodes[1].seal, net_member(net, 1, 1)), CLAIM_SET_BACK);
	assert_int_equal(net_member(net, 1, 1)->epoch, 4);
}

static void an_answer_is_never_answered(void **state)
{
	struct seal_net *net = *state;
	struct hostport from = net_addr(7001);
	uint8_t bytes[CERT_DGRAM_BYTES];

	header_write(bytes, DGRAM_CERT, (const uint8_t[3]){1, 2, 3}, 5, 1);
	memcpy(bytes + WIRE_HEADER_BYTES, seal_own_cert(net->nodes[0].seal), CERT_BYTES);
	assert_int_equal(net_arrive(net, 1, &from, bytes, sizeof(bytes)), DROP_NONE);
	assert_int_equal(net->count, 0);
}

static void a_request_too_small_for_a_certificate_gets_a_hint_of_its_own_size_at_most(void **state)
{
	struct seal_net *net = *state;

	seal_meet(net, 0, 1);
	net_pass(net, ASK_MS);
	net_start(net, 1, 2, 2, 7002);
	net_say(net, 0, 2, "tiny");
	struct net_datagram tiny = net->pending[0];
	net_lose(net);
	assert_int_equal(net_arrive(net, 1, &tiny.from, tiny.bytes, tiny.len), DROP_STALE_KEY);
	assert_int_equal(net->count, 1);
	assert_int_equal(net->pending[0].len, HINT_DGRAM_BYTES);
	assert_true(net->pending[0].len <= tiny.len);
	net_run(net);
	seal_meet(net, 0, 1);
}

static void a_hint_from_where_a_member_says_it_lives_is_a_hint_of_the_member(void **state)
{
	struct seal_net *net = *state;
	struct hostport home = net_addr(7002);

	seal_meet(net, 0, 1);
	net_pass(net, ASK_MS);
	net_start(net, 1, 2, 2, 7002);
	net_say(net, 0, 2, "tiny");
	struct net_datagram tiny = net->pending[0];
	net_lose(net);
	assert_true(hostport_eq(&net_member(net, 0, 2)->rec->gossip, &home));
	net_member(net, 0, 2)->addr = net_addr(40000); /* where nobody is any more */
	member_set_state(&net->nodes[0].members, net_member(net, 0, 2), MEMBER_FAILED);
	assert_int_equal(net_arrive(net, 1, &tiny.from, tiny.bytes, tiny.len), DROP_STALE_KEY);
	assert_int_equal(net->pending[0].len, HINT_DGRAM_BYTES);
	net_run(net);
	net_member(net, 0, 2)->addr = home;
	net_say(net, 0, 2, "again");
	net_run(net);
	assert_true(net_heard(net, 1, "again"));
}

static void a_removed_node_is_told_so_once_a_second_and_heard_no_more(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);

	seal_meet(net, 0, 1);
	member_set_state(&net->nodes[1].members, member, MEMBER_REMOVED);
	seal_forget(net->nodes[1].seal, member);
	for (int i = 0; i < 5; i++) {
		net_pass(net, 100);
		net_say(net, 0, 2, "let me in");
		net_run(net);
	}
	assert_false(net_heard(net, 1, "let me in"));
	assert_int_equal(net->nodes[0].removals, 1);
	net_pass(net, 1100);
	net_say(net, 0, 2, "let me in");
	net_run(net);
	assert_int_equal(net->nodes[0].removals, 2);
	assert_true(net->nodes[1].core.drops[DROP_REMOVED] > 0);
}

static struct net_datagram newer_cert(struct seal_net *net, struct cert cert, uint16_t port)
{
	const struct net_node *self = &net->nodes[0];
	uint8_t bytes[CERT_BYTES];

	cert.cluster = self->core.self.cluster;
	cert.node = self->core.self.id;
	cert_sign(self->core.crypto, &cert, self->core.self.sign_sec, bytes);
	return seal_cert_datagram(bytes, port);
}

static void no_bit_of_a_certificate_may_be_changed(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram cert;

	seal_meet(net, 0, 1);
	cert = newer_cert(net, (struct cert){.wire_min = 1, .wire_max = 1, .epoch = 2, .key = {3}},
			  7001);
	for (size_t bit = 0; bit < CERT_BYTES * 8; bit++) {
		uint8_t *at = &cert.bytes[WIRE_HEADER_BYTES + bit / 8];
		net->now = mono_add_ms(net->now, 100);
		*at ^= (uint8_t)(1u << bit % 8);
		assert_int_not_equal(seal_arrive(net, 1, &cert), DROP_NONE);
		*at ^= (uint8_t)(1u << bit % 8);
		net_lose(net);
	}
	assert_int_equal(net_member(net, 1, 1)->epoch, 1);
	assert_int_equal(seal_arrive(net, 1, &cert), DROP_NONE);
	assert_int_equal(peer_known(net->nodes[1].seal, net_member(net, 1, 1))->current.epoch, 2);
}

static void a_certificate_for_a_wire_yet_to_come_is_of_no_use_now(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram cert;

	seal_meet(net, 0, 1);
	cert = newer_cert(net, (struct cert){.wire_min = 2, .wire_max = 3, .epoch = 2, .key = {3}},
			  7001);
	assert_int_equal(seal_arrive(net, 1, &cert), DROP_VERSION);
	cert = newer_cert(net, (struct cert){.wire_min = 1, .wire_max = 3, .epoch = 2, .key = {3}},
			  7001);
	assert_int_equal(seal_arrive(net, 1, &cert), DROP_NONE);
}

static void a_copied_certificate_serves_nobody_at_another_address(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);
	struct net_datagram cert;

	seal_meet(net, 0, 1);
	cert = seal_cert_datagram(seal_own_cert(net->nodes[0].seal), 9);
	for (uint16_t port = 9000; port < 9200; port++) {
		assert_int_equal(seal_arrive_from(net, 1, port, &cert), DROP_NONE);
		assert_true(seal_bytes_to(net, port) <= cert.len);
		net_lose(net);
	}
	assert_int_equal(member->addr.port, 7001);
	assert_int_equal(member->provisional.port, 0);
	net_say(net, 1, 1, "home");
	assert_int_equal(net->pending[0].to.port, 7001);
	net_run(net);
	assert_true(net_heard(net, 0, "home"));
}

static void the_certificate_of_a_removed_node_revives_nobody(void **state)
{
	struct seal_net *net = *state;
	struct member *member = net_member(net, 1, 1);
	struct net_datagram cert;

	seal_meet(net, 0, 1);
	member_set_state(&net->nodes[1].members, member, MEMBER_REMOVED);
	seal_forget(net->nodes[1].seal, member);
	for (uint64_t epoch = 1; epoch < 6; epoch++) {
		cert = newer_cert(
		    net, (struct cert){.wire_min = 1, .wire_max = 1, .epoch = epoch, .key = {3}},
		    7001);
		assert_int_equal(seal_arrive(net, 1, &cert), DROP_REMOVED);
		assert_int_equal(net->nodes[1].seal->by_key.count, 0);
	}
	assert_int_equal(member->state, MEMBER_REMOVED);
	assert_int_equal(member->epoch, 1);
}

/* A member signs a certificate of its own, of an epoch that it has passed, with another's key. */
static void a_member_takes_no_other_ones_key(void **state)
{
	struct seal_net *net = *state;
	struct net_datagram theirs;
	uint8_t pub[SIGN_PUB_BYTES], sec[SIGN_SEC_BYTES], bytes[CERT_BYTES];
	struct cert cert;

	net_start(net, 2, 3, 5, 7003);
	seal_meet(net, 0, 1);
	seal_meet(net, 2, 1);
	assert_true(cert_parse(seal_own_cert(net->nodes[0].seal), CERT_BYTES, &cert));
	seeded_pair(gossip_crypto_sodium(), 3, pub, sec);
	cert.node = net->nodes[2].core.self.id;
	for (cert.epoch = 4; cert.epoch <= 6; cert.epoch++) {
		cert_sign(net->nodes[1].core.crypto, &cert, sec, bytes);
		theirs = seal_cert_datagram(bytes, 7003);
		assert_int_equal(seal_arrive(net, 1, &theirs), DROP_CERT);
		net_pass(net, 6000);
		seal_meet(net, 0, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    SEAL_TEST(a_certificate_of_no_member_is_dropped_and_shown_ours_at_most),
	    SEAL_TEST(a_member_whose_record_is_not_here_yet_is_vouched_for_by_who_admitted_it),
	    SEAL_TEST(an_older_certificate_never_replaces_a_newer_one),
	    SEAL_TEST(a_certificate_below_the_epoch_of_the_members_rows_is_old),
	    SEAL_TEST(an_answer_is_never_answered),
	    SEAL_TEST(a_request_too_small_for_a_certificate_gets_a_hint_of_its_own_size_at_most),
	    SEAL_TEST(a_hint_from_where_a_member_says_it_lives_is_a_hint_of_the_member),
	    SEAL_TEST(a_removed_node_is_told_so_once_a_second_and_heard_no_more),
	    SEAL_TEST(no_bit_of_a_certificate_may_be_changed),
	    SEAL_TEST(a_certificate_for_a_wire_yet_to_come_is_of_no_use_now),
	    SEAL_TEST(a_copied_certificate_serves_nobody_at_another_address),
	    SEAL_TEST(the_certificate_of_a_removed_node_revives_nobody),
	    SEAL_TEST(a_member_takes_no_other_ones_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
