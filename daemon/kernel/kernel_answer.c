/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What each question of the loop does: rows go into the overlay's copy, work is done at once, and
 * what was asked for is told.
 */
#include <stdlib.h>

#include "daemon/kernel/kernel_impl.h"
#include "gossip/base/check.h"
#include "gossip/base/kill_point.h"

static void make(struct kernel_thread *kt, struct kernel_ask *ask)
{
	struct kernel_ask *kept;

	if (ask->box.netns_fd < 0)
		return;
	kept = kernel_ask_new(ASK_MAKE);
	kept->rec.local = ask->rec.local;
	kept->box = ask->box;
	ask->box = OVERLAY_BOX_NONE;
	overlay_make(kt->overlay, &kept->rec.local, &kept->box);
	if (kept->box.made != 0)
		KILL_POINT(MAKE_AFTER);
	kept->item.next = kt->made;
	kt->made = &kept->item;
}

/* What was asked to be made for an endpoint, for the caller to free, or NULL. */
static struct kernel_ask *take_made(struct kernel_thread *kt, const struct id *endpoint)
{
	for (struct channel_item **at = &kt->made; *at; at = &(*at)->next) {
		struct kernel_ask *made = (struct kernel_ask *)*at;

		if (!id_eq(&made->rec.local.id, endpoint))
			continue;
		*at = made->item.next;
		return made;
	}
	return NULL;
}

static void unmake(struct kernel_thread *kt, const struct kernel_ask *ask)
{
	struct kernel_ask *made = take_made(kt, &ask->rec.local.id);
	struct kernel_tell *tell = kernel_tell_new(TELL_UNMADE);

	if (made) {
		overlay_unmake(kt->overlay, &made->rec.local, &made->box);
		kernel_ask_free(&made->item);
	}
	tell->tag = ask->tag;
	kernel_say(kt, tell);
}

void kernel_unmake_all(struct kernel_thread *kt)
{
	while (kt->made) {
		struct kernel_ask *made = (struct kernel_ask *)kt->made;

		kt->made = made->item.next;
		overlay_unmake(kt->overlay, &made->rec.local, &made->box);
		kernel_ask_free(&made->item);
	}
}

static void plug(struct kernel_thread *kt, struct kernel_ask *ask)
{
	struct kernel_ask *made = take_made(kt, &ask->rec.local.id);
	struct kernel_tell *tell = kernel_tell_new(TELL_PLUGGED);
	const struct local_endpoint *endpoint = &ask->rec.local;
	const struct overlay_box *box = made ? &made->box : &ask->box;

	if (box->made != 0)
		KILL_POINT(PLUG_BEFORE);
	tell->tag = ask->tag;
	tell->network = endpoint->network;
	tell->endpoint = endpoint->id;
	if (endpoint->is_host)
		overlay_local_put(kt->overlay, endpoint);
	else if (box->netns_fd >= 0)
		overlay_attach(kt->overlay, endpoint, box, daemon_now(), &kt->sink, &tell->plugged,
			       &tell->err);
	else
		weft_err_set(&tell->err, WEFT_E_NOT_FOUND, "the namespace is no longer open");
	kernel_say_later(kt, tell);
	if (made)
		kernel_ask_free(&made->item);
}

static void unplug(struct kernel_thread *kt, const struct kernel_ask *ask)
{
	struct kernel_tell *tell = kernel_tell_new(TELL_UNPLUGGED);
	const struct local_endpoint *endpoint = &ask->rec.local;

	tell->tag = ask->tag;
	tell->network = endpoint->network;
	tell->endpoint = endpoint->id;
	if (endpoint->is_host)
		overlay_local_end(kt->overlay, &endpoint->network, &endpoint->id);
	else
		overlay_detach(kt->overlay, &endpoint->network, &endpoint->id, &tell->err);
	kernel_say(kt, tell);
}

static void open_box(struct kernel_thread *kt, const struct kernel_ask *ask)
{
	struct kernel_tell *tell = kernel_tell_new(TELL_BOX);

	tell->tag = ask->tag;
	boxes_open(&kt->boxes, ask->rec.text, &tell->box, &tell->err);
	kernel_say(kt, tell);
}

static void overlaps(struct kernel_thread *kt, const struct kernel_ask *ask)
{
	struct kernel_tell *tell = kernel_tell_new(TELL_OVERLAPS);
	int rc = 0;

	tell->tag = ask->tag;
	for (size_t i = 0; rc == 0 && i < ask->rec.prefixes.count; i++)
		rc = overlay_overlaps(kt->overlay, &ask->rec.prefixes.list[i], &tell->err);
	kernel_say(kt, tell);
}

