/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A step of the node: the event goes to the part that it belongs to, timers that are due fire, ops
 * that wait look again if something changed, and the agenda is worked off as far as the update has
 * room. What is left is due at once, in the next step, so that an update is bounded and a step
 * never half fails.
 */
#include <string.h>

#include "ack.h"
#include "agenda.h"
#include "box.h"
#include "commit.h"
#include "ipamdb/query.h"
#include "memo.h"
#include "network.h"
#include "op.h"
#include "presence.h"
#include "request.h"
#include "route.h"
#include "talk.h"

#define IPAM_SEED 0x6970616d /* "ipam": what it draws is not what gossip draws */

static void maps_open(struct node *node, uint64_t seed)
{
	calls_open(node, seed);
	talks_open(node, seed);
	commits_open(node, seed);
	memos_open(node, seed);
	acks_open(node, seed);
}

/* What gossip has while its update is being read, ipamdb has not seen yet. */
static bool has_rows(void *ctx, const struct id *owner, uint64_t epoch, uint64_t sequence)
{
	const struct node *node = ctx;

	return !node->reading_gossip && gossip_has_rows(node->gossip, owner, epoch, sequence);
}

static size_t rows_of(void *ctx, const struct id *owner, size_t left, size_t limit,
		      void (*visit)(void *arg, const struct row_view *row), void *arg)
{
	const struct node *node = ctx;

	return gossip_rows_of(node->gossip, owner, &id_none, left, limit, visit, arg);
}

struct node *node_new(const struct node_config *config)
{
	struct heap heap;
	struct node *node;

	heap_init(&heap, &config->gossip.pages);
	node = heap_take(&heap, sizeof(*node));
	node->heap = heap;
	node->config = *config;
	node->gossip = gossip_new(&config->gossip);
	node->ipamdb =
	    ipamdb_new(&(const struct ipamdb_config){.pages = config->gossip.pages,
						     .crypto = config->gossip.crypto,
						     .has_rows = has_rows,
						     .rows_of = rows_of,
						     .ctx = node,
						     .seed = config->gossip.seed ^ IPAM_SEED,
						     .cooldown_ms = config->cooldown_ms,
						     .guard = config->guard,
						     .boot = config->boot,
						     .trace = config->gossip.trace});
	node->active_since = node->networks_due = node->acks_due = MONO_NEVER;
	vec_init(&node->ops, &node->heap, sizeof(struct op *));
	fifo_init(&node->agenda, &node->heap, sizeof(struct agenda_item));
	vec_init(&node->boxes, &node->heap, sizeof(struct box *));
	vec_init(&node->networks, &node->heap, sizeof(struct network *));
	fifo_init(&node->works, &node->heap, sizeof(struct node_work));
	fifo_init(&node->answers, &node->heap, sizeof(void *));
	scratch_init(&node->scratch, &node->heap);
	maps_open(node, config->gossip.seed);
	return node;
}

void node_free(struct node *node)
{
	struct heap heap;

	if (node == NULL)
		return;
	ipamdb_free(node->ipamdb);
	gossip_free(node->gossip);
	heap = node->heap; /* it holds all the rest, the node itself included */
	heap_close(&heap);
}

static int endpoint_load(struct node *node, const struct local_endpoint *endpoint)
{
	struct network *network;
	struct box *box;

	if (box_find(node, &endpoint->id) != NULL)
		return WEFT_E_INVALID;
	box = box_add(node, endpoint);
	box->state = BOX_UP;
	network = network_find(node, &endpoint->network);
	if (endpoint->is_host) {
		network->presence = PRESENCE_UP;
		network->settled = true;
	}
	return 0;
}

int node_load(struct node *node, const struct write *write)
{
	struct row_view row;
	int rc;

	WEFT_ASSERT(!node->started);
	if (write->kind == WRITE_ENDPOINT)
		return endpoint_load(node, &write->endpoint);
	if (write->kind == WRITE_ANSWER)
		return memo_load(node, write);
	rc = gossip_load(node->gossip, write);
	if (rc == LOAD_PASSED_OVER)
		return 0;
	if (rc == 0)
		rc = ipamdb_load(node->ipamdb, write);
	if (rc != 0)
		return rc;
	if (write->kind == WRITE_OWN_ROW || write->kind == WRITE_FACT ||
	    write->kind == WRITE_SNAPSHOT) {
		rc = row_parse(write->bytes, write->len, &row);
		if (rc == 0)
			network_row_changed(node, &row);
	}
	return rc;
}

