/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What the loop and the kernel thread say to each other, as values; and what the overlay reports,
 * made into messages. What was applied is collected: a message carries many.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/kernel/kernel_impl.h"
#include "gossip/base/check.h"

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
	ask->box = OVERLAY_BOX_NONE;
	return ask;
}

void kernel_ask_free(struct channel_item *item)
{
	struct kernel_ask *ask = (struct kernel_ask *)item;

	box_close(&ask->box);
	free(ask);
}

void kernel_tell_free(struct channel_item *item)
{
	struct kernel_tell *tell = (struct kernel_tell *)item;

	if (tell->kind == TELL_BOX)
		box_close(&tell->box.fds);
	free(tell->seen);
	free(tell);
}

struct kernel_tell *kernel_tell_new(enum kernel_tell_kind kind)
{
	struct kernel_tell *tell = calloc(1, sizeof(*tell));

	WEFT_ASSERT(tell != NULL);
	tell->kind = kind;
	tell->box.fds = OVERLAY_BOX_NONE;
	return tell;
}

void kernel_say(struct kernel_thread *kt, struct kernel_tell *tell)
{
	channel_push(&kt->out, &tell->item);
}

void kernel_say_later(struct kernel_thread *kt, struct kernel_tell *tell)
{
	tell->item.next = NULL;
	*kt->later_end = &tell->item;
	kt->later_end = &tell->item.next;
}

void kernel_flush_applied(struct kernel_thread *kt)
{
	if (kt->applied)
		kernel_say(kt, kt->applied);
	kt->applied = NULL;
}

static void on_applied(void *ctx, const struct overlay_applied *applied)
{
	struct kernel_thread *kt = ctx;

	if (!kt->applied)
		kt->applied = kernel_tell_new(TELL_APPLIED);
	kt->applied->applied[kt->applied->applied_count++] = *applied;
	if (kt->applied->applied_count == KERNEL_APPLIED_MAX)
		kernel_flush_applied(kt);
}

static void on_failed(void *ctx, const struct overlay_failure *failure)
{
	struct kernel_tell *tell = kernel_tell_new(TELL_FAILED);

	tell->failure = *failure;
	kernel_say(ctx, tell);
}

static void on_lost(void *ctx, const struct id *network, const struct id *endpoint)
{
	struct kernel_tell *tell = kernel_tell_new(TELL_LOST);

	tell->network = *network;
	tell->endpoint = *endpoint;
	kernel_say(ctx, tell);
}

static void on_mtu(void *ctx, const struct id *network, uint16_t mtu_bytes)
{
	struct kernel_tell *tell = kernel_tell_new(TELL_MTU);

	tell->network = *network;
	tell->mtu_bytes = mtu_bytes;
	kernel_say(ctx, tell);
}

static void on_done(void *ctx, const struct id *network, const char *operation)
{
	struct kernel_tell *tell = kernel_tell_new(TELL_DONE);

	tell->network = *network;
	snprintf(tell->text, sizeof(tell->text), "%s", operation);
	kernel_say(ctx, tell);
}

void kernel_sink_init(struct kernel_thread *kt, bool tell_done)
{
	kt->sink = (struct overlay_sink){.ctx = kt,
					 .applied = on_applied,
					 .failed = on_failed,
					 .lost = on_lost,
					 .mtu = on_mtu,
					 .done = tell_done ? on_done : NULL};
}
