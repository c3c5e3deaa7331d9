/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "tables_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/base/pack.h"
#include "test/gossip/seeded.h"

#define EV_FRAMES 1
#define EV_COMMIT 2

struct tnet_event {
	struct tnet_event *next;
	struct mono at;
	int kind;
	size_t from, to;
	uint64_t token;
	bool ok;
	size_t store_count;
	struct tnet_store *store;
	size_t len;
	uint8_t bytes[];
};

enum drop_reason tnet_may_write(struct tnet_node *node, const struct row_view *row,
				uint8_t pub[SIGN_PUB_BYTES])
{
	if (node->unknown[row->owner.b[0]] && row->kind != ROW_MEMBER)
		return DROP_ROW_OWNER;
	if (row_is_fact(row) && node->denied[row->owner.b[0]])
		return DROP_ROW;
	memset(pub, row->owner.b[0], SIGN_PUB_BYTES);
	return DROP_NONE;
}

void tnet_row(struct tnet_node *node, const struct row_view *row)
{
	node->rows_seen++;
	if (row->kind == ROW_MEMBER)
		node->unknown[row->owner.b[0]] = false;
}

struct tnet_node *tnet_node(struct tnet *net, size_t number)
{
	WEFT_ASSERT(number >= 1 && number <= net->count);
	return &net->nodes[number - 1];
}

static void event_add(struct tnet *net, struct tnet_event *event)
{
	struct tnet_event **at = &net->events;

	while (*at != NULL && (*at)->at.ns <= event->at.ns)
		at = &(*at)->next;
	event->next = *at;
	*at = event;
}

static void take_persists(struct tnet *net, struct tnet_node *node)
{
	const struct gossip_update *update = &node->kit.update;

	for (size_t p = 0; p < update->persist_count; p++) {
		const struct gossip_persist *persist = &update->persists[p];
		struct tnet_event *event = calloc(1, sizeof(*event));
		WEFT_ASSERT(event != NULL && persist->count > 0);
		event->kind = EV_COMMIT;
		event->at = mono_add_ms(net->now, node->disk_slow_ms + 1);
		event->to = node->number;
		event->token = persist->token;
		event->ok = !node->disk_fails;
		event->store = calloc(persist->count, sizeof(*event->store));
		for (size_t i = 0; i < persist->count; i++) {
			const struct write *write = &update->writes[persist->first + i];
			struct tnet_store *entry = &event->store[event->store_count];
			node->writes[write->kind]++;
			event->store_count++;
			entry->kind = write->kind;
			if (write->kind == WRITE_ROW_DROP || write->kind == WRITE_SNAPSHOT_DROP) {
				entry->key = write->row;
				continue;
			}
			entry->len = write->len;
			memcpy(entry->bytes, write->bytes, write->len);
		}
		event_add(net, event);
	}
}

static void take_changes(struct tnet_node *node)
{
	const struct gossip_update *update = &node->kit.update;

	for (size_t i = 0; i < update->change_count; i++) {
		const struct gossip_change *change = &update->changes[i];
		if (change->kind == CHANGE_SYNCED)
			node->synced++;
		if (change->kind != CHANGE_ROW)
			continue;
		node->changes++;
		node->last_change = change->row;
		/* A retraction shows the row's bytes, in which it is not deleted. */
		if (change->row.deleted) {
			struct row_view row = change->row;
			uint8_t bytes[ROW_BYTES_MAX];
			int len = row_encode(&row, bytes, sizeof(bytes));
			node->retracted +=
			    len > 0 && memcmp(bytes, row.sig - row.signed_len, (size_t)len) != 0;
		}
	}
}

