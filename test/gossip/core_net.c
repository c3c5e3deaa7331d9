/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "core_net.h"

#include <stdio.h>
#include <string.h>

#include "core_kit.h"

#define COMMIT_NS (2 * NS_PER_MS)
#define HEADERS_BYTES 28

/* ---- store ---- */

static bool same_row(const struct core_net_write *a, const struct core_net_write *b)
{
	struct row_view x, y;

	WEFT_ASSERT(row_parse(a->bytes, a->len, &x) == 0 && row_parse(b->bytes, b->len, &y) == 0);
	return x.kind == y.kind && (row_is_fact(&x) || id_eq(&x.owner, &y.owner)) &&
	       id_eq(&x.topic, &y.topic) && x.key_len == y.key_len &&
	       memcmp(x.key, y.key, x.key_len) == 0;
}

static struct core_net_write *stored_at(const struct core_net_node *node, size_t i)
{
	return *(struct core_net_write **)vec_at(&node->stored, i);
}

static void store_apply(struct core_net *net, struct core_net_node *node,
			const struct core_net_write *write)
{
	struct core_net_write *kept;

	for (size_t i = node->stored.count; i-- > 0;) {
		struct core_net_write *old = stored_at(node, i);
		bool same =
		    old->kind == write->kind &&
		    (write->kind == WRITE_META ? old->meta == write->meta : same_row(old, write));
		if (!same)
			continue;
		heap_give(&net->heap, old, sizeof(*old));
		vec_remove(&node->stored, i);
	}
	if (write->kind == WRITE_META && write->len == 0)
		return;
	kept = heap_take(&net->heap, sizeof(*kept));
	*kept = *write;
	vec_push(&node->stored, &kept);
}

/* ---- queue ---- */

static void queue_push(struct core_net *net, struct core_net_event *event)
{
	size_t at = net->queue.count;

	event->order = net->order++;
	while (at > 0 &&
	       ((struct core_net_event *)vec_at(&net->queue, at - 1))->at.ns > event->at.ns)
		at--;
	vec_insert(&net->queue, at, event);
}

static void event_free(struct core_net *net, struct core_net_event *event)
{
	heap_give(&net->heap, event->bytes, event->len);
	if (event->writes != NULL)
		heap_give(&net->heap, event->writes,
			  event->write_count * sizeof(struct core_net_write));
}

static bool contains(const uint8_t *bytes, size_t len, const char *text)
{
	size_t want = strlen(text);

	for (size_t i = 0; i + want <= len; i++) {
		if (memcmp(bytes + i, text, want) == 0)
			return true;
	}
	return false;
}

static void send(struct core_net *net, size_t from, const struct gossip_send *out)
{
	struct core_net_event event = {.from = net->nodes[from].addr, .len = out->len};

	net->nodes[from].sent_bytes += out->len + HEADERS_BYTES;
	if (net->secret != NULL && contains(out->bytes, out->len, net->secret))
		net->secret_seen = true;
	for (event.node = 0; event.node < net->count; event.node++) {
		if (hostport_eq(&net->nodes[event.node].addr, &out->to))
			break;
	}
	if (event.node == net->count || rng_below(&net->rng, 100) < net->loss_percent ||
	    net->nodes[from].deaf || net->nodes[event.node].deaf)
		return;
	event.at = mono_add_ns(net->now, 200000 + (int64_t)rng_below(&net->rng, 400000));
	event.bytes = heap_take(&net->heap, out->len);
	memcpy(event.bytes, out->bytes, out->len);
	if (net->record) {
		struct core_net_event copy = event;
		copy.bytes = heap_take(&net->heap, out->len);
		memcpy(copy.bytes, out->bytes, out->len);
		vec_push(&net->recorded, &copy);
	}
	queue_push(net, &event);
}