int node_may_serve(const struct node *node, struct weft_err *err)
{
	switch (node->phase) {
	case NODE_ACTIVE:
		return 0;
	case NODE_NO_CLUSTER:
		return weft_err_set(err, WEFT_E_NO_CLUSTER,
				    "this host is in no cluster; use weft init or weft join");
	case NODE_JOINING:
		return weft_err_set(err, WEFT_E_BUSY, "this host is joining; try again");
	case NODE_CLAIMING:
		return weft_err_set(err, WEFT_E_BUSY,
				    "weftd has just started and asks a member whether its state "
				    "is current; try again");
	case NODE_LEFT:
		if (gossip_fence(node->gossip) == FENCE_LEAVING)
			return weft_err_set(err, WEFT_E_NO_CLUSTER,
					    "this host left its cluster and still tells its "
					    "members so; wait until weft status no longer warns "
					    "of that, then weft reset, then weft join");
		return weft_err_set(err, WEFT_E_NO_CLUSTER,
				    "this host left its cluster; weft reset, then weft join");
	case NODE_REMOVED:
		return weft_err_set(err, WEFT_E_REMOVED,
				    "an admin removed this host; weft reset, then weft join");
	case NODE_COPY:
		return weft_err_set(err, WEFT_E_IS_COPY,
				    "this state directory is a copy of a member that runs; weft "
				    "reset here, then weft join");
	}
	return weft_err_set(err, WEFT_E_INTERNAL, "unknown phase");
}

void node_work_add(struct node *node, enum node_work_kind kind, uint64_t tag,
		   const struct local_endpoint *endpoint)
{
	struct node_work work = {.kind = kind, .tag = tag, .endpoint = *endpoint};

	fifo_push(&node->works, &work);
}

static void works_flush(struct node *node)
{
	struct node_update *update = &node->update;

	while (node->works.count > 0 && update->work_count < NODE_WORKS) {
		update->works[update->work_count++] = *(struct node_work *)fifo_at(&node->works, 0);
		fifo_pop(&node->works);
	}
}

/* Is there any other node that counts? */
static bool is_alone(const struct node *node)
{
	struct member_info info;

	for (size_t at = 0; gossip_member_next(node->gossip, &at, &info);)
		if (!info.is_self && !member_state_is_gone(info.state))
			return false;
	return true;
}

static struct mono ready_at(const struct node *node)
{
	if (node->ready || node->phase != NODE_ACTIVE)
		return MONO_NEVER;
	return mono_add_ms(node->active_since, node->config.sync_wait_ms);
}

/* Once ready a node stays so: from then on its tables only grow truer. */
static void ready_review(struct node *node)
{
	if (node->ready)
		return;
	if (node->phase == NODE_REMOVED || node->phase == NODE_LEFT)
		node->ready = true;
	else if (node->phase == NODE_ACTIVE)
		node->ready = (node->synced && gossip_is_whole(node->gossip)) ||
			      mono_is_due(ready_at(node), node->now) || is_alone(node);
	if (node->ready)
		node->look_again = true;
}

/* The restart guard `all` waits for each member: they are looked for one by one meanwhile. */
static void meet_review(struct node *node)
{
	bool wanted = node->config.guard == GUARD_ALL && node->phase == NODE_ACTIVE &&
		      ipamdb_is_guarded(node->ipamdb);

	if (wanted == node->meeting)
		return;
	node->meeting = wanted;
	agenda_add(node, &(struct agenda_item){.kind = AGENDA_MEET, .flag = wanted});
}

static void ops_tick(struct node *node)
{
	struct op *op;

	for (uint64_t after = 0; (op = op_next(node, after)) != NULL;) {
		after = op->id;
		if (mono_is_due(op->deadline, node->now))
			op_due(node, op);
	}
}

