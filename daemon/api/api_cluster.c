/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* init, join, leave, reset: how this node comes to a cluster and goes from it. */
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/json.h"
#include "daemon/feed.h"
#include "daemon/underlay.h"
#include "gossip/trust/token.h"

#define SEEDS_MAX 8

/* An address that was only guessed is replaced by the one from which the seed is reached. */
static void advertise_towards(struct daemon *d, const struct hostport *seed)
{
	struct node_request request = {.kind = NODE_ADVERTISE, .addr_count = 1};
	struct hostport own = d->advertise;

	if (d->advertise_chosen || underlay_source(&seed->ip, &own.ip) != 0 ||
	    inet_eq(&own.ip, &d->advertise.ip))
		return;
	d->advertise = own;
	request.addrs = &own;
	request.vtep = own.ip;
	daemon_submit_own(d, &request);
}

static void init_token_done(struct daemon *d, struct request *req, const struct node_answer *answer)
{
	char name[NAME_BYTES] = "";
	struct id cluster = {{0}}, self = gossip_self(node_gossip(d->node));

	gossip_cluster(node_gossip(d->node), &cluster, name);
	request_answer(req, json_pack("{s:o,s:o,s:o,s:o,s:s,s:o}", "cluster", json_id(&cluster),
				      "name", json_name(name), "id", json_id(&cluster), "node",
				      json_id(&self), "token", answer->text ? answer->text : "",
				      "expires", json_token_expires(answer->text)));
}

static void init_follow(struct daemon *d, struct request *req)
{
	struct node_request request = {
	    .kind = NODE_TOKEN_CREATE, .ttl_ms = TOKEN_TTL_MS, .text = ""};
	struct call *call = call_of(d, req);

	call->retry = NULL;
	call->followed = true;
	call->done = init_token_done;
	daemon_submit(d, req, &request);
}

/* The cluster stands; its first token is made in a step of its own. */
void api_init_done(struct daemon *d, struct request *req, const struct node_answer *answer)
{
	struct call *call = call_of(d, req);

	(void)answer;
	call->retry = init_follow;
	call->again = true;
	d->follow = true;
}

void api_init(struct daemon *d, struct request *req)
{
	const char *name = request_text(req, "name");
	struct node_request request = {.kind = NODE_INIT, .text = name ? name : "weft"};

	if (!name_is_valid(request.text)) {
		api_fail(req, WEFT_E_INVALID,
			 "\"%.64s\" is not a name; use 1 to 63 letters, digits, dots, _ and -",
			 request.text);
		return;
	}
	daemon_submit(d, req, &request);
}

static int seeds_of(json_t *list, struct hostport *seeds, size_t *count, struct weft_err *err)
{
	size_t i;
	json_t *item;

	*count = 0;
	json_array_foreach(list, i, item)
	{
		const char *text = json_string_value(item);

		if (*count == SEEDS_MAX)
			return weft_err_set(err, WEFT_E_LIMIT, "more than %d addresses; name fewer",
					    SEEDS_MAX);
		if (hostport_parse(text, GOSSIP_PORT, &seeds[*count]) != 0)
			return weft_err_set(err, WEFT_E_INVALID,
					    "\"%.64s\" is not an address; write ADDR or ADDR:PORT",
					    text);
		(*count)++;
	}
	return 0;
}

void api_join_done(struct daemon *d, struct request *req, const struct node_answer *answer)
{
	char name[NAME_BYTES] = "";
	struct id cluster = {{0}}, self = gossip_self(node_gossip(d->node));
	size_t members = 0;
	struct member_info info;

	(void)answer;
	gossip_cluster(node_gossip(d->node), &cluster, name);
	for (size_t at = 0; gossip_member_next(node_gossip(d->node), &at, &info);)
		members += info.state == MEMBER_ALIVE || info.state == MEMBER_SUSPECT;
	request_answer(req,
		       json_pack("{s:o,s:o,s:o,s:i}", "cluster", json_id(&cluster), "name",
				 json_name(name), "node", json_id(&self), "members", (int)members));
}

