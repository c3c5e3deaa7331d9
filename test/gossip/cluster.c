/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"

#define LATENCY_MS 1
#define ANSWER_MS 60000

static void take_update(struct cluster *c, size_t n, const struct gossip_update *update);

static void trace(void *ctx, const struct trace_record *record)
{
	struct cluster *c = ctx;

	c->traces[record->event]++;
}

struct cluster *cluster_new(void)
{
	struct cluster *c = calloc(1, sizeof(*c));

	WEFT_ASSERT(c != NULL);
	c->now.ns = NS_PER_S;
	c->wall.ms = INT64_C(1795000000000);
	c->pages = page_source_mmap();
	c->flight = calloc(CLUSTER_FLIGHT, sizeof(*c->flight));
	WEFT_ASSERT(c->flight != NULL);
	for (size_t n = 0; n < CLUSTER_NODES; n++) {
		struct cnode *node = &c->nodes[n];
		node->stored = calloc(CLUSTER_WRITES, sizeof(*node->stored));
		WEFT_ASSERT(node->stored != NULL);
		snprintf(node->name, sizeof(node->name), "h%zu", n);
		node->addr = (struct hostport){inet_from_v4(0x0a000001 + (uint32_t)n), GOSSIP_PORT};
	}
	return c;
}

void cluster_kill(struct cluster *c, size_t n)
{
	struct cnode *node = &c->nodes[n];

	if (node->g == NULL)
		return;
	gossip_check(node->g);
	gossip_free(node->g);
	blob_store_close(&node->blobs);
	heap_close(&node->heap);
	node->g = NULL;
	node->commits_count = 0;
}

void cluster_free(struct cluster *c)
{
	for (size_t n = 0; n < CLUSTER_NODES; n++) {
		cluster_kill(c, n);
		free(c->nodes[n].stored);
	}
	free(c->flight);
	free(c);
}

static void step(struct cluster *c, size_t n, struct gossip_event event)
{
	struct cnode *node = &c->nodes[n];

	event.now = c->now;
	event.wall = (struct wall){c->wall.ms + node->wall_skew_ms};
	take_update(c, n, gossip_step(node->g, &event));
}

void cluster_start(struct cluster *c, size_t n)
{
	struct cnode *node = &c->nodes[n];
	struct gossip_config config = {
	    .pages = c->pages,
	    .blobs = &node->blobs,
	    .advertise = node->addr,
	    .trace = {c, trace},
	};

	cluster_kill(c, n);
	node->starts++;
	config.seed = n * 100 + node->starts;
	config.crypto = seeded_init(&node->seeded, config.seed);
	if (node->advertise_nothing)
		config.advertise.ip = inet_from_v4(0);
	memcpy(config.name, node->name, sizeof(config.name));
	heap_init(&node->heap, &c->pages);
	blob_store_init(&node->blobs, &node->heap, n);
	node->g = gossip_new(&config);
	for (size_t i = 0; i < node->stored_count; i++) {
		const struct stored *stored = &node->stored[i];
		struct write write = {
		    .kind = stored->kind,
		    .meta = stored->meta,
		    .bytes = stored->bytes,
		    .len = stored->len,
		};
		if (stored->kind != WRITE_META)
			WEFT_ASSERT(row_parse(stored->bytes, stored->len, &write.row) == 0);
		WEFT_ASSERT(gossip_load(node->g, &write) >= 0);
	}
	step(c, n, (struct gossip_event){.kind = EV_START});
}

static bool same_place(const struct stored *stored, const struct write *write)
{
	struct row_view row;

	if (stored->kind != write->kind)
		return false;
	if (write->kind == WRITE_META)
		return stored->meta == write->meta;
	WEFT_ASSERT(row_parse(stored->bytes, stored->len, &row) == 0);
	return row.kind == write->row.kind && id_eq(&row.owner, &write->row.owner) &&
	       id_eq(&row.topic, &write->row.topic) && row.key_len == write->row.key_len &&
	       memcmp(row.key, write->row.key, row.key_len) == 0;
}

static void store(struct cnode *node, const struct write *write)
{
	struct stored *to = NULL;

	if (write->kind != WRITE_META && write->kind != WRITE_OWN_ROW &&
	    write->kind != WRITE_FACT && write->kind != WRITE_SNAPSHOT)
		return;
	for (size_t i = 0; i < node->stored_count && to == NULL; i++) {
		if (same_place(&node->stored[i], write))
			to = &node->stored[i];
	}
	if (to == NULL) {
		WEFT_ASSERT(node->stored_count < CLUSTER_WRITES);
		to = &node->stored[node->stored_count++];
	}
	WEFT_ASSERT(write->len <= sizeof(to->bytes));
	to->kind = write->kind;
	to->meta = write->meta;
	to->len = write->len;
	if (write->len > 0)
		memcpy(to->bytes, write->bytes, write->len);
}