static void persist(struct core_net *net, size_t index, const struct gossip_update *update,
		    const struct gossip_persist *group)
{
	struct core_net_event event = {
	    .at = mono_add_ns(net->now, COMMIT_NS),
	    .node = index,
	    .life = net->nodes[index].life,
	    .token = group->token,
	};

	WEFT_ASSERT(group->count > 0);
	event.writes = heap_take(&net->heap, group->count * sizeof(struct core_net_write));
	event.write_count = group->count;
	for (size_t i = 0; i < group->count; i++) {
		const struct write *write = &update->writes[group->first + i];
		struct core_net_write *copy = &event.writes[i];
		copy->kind = write->kind;
		copy->meta = write->meta;
		WEFT_ASSERT(write->len <= sizeof(copy->bytes));
		copy->len = write->len;
		if (write->len > 0)
			memcpy(copy->bytes, write->bytes, write->len);
	}
	queue_push(net, &event);
}

static void note_changes(struct core_net *net, struct core_net_node *node,
			 const struct gossip_update *update)
{
	/* What the node around it stores once it has compared its tables with a member. */
	const struct core_net_write introduced = {
	    .kind = WRITE_META, .meta = META_INTRODUCED, .bytes = {1}, .len = 1};

	for (size_t i = 0; i < update->change_count; i++) {
		node->row_changes += update->changes[i].kind == CHANGE_ROW;
		node->phase_changes += update->changes[i].kind == CHANGE_PHASE;
		if (update->changes[i].kind != CHANGE_SYNCED)
			continue;
		if (node->synced_changes++ == 0)
			store_apply(net, node, &introduced);
	}
	for (size_t i = 0; i < update->answer_count; i++) {
		const struct gossip_answer *answer = &update->answers[i];
		struct core_net_answer kept = {
		    .tag = answer->tag, .err = answer->err, .id = answer->id, .len = answer->len};
		WEFT_ASSERT(answer->len < sizeof(kept.bytes));
		if (answer->len > 0)
			memcpy(kept.bytes, answer->bytes, answer->len);
		vec_push(&node->answers, &kept);
	}
}

static void step(struct core_net *net, size_t index, struct gossip_event *event)
{
	struct core_net_node *node = &net->nodes[index];
	const struct gossip_update *update;

	event->now = net->now;
	event->wall = (struct wall){net->wall.ms + net->now.ns / NS_PER_MS};
	update = gossip_step(node->core, event);
	gossip_check(node->core);
	note_changes(net, node, update);
	for (size_t i = 0; i < update->send_count; i++)
		send(net, index, &update->sends[i]);
	for (size_t i = 0; i < update->persist_count; i++)
		persist(net, index, update, &update->persists[i]);
	for (size_t i = 0; i < update->delivery_count; i++) {
		const struct gossip_delivery *delivery = &update->deliveries[i];
		struct core_net_event reply = {
		    .at = mono_add_ms(net->now, 1),
		    .node = index,
		    .life = node->life,
		    .reply = delivery->message,
		    .len = delivery->len + 3,
		};
		node->deliveries++;
		reply.bytes = heap_take(&net->heap, reply.len);
		memcpy(reply.bytes, "re:", 3);
		memcpy(reply.bytes + 3, delivery->bytes, delivery->len);
		queue_push(net, &reply);
	}
}

static void handle(struct core_net *net, struct core_net_event *event)
{
	struct core_net_node *node = &net->nodes[event->node];
	struct gossip_event in = {.kind = EV_DATAGRAM};
	struct gossip_command reply = {.kind = CMD_REPLY};

	if (node->core == NULL ||
	    ((event->token != 0 || event->reply != 0) && event->life != node->life))
		return;
	if (event->token != 0) {
		for (size_t i = 0; i < event->write_count; i++)
			store_apply(net, node, &event->writes[i]);
		in.kind = EV_DURABLE;
		in.token = event->token;
		in.ok = true;
	} else if (event->reply != 0) {
		reply.message = event->reply;
		reply.bytes = event->bytes;
		reply.len = event->len;
		in.kind = EV_COMMAND;
		in.command = &reply;
	} else {
		in.from = event->from;
		in.bytes = event->bytes;
		in.len = event->len;
	}
	step(net, event->node, &in);
}

