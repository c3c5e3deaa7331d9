/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The exchange.
 *
 *   gossip's update:  changes -> ipamdb, networks, boxes, the node's update
 *                     deliveries, answers -> ipamdb, acks, ops
 *                     persists -> batches
 *   ipamdb's update:  groups -> commits (with what their op adds) -> agenda
 *                     messages, replies -> agenda -> gossip
 *                     answers -> ops
 *
 * Reading gossip's update may step ipamdb, whose update is read at once; everything that would step
 * gossip, or ipamdb from its own update, waits on the agenda. What an update names is copied before
 * the next step of its maker.
 */
#include "route.h"

#include <string.h>

#include "ack.h"
#include "agenda.h"
#include "box.h"
#include "commit.h"
#include "network.h"
#include "op.h"
#include "presence.h"
#include "reserve.h"
#include "talk.h"

#define MESSAGE_TTL_MS 3000 /* a holder that is silent costs an attach so much of its patience */

_Static_assert(UPDATE_SENDS <= NODE_SENDS && UPDATE_PERSISTS < NODE_BATCHES &&
		   UPDATE_CHANGES <= NODE_CHANGES,
	       "there is room for a step of gossip in an update that is empty");
_Static_assert(IPAM_ROWS < UPDATE_WRITES, "gossip signs the rows of a group in one command");
_Static_assert(IPAM_MESSAGE_BYTES_MAX <= MESSAGE_BYTES_MAX, "gossip carries ipamdb's messages");

struct call_entry {
	uint64_t tag;
	uint64_t ipam_tag;
};

bool route_has_room(const struct node *node)
{
	const struct node_update *update = &node->update;

	return update->send_count + UPDATE_SENDS <= NODE_SENDS &&
	       update->batch_count + UPDATE_PERSISTS + 1 <= NODE_BATCHES &&
	       update->change_count + UPDATE_CHANGES <= NODE_CHANGES;
}

/* ---- ipamdb's update ---- */

static void commit_signed(struct commit *commit, struct write *write)
{
	write->bytes = row_bytes(&write->row, &write->len);
	commit_write(commit, write);
}

static bool has_record(const struct commit *commit, const struct id *owner)
{
	for (size_t i = 0; i < commit->writes.count; i++) {
		const struct commit_write *kept = vec_at(&commit->writes, i);
		if (kept->write.kind == WRITE_SNAPSHOT && kept->write.row.kind == ROW_MEMBER &&
		    id_eq(&kept->write.row.owner, owner))
			return true;
	}
	return false;
}

/* The record of who signed a row goes along: its own commit may have failed, and nobody takes the
 * row from a node that cannot show whose it is. */
static void keep_record(struct node *node, struct commit *commit, const struct id *owner)
{
	struct write write = {.kind = WRITE_SNAPSHOT};

	if (!has_record(commit, owner) &&
	    gossip_row(node->gossip, owner, &id_none, ROW_MEMBER, NULL, 0, &write.row))
		commit_signed(commit, &write);
}

/* Somebody else's row or fact as it was received. Where one is not there any more the whole commit
 * fails: ipamdb takes all of a group for stored, or none. */
static void keep_row(struct node *node, struct commit *commit, const struct ipam_keep *keep)
{
	bool is_fact = keep->kind >= ROW_KIND_FACTS;
	struct write write = {.kind = is_fact ? WRITE_FACT : WRITE_SNAPSHOT};

	if (!gossip_row(node->gossip, is_fact ? NULL : &keep->owner, &id_none, keep->kind,
			keep->key, keep->key_len, &write.row)) {
		commit->is_short = true;
		return;
	}
	if (!is_fact && keep->kind != ROW_MEMBER)
		keep_record(node, commit, &keep->owner);
	commit_signed(commit, &write);
}

static void take_group(struct node *node, const struct ipam_update *update,
		       const struct ipam_group *group)
{
	struct commit *commit = commit_new(node, group->tag);
	struct op *op = op_find(node, group->tag);

	commit->ipam_token = group->token;
	for (size_t i = 0; i < group->row_count; i++)
		commit_row(commit, &update->rows[group->first_row + i]);
	for (size_t i = 0; i < group->write_count; i++)
		commit_write(commit, &update->writes[group->first_write + i]);
	for (size_t i = 0; i < group->keep_count; i++)
		keep_row(node, commit, &update->keeps[group->first_keep + i]);
	if (op != NULL)
		op_compose(node, op, update, group, commit);
	commit_queue(node, commit);
}