static void take_answer(struct cnode *node, const struct gossip_answer *answer)
{
	node->answered = true;
	node->err = answer->err;
	node->answer_id = answer->id;
	node->text[0] = '\0';
	if (answer->bytes != NULL)
		snprintf(node->text, sizeof(node->text), "%.*s", (int)answer->len,
			 (const char *)answer->bytes);
}

/* What the node around it stores once it has compared its tables with a member. */
static void store_introduced(struct cnode *node)
{
	static const uint8_t one = 1;
	const struct write write = {
	    .kind = WRITE_META, .meta = META_INTRODUCED, .bytes = &one, .len = 1};

	if (!node->store_fails)
		store(node, &write);
}

static void tell_durable(struct cluster *c, size_t n, uint64_t token)
{
	step(c, n,
	     (struct gossip_event){
		 .kind = EV_DURABLE, .token = token, .ok = !c->nodes[n].store_fails});
}

static void take_update(struct cluster *c, size_t n, const struct gossip_update *update)
{
	struct cnode *node = &c->nodes[n];
	uint64_t tokens[UPDATE_PERSISTS];
	size_t count = update->persist_count;

	for (size_t i = 0; i < update->send_count; i++) {
		struct flight *flight = &c->flight[c->flights];
		if (node->cut)
			continue;
		WEFT_ASSERT(c->flights < CLUSTER_FLIGHT);
		flight->from = node->addr;
		flight->to = update->sends[i].to;
		flight->due = mono_add_ms(c->now, LATENCY_MS);
		flight->len = update->sends[i].len;
		memcpy(flight->bytes, update->sends[i].bytes, flight->len);
		if (c->watch == NULL || c->watch(c->watch_ctx, flight))
			c->flights++;
	}
	for (size_t i = 0; i < update->answer_count; i++)
		take_answer(node, &update->answers[i]);
	for (size_t i = 0; i < update->change_count; i++) {
		if (update->changes[i].kind == CHANGE_SYNCED)
			store_introduced(node);
	}
	for (size_t i = 0; i < count; i++) {
		const struct gossip_persist *persist = &update->persists[i];
		tokens[i] = persist->token;
		for (size_t k = 0; k < persist->count && !node->store_fails; k++)
			store(node, &update->writes[persist->first + k]);
	}
	for (size_t i = 0; i < count && node->store_waits; i++) {
		WEFT_ASSERT(node->commits_count < CLUSTER_COMMITS);
		node->commits[node->commits_count++] = tokens[i];
	}
	for (size_t i = 0; i < count && !node->store_waits; i++)
		tell_durable(c, n, tokens[i]);
}

void cluster_copy_store(struct cluster *c, size_t from, size_t to)
{
	memcpy(c->nodes[to].stored, c->nodes[from].stored, CLUSTER_WRITES * sizeof(struct stored));
	c->nodes[to].stored_count = c->nodes[from].stored_count;
}

void cluster_wipe_store(struct cluster *c, size_t n)
{
	c->nodes[n].stored_count = 0;
}

void cluster_deliver(struct cluster *c, size_t n, const struct hostport *from, const uint8_t *bytes,
		     size_t len)
{
	step(c, n,
	     (struct gossip_event){.kind = EV_DATAGRAM, .from = *from, .bytes = bytes, .len = len});
}

static void land(struct cluster *c)
{
	size_t kept = 0;
	size_t count = c->flights;

	for (size_t i = 0; i < count; i++) {
		struct flight flight = c->flight[i];
		if (!mono_is_due(flight.due, c->now)) {
			c->flight[kept++] = flight;
			continue;
		}
		for (size_t n = 0; n < CLUSTER_NODES; n++) {
			struct cnode *node = &c->nodes[n];
			if (node->g != NULL && !node->cut && hostport_eq(&node->addr, &flight.to))
				cluster_deliver(c, n, &flight.from, flight.bytes, flight.len);
		}
	}
	/* What was sent meanwhile lies behind those that were there. */
	memmove(&c->flight[kept], &c->flight[count], (c->flights - count) * sizeof(c->flight[0]));
	c->flights = kept + (c->flights - count);
}

static void tick(struct cluster *c)
{
	c->now = mono_add_ms(c->now, 1);
	c->wall.ms++;
	land(c);
	for (size_t n = 0; n < CLUSTER_NODES; n++) {
		struct cnode *node = &c->nodes[n];
		while (node->commits_count > 0 && !node->store_waits) {
			uint64_t token = node->commits[0];
			node->commits_count--;
			memmove(&node->commits[0], &node->commits[1],
				node->commits_count * sizeof(token));
			tell_durable(c, n, token);
		}
		for (int i = 0; node->g != NULL && i < 20; i++) {
			if (!mono_is_due(gossip_deadline(node->g), c->now))
				break;
			step(c, n, (struct gossip_event){.kind = EV_TICK});
		}
	}
}

