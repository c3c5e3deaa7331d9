/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Fences: what keeps this node from leasing, in words, and weft node recover. */
#include <stdio.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/json.h"
#include "gossip/base/check.h"
#include "ipamdb/query.h"

const char *node_fence_name(enum node_fence fence)
{
	static const char *const names[] = {
	    [FENCE_NONE] = NULL,   [FENCE_REMOVED] = "removed",   [FENCE_CLONE] = "clone",
	    [FENCE_LEFT] = "left", [FENCE_SET_BACK] = "set_back", [FENCE_LEAVING] = "leaving",
	    [FENCE_VOID] = "void",
	};

	WEFT_ASSERT(fence < sizeof(names) / sizeof(names[0]));
	return names[fence];
}

json_t *json_removal(struct daemon *d)
{
	struct node_removal removal;
	char by[NAME_BYTES + 8];

	if (!gossip_removal(node_gossip(d->node), &removal))
		return json_null();
	member_label(d, &removal.by, by);
	return json_pack("{s:o,s:o,s:o}", "by", json_name(by), "at", json_wall(removal.rec.at),
			 "reason", json_name(removal.rec.reason));
}

static int say_removed(struct daemon *d, struct weft_err *err)
{
	struct node_removal removal;
	char by[NAME_BYTES + 8], at[WALL_TEXT_BYTES];

	if (!gossip_removal(node_gossip(d->node), &removal))
		return weft_err_set(err, WEFT_E_REMOVED,
				    "this node was removed from its cluster; run weft reset");
	member_label(d, &removal.by, by);
	wall_format(removal.rec.at, at);
	return weft_err_set(err, WEFT_E_REMOVED,
			    "this node was removed by %s at %s%s%s; run weft "
			    "reset",
			    by, at, removal.rec.reason[0] ? ": " : "", removal.rec.reason);
}

static int say_copy(const struct daemon *d, struct weft_err *err)
{
	struct hostport lives;
	char text[HOSTPORT_TEXT_BYTES] = "another address";

	if (gossip_original(node_gossip(d->node), &lives) && lives.port != 0)
		hostport_format(&lives, text);
	return weft_err_set(err, WEFT_E_IS_COPY,
			    "this state directory is a copy of the member that runs at %s; run "
			    "weft reset here, then weft join",
			    text);
}

/* Whoever refuses this node does so until it is removed, also when it is gone. */
static void say_refuser(struct daemon *d, const struct id *by, struct weft_err *err)
{
	struct member_info info;
	char label[NAME_BYTES + 8];
	size_t len = strlen(err->message);

	member_label(d, by, label);
	if (gossip_member(node_gossip(d->node), by, &info) && info.state == MEMBER_FAILED)
		snprintf(err->message + len, sizeof(err->message) - len,
			 " (%s says so, which has failed: if weft members elsewhere shows this "
			 "node alive, weft node rm %s there ends it)",
			 label, label);
	else
		snprintf(err->message + len, sizeof(err->message) - len, " (%s says so)", label);
}

/* Who admitted this node was removed, perhaps before others knew of it. One of them says that they
 * do not believe it, or this node has heard of nobody since and cannot know. */
static int say_void(struct daemon *d, struct weft_err *err)
{
	struct gossip *g = node_gossip(d->node);
	struct id removed, by, admitter = gossip_admitter(g);
	char label[NAME_BYTES + 8];
	const char *path;

	(void)gossip_is_refused(g, &removed);
	member_label(d, &removed, label);
	path = id_eq(&removed, &admitter) ? "" : ", or one through whom it came in,";
	if (!gossip_refused_by(g, &by))
		return weft_err_set(
		    err, WEFT_E_FENCED,
		    "fenced: %s admitted this node%s and was removed, and this node has heard of "
		    "nobody else since: it waits for a member's word whether the others know it; "
		    "see that one runs and can be reached (only if none ever speaks to it: detach "
		    "its boxes, run weft reset, then weft join with a fresh token)",
		    label, path);
	weft_err_set(err, WEFT_E_FENCED,
		     "fenced: %s admitted this node%s and was removed before the others heard of "
		     "it, so they refuse it; unless one of them turns out to know it, detach its "
		     "boxes, run weft reset, then weft join with a fresh token",
		     label, path);
	say_refuser(d, &by, err);
	return err->code;
}