static void send(struct tnet *net, struct tnet_node *node, const struct id *to,
		 const uint8_t *bytes, size_t len)
{
	struct tnet_event *event = calloc(1, sizeof(*event) + len);
	bool repair = false;
	int64_t delay = net->delay_ns_min;

	WEFT_ASSERT(event != NULL);
	for (size_t at = 0; at < len; at += FRAME_HEADER_BYTES + wire_get(bytes + at + 1, 2))
		repair = repair || (bytes[at] > FRAME_ROW && bytes[at] <= FRAME_PULL_END);
	net->datagrams++;
	net->repair_datagrams += repair;
	net->bytes += len + WIRE_OVERHEAD_BYTES + 28;
	event->kind = EV_FRAMES;
	event->from = node->number;
	event->to = to->b[0];
	event->len = len;
	memcpy(event->bytes, bytes, len);
	delay += (int64_t)rng_below(&net->rng, (uint64_t)(net->delay_ns_max - delay) + 1);
	event->at = mono_add_ns(net->now, delay);
	if (event->to > net->count || net->cut[event->from - 1][event->to - 1] ||
	    rng_below(&net->rng, 100) < net->loss_percent)
		free(event);
	else
		event_add(net, event);
}

/* What the core does with its outbox: datagrams to one peer after the other. */
static void flush(struct tnet *net, struct tnet_node *node)
{
	struct outbox *box = &node->kit.core.outbox;

	for (size_t i = 0; i < box->frames.count; i++) {
		struct outbox_frame *candidates[OUTBOX_FRAMES_MAX];
		struct id to = ((struct outbox_frame *)vec_at(&box->frames, i))->to;
		size_t count = 0;
		for (size_t j = i; j < box->frames.count; j++) {
			struct outbox_frame *frame = vec_at(&box->frames, j);
			if (!frame->done && id_eq(&frame->to, &to))
				candidates[count++] = frame;
		}
		while (count > 0) {
			uint8_t payload[WIRE_PAYLOAD_MAX];
			size_t kept = 0;
			size_t len = outbox_pack(box, candidates, count, payload, sizeof(payload));
			WEFT_ASSERT(len > 0);
			len += tables_fill(node->tables, member_find(&node->kit.members, &to),
					   payload + len, sizeof(payload) - len);
			send(net, node, &to, payload, len);
			for (size_t j = 0; j < count; j++) {
				if (!candidates[j]->done)
					candidates[kept++] = candidates[j];
			}
			count = kept;
		}
	}
	core_kit_unsend(box);
}

static void step_begin(struct tnet *net, struct tnet_node *node)
{
	core_begin_step(&node->kit.core, net->now, (struct wall){net->now.ns / NS_PER_MS});
}

static void step_end(struct tnet *net, struct tnet_node *node)
{
	if (mono_is_due(tables_deadline(node->tables), net->now))
		tables_tick(node->tables);
	take_persists(net, node);
	take_changes(node);
	flush(net, node);
	node->traces = node->kit.traces;
}

static void node_start(struct tnet *net, struct tnet_node *node)
{
	struct id self = node->kit.core.self.id;

	node->tables = tables_new(&node->kit.core, &node->kit.members);
	tables_set_admission(node->tables, (struct admission *)(void *)node);
	step_begin(net, node);
	memset(&node->kit.core.self.id, 0, sizeof(self)); /* rows may come before the identity */
	for (size_t i = 0; i < node->store_count; i++) {
		struct write write = {.kind = node->store[i].kind,
				      .bytes = node->store[i].bytes,
				      .len = node->store[i].len};
		WEFT_ASSERT(tables_load(node->tables, &write) >= 0);
	}
	node->kit.core.self.id = self;
	tables_start(node->tables);
	step_end(net, node);
}

void tnet_open(struct tnet *net, size_t count, uint64_t seed)
{
	WEFT_ASSERT(count <= TNET_NODES_MAX);
	*net = (struct tnet){
	    .count = count,
	    .now = {NS_PER_S},
	    .delay_ns_min = 200 * 1000,
	    .delay_ns_max = 600 * 1000,
	};
	rng_init(&net->rng, seed);
	net->nodes = calloc(count, sizeof(*net->nodes));
	WEFT_ASSERT(net->nodes != NULL);
	for (size_t i = 0; i < count; i++) {
		struct tnet_node *node = &net->nodes[i];
		node->number = (uint8_t)(i + 1);
		core_kit_open(&node->kit, node->number);
		tnet_crypto(&node->kit.crypto);
		node->kit.core.self.epoch = 1;
		memset(node->kit.core.self.sign_sec, node->number, SIGN_SEC_BYTES);
		for (uint8_t m = 1; m <= count; m++) {
			char name[8];
			snprintf(name, sizeof(name), "n%u", m);
			if (m != node->number)
				core_kit_member(&node->kit, m, name);
		}
		node->kit.members.arrivals.count = 0;
		member_flush(&node->kit.members);
		node_start(net, node);
	}
}