void cluster_run(struct cluster *c, int64_t ms)
{
	for (int64_t i = 0; i < ms; i++)
		tick(c);
	for (size_t n = 0; n < CLUSTER_NODES; n++)
		if (c->nodes[n].g != NULL)
			gossip_check(c->nodes[n].g);
}

bool cluster_until(struct cluster *c, int64_t ms, bool (*holds)(struct cluster *c))
{
	for (int64_t i = 0; i < ms; i++) {
		if (holds(c))
			return true;
		tick(c);
	}
	return holds(c);
}

void cluster_begin(struct cluster *c, size_t n, struct gossip_command command)
{
	c->nodes[n].answered = false;
	command.tag = 7;
	step(c, n, (struct gossip_event){.kind = EV_COMMAND, .command = &command});
}

int cluster_do(struct cluster *c, size_t n, struct gossip_command command)
{
	struct cnode *node = &c->nodes[n];

	cluster_begin(c, n, command);
	for (int i = 0; i < ANSWER_MS && !node->answered; i++)
		tick(c);
	WEFT_ASSERT(node->answered);
	return node->err.code;
}

size_t cluster_alive(struct cluster *c, size_t n)
{
	struct member_info info;
	size_t count = 0;
	size_t at = 0;

	while (gossip_member_next(c->nodes[n].g, &at, &info))
		count += info.state == MEMBER_ALIVE;
	return count;
}

enum member_state cluster_state(struct cluster *c, size_t at, size_t of)
{
	struct member_info info;
	size_t place = 0;

	while (gossip_member_next(c->nodes[at].g, &place, &info)) {
		if (strcmp(info.name, c->nodes[of].name) == 0)
			return info.state;
	}
	return MEMBER_UNKNOWN;
}

uint64_t cluster_counter(struct cluster *c, size_t n, const char *name)
{
	struct gossip_counter counter = {.value = 0};
	bool found = false;

	for (size_t i = 0; !found && gossip_counter(c->nodes[n].g, i, &counter); i++)
		found = strcmp(counter.name, name) == 0;
	WEFT_ASSERT(found);
	return counter.value;
}

const char *cluster_token(struct cluster *c, size_t n)
{
	int code = cluster_do(c, n, (struct gossip_command){.kind = CMD_TOKEN_CREATE});

	WEFT_ASSERT(code == 0);
	return c->nodes[n].text;
}

int cluster_join(struct cluster *c, size_t n, const char *token, bool replace)
{
	if (c->nodes[n].g == NULL)
		cluster_start(c, n);
	return cluster_do(
	    c, n, (struct gossip_command){.kind = CMD_JOIN, .text = token, .flag = replace});
}

void cluster_form(struct cluster *c, size_t count)
{
	char token[TOKEN_TEXT_MAX];

	cluster_start(c, 0);
	WEFT_ASSERT(cluster_do(c, 0, (struct gossip_command){.kind = CMD_INIT, .text = "lab"}) ==
		    0);
	snprintf(token, sizeof(token), "%s", cluster_token(c, 0));
	for (size_t n = 1; n < count; n++) {
		int code = cluster_join(c, n, token, false);
		if (code != 0)
			fprintf(stderr, "join %zu: %s\n", n, c->nodes[n].err.message);
		WEFT_ASSERT(code == 0);
		cluster_run(c, 100); /* it compares its tables */
	}
	cluster_run(c, 1000);
}

const char *cluster_make(struct cluster *c, struct gossip_command command)
{
	int code;

	command.kind = CMD_TOKEN_CREATE;
	code = cluster_do(c, 0, command);
	WEFT_ASSERT(code == 0);
	snprintf(c->token, sizeof(c->token), "%s", c->nodes[0].text);
	return c->token;
}

void cluster_admit_unheard(struct cluster *c, bool by_0)
{
	struct id id;

	cluster_form(c, 3);
	id = gossip_self(c->nodes[1].g);
	WEFT_ASSERT(cluster_do(c, 0, (struct gossip_command){.kind = CMD_ADMIN_ADD, .id = id}) ==
		    0);
	cluster_run(c, 1000);
	snprintf(c->token, sizeof(c->token), "%s", cluster_token(c, 1));
	c->nodes[2].cut = true;
	c->nodes[0].cut = !by_0;
	WEFT_ASSERT(cluster_join(c, 3, c->token, false) == 0);
	cluster_run(c, 1000);
}

bool cluster_is_untouched(struct cluster *c, size_t n)
{
	struct id id;
	char name[NAME_BYTES];

	return gossip_phase(c->nodes[n].g) == NODE_NO_CLUSTER && c->nodes[n].stored_count == 0 &&
	       gossip_cluster(c->nodes[n].g, &id, name) == WEFT_E_NO_CLUSTER;
}