static void ops_look(struct node *node)
{
	struct op *op;

	if (!node->look_again)
		return;
	node->look_again = false;
	for (uint64_t after = 0; (op = op_next(node, after)) != NULL;) {
		after = op->id;
		op_try(node, op);
	}
}

static void tick_parts(struct node *node)
{
	struct gossip_event tick = {.kind = EV_TICK};
	struct ipam_event ipam_tick = {.kind = IPAM_EV_TICK};

	if (mono_is_due(gossip_deadline(node->gossip), node->now) && route_has_room(node))
		route_gossip(node, &tick);
	if (mono_is_due(ipamdb_deadline(node->ipamdb), node->now))
		route_ipam(node, &ipam_tick);
}

static void begin_step(struct node *node, struct mono now, struct wall wall)
{
	struct node_update *update = &node->update;

	update->send_count = update->batch_count = update->work_count = 0;
	update->answer_count = update->change_count = update->delivery_count = 0;
	scratch_reset(&node->scratch);
	if (now.ns > node->now.ns) /* a clock that goes back stands still */
		node->now = now;
	/* A clock that was never set counts as one that has just begun. */
	node->wall = (struct wall){wall.ms > 0 ? wall.ms : 0};
}

static const struct node_update *end_step(struct node *node)
{
	/* What the event and what is due have changed may let ops go on. */
	tick_parts(node);
	route_standing(node);
	ops_tick(node);
	presence_tick(node);
	acks_tick(node);
	ready_review(node);
	ops_look(node);
	meet_review(node);
	/* What they all put down may end the wait for a sync: the host may touch the kernel right
	 * after this step, and ops look again in the next one. */
	agenda_run(node);
	networks_number(node);
	networks_read(node);
	ready_review(node);
	works_flush(node);
	answers_flush(node);
	return &node->update;
}

const struct node_update *node_start(struct node *node, struct mono now, struct wall wall,
				     bool marker_ok)
{
	struct gossip_event event = {.kind = EV_START};

	WEFT_ASSERT(!node->started);
	begin_step(node, now, wall);
	node->started = true;
	ipamdb_start(node->ipamdb, now, wall, marker_ok);
	route_gossip(node, &event);
	route_start(node);
	boxes_start(node);
	return end_step(node);
}

const struct node_update *node_step(struct node *node, const struct node_event *event)
{
	struct gossip_event datagram = {
	    .kind = EV_DATAGRAM, .from = event->from, .bytes = event->bytes, .len = event->len};

	WEFT_ASSERT(node->started);
	begin_step(node, event->now, event->wall);
	switch (event->kind) {
	case NODE_EV_TICK:
		break;
	case NODE_EV_DATAGRAM:
		route_gossip(node, &datagram);
		break;
	case NODE_EV_REQUEST:
		request_received(node, event->request);
		break;
	case NODE_EV_COMMITTED:
		commit_done(node, event->token, event->ok ? NULL : &event->err);
		break;
	case NODE_EV_PLUGGED:
		box_plugged(node, event);
		break;
	case NODE_EV_UNPLUGGED:
		box_unplugged(node, &event->id);
		break;
	case NODE_EV_APPLIED:
		ack_applied(node, event->applied, event->applied_count);
		break;
	case NODE_EV_GONE:
		box_gone(node, &event->id);
		break;
	case NODE_EV_LOOKED:
		node->looked = true;
		break;
	}
	return end_step(node);
}

struct mono node_deadline(const struct node *node)
{
	struct mono due = mono_min(gossip_deadline(node->gossip), ipamdb_deadline(node->ipamdb));

	if (!agenda_is_empty(node) || node->works.count > 0 || node->answers.count > 0 ||
	    node->look_again)
		return node->now;
	due = mono_min(due, mono_min(node->networks_due, node->acks_due));
	if (node->unread)
		due = mono_min(due, node->read_at);
	for (size_t i = 0; i < node->ops.count; i++)
		due = mono_min(due, (*(struct op **)vec_at(&node->ops, i))->deadline);
	return mono_min(due, ready_at(node));
}

bool node_is_ready(const struct node *node)
{
	return node->ready;
}

struct gossip *node_gossip(struct node *node)
{
	return node->gossip;
}

struct ipamdb *node_ipamdb(struct node *node)
{
	return node->ipamdb;
}
