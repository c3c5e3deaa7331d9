/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Between the node and the kernel thread: work goes one way, and what became of it comes back as
 * events of the node, answers of requests, or lines of the log.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/diag/diag.h"
#include "daemon/feed.h"
#include "gossip/base/check.h"
#include "ipamdb/query.h"

/* A fenced node's rows may be older than what it plugged in: boxes attached since its state was
 * copied are not to lose their ports before it is recovered. Nor are they while the restart guard
 * waits: who would show that this disk went back was not met yet. */
static bool may_be_behind(const struct daemon *d)
{
	const struct gossip *g = node_gossip(d->node);
	enum node_fence fence = gossip_fence(g);

	if (gossip_phase(g) == NODE_LEFT || gossip_phase(g) == NODE_REMOVED)
		return false;
	return fence == FENCE_CLONE || fence == FENCE_SET_BACK ||
	       ipamdb_is_guarded(node_ipamdb(d->node));
}

static void hold_kernel(struct daemon *d)
{
	bool early = d->kernel_fed && !node_is_ready(d->node); /* only to be looked at */
	bool held = !d->withdrawn && (early || may_be_behind(d));
	struct kernel_ask *ask;

	if (!d->kernel || held == d->kernel_held)
		return;
	ask = kernel_ask_new(ASK_HOLD);
	ask->held = d->kernel_held = held;
	kernel_thread_ask(d->kernel, ask);
}

bool kernel_is_wanted(const struct daemon *d)
{
	const struct gossip *g = node_gossip(d->node);
	enum node_phase phase = gossip_phase(g);

	return (phase == NODE_ACTIVE || phase == NODE_CLAIMING || phase == NODE_JOINING) &&
	       !gossip_is_refused(g, NULL);
}

void kernel_look(struct daemon *d)
{
	if (d->kernel_fed)
		return;
	d->kernel_fed = true;
	hold_kernel(d);
	feed_all(d);
}

void kernel_withdraw(struct daemon *d)
{
	WEFT_ASSERT(d->kernel != NULL);
	if (!d->kernel_fed)
		feed_all(d);
	d->kernel_fed = d->withdrawn = true;
	hold_kernel(d);
	feed_withdraw(d);
}

void kernel_follow(struct daemon *d)
{
	/* after a reset that did not come to its end; nothing comes back behind one that did */
	if (d->withdrawn && d->end == DAEMON_RUNS && kernel_is_wanted(d))
		feed_again(d);
	hold_kernel(d);
	if (d->kernel && !d->kernel_fed && node_is_ready(d->node)) {
		feed_all(d);
		d->kernel_fed = true;
	}
	if (d->kernel_fed && !d->withdrawn && feed_boxes(d) == 0 &&
	    gossip_phase(node_gossip(d->node)) == NODE_REMOVED)
		kernel_withdraw(d);
}

/* Without a kernel nothing can be plugged, and nothing was. Only starts without the right to open
 * the kernel's sockets come here. The node is not told within its own step. */
static void refuse_work(struct daemon *d, const struct node_work *work)
{
	WEFT_ASSERT(d->refused_count < NODE_WORKS);
	if (work->kind == WORK_MAKE || work->kind == WORK_UNMAKE)
		return; /* nobody waits for these */
	d->refused[d->refused_count++] =
	    (struct kernel_refusal){work->endpoint.id, work->kind == WORK_PLUG};
}

void kernel_refusals(struct daemon *d)
{
	struct kernel_refusal refused[NODE_WORKS];
	size_t count = d->refused_count;

	/* Each telling is a step of its own, which may be refused work in turn. */
	memcpy(refused, d->refused, count * sizeof(refused[0]));
	d->refused_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct node_event event = {.kind = NODE_EV_UNPLUGGED, .id = refused[i].endpoint};

		if (refused[i].is_plug) {
			event.kind = NODE_EV_PLUGGED;
			weft_err_set(&event.err, WEFT_E_KERNEL,
				     "weftd could not open the kernel's sockets, so nothing can be "
				     "attached on this host; its log says why");
		}
		daemon_step(d, &event);
	}
}

/* Who asked was told that it failed, or went away: the plug finds no box then, and the node takes
 * the endpoint back. */
static void unmake(struct daemon *d, const struct node_work *work)
{
	struct kernel_ask *ask = kernel_ask_new(ASK_UNMAKE);

	ask->rec.local = work->endpoint;
	kernel_thread_ask(d->kernel, ask);
}

void kernel_tell_done(struct daemon *d)
{
	struct kernel_ask *ask;

	if (!d->kernel)
		return;
	ask = kernel_ask_new(ASK_TELL_DONE);
	ask->wanted = d->log->level >= LOG_LEVEL_DEBUG;
	kernel_thread_ask(d->kernel, ask);
}

