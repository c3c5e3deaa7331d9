/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The thread's turn: take every question that waits, apply those that are rows to the overlay's
 * copy, do the work they ask for, then reconcile if that is due, then sleep until a question, a
 * notification of the kernel, or the overlay's deadline. Rows that arrive together are therefore
 * reconciled together. Before ASK_READY rows collect and nothing touches the kernel.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/kernel/kernel_impl.h"
#include "gossip/base/check.h"

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

static void reconcile(struct kernel_thread *kt)
{
	struct overlay_report report = {0};

	if (!kt->ready || !mono_is_due(overlay_deadline(kt->overlay), daemon_now()))
		return;
	(void)overlay_reconcile(kt->overlay, daemon_now(), &kt->sink, &report);
	kernel_flush_applied(kt);
}

/* What the last reconcile came to, be it one that an attach made by itself. */
static void tell_totals(struct kernel_thread *kt)
{
	struct overlay_totals totals;
	struct kernel_tell *tell;

	overlay_totals_get(kt->overlay, &totals);
	if (totals.reconciles == kt->told_reconciles)
		return;
	kt->told_reconciles = totals.reconciles;
	tell = kernel_tell_new(TELL_TOTALS);
	tell->totals = totals;
	kernel_say(kt, tell);
}

/* A plug is news only when the rows that came before it are in the kernel too: whoever hears of it
 * may speak to everybody at once. */
static void flush_later(struct kernel_thread *kt)
{
	while (kt->later) {
		struct kernel_tell *tell = (struct kernel_tell *)kt->later;

		kt->later = tell->item.next;
		if (tell->kind == TELL_SETTLED)
			overlay_totals_get(kt->overlay, &tell->totals);
		kernel_say(kt, tell);
	}
	kt->later_end = &kt->later;
}

/* How long to sleep: milliseconds, -1 for ever. */
static int nap_ms(const struct kernel_thread *kt)
{
	struct mono deadline = kt->ready ? overlay_deadline(kt->overlay) : MONO_NEVER;
	int64_t ms;

	if (deadline.ns == MONO_NEVER.ns)
		return -1;
	ms = (mono_diff_ns(deadline, daemon_now()) + NS_PER_MS - 1) / NS_PER_MS;
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
				overlay_notify(kt->overlay, daemon_now());
				break;
			}
		}
		item = channel_take(&kt->in);
		while (item) {
			struct channel_item *next = item->next;

			kernel_answer(kt, (struct kernel_ask *)item);
			kernel_ask_free(item);
			item = next;
		}
		kernel_flush_applied(kt); /* an attach reconciles by itself */
		reconcile(kt);
		tell_totals(kt);
		flush_later(kt);
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
		struct kernel_tell *tell = kernel_tell_new(TELL_WARNING);

		snprintf(tell->text, sizeof(tell->text), "%.255s", why.message);
		kernel_say(kt, tell);
	}
	return 0;
}

struct kernel_thread *kernel_thread_new(const struct kernel_config *config, struct weft_err *err)
{
	struct kernel_thread *kt = calloc(1, sizeof(*kt));

	WEFT_ASSERT(kt != NULL);
	kt->boxes.fd = -1;
	kt->later_end = &kt->later;
	kernel_sink_init(kt, config->tell_done);
	if (channel_init(&kt->in) != 0 || channel_init(&kt->out) != 0) {
		weft_err_set(
		    err, WEFT_E_LIMIT,
		    "no descriptors left for the kernel thread; let weftd open more files");
		if (kt->in.fd >= 0)
			channel_close(&kt->in, kernel_ask_free);
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
	channel_close(&kt->in, kernel_ask_free);
	channel_close(&kt->out, kernel_tell_free);
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
	kernel_unmake_all(kt);
	overlay_free(kt->overlay);
	linux_kernel_close(kt->kernel);
	boxes_close(&kt->boxes);
	channel_close(&kt->in, kernel_ask_free);
	channel_close(&kt->out, kernel_tell_free);
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
