/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The thread's turn: take every question that waits, apply those that are rows to the overlay's
 * copy, do the work they ask for, then reconcile if that is due, then sleep until a question, a
 * notification of the kernel, or the overlay's deadline. Rows that arrive together are therefore
 * reconciled together. Before ASK_READY rows collect and nothing touches the kernel.
 */
#include "daemon/kernel_thread.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gossip/base/check.h"
#include "overlay/linux.h"

struct kernel_thread {
	struct channel in, out;
	uv_thread_t thread;
	struct overlay *overlay;
	struct linux_kernel *kernel;
	struct boxes boxes;
	struct box opened;           /* between box_open and box_close */
	struct kernel_tell *applied; /* collects until it is full or the reconcile ends */
	struct channel_item *plugged, **plugged_end; /* told once what came before them stands */
	struct overlay_sink sink;
	struct linux_watch *watch; /* while somebody wants it */
	bool ready;
	bool stop;
};

static struct mono now_mono(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct mono){ts.tv_sec * NS_PER_S + ts.tv_nsec};
}

struct kernel_ask *kernel_ask_new(enum kernel_ask_kind kind)
{
	size_t rest = sizeof(((struct kernel_ask *)0)->rec);
	struct kernel_ask *ask;

	if (kind == ASK_ENDPOINT_PUT)
		rest = sizeof(struct rec_endpoint);
	else if (kind == ASK_ENDPOINT_END || kind == ASK_MEMBER_PUT || kind == ASK_MEMBER_END)
		rest = 0;
	ask = calloc(1, offsetof(struct kernel_ask, rec) + rest);
	WEFT_ASSERT(ask != NULL);
	ask->kind = kind;
	ask->box = (struct overlay_box){-1, -1};
	return ask;
}

static void ask_free(struct channel_item *item)
{
	struct kernel_ask *ask = (struct kernel_ask *)item;

	box_close(&ask->box);
	free(ask);
}

static void tell_free(struct channel_item *item)
{
	struct kernel_tell *tell = (struct kernel_tell *)item;

	if (tell->kind == TELL_BOX)
		box_close(&tell->box.fds);
	free(tell->seen);
	free(tell);
}

static struct kernel_tell *tell_new(enum kernel_tell_kind kind)
{
	struct kernel_tell *tell = calloc(1, sizeof(*tell));

	WEFT_ASSERT(tell != NULL);
	tell->kind = kind;
	tell->box.fds = (struct overlay_box){-1, -1};
	return tell;
}

static void say(struct kernel_thread *kt, struct kernel_tell *tell)
{
	channel_push(&kt->out, &tell->item);
}

static void flush_applied(struct kernel_thread *kt)
{
	if (kt->applied)
		say(kt, kt->applied);
	kt->applied = NULL;
}

static void on_applied(void *ctx, const struct overlay_applied *applied)
{
	struct kernel_thread *kt = ctx;

	if (!kt->applied)
		kt->applied = tell_new(TELL_APPLIED);
	kt->applied->applied[kt->applied->applied_count++] = *applied;
	if (kt->applied->applied_count == KERNEL_APPLIED_MAX)
		flush_applied(kt);
}

static void on_failed(void *ctx, const struct overlay_failure *failure)
{
	struct kernel_tell *tell = tell_new(TELL_FAILED);

	tell->failure = *failure;
	say(ctx, tell);
}

static void on_lost(void *ctx, const struct id *network, const struct id *endpoint)
{
	struct kernel_tell *tell = tell_new(TELL_LOST);

	tell->network = *network;
	tell->endpoint = *endpoint;
	say(ctx, tell);
}

static void on_mtu(void *ctx, const struct id *network, uint16_t mtu_bytes)
{
	struct kernel_tell *tell = tell_new(TELL_MTU);

	tell->network = *network;
	tell->mtu_bytes = mtu_bytes;
	say(ctx, tell);
}

static void on_done(void *ctx, const struct id *network, const char *operation)
{
	struct kernel_tell *tell = tell_new(TELL_DONE);

	tell->network = *network;
	snprintf(tell->text, sizeof(tell->text), "%s", operation);
	say(ctx, tell);
}

/* The overlay wants to act in the box of an endpoint once more; another namespace that took the
 * path since is not its box. */
static int on_box_open(void *ctx, const struct local_endpoint *endpoint, struct overlay_box *box)
{
	struct kernel_thread *kt = ctx;
	struct weft_err err = {0};
	int rc = boxes_open(&kt->boxes, endpoint->netns, &kt->opened, &err);

	if (rc != 0)
		return rc;
	if (kt->opened.inode != endpoint->netns_inode || kt->opened.dev != endpoint->netns_dev) {
		box_close(&kt->opened.fds);
		return WEFT_E_NOT_FOUND;
	}
	*box = kt->opened.fds;
	return 0;
}

static void on_box_close(void *ctx, struct overlay_box *box)
{
	(void)ctx;
	box_close(box);
}