static void state(struct kernel_thread *kt, const struct kernel_ask *ask)
{
	struct kernel_tell *tell = kernel_tell_new(TELL_STATE);

	tell->tag = ask->tag;
	tell->network = ask->network;
	tell->has_state = overlay_network_get(kt->overlay, &ask->network, &tell->state);
	kernel_say(kt, tell);
}

static void watch(struct kernel_thread *kt, const struct kernel_ask *ask)
{
	struct kernel_tell *tell = kernel_tell_new(TELL_WATCH);
	size_t count = ask->rec.wants.count;
	char why[WATCH_WHY_BYTES] = "nothing is expected";
	int status = -1;

	tell->tag = ask->tag;
	if (!kt->watch && ask->kind == ASK_WATCH)
		kt->watch = linux_watch_open(why);
	if (kt->watch && ask->kind == ASK_WATCH) {
		status = linux_watch_add(kt->watch, ask->rec.wants.list, count, why);
	} else if (kt->watch) {
		tell->seen = calloc(count * WATCH_SEEN_MAX, sizeof(*tell->seen));
		WEFT_ASSERT(tell->seen != NULL);
		status = linux_watch_take(kt->watch, ask->rec.wants.list, count, tell->seen,
					  &tell->seen_count, why);
	}
	if (status != 0)
		weft_err_set(&tell->err, WEFT_E_KERNEL, "%s", why);
	kernel_say(kt, tell);
}

static void settle(struct kernel_thread *kt, const struct kernel_ask *ask)
{
	struct kernel_tell *tell = kernel_tell_new(TELL_SETTLED);

	tell->tag = ask->tag;
	kernel_say_later(kt, tell);
}

/* Rows go into the overlay's copy; false when it is another question. */
static bool take_row(struct overlay *ov, const struct kernel_ask *ask)
{
	switch (ask->kind) {
	case ASK_NETWORK_PUT:
		overlay_network_put(ov, &ask->network, &ask->rec.network);
		break;
	case ASK_NETWORK_END:
		overlay_network_end(ov, &ask->network);
		break;
	case ASK_MEMBER_PUT:
		overlay_member_put(ov, &ask->node, &ask->ip);
		break;
	case ASK_MEMBER_END:
		overlay_member_end(ov, &ask->node);
		break;
	case ASK_ATTACHMENT_PUT:
		overlay_attachment_put(ov, &ask->network, &ask->node, &ask->rec.attachment);
		break;
	case ASK_ATTACHMENT_END:
		overlay_attachment_end(ov, &ask->network, &ask->node);
		break;
	case ASK_ENDPOINT_PUT:
		overlay_endpoint_put(ov, &ask->network, &ask->endpoint, &ask->node, ask->version,
				     &ask->rec.endpoint);
		break;
	case ASK_ENDPOINT_END:
		overlay_endpoint_end(ov, &ask->network, &ask->endpoint, &ask->node, ask->version);
		break;
	case ASK_LOCAL_PUT:
		overlay_local_put(ov, &ask->rec.local);
		break;
	case ASK_VTEP:
		overlay_vtep_set(ov, &ask->ip);
		break;
	default:
		return false;
	}
	return true;
}

void kernel_answer(struct kernel_thread *kt, struct kernel_ask *ask)
{
	if (take_row(kt->overlay, ask))
		return;
	switch (ask->kind) {
	case ASK_HOLD:
		overlay_hold(kt->overlay, ask->held, daemon_now());
		break;
	case ASK_TELL_DONE:
		kernel_sink_init(kt, ask->wanted);
		break;
	case ASK_READY:
		kt->ready = true;
		break;
	case ASK_BOX:
		open_box(kt, ask);
		break;
	case ASK_MAKE:
		make(kt, ask);
		break;
	case ASK_UNMAKE:
		unmake(kt, ask);
		break;
	case ASK_PLUG:
		plug(kt, ask);
		break;
	case ASK_UNPLUG:
		unplug(kt, ask);
		break;
	case ASK_OVERLAPS:
		overlaps(kt, ask);
		break;
	case ASK_STATE:
		state(kt, ask);
		break;
	case ASK_WATCH:
	case ASK_SEEN:
		watch(kt, ask);
		break;
	case ASK_UNWATCH:
		linux_watch_close(kt->watch);
		kt->watch = NULL;
		break;
	case ASK_SETTLE:
		settle(kt, ask);
		break;
	default:
		WEFT_ASSERT(ask->kind == ASK_STOP);
		kt->stop = true;
	}
}