/* ---- the whole ---- */

void core_net_open(struct core_net *net, size_t count, uint64_t seed)
{
	const struct page_source pages = core_kit_pages();

	WEFT_ASSERT(count <= CORE_NET_NODES);
	*net =
	    (struct core_net){.count = count, .now = {NS_PER_S}, .wall = {INT64_C(1800000000000)}};
	heap_init(&net->heap, &pages);
	rng_init(&net->rng, seed);
	vec_init(&net->queue, &net->heap, sizeof(struct core_net_event));
	vec_init(&net->recorded, &net->heap, sizeof(struct core_net_event));
	for (size_t i = 0; i < count; i++) {
		struct core_net_node *node = &net->nodes[i];
		(void)snprintf(node->name, sizeof(node->name), "host-%zu", i);
		node->addr.ip = inet_from_v4(0x0a000001u + (uint32_t)i);
		node->addr.port = GOSSIP_PORT;
		vec_init(&node->stored, &net->heap, sizeof(struct core_net_write *));
		vec_init(&node->answers, &net->heap, sizeof(struct core_net_answer));
		core_net_start(net, i);
	}
}

void core_net_close(struct core_net *net)
{
	for (size_t i = 0; i < net->count; i++) {
		if (net->nodes[i].core != NULL)
			core_net_kill(net, i);
	}
	heap_close(&net->heap);
}

static void load(struct core_net_node *node, bool metas)
{
	for (size_t i = 0; i < node->stored.count; i++) {
		const struct core_net_write *stored = stored_at(node, i);
		struct write write = {.kind = stored->kind,
				      .meta = stored->meta,
				      .bytes = stored->bytes,
				      .len = stored->len};
		if ((stored->kind == WRITE_META) == metas)
			WEFT_ASSERT(gossip_load(node->core, &write) >= 0);
	}
}

void core_net_start(struct core_net *net, size_t index)
{
	struct core_net_node *node = &net->nodes[index];
	struct gossip_event start = {.kind = EV_START};
	struct gossip_config config = {
	    .crypto = seeded_init(&node->crypto, rng_u64(&net->rng)),
	    .pages = core_kit_pages(),
	    .blobs = &node->blobs,
	    .seed = rng_u64(&net->rng),
	    .advertise = node->addr,
	    .vtep = node->addr.ip,
	};

	WEFT_ASSERT(node->core == NULL);
	memcpy(config.name, node->name, sizeof(config.name));
	blob_store_init(&node->blobs, &net->heap, 7);
	node->core = gossip_new(&config);
	node->life++;
	load(node, true);
	load(node, false);
	step(net, index, &start);
}

void core_net_kill(struct core_net *net, size_t index)
{
	struct core_net_node *node = &net->nodes[index];

	(void)net;
	gossip_free(node->core);
	node->core = NULL;
	WEFT_ASSERT(node->blobs.count == 0);
	blob_store_close(&node->blobs);
}

void core_net_run(struct core_net *net, int64_t ms)
{
	struct mono until = mono_add_ms(net->now, ms);

	for (;;) {
		struct mono due = until;
		size_t index = net->count;
		for (size_t i = 0; i < net->count; i++) {
			struct mono at;
			if (net->nodes[i].core == NULL)
				continue;
			at = gossip_deadline(net->nodes[i].core);
			if (at.ns < due.ns) {
				due = at;
				index = i;
			}
		}
		if (net->queue.count > 0 &&
		    ((struct core_net_event *)vec_at(&net->queue, 0))->at.ns <= due.ns) {
			struct core_net_event event =
			    *(struct core_net_event *)vec_at(&net->queue, 0);
			vec_remove(&net->queue, 0);
			net->now = event.at.ns > net->now.ns ? event.at : net->now;
			handle(net, &event);
			event_free(net, &event);
			continue;
		}
		if (due.ns > net->now.ns)
			net->now = due;
		if (index == net->count)
			return;
		step(net, index, &(struct gossip_event){.kind = EV_TICK});
	}
}