static void event_free(struct tnet_event *event)
{
	free(event->store);
	free(event);
}

void tnet_close(struct tnet *net)
{
	for (size_t i = 0; i < net->count; i++) {
		struct tnet_node *node = &net->nodes[i];
		tables_check(node->tables);
		tables_free(node->tables);
		core_kit_close(&node->kit);
		free(node->store);
	}
	while (net->events != NULL) {
		struct tnet_event *event = net->events;
		net->events = event->next;
		event_free(event);
	}
	free(net->nodes);
}

void tnet_key(struct row_view *row, uint32_t key)
{
	memset(row->key, 0, sizeof(row->key));
	row->key_len = ID_BYTES;
	wire_put(row->key, key, 4);
}

int tnet_put_rows(struct tnet *net, size_t number, const struct row_view *rows, size_t count,
		  uint64_t *token, struct weft_err *err)
{
	struct tnet_node *node = tnet_node(net, number);
	int code;

	step_begin(net, node);
	code = tables_put(node->tables, 7, rows, count, token, err);
	step_end(net, node);
	return code;
}

int tnet_put(struct tnet *net, size_t number, uint16_t kind, const struct id *topic, uint32_t key,
	     const char *value)
{
	struct row_view row = {.kind = kind};
	uint64_t token;

	tnet_key(&row, key);
	if (kind == ROW_MEMBER)
		row.key_len = 0;
	if (topic != NULL)
		row.topic = *topic;
	row.value = (const uint8_t *)value;
	row.value_len = strlen(value);
	return tnet_put_rows(net, number, &row, 1, &token, NULL);
}

int tnet_delete(struct tnet *net, size_t number, uint16_t kind, const struct id *topic,
		uint32_t key)
{
	struct row_view row = {.kind = kind, .deleted = true};
	uint64_t token;

	tnet_key(&row, key);
	if (topic != NULL)
		row.topic = *topic;
	return tnet_put_rows(net, number, &row, 1, &token, NULL);
}

bool tnet_frame_fits(struct tnet_node *node, uint8_t type, const char *name, const char *hex)
{
	struct outbox *box = &node->kit.core.outbox;
	bool fits = false;

	for (size_t i = 0; i < box->frames.count && !fits; i++) {
		const struct outbox_frame *frame = vec_at(&box->frames, i);
		if (frame->type == type)
			fits = vector_fits(name, hex, outbox_body(box, frame), frame->len);
	}
	core_kit_unsend(box);
	return fits;
}

enum drop_reason tnet_receive(struct tnet *net, size_t number, size_t from, const uint8_t *bytes,
			      size_t len)
{
	struct tnet_node *node = tnet_node(net, number);
	struct id id = id_numbered((uint8_t)from);
	enum drop_reason reason;

	step_begin(net, node);
	reason = tables_receive(node->tables, member_find(&node->kit.members, &id), bytes, len);
	step_end(net, node);
	return reason;
}

static void deliver(struct tnet *net, struct tnet_event *event)
{
	struct tnet_node *node = tnet_node(net, event->to);
	struct id from = id_numbered((uint8_t)event->from);

	step_begin(net, node);
	if (event->kind == EV_COMMIT) {
		for (size_t i = 0; event->ok && i < event->store_count; i++)
			tnet_store_fold(node, &event->store[i]);
		tables_durable(node->tables, event->token, event->ok);
	}
	for (size_t at = 0; event->kind == EV_FRAMES && at < event->len;) {
		size_t len = wire_get(event->bytes + at + 1, 2);
		enum drop_reason reason =
		    tables_frame(node->tables, member_find(&node->kit.members, &from),
				 event->bytes[at], event->bytes + at + FRAME_HEADER_BYTES, len);
		node->drops += reason != DROP_NONE;
		at += FRAME_HEADER_BYTES + len;
	}
	step_end(net, node);
}