int api_fence(struct daemon *d, struct weft_err *err)
{
	const struct gossip *g = node_gossip(d->node);

	if (gossip_phase(g) == NODE_REMOVED)
		return say_removed(d, err);
	if (gossip_phase(g) == NODE_COPY)
		return say_copy(d, err);
	switch (gossip_fence(g)) {
	case FENCE_SET_BACK:
		return weft_err_set(err, WEFT_E_FENCED,
				    "fenced: this node's disk went back in time; what it leased "
				    "is served, nothing new is leased; run weft node recover");
	case FENCE_CLONE:
		return weft_err_set(err, WEFT_E_FENCED,
				    "fenced: another process has this node's identity; stop that "
				    "one, then run weft node recover here (weft reset on a copy)");
	case FENCE_VOID:
		return say_void(d, err);
	default:
		return 0;
	}
}

static json_t *json_dropped(struct daemon *d, const struct node_finding *finding)
{
	struct ipam_net_info net;
	char other[NAME_BYTES + 8] = "";
	bool known = ipamdb_net(node_ipamdb(d->node), &finding->network, &net) && net.name[0];

	if (!id_is_zero(&finding->other))
		member_label(d, &finding->other, other);
	return json_pack("{s:s,s:o,s:o,s:o,s:o}", "why",
			 finding->kind == FINDING_STRAY ? "not_ours" : "unknown_here", "network",
			 known ? json_name(net.name) : json_id(&finding->network), "address",
			 json_inet(&finding->address), "endpoint", json_id(&finding->endpoint),
			 "other", other[0] ? json_name(other) : json_null());
}

static void recover_answer(struct daemon *d, struct request *req, const char *fence,
			   const struct node_answer *answer)
{
	json_t *dropped = json_array();
	struct lease lease;
	size_t kept = 0;

	for (size_t i = 0; answer && i < answer->finding_count; i++)
		json_array_append_new(dropped, json_dropped(d, &answer->findings[i]));
	for (size_t at = 0; ipamdb_lease_next(node_ipamdb(d->node), &at, &lease);)
		kept += !lease.cooling;
	request_answer(req, json_pack("{s:b,s:s?,s:o,s:i}", "recovered", fence != NULL, "fence",
				      fence, "dropped", dropped, "kept", (int)kept));
}

void api_node_recover_done(struct daemon *d, struct request *req, const struct node_answer *answer)
{
	const char *fence = node_fence_name((enum node_fence)call_of(d, req)->attempts);

	log_line(d->log, LOG_LEVEL_WARNING,
		 "node recover by uid %u: %zu endpoints and addresses given up, fence %s lifted",
		 (unsigned)request_caller(req)->uid, answer->finding_count, fence ? fence : "none");
	recover_answer(d, req, fence, answer);
}

void api_node_recover(struct daemon *d, struct request *req)
{
	enum node_fence fence = gossip_fence(node_gossip(d->node));
	struct node_request request = {.kind = NODE_RECOVER, .flag = request_flag(req, "force")};
	struct call *call = call_of(d, req);
	struct weft_err err = {0};

	if (api_is_active(d, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	if (fence == FENCE_NONE) {
		recover_answer(d, req, NULL, NULL);
		return;
	}
	if (fence == FENCE_VOID) { /* nothing here can make others believe it */
		(void)say_void(d, &err);
		request_fail(req, &err);
		return;
	}
	log_line(d->log, LOG_LEVEL_WARNING, "node recover asked for by uid %u%s",
		 (unsigned)request_caller(req)->uid, request.flag ? ", by force" : "");
	call->attempts = (unsigned)fence;
	daemon_submit(d, req, &request);
}
