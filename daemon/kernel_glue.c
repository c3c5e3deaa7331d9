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
#include "gossip/base/check.h"

/* Without a kernel nothing can be plugged, and nothing was. Only starts without the right to open
 * the kernel's sockets come here. The node is not told within its own step. */
static void refuse_work(struct daemon *d, const struct node_work *work)
{
	WEFT_ASSERT(d->refused_count < NODE_WORKS);
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

void kernel_work(struct daemon *d, const struct node_work *work)
{
	struct kernel_ask *ask;
	struct request *req;

	if (!d->kernel) {
		refuse_work(d, work);
		return;
	}
	ask = kernel_ask_new(work->kind == WORK_PLUG ? ASK_PLUG : ASK_UNPLUG);
	ask->tag = work->tag;
	ask->rec.local = work->endpoint;
	req = work->tag ? http_request(d->http, work->tag) : NULL;
	if (req && work->kind == WORK_PLUG) {
		struct call *call = call_of(d, req);

		ask->box = call->box;
		call->box = (struct overlay_box){-1, -1};
	}
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