/* The node whose tables want to tick first, or NULL when that is after until. */
static struct tnet_node *next_tick(struct tnet *net, struct mono until, struct mono *at)
{
	struct tnet_node *next = NULL;

	*at = until;
	for (size_t i = 0; i < net->count; i++) {
		struct mono due = tables_deadline(net->nodes[i].tables);
		if (due.ns < at->ns) {
			*at = due;
			next = &net->nodes[i];
		}
	}
	return next;
}

void tnet_run(struct tnet *net, int64_t ms)
{
	struct mono until = mono_add_ms(net->now, ms);
	size_t steps = 0;

	for (;;) {
		struct tnet_event *event = net->events;
		struct mono at;
		struct tnet_node *node = next_tick(net, until, &at);
		if (event != NULL && event->at.ns <= at.ns) {
			net->now = event->at;
			net->events = event->next;
			deliver(net, event);
			event_free(event);
			continue;
		}
		if (node == NULL)
			break;
		if (at.ns > net->now.ns)
			net->now = at;
		step_begin(net, node);
		step_end(net, node);
		WEFT_ASSERT(++steps < 10 * 1000 * 1000);
	}
	net->now = until;
}

bool tnet_is_equal(struct tnet *net)
{
	for (size_t i = 1; i < net->count; i++) {
		if (tables_hash(net->nodes[i].tables) != tables_hash(net->nodes[0].tables))
			return false;
	}
	return true;
}

int64_t tnet_run_until_equal(struct tnet *net, int64_t ms_max)
{
	int64_t ms = 0;

	while (!tnet_is_equal(net) || ms == 0) {
		if (ms >= ms_max)
			return -1;
		tnet_run(net, 1);
		ms++;
	}
	return ms;
}

void tnet_topics(struct tnet *net, size_t number, const struct id *topics, size_t count)
{
	struct tnet_node *node = tnet_node(net, number);

	step_begin(net, node);
	tables_topics(node->tables, topics, count);
	step_end(net, node);
}

void tnet_attach(struct tnet *net, size_t number, const struct id *topic)
{
	struct row_view row = {.kind = ROW_ATTACHMENT, .key_len = ID_BYTES};
	uint64_t token;

	tnet_topics(net, number, topic, 1);
	memcpy(row.key, topic->b, ID_BYTES);
	WEFT_ASSERT(tnet_put_rows(net, number, &row, 1, &token, NULL) == 0);
}

void tnet_sync(struct tnet *net, size_t number, size_t with)
{
	struct tnet_node *node = tnet_node(net, number);
	struct id id = id_numbered((uint8_t)with);

	step_begin(net, node);
	tables_sync(node->tables, member_find(&node->kit.members, &id));
	step_end(net, node);
}

bool tnet_has(struct tnet *net, size_t number, size_t owner, const struct id *topic, uint16_t kind,
	      uint32_t key, const char *value)
{
	static const struct id all;
	struct id id = id_numbered((uint8_t)owner);
	struct row_view row, wanted;

	tnet_key(&wanted, key);
	if (kind == ROW_MEMBER)
		wanted.key_len = 0;
	if (!tables_row(tnet_node(net, number)->tables, kind < ROW_KIND_FACTS ? &id : NULL,
			topic != NULL ? topic : &all, kind, wanted.key, wanted.key_len, &row))
		return false;
	return value == NULL ||
	       (row.value_len == strlen(value) && memcmp(row.value, value, row.value_len) == 0);
}

void tnet_restart(struct tnet *net, size_t number)
{
	struct tnet_node *node = tnet_node(net, number);
	struct tnet_event **at = &net->events;

	tables_free(node->tables);
	while (*at != NULL) { /* its datagrams and commits under way are lost */
		struct tnet_event *event = *at;
		if (event->to == number) {
			*at = event->next;
			event_free(event);
		} else {
			at = &event->next;
		}
	}
	core_kit_unsend(&node->kit.core.outbox);
	node->kit.core.self.epoch++;
	node_start(net, node);
}

void tnet_cut(struct tnet *net, size_t a, size_t b, bool cut)
{
	net->cut[a - 1][b - 1] = cut;
	net->cut[b - 1][a - 1] = cut;
}
