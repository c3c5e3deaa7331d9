/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The part of a reconcile that concerns one network's forwarding entries and neighbours.
 *
 * A pass looks at all of them, or, when only some rows changed since the last pass, at the keys
 * that those rows touched: the same desired state, the same reading of the kernel, the same merge,
 * over fewer keys. So one more endpoint costs the same in a network of ten and of a hundred
 * thousand.
 */
#include <errno.h>
#include <string.h>

#include "gossip/base/check.h"
#include "overlay/work.h"

static bool same_key(const struct touch *a, const struct touch *b)
{
	return a->is_mac == b->is_mac &&
	       (a->is_mac ? mac_eq(&a->mac, &b->mac) : inet_eq(&a->ip, &b->ip));
}

/* What is tried again now may go well; the rest stays refused. */
static void forget_failed(struct net *net, const struct vec *touched)
{
	for (size_t i = net->failed_keys.count; i-- > 0;) {
		const struct touch *key = vec_at(&net->failed_keys, i);

		for (size_t j = 0; j < touched->count; j++) {
			if (!same_key(key, vec_at(touched, j)))
				continue;
			vec_remove(&net->failed_keys, i);
			break;
		}
	}
}

static bool key_failed(const struct net *net, const struct remote *remote)
{
	for (size_t i = 0; i < net->failed_keys.count; i++) {
		const struct touch *touch = vec_at(&net->failed_keys, i);

		if (touch->is_mac && mac_eq(&touch->mac, &remote->mac))
			return true;
		for (size_t j = 0; !touch->is_mac && j < remote->addr_count; j++) {
			if (inet_eq(&touch->ip, &remote->addrs[j].ip))
				return true;
		}
	}
	return false;
}

/* An endpoint stands when it holds its MAC and nothing of it was refused. */
static void tell_applied(struct work *work, struct net *net, struct remote *remote)
{
	const struct overlay *ov = work->ov;
	struct overlay_applied applied = {
	    .network = net->id, .endpoint = remote->id, .version = remote->version};

	if (!remote->fresh || net->failed_more ||
	    rows_mac_winner(ov, net, &remote->mac) != remote || key_failed(net, remote))
		return;
	applied.owner = rows_owner_at(ov, remote->owner)->id;
	remote->fresh = false;
	net->fresh_count--;
	if (work->sink != NULL && work->sink->applied != NULL)
		work->sink->applied(work->sink->ctx, &applied);
}

static void tell_all_applied(struct work *work, struct net *net)
{
	struct index_walk walk = {0};
	struct remote *remote;

	while (net->fresh_count > 0 && (remote = rows_remote_next(net, &walk)) != NULL)
		tell_applied(work, net, remote);
}

static void tell_touched_applied(struct work *work, struct net *net, const struct vec *touched)
{
	for (size_t i = 0; i < touched->count; i++) {
		const struct touch *touch = vec_at(touched, i);
		const struct remote *winner;

		if (!touch->is_mac)
			continue;
		winner = rows_mac_winner(work->ov, net, &touch->mac);
		if (winner != NULL)
			tell_applied(work, net, rows_remote(net, &winner->id));
	}
}

static int read_all(struct work *work, struct net *net, struct kstate *want, struct kstate *have)
{
	const struct overlay_config *config = &work->ov->config;

	desired_entries(work->ov, net, want);
	work->report.dumps++;
	return config->kernel->dump_network(config->kernel_ctx, net->bridge, net->vxlan, have);
}

static int read_touched(struct work *work, struct net *net, const struct vec *touched,
			struct kstate *want, struct kstate *have)
{
	const struct overlay_config *config = &work->ov->config;
	struct kstate keys;
	int status;

	kstate_init(&keys, &work->ov->heap);
	for (size_t i = 0; i < touched->count; i++) {
		desired_touched(work->ov, net, vec_at(touched, i), want);
		desired_keys(net, vec_at(touched, i), &keys);
	}
	status = config->kernel->get_entries(config->kernel_ctx, &keys, have);
	kstate_close(&keys);
	return status;
}

static int entries_pass(struct work *work, struct net *net, const struct vec *touched)
{
	struct overlay *ov = work->ov;
	struct kstate want, have;
	struct plan plan;
	int status;

	kstate_init(&want, &ov->heap);
	kstate_init(&have, &ov->heap);
	plan_init(&plan, &ov->heap);
	status = touched == NULL ? read_all(work, net, &want, &have)
				 : read_touched(work, net, touched, &want, &have);
	if (status == 0) {
		kstate_sort(&want);
		kstate_sort(&have);
		if (touched == NULL && held_spares(ov)) /* what rows touched they do explain */
			held_spare(ov, &want, &have);
		plan_entries(&plan, &want, &have);
		work_announce(work, net, &plan, &have);
		status = work_apply(work, &plan);
	}
	plan_close(&plan);
	kstate_close(&have);
	kstate_close(&want);
	return status;
}

void work_entries(struct work *work, struct net *net)
{
	const struct overlay_config *config = &work->ov->config;
	struct mono start = config->kernel->clock(config->kernel_ctx);
	bool all = net->entries_due;
	struct vec touched = net->touched;
	int status;

	WEFT_ASSERT(net->is_standing);
	vec_init(&net->touched, &work->ov->heap, sizeof(struct touch));
	net->entries_due = false;
	work->report.networks++;
	work->in_entries = true;
	if (all) {
		attempt_begin(&net->entries);
		net->failed_keys.count = 0;
		net->failed_more = false;
	} else {
		forget_failed(net, &touched);
	}
	status = entries_pass(work, net, all ? NULL : &touched);
	if (status != 0) {
		net->failed_more = true; /* which ones is not known */
		work_failed(work, net, all ? "read or write all entries" : "read or write entries",
			    -status, "");
		work->ov->host_due |= status == -ENODEV;
	} else if (all) {
		tell_all_applied(work, net);
	} else {
		tell_touched_applied(work, net, &touched);
	}
	work->in_entries = false;
	vec_close(&touched);
	net->last_ns = mono_diff_ns(config->kernel->clock(config->kernel_ctx), start);
	WEFT_ASSERT(net->fresh_count <= net->remotes.count);
}