static void plug(struct kernel_thread *kt, struct kernel_ask *ask)
{
	struct kernel_tell *tell = tell_new(TELL_PLUGGED);
	const struct local_endpoint *endpoint = &ask->rec.local;

	tell->tag = ask->tag;
	tell->network = endpoint->network;
	tell->endpoint = endpoint->id;
	if (endpoint->is_host)
		overlay_local_put(kt->overlay, endpoint);
	else if (ask->box.netns_fd >= 0)
		overlay_attach(kt->overlay, endpoint, &ask->box, now_mono(), &kt->sink,
			       &tell->plugged, &tell->err);
	else
		weft_err_set(&tell->err, WEFT_E_NOT_FOUND, "the namespace is no longer open");
	tell->item.next = NULL;
	*kt->plugged_end = &tell->item;
	kt->plugged_end = &tell->item.next;
}

static void unplug(struct kernel_thread *kt, const struct kernel_ask *ask)
{
	struct kernel_tell *tell = tell_new(TELL_UNPLUGGED);
	const struct local_endpoint *endpoint = &ask->rec.local;

	tell->tag = ask->tag;
	tell->network = endpoint->network;
	tell->endpoint = endpoint->id;
	if (endpoint->is_host)
		overlay_local_end(kt->overlay, &endpoint->network, &endpoint->id);
	else
		overlay_detach(kt->overlay, &endpoint->network, &endpoint->id, &tell->err);
	say(kt, tell);
}

static void open_box(struct kernel_thread *kt, const struct kernel_ask *ask)
{
	struct kernel_tell *tell = tell_new(TELL_BOX);

	tell->tag = ask->tag;
	boxes_open(&kt->boxes, ask->rec.text, &tell->box, &tell->err);
	say(kt, tell);
}

static void overlaps(struct kernel_thread *kt, const struct kernel_ask *ask)
{
	struct kernel_tell *tell = tell_new(TELL_OVERLAPS);
	int rc = 0;

	tell->tag = ask->tag;
	for (size_t i = 0; rc == 0 && i < ask->rec.prefixes.count; i++)
		rc = overlay_overlaps(kt->overlay, &ask->rec.prefixes.list[i], &tell->err);
	say(kt, tell);
}

static void state(struct kernel_thread *kt, const struct kernel_ask *ask)
{
	struct kernel_tell *tell = tell_new(TELL_STATE);

	tell->tag = ask->tag;
	tell->network = ask->network;
	tell->has_state = overlay_network_get(kt->overlay, &ask->network, &tell->state);
	say(kt, tell);
}

static void watch(struct kernel_thread *kt, const struct kernel_ask *ask)
{
	struct kernel_tell *tell = tell_new(TELL_WATCH);
	char why[WATCH_WHY_BYTES];

	tell->tag = ask->tag;
	if (ask->kind == ASK_WATCH && !ask->held) {
		linux_watch_close(kt->watch);
		kt->watch = NULL;
	} else if (!kt->watch) {
		kt->watch = linux_watch_open(why);
		if (!kt->watch)
			weft_err_set(&tell->err, WEFT_E_KERNEL, "%s", why);
	} else if (ask->kind == ASK_SEEN) {
		tell->seen = calloc(KERNEL_SEEN_MAX, sizeof(*tell->seen));
		WEFT_ASSERT(tell->seen != NULL);
		tell->seen_count = linux_watch_read(kt->watch, tell->seen, KERNEL_SEEN_MAX);
	}
	say(kt, tell);
}

static void answer(struct kernel_thread *kt, struct kernel_ask *ask)
{
	struct overlay *ov = kt->overlay;

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
	case ASK_HOLD:
		overlay_hold(ov, ask->held, now_mono());
		break;
	case ASK_READY:
		kt->ready = true;
		break;
	case ASK_BOX:
		open_box(kt, ask);
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
	case ASK_STOP:
		kt->stop = true;
		break;
	}
}

static void reconcile(struct kernel_thread *kt)
{
	struct overlay_report report = {0};
	struct kernel_tell *tell;

	if (!kt->ready || !mono_is_due(overlay_deadline(kt->overlay), now_mono()))
		return;
	(void)overlay_reconcile(kt->overlay, now_mono(), &kt->sink, &report);
	flush_applied(kt);
	tell = tell_new(TELL_TOTALS);
	overlay_totals_get(kt->overlay, &tell->totals);
	say(kt, tell);
}

/* A plug is news only when the rows that came before it are in the kernel too: whoever hears of it
 * may speak to everybody at once. */
static void flush_plugged(struct kernel_thread *kt)
{
	while (kt->plugged) {
		struct channel_item *item = kt->plugged;

		kt->plugged = item->next;
		channel_push(&kt->out, item);
	}
	kt->plugged_end = &kt->plugged;
}

