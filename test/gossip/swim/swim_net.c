/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "swim_net.h"

#include <string.h>

#include "test/gossip/core_kit.h"

#define COMMIT_NS (2 * NS_PER_MS)
#define UDP_OVERHEAD_BYTES 28

static void fake_random(void *ctx, void *out, size_t len)
{
	struct swim_net *net = ctx;

	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)rng_u64(&net->rng);
}

static void fake_wipe(void *ctx, void *bytes, size_t len)
{
	(void)ctx;
	memset(bytes, 0, len);
}

/* ---- the queue ---- */

static bool earlier(const struct swim_net_event *a, const struct swim_net_event *b)
{
	return a->at.ns != b->at.ns ? a->at.ns < b->at.ns : a->order < b->order;
}

static void swap(struct swim_net *net, size_t i, size_t j)
{
	struct swim_net_event *a = vec_at(&net->queue, i);
	struct swim_net_event *b = vec_at(&net->queue, j);
	struct swim_net_event kept = *a;

	*a = *b;
	*b = kept;
}

static void queue_push(struct swim_net *net, struct swim_net_event *event)
{
	size_t i = net->queue.count;

	event->order = net->order++;
	vec_push(&net->queue, event);
	for (; i > 0 && earlier(vec_at(&net->queue, i), vec_at(&net->queue, (i - 1) / 2));
	     i = (i - 1) / 2)
		swap(net, i, (i - 1) / 2);
}

static struct swim_net_event queue_pop(struct swim_net *net)
{
	struct swim_net_event first = *(struct swim_net_event *)vec_at(&net->queue, 0);
	size_t i = 0;

	swap(net, 0, net->queue.count - 1);
	vec_remove(&net->queue, net->queue.count - 1);
	for (;;) {
		size_t least = i;
		for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++) {
			if (child < net->queue.count &&
			    earlier(vec_at(&net->queue, child), vec_at(&net->queue, least)))
				least = child;
		}
		if (least == i)
			return first;
		swap(net, i, least);
		i = least;
	}
}

/* ---- one node ---- */

static bool is_parted(const struct swim_net *net, size_t a, size_t b)
{
	return net->parted && a % 2 != b % 2;
}

static size_t node_of(const struct swim_net *net, const struct id *id)
{
	for (size_t i = 0; i < net->count; i++) {
		if (id_eq(&net->nodes[i].id, id))
			return i;
	}
	WEFT_ASSERT(false);
	return 0;
}

static void post(struct swim_net *net, size_t from, const struct id *to, const uint8_t *frames,
		 size_t len)
{
	struct swim_net_event event = {.from = from, .to = node_of(net, to), .len = len};
	int64_t spread = net->delay_max_ns - net->delay_min_ns;

	net->datagrams++;
	net->bytes += len + WIRE_OVERHEAD_BYTES + UDP_OVERHEAD_BYTES;
	if (is_parted(net, from, event.to) || rng_below(&net->rng, 100) < net->loss_percent)
		return;
	event.at = mono_add_ns(net->now, net->delay_min_ns +
					     (int64_t)rng_below(&net->rng, (uint64_t)spread + 1));
	event.frames = heap_take(&net->heap, len);
	memcpy(event.frames, frames, len);
	queue_push(net, &event);
}

static void send_frames(struct swim_net *net, size_t from)
{
	struct swim_net_node *node = &net->nodes[from];
	struct outbox *box = &node->core.outbox;
	struct outbox_frame *candidates[OUTBOX_FRAMES_MAX];
	uint8_t payload[WIRE_PAYLOAD_MAX];

	for (size_t i = 0; i < box->frames.count; i++) {
		struct outbox_frame *lead = vec_at(&box->frames, i);
		size_t count = 0;
		size_t len;
		if (lead->done)
			continue;
		for (size_t j = i; j < box->frames.count; j++) {
			struct outbox_frame *frame = vec_at(&box->frames, j);
			if (!frame->done && id_eq(&frame->to, &lead->to))
				candidates[count++] = frame;
		}
		struct member *to = member_find(&node->members, &lead->to);
		len = outbox_pack(box, candidates, count, payload, sizeof(payload));
		len += swim_fill(node->swim, to, payload + len, sizeof(payload) - len);
		post(net, from, &lead->to, payload, len);
		if (!lead->done)
			i--;
	}
	outbox_compact(box);
}

