/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What the tests of two processes of one node share: those are of member 1, and claim to node 1. */
#pragma once

#include "seal_kit.h"

static inline struct member *member_at_1(struct seal_net *net)
{
	return net_member(net, 1, 1);
}

static inline enum claim_state claim_at_1(struct seal_net *net)
{
	return seal_claim(net->nodes[1].seal, member_at_1(net));
}

static inline uint64_t claimed_epoch(struct seal_net *net)
{
	const struct peer *peer = peer_known(net->nodes[1].seal, member_at_1(net));

	assert_non_null(peer->session->claim);
	return peer->session->claim->key.epoch;
}

/* The certificate of a process of member 1 that ran once in this epoch. */
static inline struct net_datagram record_of(struct seal_net *net, uint64_t epoch, uint16_t from)
{
	struct net_datagram record;

	net_start(net, 3, 1, epoch, 7090);
	record = seal_cert_datagram(seal_own_cert(net->nodes[3].seal), from);
	net_stop(net, 3);
	return record;
}

/* Who runs says something now and then, and whoever was just started claims. */
static inline void both_go_on(struct seal_net *net, int runs, int claims, int64_t ms)
{
	for (int64_t at = 0; at < ms; at += 250) {
		if (runs >= 0)
			net_say(net, (size_t)runs, 2, "on");
		net_run(net);
		if (claims >= 0)
			net_frame(net, (size_t)claims, 2, FRAME_CLAIM, "c", 1);
		net_run(net);
		net_pass(net, 250);
	}
}

static inline void claim_on(struct seal_net *net, size_t node, int64_t ms)
{
	both_go_on(net, -1, (int)node, ms);
}

static inline void assert_original_stays(struct seal_net *net, uint64_t epoch, uint16_t port)
{
	both_go_on(net, 0, -1, 1500);
	assert_int_equal(member_at_1(net)->epoch, epoch);
	assert_int_equal(member_at_1(net)->addr.port, port);
	seal_meet(net, 0, 1);
	claim_on(net, 2, 250);
	assert_int_equal(claim_at_1(net), CLAIM_REFUSED);
	claim_on(net, 2, 6000);
	assert_int_equal(member_at_1(net)->epoch, epoch);
	seal_meet(net, 0, 1);
	assert_int_equal(net->nodes[1].clones, 0);
}

/* The machine of the original stands still, or goes on. */
static inline void hold_original(struct seal_net *net, bool held)
{
	net->nodes[0].addr = net_addr(held ? 1 : 7001);
}
