/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "seal_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/trust/chain.h"
#include "test/gossip/core_kit.h"

#define FRAME_TEXT 200

struct hostport net_addr(uint16_t port)
{
	return (struct hostport){inet_from_v4(0x0a000001), port};
}

static struct id node_id(uint8_t identity, uint8_t pub[SIGN_PUB_BYTES])
{
	uint8_t sec[SIGN_SEC_BYTES];

	seeded_pair(gossip_crypto_sodium(), identity, pub, sec);
	return chain_node_id(gossip_crypto_sodium(), pub);
}

static struct member *hook_vouch(void *ctx, const struct id *node)
{
	struct net_node *self = ctx;
	const struct hostport addr = net_addr(1);
	struct member *member;

	if (!id_eq(node, &self->vouched))
		return NULL;
	member = member_intern(&self->members, node);
	member_vouch(&self->members, member, self->vouched_pub, &addr);
	return member;
}

static const uint8_t *hook_removal(void *ctx, const struct id *node, size_t *len)
{
	static const uint8_t fact[200] = {1};

	(void)ctx;
	(void)node;
	*len = sizeof(fact);
	return fact;
}

static void hook_shown(void *ctx, struct member *by, const uint8_t *bytes, size_t len)
{
	struct net_node *self = ctx;

	(void)by;
	if (len == 200 && bytes[0] == 1)
		self->removals++;
}

static const uint8_t *hook_own_row(void *ctx, const struct member *to, size_t *len)
{
	static const uint8_t row[ROW_BYTES_MAX];
	const struct net_node *self = ctx;

	(void)to;
	*len = self->row_len;
	return self->row_len > 0 ? row : NULL;
}

static const uint8_t *hook_refuser_row(void *ctx, size_t *len)
{
	return hook_own_row(ctx, NULL, len);
}

static bool hook_claims(void *ctx)
{
	return ((const struct net_node *)ctx)->claims;
}

static void hook_clone(void *ctx, const struct id *node)
{
	struct net_node *self = ctx;

	(void)node;
	self->clones++;
}

static void collect(struct seal_net *net, struct net_node *self)
{
	struct gossip_update *update = &self->update;

	for (size_t i = 0; i < self->core.outbox.frames.count; i++) {
		const struct outbox_frame *frame = vec_at(&self->core.outbox.frames, i);
		uint8_t bytes[WIRE_PAYLOAD_MAX];
		size_t len = wire_put_frame(bytes, frame->type,
					    outbox_body(&self->core.outbox, frame), frame->len);
		struct member *to = member_find(&self->members, &frame->to);
		if (to != NULL)
			seal_send(self->seal, to, frame->via.port != 0 ? &frame->via : NULL, bytes,
				  len);
	}
	core_kit_unsend(&self->core.outbox);
	for (size_t i = 0; i < update->send_count; i++) {
		struct net_datagram *to;
		WEFT_ASSERT(net->count < NET_PENDING);
		to = &net->pending[net->count++];
		to->from = self->addr;
		to->to = update->sends[i].to;
		to->len = update->sends[i].len;
		memcpy(to->bytes, update->sends[i].bytes, to->len);
	}
	update->send_count = 0;
}

struct member *net_know(struct seal_net *net, size_t node, uint8_t identity, uint16_t port)
{
	struct net_node *self = &net->nodes[node];
	struct rec_member rec = {.gossip = net_addr(port), .wire_min = 1, .wire_max = 1};
	struct id id = node_id(identity, rec.pubkey);
	struct member *member = member_intern(&self->members, &id);

	snprintf(rec.name, sizeof(rec.name), "node%u", (unsigned)identity);
	member_apply_record(&self->members, member, &rec, 0);
	return member;
}

struct member *net_member(struct seal_net *net, size_t node, uint8_t identity)
{
	uint8_t pub[SIGN_PUB_BYTES];
	struct id id = node_id(identity, pub);

	return member_find(&net->nodes[node].members, &id);
}

void net_start(struct seal_net *net, size_t node, uint8_t identity, uint64_t epoch, uint16_t port)
{
	struct net_node *self = &net->nodes[node];
	struct page_source pages = page_source_mmap();
	struct gossip_config config = {
	    .pages = pages,
	    .blobs = &self->blobs,
	    .seed = node,
	    .advertise = net_addr(port),
	};
	struct seal_hooks hooks = {self, hook_vouch,   hook_removal,     hook_shown, hook_clone,
				   NULL, hook_own_row, hook_refuser_row, hook_claims};

	net_stop(net, node);
	config.crypto = seeded_init(&self->seeded, epoch * 1000 + identity * 10u + node);
	heap_init(&self->blob_heap, &pages);
	blob_store_init(&self->blobs, &self->blob_heap, 1);
	core_init(&self->core, &config, &self->update);
	core_begin_step(&self->core, net->now, (struct wall){0});
	member_table_init(&self->members, &self->core);
	self->identity = identity;
	self->addr = net_addr(port);
	self->core.self.phase = NODE_ACTIVE;
	self->core.self.id = node_id(identity, self->core.self.sign_pub);
	seeded_pair(gossip_crypto_sodium(), identity, self->core.self.sign_pub,
		    self->core.self.sign_sec);
	memset(self->core.self.cluster.b, 0xcc, ID_BYTES);
	self->core.self.epoch = epoch;
	self->seal = seal_new(&self->core, &self->members);
	seal_set_hooks(self->seal, &hooks);
	seal_renew(self->seal);
	for (size_t i = 0; i < NET_NODES; i++) {
		const struct net_node *other = &net->nodes[i];
		if (i == node || other->seal == NULL || other->identity == identity)
			continue;
		net_know(net, node, other->identity, other->addr.port);
		if (net_member(net, i, identity) == NULL)
			net_know(net, i, identity, port);
	}
}

