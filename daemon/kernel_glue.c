/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Between the node and the kernel thread: work goes one way, and what became of it comes back as
 * events of the node, answers of requests, or lines of the log.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/api.h"
#include "gossip/base/check.h"

/* Without a kernel nothing can be plugged, and nothing was: say so in the next turn of the node.
 * Only starts without the right to open the kernel's sockets come here. */
static void refuse_work(struct daemon *d, const struct node_work *work)
{
	(void)work;
	log_line(d->log, LOG_LEVEL_ERROR, "work for the kernel without a kernel was dropped");
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
		api_told(d, tell);
		break;
	case TELL_TOTALS:
		d->totals = tell->totals;
		break;
	case TELL_WARNING:
		log_line(d->log, LOG_LEVEL_WARNING, "%s", tell->text);
		break;
	}
}