void api_join(struct daemon *d, struct request *req)
{
	struct hostport seeds[SEEDS_MAX];
	struct node_request request = {.kind = NODE_JOIN,
				       .text = request_text(req, "token"),
				       .flag = request_flag(req, "replace"),
				       .addrs = seeds};
	struct weft_err err = {0}, late = {0};
	struct token token;

	if (seeds_of(request_json(req, "seeds"), seeds, &request.addr_count, &err) != 0 ||
	    token_parse(gossip_crypto_sodium(), request.text, &token, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	if (request.addr_count > 0)
		advertise_towards(d, &seeds[0]);
	else if (token.addr_count > 0)
		advertise_towards(d, &token.addrs[0]);
	gossip_crypto_sodium()->wipe(gossip_crypto_sodium()->ctx, &token, sizeof(token));
	weft_err_set(&late, WEFT_E_NO_PEER,
		     "no member answered at the token's addresses; name one that runs: weft join "
		     "TOKEN ADDR");
	request_late_set(req, &late);
	daemon_submit(d, req, &request);
}

/* Members would stay behind of whom nobody can admit or remove another one. */
static bool is_last_admin(const struct daemon *d)
{
	bool others = false, self = false;
	struct member_info info;

	for (size_t at = 0; gossip_member_next(node_gossip(d->node), &at, &info);) {
		if (info.state == MEMBER_LEFT || info.state == MEMBER_REMOVED)
			continue;
		if (info.is_admin && !info.is_self)
			return false;
		self |= info.is_self && info.is_admin;
		others |= !info.is_self;
	}
	return self && others;
}

/* Done is done; but does anybody know it for good? */
void api_leave_done(struct daemon *d, struct request *req, const struct node_answer *answer)
{
	(void)answer;
	request_answer(
	    req, json_pack("{s:b}", "known", gossip_fence(node_gossip(d->node)) != FENCE_LEAVING));
}

void api_leave(struct daemon *d, struct request *req)
{
	struct node_request request = {.kind = NODE_LEAVE, .flag = request_flag(req, "force")};
	struct weft_err err = {0};

	if (api_is_active(d, &err) == 0 && !request.flag && is_last_admin(d))
		weft_err_set(&err, WEFT_E_CONFLICT,
			     "this host is the last admin; weft admin add another one first, or "
			     "weft admin backup and leave --force");
	if (err.code != 0) {
		request_fail(req, &err);
		return;
	}
	daemon_submit(d, req, &request);
}

static int still_detaching(const struct daemon *d, struct weft_err *err)
{
	size_t boxes = feed_boxes(d);

	return weft_err_set(err, WEFT_E_BUSY,
			    "%zu endpoint%s still being detached on this host; repeat weft reset, "
			    "or, if weftd's log says that this cannot be done, weft reset --force",
			    boxes, boxes == 1 ? " is" : "s are");
}

static bool store_refuses(const struct daemon *d)
{
	return d->store_ailment.err.code != 0;
}

/* Of who was removed the boxes go by themselves, unless its store refuses that. */
static bool boxes_are_going(const struct daemon *d)
{
	return gossip_phase(node_gossip(d->node)) == NODE_REMOVED && feed_boxes(d) > 0 &&
	       !store_refuses(d);
}

/* Wiping is for who is out already: the state of a member is also the others' business. Whom they
 * refuse has no other way out, but what serves boxes is not wiped under them, unless its store
 * refuses to detach them, or did when the kernel gave them up. Boxes of which an older state knows
 * nothing are seen in the kernel alone. What a copy finds there may be the original's. */
static int may_reset(struct daemon *d, bool force, struct weft_err *err)
{
	enum node_phase phase = gossip_phase(node_gossip(d->node));
	bool is_refused = gossip_is_refused(node_gossip(d->node), NULL);
	bool is_out = phase == NODE_LEFT || phase == NODE_REMOVED || phase == NODE_NO_CLUSTER;
	size_t boxes = feed_boxes(d);

	if (kernel_is_wanted(d))
		return weft_err_set(err, WEFT_E_CONFLICT,
				    "this host is a member; weft leave first (or let an admin "
				    "weft node rm it), then weft reset");
	if (phase == NODE_COPY || (force && is_out))
		return 0;
	if (boxes > 0 && phase == NODE_REMOVED)
		return still_detaching(d, err);
	if (boxes > 0 && !(force && (store_refuses(d) || d->withdrawn)))
		return weft_err_set(err, WEFT_E_IN_USE,
				    "%zu endpoint%s attached on this host; weft detach %s first, "
				    "then weft reset%s",
				    boxes, boxes == 1 ? " is" : "s are", boxes == 1 ? "it" : "them",
				    store_refuses(d) ? ", or, as the store refuses that, weft "
						       "reset --force"
						     : "");
	WEFT_ASSERT(is_out || is_refused);
	if (!force && d->totals.unknown_boxes > 0)
		return weft_err_set(err, WEFT_E_IN_USE,
				    "%u box%s plugged in on this host of which this node's state "
				    "knows nothing, as it may be older; weft reset --force takes "
				    "the network from %s",
				    d->totals.unknown_boxes,
				    d->totals.unknown_boxes == 1 ? " is" : "es are",
				    d->totals.unknown_boxes == 1 ? "it" : "them");
	if (!force && d->kernel_tried && !d->kernel)
		return weft_err_set(
		    err, WEFT_E_KERNEL,
		    "weftd could not open the kernel's sockets, as its log says, so "
		    "what an earlier run left in the kernel would stay; weft reset "
		    "--force leaves it behind");
	return 0;
}

static void answer_reset(void *ctx, struct request *req)
{
	(void)ctx;
	if (request_method(req)->id == API_RESET)
		request_answer(req, json_object());
}

/* All who wait for it are told: for those who come last there will be no weftd to answer them. They
 * are told that the wipe begins: connections end with this run, and that it is done shows in the
 * status of the next one, for which the command waits. */
static void wipe(struct daemon *d, struct request *req)
{
	if (!daemon_stop(d, DAEMON_WIPE)) {
		api_fail(req, WEFT_E_BUSY, "weftd is stopping; try again when it runs");
		return;
	}
	log_line(d->log, LOG_LEVEL_WARNING,
		 "the state of this node is about to be wiped by request%s",
		 d->kernel_tried && !d->kernel
		     ? "; what an earlier run left in the kernel, which could not be opened, stays"
		     : "");
	request_answer(req, json_object());
	http_each_pending(d->http, NULL, answer_reset);
}

/* What stays in the kernel without the state that explains it is for a person to find. Meanwhile
 * this node may have become a member. */
static void reset_settled(struct daemon *d, struct request *req, const struct kernel_tell *tell)
{
	bool force = call_of(d, req)->force;
	struct weft_err err = {0};

	if (may_reset(d, force, &err) != 0)
		request_fail(req, &err);
	else if (tell->totals.failed > 0 && !force)
		api_fail(req, WEFT_E_KERNEL,
			 "the kernel did not give up all that is weft's, as weftd's log says, and "
			 "it is tried again; repeat weft reset, or weft reset --force to leave the "
			 "rest behind");
	else
		wipe(d, req);
}

static void settle(struct daemon *d, struct request *req,
		   void (*told)(struct daemon *, struct request *, const struct kernel_tell *))
{
	struct kernel_ask *ask = kernel_ask_new(ASK_SETTLE);

	call_of(d, req)->told = told;
	ask->tag = request_tag(req);
	kernel_thread_ask(d->kernel, ask);
}

/* What stands in the kernel goes first, while there is a state to explain it. */
static void withdraw(struct daemon *d, struct request *req)
{
	kernel_withdraw(d);
	settle(d, req, reset_settled);
}

/* Now it is known whether there are boxes of which the state knows nothing. Meanwhile this node may
 * have turned out to be a copy, which takes nothing away. */
static void reset_looked(struct daemon *d, struct request *req, const struct kernel_tell *tell)
{
	struct weft_err err = {0};

	d->totals.unknown_boxes = tell->totals.unknown_boxes;
	if (may_reset(d, false, &err) != 0)
		request_fail(req, &err);
	else if (gossip_phase(node_gossip(d->node)) == NODE_COPY)
		wipe(d, req);
	else if (tell->totals.failed > 0)
		api_fail(req, WEFT_E_KERNEL,
			 "the kernel could not be looked at for boxes that are plugged in, as "
			 "weftd's log says, and it is tried again; repeat weft reset, or weft "
			 "reset --force to take the network from them");
	else
		withdraw(d, req);
}

/* Who left or was removed knows what it had. Another state may be older than the kernel, or not be
 * there at all: what it does not explain is looked for before anything goes. */
static void reset_kernel(struct daemon *d, struct request *req)
{
	enum node_phase phase = gossip_phase(node_gossip(d->node));
	struct call *call = call_of(d, req);
	struct weft_err late = {0};

	weft_err_set(&late, WEFT_E_TIMEOUT,
		     "the kernel still gives up what is weft's, and this node's state is not wiped "
		     "yet; repeat weft reset");
	request_late_set(req, &late);
	call->force = request_flag(req, "force");
	if (call->force || phase == NODE_LEFT || phase == NODE_REMOVED ||
	    (d->kernel_fed && !d->kernel_held)) {
		withdraw(d, req);
		return;
	}
	kernel_look(d);
	settle(d, req, reset_looked);
}

static void await_boxes(struct daemon *d, struct request *req)
{
	struct call *call = call_of(d, req);
	struct weft_err late = {0};

	(void)still_detaching(d, &late);
	request_late_set(req, &late);
	call->retry = api_reset;
	call->again = d->resets_wait = true;
}

void api_resets_follow(struct daemon *d)
{
	if (!d->resets_wait || boxes_are_going(d))
		return;
	d->resets_wait = false;
	d->follow = true;
}

void api_reset(struct daemon *d, struct request *req)
{
	struct weft_err err = {0};

	call_of(d, req)->retry = NULL;
	if (!request_flag(req, "force") && boxes_are_going(d))
		await_boxes(d, req);
	else if (may_reset(d, request_flag(req, "force"), &err) != 0)
		request_fail(req, &err);
	else if (d->kernel && gossip_phase(node_gossip(d->node)) != NODE_COPY)
		reset_kernel(d, req);
	else
		wipe(d, req);
}