bool core_net_until(struct core_net *net, bool (*holds)(const struct core_net *net), int64_t ms)
{
	struct mono end = mono_add_ms(net->now, ms);

	while (!holds(net)) {
		if (net->now.ns >= end.ns)
			return false;
		core_net_run(net, 5);
	}
	return true;
}

struct core_net_answer core_net_command(struct core_net *net, size_t index,
					struct gossip_command *command, int64_t ms)
{
	struct core_net_node *node = &net->nodes[index];
	struct gossip_event event = {.kind = EV_COMMAND, .command = command};
	struct mono end = mono_add_ms(net->now, ms);
	struct core_net_answer missing = {.err = {.code = WEFT_E_TIMEOUT}};

	if (command->tag == 0)
		command->tag = net->order++ + 1000;
	step(net, index, &event);
	for (;;) {
		for (size_t i = 0; i < node->answers.count; i++) {
			struct core_net_answer answer =
			    *(struct core_net_answer *)vec_at(&node->answers, i);
			if (answer.tag != command->tag)
				continue;
			vec_remove(&node->answers, i);
			return answer;
		}
		if (net->now.ns >= end.ns)
			return missing;
		core_net_run(net, 1);
	}
}

struct core_net_answer core_net_token(struct core_net *net, size_t node)
{
	struct gossip_command create = {.kind = CMD_TOKEN_CREATE, .ttl_ms = 3600 * 1000};
	struct core_net_answer answer = core_net_command(net, node, &create, 1000);

	answer.bytes[answer.len] = '\0';
	return answer;
}

struct core_net_answer core_net_join(struct core_net *net, size_t node, const char *token)
{
	struct gossip_command join = {.kind = CMD_JOIN, .text = token};

	return core_net_command(net, node, &join, 15000);
}

enum member_state core_net_state(const struct core_net *net, size_t viewer, size_t subject)
{
	struct member_info info;
	size_t at = 0;

	while (gossip_member_next(net->nodes[viewer].core, &at, &info)) {
		if (strcmp(info.name, net->nodes[subject].name) == 0)
			return info.state;
	}
	return MEMBER_UNKNOWN;
}

bool core_net_all_alive(const struct core_net *net)
{
	for (size_t i = 0; i < net->count; i++) {
		for (size_t j = 0; j < net->count; j++) {
			if (net->nodes[i].core != NULL && net->nodes[j].core != NULL &&
			    core_net_state(net, i, j) != MEMBER_ALIVE)
				return false;
		}
	}
	return true;
}

bool core_net_equal_tables(const struct core_net *net)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < net->count; i++) {
		if (net->nodes[i].core == NULL)
			continue;
		if (hash == 0)
			hash = gossip_tables_hash(net->nodes[i].core);
		if (gossip_tables_hash(net->nodes[i].core) != hash)
			return false;
	}
	return true;
}

bool core_net_form(struct core_net *net)
{
	struct gossip_command init = {.kind = CMD_INIT, .text = "lab"};
	struct core_net_answer token;

	if (core_net_command(net, 0, &init, 1000).err.code != 0)
		return false;
	token = core_net_token(net, 0);
	if (token.err.code != 0)
		return false;
	for (size_t i = 1; i < net->count; i++) {
		if (core_net_join(net, i, (const char *)token.bytes).err.code != 0)
			return false;
	}
	return core_net_until(net, core_net_all_alive, 2000);
}

void core_net_inject(struct core_net *net, size_t node, const struct hostport *from,
		     const uint8_t *bytes, size_t len)
{
	struct gossip_event event = {
	    .kind = EV_DATAGRAM, .from = *from, .bytes = bytes, .len = len};

	step(net, node, &event);
}

uint64_t core_net_counter(const struct core_net *net, size_t node, const char *name)
{
	struct gossip_counter counter;

	for (size_t i = 0; gossip_counter(net->nodes[node].core, i, &counter); i++) {
		if (strcmp(counter.name, name) == 0)
			return counter.value;
	}
	WEFT_ASSERT(false);
	return 0;
}