/* How long to sleep: milliseconds, -1 for ever. */
static int nap_ms(const struct kernel_thread *kt)
{
	struct mono deadline = kt->ready ? overlay_deadline(kt->overlay) : MONO_NEVER;
	int64_t ms;

	if (deadline.ns == MONO_NEVER.ns)
		return -1;
	ms = (mono_diff_ns(deadline, now_mono()) + NS_PER_MS - 1) / NS_PER_MS;
	if (ms < 0)
		return 0;
	return ms > 3600000 ? 3600000 : (int)ms;
}

static void thread_main(void *arg)
{
	struct kernel_thread *kt = arg;

	while (!kt->stop) {
		struct pollfd waits[3] = {{.fd = kt->in.fd, .events = POLLIN}};
		int fds[2];
		size_t count = overlay_fds(kt->overlay, fds);
		struct channel_item *item;

		for (size_t i = 0; i < count; i++)
			waits[i + 1] = (struct pollfd){.fd = fds[i], .events = POLLIN};
		if (poll(waits, (nfds_t)count + 1, nap_ms(kt)) > 0) {
			for (size_t i = 0; i < count; i++) {
				if (!waits[i + 1].revents)
					continue;
				overlay_notify(kt->overlay, now_mono());
				break;
			}
		}
		item = channel_take(&kt->in);
		while (item) {
			struct channel_item *next = item->next;

			answer(kt, (struct kernel_ask *)item);
			ask_free(item);
			item = next;
		}
		reconcile(kt);
		flush_plugged(kt);
	}
}

/* Opens everything the thread needs while its errors can still end the start. */
static int open_all(struct kernel_thread *kt, const struct kernel_config *config,
		    struct weft_err *err)
{
	struct overlay_config overlay = config->overlay;
	struct weft_err why = {0};

	kt->kernel = linux_kernel_open(&overlay.pages, overlay.seed, err);
	if (!kt->kernel)
		return err->code;
	overlay.kernel = linux_kernel_ops();
	overlay.kernel_ctx = kt->kernel;
	overlay.box_open = on_box_open;
	overlay.box_close = on_box_close;
	overlay.box_ctx = kt;
	kt->overlay = overlay_new(&overlay, err);
	if (!kt->overlay)
		return err->code;
	/* Without the helper everything but attach works: say so and go on. */
	if (boxes_init(&kt->boxes, config->helper, &why) != 0) {
		struct kernel_tell *tell = tell_new(TELL_WARNING);

		snprintf(tell->text, sizeof(tell->text), "%.255s", why.message);
		say(kt, tell);
	}
	return 0;
}

struct kernel_thread *kernel_thread_new(const struct kernel_config *config, struct weft_err *err)
{
	struct kernel_thread *kt = calloc(1, sizeof(*kt));

	WEFT_ASSERT(kt != NULL);
	kt->boxes.fd = -1;
	kt->plugged_end = &kt->plugged;
	kt->sink = (struct overlay_sink){.ctx = kt,
					 .applied = on_applied,
					 .failed = on_failed,
					 .lost = on_lost,
					 .mtu = on_mtu,
					 .done = config->tell_done ? on_done : NULL};
	if (channel_init(&kt->in) != 0 || channel_init(&kt->out) != 0) {
		weft_err_set(err, WEFT_E_LIMIT, "no descriptors left for the kernel thread");
		free(kt);
		return NULL;
	}
	if (open_all(kt, config, err) == 0 && uv_thread_create(&kt->thread, thread_main, kt) == 0)
		return kt;
	if (err->code == 0)
		weft_err_set(err, WEFT_E_INTERNAL, "the kernel thread does not start");
	if (kt->overlay)
		overlay_free(kt->overlay);
	if (kt->kernel)
		linux_kernel_close(kt->kernel);
	boxes_close(&kt->boxes);
	channel_close(&kt->in, ask_free);
	channel_close(&kt->out, tell_free);
	free(kt);
	return NULL;
}

void kernel_thread_free(struct kernel_thread *kt)
{
	if (!kt)
		return;
	kernel_thread_ask(kt, kernel_ask_new(ASK_STOP));
	uv_thread_join(&kt->thread);
	linux_watch_close(kt->watch);
	overlay_free(kt->overlay);
	linux_kernel_close(kt->kernel);
	boxes_close(&kt->boxes);
	channel_close(&kt->in, ask_free);
	channel_close(&kt->out, tell_free);
	free(kt);
}

void kernel_thread_ask(struct kernel_thread *kt, struct kernel_ask *ask)
{
	channel_push(&kt->in, &ask->item);
}

size_t kernel_thread_waiting(struct kernel_thread *kt)
{
	return channel_count(&kt->in);
}

int kernel_thread_fd(const struct kernel_thread *kt)
{
	return kt->out.fd;
}

void kernel_thread_drain(struct kernel_thread *kt, void *ctx,
			 void (*each)(void *ctx, const struct kernel_tell *tell))
{
	struct channel_item *item = channel_take(&kt->out);

	while (item) {
		struct kernel_tell *tell = (struct kernel_tell *)item;

		item = item->next;
		each(ctx, tell);
		free(tell->seen);
		free(tell);
	}
}