static void take_message(struct node *node, const struct ipam_message *message)
{
	struct call_entry *call;
	uint64_t tag = ++node->next_tag;

	call = map_insert(&node->calls, &tag, NULL);
	call->ipam_tag = message->tag;
	agenda_add(node, &(struct agenda_item){.kind = AGENDA_MESSAGE,
					       .tag = tag,
					       .peer = message->to,
					       .ttl_ms = MESSAGE_TTL_MS,
					       .len = message->len,
					       .bytes = (void *)(uintptr_t)message->bytes});
}

static void read_ipam(struct node *node, const struct ipam_update *update)
{
	WEFT_ASSERT(!node->reading_ipamdb);
	node->reading_ipamdb = true;
	for (size_t i = 0; i < update->group_count; i++)
		take_group(node, update, &update->groups[i]);
	for (size_t i = 0; i < update->message_count; i++)
		take_message(node, &update->messages[i]);
	for (size_t i = 0; i < update->reply_count; i++)
		agenda_add(node, &(struct agenda_item){
				     .kind = AGENDA_REPLY,
				     .message = update->replies[i].message,
				     .len = update->replies[i].len,
				     .bytes = (void *)(uintptr_t)update->replies[i].bytes});
	for (size_t i = 0; i < update->answer_count; i++) {
		struct op *op = op_find(node, update->answers[i].tag);

		if (op != NULL)
			op_ipam_answered(node, op, &update->answers[i]);
	}
	node->reading_ipamdb = false;
}

void route_ipam(struct node *node, struct ipam_event *event)
{
	WEFT_ASSERT(!node->reading_ipamdb);
	event->now = node->now;
	event->wall = node->wall;
	read_ipam(node, ipamdb_step(node->ipamdb, event));
}

/* ---- gossip's update ---- */

static void take_sends(struct node *node, const struct gossip_update *update)
{
	for (size_t i = 0; i < update->send_count; i++) {
		struct gossip_send *send = &node->update.sends[node->update.send_count++];

		*send = update->sends[i];
		send->bytes = scratch_copy(&node->scratch, send->bytes, send->len);
	}
}

/* For the outside, which reads it after further steps of gossip. */
static void tell_change(struct node *node, const struct gossip_change *change)
{
	struct gossip_change *out = &node->update.changes[node->update.change_count++];
	struct row_view *row = &out->row;

	*out = *change;
	if (change->kind != CHANGE_ROW)
		return;
	row->value = scratch_copy(&node->scratch, row->value, row->value_len);
	row->sig = scratch_copy(&node->scratch, row->sig, row->sig != NULL ? ROW_SIG_BYTES : 0);
}

static void member_changed(struct node *node, const struct id *id)
{
	struct member_info info;
	struct ipam_event event = {.kind = IPAM_EV_MEMBER, .member = *id};

	if (!gossip_member(node->gossip, id, &info))
		return;
	event.present = info.state == MEMBER_ALIVE || info.state == MEMBER_SUSPECT;
	event.removed = member_state_is_gone(info.state);
	event.name = info.name;
	route_ipam(node, &event);
	if (!event.present)
		ack_forget(node, id);
}

/* Rows that ipamdb never looks at are the many. */
static void row_changed(struct node *node, const struct row_view *row)
{
	struct ipam_event event = {.kind = IPAM_EV_ROW, .row = row};

	if (row->kind == ROW_ENDPOINT) {
		box_row_changed(node, row);
		return;
	}
	route_ipam(node, &event);
	network_row_changed(node, row);
}

/* A node leases while it is an active member, which others believe, and nobody else has its
 * identity. One that no member consented to may too if its marker was there: it is no copy, and
 * ipamdb's guard asked for that. */
void route_standing(struct node *node)
{
	bool may = node->phase == NODE_ACTIVE && !gossip_is_cloned(node->gossip) &&
		   !gossip_is_refused(node->gossip, NULL);
	struct ipam_event event = {.kind = IPAM_EV_ACTIVE, .ok = may};
	enum ipam_standing standing = may ? STANDS_ACTIVE : STANDS_FENCED;

	if (node->phase == NODE_NO_CLUSTER || node->phase == NODE_JOINING ||
	    node->phase == NODE_CLAIMING || standing == node->standing)
		return;
	node->standing = standing;
	event.member = gossip_admitter(node->gossip);
	route_ipam(node, &event);
}

static void phase_changed(struct node *node)
{
	enum node_phase before = node->phase;
	struct id self = gossip_self(node->gossip);

	node->phase = gossip_phase(node->gossip);
	node->look_again = true;
	ipamdb_self_set(node->ipamdb, &self);
	if (node->phase == before)
		return;
	if (node->phase == NODE_ACTIVE) {
		node->active_since = node->now;
		agenda_add(node, &(struct agenda_item){.kind = AGENDA_TOPICS});
		reservations_end(node);
	}
	route_standing(node);
	if (node->phase == NODE_REMOVED)
		boxes_withdraw(node);
}