static void note_failures(struct swim_net *net, struct swim_net_node *node)
{
	for (size_t i = 0; i < net->update->change_count; i++) {
		const struct gossip_change *change = &net->update->changes[i];
		const struct swim_net_node *failed;
		if (change->kind != CHANGE_MEMBER || change->after != MEMBER_FAILED)
			continue;
		failed = &net->nodes[node_of(net, &change->member)];
		node->failed_seen++;
		if (!failed->dead && failed->stalled.ns == 0 && node->stalled.ns == 0)
			net->healthy_failed = true;
	}
}

static void finish(struct swim_net *net, size_t index)
{
	struct swim_net_node *node = &net->nodes[index];

	for (size_t i = 0; i < node->members.arrivals.count; i++) {
		struct member_arrival *arrival = vec_at(&node->members.arrivals, i);
		swim_watch(node->swim, arrival->member);
	}
	node->members.arrivals.count = 0;
	if (mono_is_due(swim_deadline(node->swim), net->now))
		swim_tick(node->swim);
	while (!member_flush(&node->members)) {
		note_failures(net, node);
		net->update->change_count = 0;
	}
	note_failures(net, node);
	for (size_t i = 0; i < net->update->persist_count; i++) {
		struct swim_net_event commit = {
		    .at = mono_add_ns(net->now, COMMIT_NS),
		    .to = index,
		    .token = net->update->persists[i].token,
		};
		queue_push(net, &commit);
	}
	send_frames(net, index);
	swim_check(node->swim);
}

static void begin(struct swim_net *net, size_t index)
{
	core_begin_step(&net->nodes[index].core, net->now, (struct wall){0});
}

enum drop_reason swim_net_frame(struct swim_net *net, size_t to, size_t from, uint8_t type,
				const uint8_t *body, size_t len)
{
	struct swim_net_node *node = &net->nodes[to];
	enum drop_reason reason;

	begin(net, to);
	reason = swim_frame(node->swim, member_find(&node->members, &net->nodes[from].id), type,
			    body, len);
	finish(net, to);
	return reason;
}

static void deliver(struct swim_net *net, const struct swim_net_event *event)
{
	struct swim_net_node *node = &net->nodes[event->to];
	struct member *from = member_find(&node->members, &net->nodes[event->from].id);
	size_t at = 0;

	begin(net, event->to);
	from->heard = net->now;
	swim_heard(node->swim, from);
	while (at < event->len) {
		size_t len = (size_t)wire_get(event->frames + at + 1, 2);
		enum drop_reason reason = swim_frame(node->swim, from, event->frames[at],
						     event->frames + at + FRAME_HEADER_BYTES, len);
		WEFT_ASSERT(reason == DROP_NONE);
		at += FRAME_HEADER_BYTES + len;
	}
	finish(net, event->to);
}

static void handle(struct swim_net *net, struct swim_net_event *event)
{
	struct swim_net_node *node = &net->nodes[event->to];

	if (node->dead) {
		heap_give(&net->heap, event->frames, event->len);
		return;
	}
	if (node->stalled.ns > net->now.ns) {
		event->at = node->stalled;
		queue_push(net, event);
		return;
	}
	if (event->token != 0) {
		node->stored_incarnation = node->core.self.incarnation + 32;
		begin(net, event->to);
		swim_durable(node->swim, event->token, true);
		finish(net, event->to);
		return;
	}
	deliver(net, event);
	heap_give(&net->heap, event->frames, event->len);
}

/* ---- the whole ---- */

static struct rec_member record_of(const struct swim_net *net, size_t index)
{
	struct rec_member rec = {.wire_min = 1, .wire_max = 1};

	rec.name[0] = 'n';
	for (size_t i = 0, n = index; i < 3; i++, n /= 10)
		rec.name[3 - i] = (char)('0' + n % 10);
	rec.gossip.ip = inet_from_v4(0x0a000001u + (uint32_t)index);
	rec.gossip.port = GOSSIP_PORT;
	rec.vtep = rec.gossip.ip;
	(void)net;
	return rec;
}

static void node_open(struct swim_net *net, size_t index, enum gossip_profile profile)
{
	struct swim_net_node *node = &net->nodes[index];
	struct gossip_config config = {
	    .crypto = &net->crypto,
	    .pages = net->pages,
	    .blobs = net->blobs,
	    .seed = rng_u64(&net->rng),
	    .profile = profile,
	};

	core_init(&node->core, &config, net->update);
	member_table_init(&node->members, &node->core);
	begin(net, index);
	node->core.self.id = node->id;
	node->core.self.phase = NODE_ACTIVE;
	node->core.self.incarnation = node->stored_incarnation;
	node->swim = swim_new(&node->core, &node->members);
	for (size_t i = 0; i < net->count; i++) {
		struct member *member = member_intern(&node->members, &net->nodes[i].id);
		struct rec_member rec = record_of(net, i);
		member_apply_record(&node->members, member, &rec, 1);
	}
	swim_start(node->swim);
	finish(net, index);
}

