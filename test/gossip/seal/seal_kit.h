/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What the tests of the sealing layer share beyond its network: fixtures, nodes that have met, and
 * hands on single datagrams.
 */
#pragma once

#include <string.h>

#include "gossip/seal/sealing.h"
#include "seal_net.h"
#include "test/base/cmocka_all.h"

#define SEAL_TEST(name) cmocka_unit_test_setup_teardown(name, seal_setup, seal_teardown)

static inline int seal_setup(void **state)
{
	*state = net_new();
	return 0;
}

static inline int seal_teardown(void **state)
{
	net_free(*state);
	return 0;
}

/* Both nodes speak and hear each other; from then on each knows the other's current key. */
static inline void seal_meet(struct seal_net *net, size_t a, size_t b)
{
	net_say(net, a, net->nodes[b].identity, "one");
	net_run(net);
	assert_true(net_heard(net, b, "one"));
	net_say(net, b, net->nodes[a].identity, "two");
	net_run(net);
	assert_true(net_heard(net, a, "two"));
}

/* A process of member 1 starts as this node, in this epoch and at this port, and its claim is under
 * way to member 2. */
static inline void seal_claimer(struct seal_net *net, size_t node, uint64_t epoch, uint16_t port)
{
	net_start(net, node, 1, epoch, port);
	net_know(net, node, 2, 7002);
	net_frame(net, node, 2, FRAME_CLAIM, "c", 1);
}

/* The oldest datagram under way; it and all others are lost. */
static inline struct net_datagram seal_intercept(struct seal_net *net)
{
	struct net_datagram first = net->pending[0];

	assert_true(net->count > 0);
	net_lose(net);
	return first;
}

/* Says x so many times and keeps the datagrams, which are still under way. */
static inline void seal_keep(struct seal_net *net, size_t node, uint8_t to,
			     struct net_datagram *kept, size_t count)
{
	assert_int_equal(net->count, 0);
	for (size_t i = 0; i < count; i++)
		net_say(net, node, to, "x");
	assert_int_equal(net->count, count);
	memcpy(kept, net->pending, count * sizeof(kept[0]));
}

/* Each of these arrives as it was sent, the last one first, and comes to this end. */
static inline void seal_arrive_all(struct seal_net *net, size_t node,
				   const struct net_datagram *kept, size_t count,
				   enum drop_reason end)
{
	for (size_t i = count; i-- > 0;)
		assert_int_equal(net_arrive(net, node, &kept[i].from, kept[i].bytes, kept[i].len),
				 end);
}

/* Delivers a datagram as it was sent, or as if from elsewhere. */
static inline enum drop_reason seal_arrive(struct seal_net *net, size_t node,
					   const struct net_datagram *datagram)
{
	return net_arrive(net, node, &datagram->from, datagram->bytes, datagram->len);
}

static inline enum drop_reason seal_arrive_from(struct seal_net *net, size_t node, uint16_t port,
						const struct net_datagram *datagram)
{
	struct hostport from = net_addr(port);

	return net_arrive(net, node, &from, datagram->bytes, datagram->len);
}

/* A certificate as a datagram of its own: a request, as anybody may send it who has seen one. */
static inline struct net_datagram seal_cert_datagram(const uint8_t cert[CERT_BYTES], uint16_t port)
{
	static const uint8_t no_hint[HINT_BYTES];
	struct net_datagram datagram = {.from = net_addr(port), .len = CERT_DGRAM_BYTES};

	header_write(datagram.bytes, DGRAM_CERT, no_hint, 5, 1);
	memcpy(datagram.bytes + WIRE_HEADER_BYTES, cert, CERT_BYTES);
	return datagram;
}

/* Bytes that lie in the network for this port; amplification is their ratio to what was asked. */
static inline size_t seal_bytes_to(const struct seal_net *net, uint16_t port)
{
	size_t bytes = 0;

	for (size_t i = 0; i < net->count; i++)
		bytes += net->pending[i].to.port == port ? net->pending[i].len : 0;
	return bytes;
}