void kernel_work(struct daemon *d, const struct node_work *work)
{
	static const enum kernel_ask_kind kinds[] = {[WORK_PLUG] = ASK_PLUG,
						     [WORK_UNPLUG] = ASK_UNPLUG,
						     [WORK_MAKE] = ASK_MAKE,
						     [WORK_UNMAKE] = ASK_UNMAKE};
	struct kernel_ask *ask;
	struct request *req;

	if (!d->kernel) {
		refuse_work(d, work);
		return;
	}
	/* What is most likely refused leaves nothing in the kernel meanwhile; should it not be, the
	 * plug makes all of it. */
	if (work->kind == WORK_MAKE && d->store_ailment.err.code != 0)
		return;
	req = work->tag ? http_request(d->http, work->tag) : NULL;
	if (work->kind == WORK_PLUG && !req && !work->endpoint.is_host)
		unmake(d, work);
	ask = kernel_ask_new(kinds[work->kind]);
	ask->tag = work->tag;
	ask->rec.local = work->endpoint;
	if (req && (work->kind == WORK_PLUG || work->kind == WORK_MAKE)) {
		struct call *call = call_of(d, req);

		ask->box = call->box;
		call->box = OVERLAY_BOX_NONE;
	}
	if (req && work->kind == WORK_UNMAKE)
		call_of(d, req)->unmaking = true;
	kernel_thread_ask(d->kernel, ask);
}

static void told_applied(struct daemon *d, const struct kernel_tell *tell)
{
	struct node_applied applied[KERNEL_APPLIED_MAX];
	struct node_event event = {.kind = NODE_EV_APPLIED, .applied = applied};

	for (size_t i = 0; i < tell->applied_count; i++) {
		const struct overlay_applied *from = &tell->applied[i];

		applied[event.applied_count++] =
		    (struct node_applied){.owner = from->owner,
					  .network = from->network,
					  .endpoint = from->endpoint,
					  .epoch = from->version.epoch,
					  .sequence = from->version.sequence};
	}
	if (event.applied_count > 0)
		daemon_step(d, &event);
}

static void told_plugged(struct daemon *d, const struct kernel_tell *tell)
{
	struct node_event event = {.kind = NODE_EV_PLUGGED,
				   .id = tell->endpoint,
				   .ok = tell->err.code == 0,
				   .err = tell->err};

	daemon_step(d, &event);
}

static void told_unplugged(struct daemon *d, const struct kernel_tell *tell)
{
	struct node_event event = {.kind = NODE_EV_UNPLUGGED, .id = tell->endpoint};

	if (tell->err.code != 0)
		log_line(d->log, LOG_LEVEL_WARNING, "unplugging failed and is repaired later: %s",
			 tell->err.message);
	daemon_step(d, &event);
}

static void told_lost(struct daemon *d, const struct kernel_tell *tell)
{
	struct node_event event = {.kind = NODE_EV_GONE, .id = tell->endpoint};
	char text[ID_TEXT_BYTES];

	d->lost_endpoints++;
	id_format(&tell->endpoint, text);
	log_event(d->log, LOG_OWN, LOG_LEVEL_INFO,
		  "an endpoint's namespace is gone; its address is released",
		  &(struct log_field){"endpoint", text}, 1);
	daemon_step(d, &event);
}

static void told_mtu(struct daemon *d, const struct kernel_tell *tell)
{
	struct node_request request = {
	    .kind = NODE_MTU, .id = tell->network, .mtu_bytes = tell->mtu_bytes};

	daemon_submit_own(d, &request);
}

/* What the kernel lacks of earlier runs' boxes was told before the first reconcile ended well. */
static void told_totals(struct daemon *d, const struct overlay_totals *totals)
{
	struct node_event event = {.kind = NODE_EV_LOOKED};

	d->totals = *totals;
	if (d->kernel_looked || totals->failed > 0)
		return;
	d->kernel_looked = true;
	daemon_step(d, &event);
}

static void told_failed(struct daemon *d, const struct overlay_failure *failure)
{
	char attempts[16];

	d->kernel_failures++;
	snprintf(attempts, sizeof(attempts), "%u", failure->attempts);
	log_event(d->log, LOG_PEER, LOG_LEVEL_WARNING, "the kernel refused an operation",
		  (struct log_field[]){{"operation", failure->operation},
				       {"reason", failure->reason},
				       {"attempts", attempts}},
		  3);
}

void kernel_told(void *ctx, const struct kernel_tell *tell)
{
	struct daemon *d = ctx;

	switch (tell->kind) {
	case TELL_APPLIED:
		told_applied(d, tell);
		break;
	case TELL_PLUGGED:
		told_plugged(d, tell);
		break;
	case TELL_UNPLUGGED:
		told_unplugged(d, tell);
		break;
	case TELL_LOST:
		told_lost(d, tell);
		break;
	case TELL_MTU:
		told_mtu(d, tell);
		break;
	case TELL_FAILED:
		told_failed(d, &tell->failure);
		break;
	case TELL_DONE:
		log_event(d->log, LOG_PEER, LOG_LEVEL_DEBUG, "kernel operation",
			  &(struct log_field){"operation", tell->text}, 1);
		break;
	case TELL_BOX:
	case TELL_OVERLAPS:
	case TELL_STATE:
	case TELL_SETTLED:
	case TELL_UNMADE:
		api_told(d, tell);
		break;
	case TELL_WATCH:
		diag_told(d->diag, tell);
		break;
	case TELL_TOTALS:
		told_totals(d, &tell->totals);
		break;
	case TELL_WARNING:
		log_line(d->log, LOG_LEVEL_WARNING, "%s", tell->text);
		break;
	}
}