static void node_close(struct swim_net_node *node)
{
	swim_free(node->swim);
	member_table_close(&node->members);
	core_close(&node->core);
}

void swim_net_open(struct swim_net *net, size_t count, uint64_t seed, enum gossip_profile profile)
{
	WEFT_ASSERT(count <= SWIM_NET_NODES);
	*net = (struct swim_net){
	    .pages = core_kit_pages(),
	    .crypto = {.ctx = net, .random = fake_random, .wipe = fake_wipe},
	    .count = count,
	    .now = {NS_PER_S},
	    .delay_min_ns = 200000,
	    .delay_max_ns = 600000,
	};
	rng_init(&net->rng, seed);
	heap_init(&net->heap, &net->pages);
	vec_init(&net->queue, &net->heap, sizeof(struct swim_net_event));
	net->update = heap_take(&net->heap, sizeof(*net->update));
	net->blobs = heap_take(&net->heap, sizeof(*net->blobs));
	blob_store_init(net->blobs, &net->heap, 1);
	for (size_t i = 0; i < count; i++)
		fake_random(net, net->nodes[i].id.b, ID_BYTES);
	for (size_t i = 0; i < count; i++)
		node_open(net, i, profile);
}

void swim_net_close(struct swim_net *net)
{
	for (size_t i = 0; i < net->count; i++)
		node_close(&net->nodes[i]);
	WEFT_ASSERT(net->blobs->count == 0);
	heap_close(&net->heap);
}

void swim_net_kill(struct swim_net *net, size_t node)
{
	net->nodes[node].dead = true;
}

void swim_net_stall(struct swim_net *net, size_t node, int64_t ms)
{
	net->nodes[node].stalled = mono_add_ms(net->now, ms);
}

void swim_net_restart(struct swim_net *net, size_t node)
{
	enum gossip_profile profile = net->nodes[node].core.profile;

	WEFT_ASSERT(net->nodes[node].dead);
	node_close(&net->nodes[node]);
	net->nodes[node].dead = false;
	node_open(net, node, profile);
}

static size_t next_tick(const struct swim_net *net, struct mono *due)
{
	size_t chosen = 0;

	*due = MONO_NEVER;
	for (size_t i = 0; i < net->count; i++) {
		const struct swim_net_node *node = &net->nodes[i];
		struct mono at = swim_deadline(node->swim);
		if (node->dead)
			continue;
		if (at.ns < node->stalled.ns)
			at = node->stalled;
		if (at.ns < due->ns) {
			*due = at;
			chosen = i;
		}
	}
	return chosen;
}

static void step(struct swim_net *net, struct mono until)
{
	struct mono due;
	size_t node = next_tick(net, &due);

	if (net->queue.count > 0 &&
	    ((struct swim_net_event *)vec_at(&net->queue, 0))->at.ns <= mono_min(due, until).ns) {
		struct swim_net_event event = queue_pop(net);
		net->now = event.at.ns > net->now.ns ? event.at : net->now;
		handle(net, &event);
		return;
	}
	if (due.ns > until.ns) {
		net->now = until;
		return;
	}
	net->now = due.ns > net->now.ns ? due : net->now;
	begin(net, node);
	finish(net, node);
}

void swim_net_run(struct swim_net *net, int64_t ms)
{
	struct mono until = mono_add_ms(net->now, ms);

	while (net->now.ns < until.ns)
		step(net, until);
}

enum member_state swim_net_state(const struct swim_net *net, size_t viewer, size_t subject)
{
	return member_find(&net->nodes[viewer].members, &net->nodes[subject].id)->state;
}

size_t swim_net_count(const struct swim_net *net, size_t subject, enum member_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < net->count; i++)
		count +=
		    !net->nodes[i].dead && i != subject && swim_net_state(net, i, subject) == state;
	return count;
}

int64_t swim_net_until(struct swim_net *net, size_t subject, enum member_state state, int64_t ms)
{
	struct mono start = net->now;
	size_t living = 0;

	for (size_t i = 0; i < net->count; i++)
		living += !net->nodes[i].dead && i != subject;
	while (swim_net_count(net, subject, state) < living) {
		if (mono_diff_ms(net->now, start) >= ms)
			return -1;
		swim_net_run(net, 10);
	}
	return mono_diff_ms(net->now, start);
}