static void topic_synced(struct node *node, const struct id *topic)
{
	struct network *network = network_find(node, topic);

	if (network != NULL && network->presence != PRESENCE_NONE)
		presence_settled(node, network);
}

static void take_change(struct node *node, const struct gossip_change *change)
{
	struct ipam_event event = {.kind = IPAM_EV_SYNCED, .member = change->member};

	tell_change(node, change);
	switch (change->kind) {
	case CHANGE_ROW:
		row_changed(node, &change->row);
		break;
	case CHANGE_MEMBER:
		member_changed(node, &change->member);
		break;
	case CHANGE_PHASE:
		phase_changed(node);
		break;
	case CHANGE_TOPIC:
		topic_synced(node, &change->row.topic);
		break;
	case CHANGE_SYNCED:
		node->synced = true;
		node->look_again = true;
		route_ipam(node, &event);
		break;
	}
}

static void take_delivery(struct node *node, const struct gossip_delivery *delivery)
{
	struct ipam_event event = {.kind = IPAM_EV_MESSAGE,
				   .member = delivery->from,
				   .message = delivery->message,
				   .bytes = delivery->bytes,
				   .len = delivery->len};

	if (ack_is_message(delivery->bytes, delivery->len))
		ack_received(node, delivery);
	else if (talk_is_message(delivery->bytes, delivery->len))
		talk_delivered(node, delivery);
	else
		route_ipam(node, &event);
}

static void take_answer(struct node *node, const struct gossip_answer *answer)
{
	struct call_entry *call = map_find(&node->calls, &answer->tag);
	struct ipam_event event = {.kind = IPAM_EV_ANSWERED,
				   .member = answer->id,
				   .code = answer->err.code,
				   .bytes = answer->bytes,
				   .len = answer->len};
	struct op *op;

	if (call != NULL) {
		event.tag = call->ipam_tag;
		map_remove(&node->calls, &answer->tag);
		route_ipam(node, &event);
		return;
	}
	if (talk_answered(node, answer))
		return;
	op = op_find(node, answer->tag);
	if (op != NULL)
		op_gossip_answered(node, op, answer);
}

/* put_tag: of the CMD_PUT that this step executes, 0 none; its writes are the caller's. */
static const struct gossip_update *step_gossip(struct node *node, struct gossip_event *event,
					       uint64_t put_tag)
{
	const struct gossip_update *update;

	WEFT_ASSERT(!node->reading_gossip && !node->reading_ipamdb);
	event->now = node->now;
	event->wall = node->wall;
	update = gossip_step(node->gossip, event);
	node->reading_gossip = true;
	take_sends(node, update);
	node->put_token = 0;
	for (size_t i = 0; i < update->persist_count; i++) {
		if (put_tag != 0 && update->persists[i].tag == put_tag)
			node->put_token = update->persists[i].token;
		else
			commit_of_gossip(node, update, &update->persists[i]);
	}
	for (size_t i = 0; i < update->change_count; i++)
		take_change(node, &update->changes[i]);
	for (size_t i = 0; i < update->delivery_count; i++)
		take_delivery(node, &update->deliveries[i]);
	for (size_t i = 0; i < update->answer_count; i++) {
		if (put_tag != 0 && update->answers[i].tag == put_tag)
			node->put_err = update->answers[i].err;
		else
			take_answer(node, &update->answers[i]);
	}
	node->reading_gossip = false;
	return update;
}

void route_gossip(struct node *node, struct gossip_event *event)
{
	(void)step_gossip(node, event, 0);
}

void route_command(struct node *node, const struct gossip_command *command)
{
	struct gossip_event event = {.kind = EV_COMMAND, .command = command};

	(void)step_gossip(node, &event, 0);
}

const struct gossip_update *route_put(struct node *node, struct gossip_command *command)
{
	struct gossip_event event = {.kind = EV_COMMAND, .command = command};

	command->tag = ++node->next_tag;
	node->put_err = (struct weft_err){0};
	return step_gossip(node, &event, command->tag);
}

void route_start(struct node *node)
{
	struct member_info info;

	phase_changed(node);
	for (size_t at = 0; gossip_member_next(node->gossip, &at, &info);)
		member_changed(node, &info.id);
	agenda_add(node, &(struct agenda_item){.kind = AGENDA_TOPICS});
}

void calls_open(struct node *node, uint64_t seed)
{
	map_init(&node->calls, &node->heap, sizeof(uint64_t), sizeof(struct call_entry), seed);
}
