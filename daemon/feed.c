/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * From rows to the kernel thread. Before the node says that the kernel may be touched nothing is
 * fed; then everything once, and from then on each change. Feeding is idempotent, so that a row
 * that is both in the whole and among the changes does no harm.
 */
#include "daemon/feed.h"

#include <string.h>

static const struct id topic_all;

/* A network counts until a fact ends it. */
static bool network_is_over(const struct daemon *d, const struct id *network)
{
	struct row_view row;

	return gossip_row(node_gossip(d->node), NULL, &topic_all, FACT_NETWORK_END, network->b,
			  ID_BYTES, &row);
}

static void feed_network(struct daemon *d, const struct row_view *row)
{
	struct id network = row_key_id(row);
	struct kernel_ask *ask;

	if (d->withdrawn || network_is_over(d, &network))
		return;
	ask = kernel_ask_new(ASK_NETWORK_PUT);
	ask->network = network;
	if (rec_network_decode(row->value, row->value_len, &ask->rec.network) != 0)
		ask->kind = ASK_NETWORK_END;
	kernel_thread_ask(d->kernel, ask);
}

static void feed_network_end(struct daemon *d, const struct row_view *row)
{
	struct kernel_ask *ask = kernel_ask_new(ASK_NETWORK_END);

	ask->network = row_key_id(row);
	kernel_thread_ask(d->kernel, ask);
}

/* Entries of a failed host stay: a hiccup of its daemon must not cut a working data plane. */
static void feed_member(struct daemon *d, const struct member_info *info)
{
	bool counts = info->state == MEMBER_ALIVE || info->state == MEMBER_SUSPECT ||
		      info->state == MEMBER_FAILED;
	struct kernel_ask *ask;

	if (info->is_self) {
		ask = kernel_ask_new(ASK_VTEP);
		ask->ip = info->vtep;
		kernel_thread_ask(d->kernel, ask);
	}
	ask = kernel_ask_new(counts ? ASK_MEMBER_PUT : ASK_MEMBER_END);
	ask->node = info->id;
	ask->ip = info->vtep;
	kernel_thread_ask(d->kernel, ask);
}

static void feed_attachment(struct daemon *d, const struct row_view *row)
{
	struct kernel_ask *ask = kernel_ask_new(ASK_ATTACHMENT_PUT);

	ask->network = row_key_id(row);
	ask->node = row->owner;
	if (row->deleted ||
	    rec_attachment_decode(row->value, row->value_len, &ask->rec.attachment) != 0)
		ask->kind = ASK_ATTACHMENT_END;
	kernel_thread_ask(d->kernel, ask);
}

static void feed_endpoint(struct daemon *d, const struct row_view *row)
{
	struct kernel_ask *ask = kernel_ask_new(ASK_ENDPOINT_PUT);

	ask->network = row->topic;
	ask->endpoint = row_key_id(row);
	ask->node = row->owner;
	ask->version = (struct overlay_version){row->epoch, row->sequence};
	if (row->deleted ||
	    rec_endpoint_decode(row->value, row->value_len, &ask->rec.endpoint) != 0)
		ask->kind = ASK_ENDPOINT_END;
	kernel_thread_ask(d->kernel, ask);
}

static void feed_row(struct daemon *d, const struct row_view *row)
{
	switch (row->kind) {
	case FACT_NETWORK:
		feed_network(d, row);
		break;
	case FACT_NETWORK_END:
		feed_network_end(d, row);
		break;
	case ROW_ATTACHMENT:
		feed_attachment(d, row);
		break;
	case ROW_ENDPOINT:
		feed_endpoint(d, row);
		break;
	default:
		break;
	}
}

void feed_change(struct daemon *d, const struct gossip_change *change)
{
	struct member_info info;

	if (change->kind == CHANGE_ROW)
		feed_row(d, &change->row);
	else if (change->kind == CHANGE_MEMBER &&
		 gossip_member(node_gossip(d->node), &change->member, &info))
		feed_member(d, &info);
}

static bool visit_row(void *ctx, const struct row_view *row)
{
	feed_row(ctx, row);
	return true;
}

/* The topic of a network holds its endpoints. */
static bool visit_network(void *ctx, const struct row_view *row)
{
	struct daemon *d = ctx;
	struct id network = row_key_id(row);

	feed_row(d, row);
	gossip_rows(node_gossip(d->node), &network, ROW_ENDPOINT, visit_row, d);
	return true;
}

static bool visit_end(void *ctx, const struct row_view *row)
{
	feed_network_end(ctx, row);
	return true;
}

/* What it wrote last still says that it is attached, and it may write nothing more. */
void feed_withdraw(struct daemon *d)
{
	gossip_rows(node_gossip(d->node), &topic_all, FACT_NETWORK, visit_end, d);
}

size_t feed_boxes(const struct daemon *d)
{
	struct local_endpoint local;
	size_t count = 0;

	for (size_t at = 0; node_endpoint_next(d->node, &at, &local);)
		count += !local.is_host;
	return count;
}

void feed_again(struct daemon *d)
{
	d->withdrawn = false;
	gossip_rows(node_gossip(d->node), &topic_all, FACT_NETWORK, visit_row, d);
}

void feed_all(struct daemon *d)
{
	const struct gossip *g = node_gossip(d->node);
	struct member_info info;
	struct local_endpoint local;

	for (size_t at = 0; gossip_member_next(g, &at, &info);)
		feed_member(d, &info);
	for (size_t at = 0; node_endpoint_next(d->node, &at, &local);) {
		struct kernel_ask *ask = kernel_ask_new(ASK_LOCAL_PUT);

		ask->rec.local = local;
		kernel_thread_ask(d->kernel, ask);
	}
	gossip_rows(g, &topic_all, FACT_NETWORK, visit_network, d);
	gossip_rows(g, &topic_all, ROW_ATTACHMENT, visit_row, d);
	kernel_thread_ask(d->kernel, kernel_ask_new(ASK_READY));
}