void net_stop(struct seal_net *net, size_t node)
{
	struct net_node *self = &net->nodes[node];

	if (self->seal == NULL)
		return;
	seal_check(self->seal);
	seal_free(self->seal);
	member_table_close(&self->members);
	core_close(&self->core);
	blob_store_close(&self->blobs);
	heap_close(&self->blob_heap);
	memset(self, 0, sizeof(*self));
}

struct seal_net *net_new(void)
{
	struct seal_net *net = calloc(1, sizeof(*net));

	WEFT_ASSERT(net != NULL);
	net->now.ns = NS_PER_S;
	net_start(net, 0, 1, 1, 7001);
	net_start(net, 1, 2, 1, 7002);
	return net;
}

void net_free(struct seal_net *net)
{
	for (size_t i = 0; i < NET_NODES; i++)
		net_stop(net, i);
	free(net);
}

static void step(struct seal_net *net, struct net_node *self)
{
	core_begin_step(&self->core, net->now, (struct wall){0});
}

void net_frame(struct seal_net *net, size_t node, uint8_t to, uint8_t type, const void *body,
	       size_t len)
{
	struct net_node *self = &net->nodes[node];
	struct member *member = net_member(net, node, to);
	uint8_t bytes[WIRE_PAYLOAD_MAX];

	step(net, self);
	WEFT_ASSERT(seal_send(self->seal, member, NULL, bytes,
			      wire_put_frame(bytes, type, body, len)) == 0);
	collect(net, self);
}

void net_say(struct seal_net *net, size_t node, uint8_t to, const char *text)
{
	struct net_node *self = &net->nodes[node];

	if (text != NULL) {
		net_frame(net, node, to, FRAME_TEXT, text, strlen(text));
		return;
	}
	step(net, self);
	seal_tick(self->seal);
	seal_check(self->seal);
	collect(net, self);
}

enum drop_reason net_arrive(struct seal_net *net, size_t node, const struct hostport *from,
			    const uint8_t *bytes, size_t len)
{
	struct net_node *self = &net->nodes[node];
	struct opened in;
	enum drop_reason reason;

	step(net, self);
	reason = seal_open(self->seal, from, bytes, len, &in);
	if (reason == DROP_NONE && in.from != NULL) {
		const uint8_t *at = in.frames;
		size_t left = in.len;
		self->opened++;
		self->got_from = in.from->id;
		self->claiming = in.claiming;
		self->provisional = in.provisional;
		while (left > 0) {
			size_t body = (size_t)wire_get(at + 1, 2);
			if (at[0] < 16 && at[0] != FRAME_CLAIM && at[0] != FRAME_CLAIM_ANSWER &&
			    at[0] != FRAME_SET_BACK) {
				reason = seal_frame(self->seal, &in, from, at[0], at + 3, body);
			} else {
				memcpy(self->got, at + 3, body);
				self->got_len = body;
			}
			at += 3 + body;
			left -= 3 + body;
		}
	}
	seal_check(self->seal);
	collect(net, self);
	return reason;
}

void net_run(struct seal_net *net)
{
	for (int i = 0; net->count > 0; i++) {
		struct net_datagram first = net->pending[0];
		WEFT_ASSERT(i < 1000);
		memmove(net->pending, net->pending + 1, --net->count * sizeof(first));
		for (size_t n = 0; n < NET_NODES; n++) {
			struct net_node *to = &net->nodes[n];
			if (to->seal != NULL && hostport_eq(&to->addr, &first.to))
				net_arrive(net, n, &first.from, first.bytes, first.len);
		}
	}
}

void net_pass(struct seal_net *net, int64_t ms)
{
	for (int64_t at = 0; at < ms; at += 50) {
		net->now = mono_add_ms(net->now, 50);
		for (size_t i = 0; i < NET_NODES; i++)
			if (net->nodes[i].seal != NULL)
				net_say(net, i, 0, NULL);
		net_run(net);
	}
}

void net_lose(struct seal_net *net)
{
	net->count = 0;
}

bool net_heard(struct seal_net *net, size_t node, const char *text)
{
	struct net_node *self = &net->nodes[node];
	bool heard = self->got_len == strlen(text) && memcmp(self->got, text, self->got_len) == 0;

	self->got_len = 0;
	return heard;
}
