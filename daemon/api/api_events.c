/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Events for listeners: {"event": "member"|"network"|"endpoint"|"node", "action": ..., the object}.
 * A stream begins with what is (action "is"), then says what changes.
 */
#include <string.h>

#include "daemon/api/json.h"
#include "daemon/api/api.h"

static json_t *event_new(const char *event, const char *action, json_t *object)
{
	json_t *json = json_pack("{s:s,s:s,s:o}", "event", event, "action", action, "at",
				 json_wall(daemon_wall()));

	json_object_set_new(json, event, object);
	return json;
}

static void event_member(struct daemon *d, const struct gossip_change *change)
{
	struct member_info info;

	if (!gossip_member(node_gossip(d->node), &change->member, &info))
		return;
	events_add(d->events,
		   event_new("member",
			     change->before == change->after ? "changed"
							     : member_state_name(change->after),
			     json_member(d, &info)));
}

static void event_network(struct daemon *d, const struct row_view *row)
{
	struct id id = row_key_id(row);
	struct rec_network rec;

	if (row->kind == FACT_NETWORK_END)
		events_add(d->events,
			   event_new("network", "removed", json_pack("{s:o}", "id", json_id(&id))));
	else if (rec_network_decode(row->value, row->value_len, &rec) == 0)
		events_add(d->events, event_new("network", "created", json_network(d, &id, &rec)));
}

static void event_endpoint(struct daemon *d, const struct row_view *row)
{
	struct endpoint_found found = {
	    .id = row_key_id(row), .network = row->topic, .owner = row->owner};

	if (row->deleted)
		events_add(d->events,
			   event_new("endpoint", "removed", json_endpoint_gone(d, &found)));
	else if (rec_endpoint_decode(row->value, row->value_len, &found.rec) == 0)
		events_add(d->events, event_new("endpoint", "added", json_endpoint(d, &found)));
}

void api_event(struct daemon *d, const struct gossip_change *change)
{
	switch (change->kind) {
	case CHANGE_MEMBER:
		event_member(d, change);
		break;
	case CHANGE_PHASE:
		events_add(d->events,
			   event_new("node", node_phase_name(gossip_phase(node_gossip(d->node))),
				     json_object()));
		break;
	case CHANGE_ROW:
		if (change->row.kind == ROW_ENDPOINT)
			event_endpoint(d, &change->row);
		else if (change->row.kind == FACT_NETWORK || change->row.kind == FACT_NETWORK_END)
			event_network(d, &change->row);
		break;
	case CHANGE_SYNCED:
	case CHANGE_TOPIC:
		break;
	}
}

struct snapshot {
	struct daemon *d;
	json_t *lines;
};

static bool snapshot_network(void *ctx, const struct id *id, const struct rec_network *rec)
{
	struct snapshot *snapshot = ctx;

	json_array_append_new(snapshot->lines,
			      event_new("network", "is", json_network(snapshot->d, id, rec)));
	return true;
}

static bool snapshot_endpoint(void *ctx, const struct endpoint_found *found)
{
	struct snapshot *snapshot = ctx;

	json_array_append_new(snapshot->lines,
			      event_new("endpoint", "is", json_endpoint(snapshot->d, found)));
	return true;
}

static json_t *snapshot_of(struct daemon *d)
{
	struct snapshot snapshot = {d, json_array()};
	char cursor[CURSOR_BYTES];
	struct member_info info;
	json_t *end;

	for (size_t at = 0; gossip_member_next(node_gossip(d->node), &at, &info);)
		json_array_append_new(snapshot.lines,
				      event_new("member", "is", json_member(d, &info)));
	each_network(d, &snapshot, snapshot_network);
	each_endpoint(d, NULL, &snapshot, snapshot_endpoint);
	end = json_pack("{s:s,s:s}", "event", "snapshot", "action", "end");
	events_cursor(d->events, cursor);
	json_object_set_new(end, "cursor", json_string(cursor));
	json_array_append_new(snapshot.lines, end);
	return snapshot.lines;
}

void api_events(struct daemon *d, struct request *req)
{
	const char *cursor = request_text(req, "cursor");
	bool resume = cursor && events_has(d->events, cursor);

	events_stream(d->events, req, cursor, resume ? NULL : snapshot_of(d));
}
