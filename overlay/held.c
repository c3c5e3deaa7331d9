/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What stays while the overlay is held: the rows may be older than the kernel, because the disk
 * went back, and whoever may know better was not heard yet or has to decide.
 *
 * Until then nothing of weft's goes because no row explains it: devices, what lies on them, entries
 * and rules. What is missing is added, what rows end while it is held does end, and a key that rows
 * want otherwise is changed. The firewall table holds all networks at once and cannot be written
 * without the unknown ones, so while there are such devices it stays as it stands; only hosts that
 * a known network may hear are added to it.
 *
 * Two networks had one number once, and the rows of now know only the one that has moved since: it
 * would take the devices of the other for its own, and its boxes would be plugged into them. It is
 * wanted no more until the overlay is held no more; its own devices stand under their other names.
 *
 * An address that is the host's own by its rows may be another host's by his. It is left to him
 * (rows_endpoint.c), also where it stands on the bridge already.
 *
 * A kernel without a device of weft's (the machine was started anew) holds nothing to be kept.
 */
#include <errno.h>
#include <string.h>

#include "gossip/base/check.h"
#include "overlay/work.h"

/* What rows want under the name of a link, or NULL. */
static const struct klink *wanted_as(const struct kstate *want, const struct klink *link)
{
	const struct vec *links = &want->of[KOBJ_LINK];

	for (size_t i = 0; i < links->count; i++)
		if (kobj_key_cmp(KOBJ_LINK, vec_at(links, i), link) == 0)
			return vec_at(links, i);
	return NULL;
}

/* Does a row explain this device of weft's? Where another network wants its name, that one waits.
 */
static bool is_explained(struct overlay *ov, const struct kstate *want, const struct klink *link)
{
	const struct klink *wanted = wanted_as(want, link);
	struct id network, holder;

	if (wanted == NULL)
		return false;
	if (strcmp(wanted->alias, link->alias) == 0 || !name_alias_parse(link->alias, &holder))
		return true; /* one without a mark was made half, and is mended */
	if (name_alias_parse(wanted->alias, &network))
		rows_net(ov, &network)->is_displaced = true;
	return false;
}

/* A port that a death left between its making and its plug: nobody has it, nor ever had. */
static bool is_made_for_nobody(const struct klink *link)
{
	struct id network;

	return link->kind == KLINK_VETH && !name_alias_parse(link->alias, &network);
}

void held_forget(struct overlay *ov)
{
	struct net *net;

	for (size_t pos = 0; (net = rows_net_next(ov, &pos)) != NULL;)
		net->is_displaced = false;
}

/* What of the devices that were read rows explain, and which networks wait for others'. */
static void judge(struct overlay *ov, const struct kstate *have)
{
	const struct vec *links = &have->of[KOBJ_LINK];
	size_t standing = 0, unknown = 0;
	struct kstate want;

	kstate_init(&want, &ov->heap);
	held_forget(ov);
	desired_host(ov, &want);
	ov->totals.unknown_boxes = 0;
	for (size_t i = 0; i < links->count; i++) {
		const struct klink *link = vec_at(links, i);

		if (!name_alias_is_weft(link->alias))
			continue;
		standing++;
		if (is_explained(ov, &want, link) || is_made_for_nobody(link))
			continue;
		unknown++;
		ov->totals.unknown_boxes += link->kind == KLINK_VETH;
	}
	if (!ov->looked)
		ov->is_bare = standing == 0;
	ov->has_unknown = unknown > 0;
	kstate_close(&want);
}

void held_look(struct work *work)
{
	struct overlay *ov = work->ov;
	struct kstate have;
	int status;

	WEFT_ASSERT(ov->held);
	kstate_init(&have, &ov->heap);
	attempt_begin(&ov->look);
	work->report.dumps++;
	status = ov->config.kernel->dump_host(ov->config.kernel_ctx, &have);
	if (status == 0) {
		judge(ov, &have);
		ov->is_judged = true;
	} else { /* what was found last holds on */
		work->in_look = true;
		work_failed(work, NULL, "look for what no row explains", -status, "");
		work->in_look = false;
		ov->has_unknown = true;
	}
	kstate_close(&have);
}

bool held_spares(const struct overlay *ov)
{
	return ov->held && !ov->is_bare;
}

/* An address of the host's own that is left to another host. */
static bool is_ended(const struct overlay *ov, int kind, const void *obj)
{
	const struct kaddr *addr = obj;
	const struct net *net;

	if (kind != KOBJ_ADDR)
		return false;
	net = work_net_of_device(ov, addr->dev);
	return net != NULL && rows_own_is_elsewhere(ov, net, &addr->addr.ip);
}

void held_spare(const struct overlay *ov, const struct kstate *want, struct kstate *have)
{
	for (int kind = 1; kind < KOBJ_KINDS; kind++) {
		const struct vec *w = &want->of[kind];
		struct vec kept, *h = &have->of[kind];
		size_t at = 0;

		vec_init(&kept, h->heap, h->item_bytes);
		for (size_t i = 0; i < h->count; i++) {
			const void *obj = vec_at(h, i);

			while (at < w->count &&
			       kobj_key_cmp((enum kobj_kind)kind, vec_at(w, at), obj) < 0)
				at++;
			if ((at < w->count &&
			     kobj_key_cmp((enum kobj_kind)kind, vec_at(w, at), obj) == 0) ||
			    is_ended(ov, kind, obj))
				vec_push(&kept, obj);
		}
		vec_close(h);
		*h = kept;
	}
}

bool held_rules(struct work *work, enum krules table)
{
	struct overlay *ov = work->ov;
	char *text, why[96] = "";
	size_t bytes;
	int status = 0;

	if (!held_spares(ov) || !ov->has_unknown)
		return false;
	text = desired_rules_more(ov, table, &bytes);
	if (ov->rules_due || ov->rules_text[table] == NULL ||
	    strcmp(ov->rules_text[table], text) != 0)
		status = ov->config.kernel->rules_add(ov->config.kernel_ctx, table, text, why,
						      sizeof(why));
	if (status == -ENOENT) { /* somebody else took it away: what is known is better than none */
		heap_give(&ov->heap, text, bytes);
		return false;
	}
	if (status < 0)
		work_failed(work, NULL, "add to table inet weft", -status, why);
	rules_remember(ov, table, status < 0 ? NULL : text, bytes);
	if (status < 0)
		heap_give(&ov->heap, text, bytes);
	return true;
}
