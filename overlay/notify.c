/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Notifications. Each is compared with what is wanted under its key: what agrees is weft's own
 * change, or somebody's that does no harm, and is passed over; what does not marks its key, its
 * network or the host, and a reconcile follows a moment later, so that a burst costs one.
 */
#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"
#include "overlay/work.h"

#define COALESCE_MS 50

struct hearing {
	struct overlay *ov;
	struct mono now;
	struct kstate want; /* of the host; read once it is needed */
	bool has_want;
};

static void mark_drift(struct hearing *hearing)
{
	struct overlay *ov = hearing->ov;

	if (!ov->drift || ov->wake_at.ns == MONO_NEVER.ns)
		ov->wake_at = mono_add_ms(hearing->now, COALESCE_MS);
	ov->drift = true;
}

static const void *wanted(struct hearing *hearing, enum kobj_kind kind, const void *key)
{
	const struct vec *vec = &hearing->want.of[kind];

	if (!hearing->has_want) {
		desired_host(hearing->ov, &hearing->want);
		kstate_sort(&hearing->want);
		hearing->has_want = true;
	}
	for (size_t low = 0, high = vec->count; low < high;) {
		size_t mid = (low + high) / 2;
		int order = kobj_key_cmp(kind, vec_at(vec, mid), key);

		if (order == 0)
			return vec_at(vec, mid);
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* A device that is not weft's may have any name; one that is, is not there without being wanted. */
static bool link_drifts(const struct klink *want, const struct klink *link, bool gone)
{
	if (gone)
		return want != NULL;
	if (want == NULL)
		return strncmp(link->alias, "weft:", 5) == 0;
	return klink_diff(want, link) != 0;
}

static void hear_host(struct hearing *hearing, const struct kevent *event)
{
	struct overlay *ov = hearing->ov;
	const void *want = wanted(hearing, event->kind, event->obj);
	bool drifts;

	if (event->kind == KOBJ_LINK)
		drifts = link_drifts(want, event->obj, event->gone);
	else if (event->gone || want == NULL)
		drifts = event->gone == (want != NULL);
	else
		drifts = !kobj_eq(event->kind, want, event->obj);
	if (!drifts)
		return;
	ov->host_due = true;
	if (event->kind == KOBJ_LINK) {
		struct net *net = work_net_of_device(ov, event->obj);

		ov->rules_due = true; /* a device takes its hooks with it */
		if (net != NULL)
			net->entries_due = true;
	}
	mark_drift(hearing);
}

static void hear_fdb(struct hearing *hearing, const struct kevent *event)
{
	static const struct mac no_mac;
	const struct kfdb *fdb = event->obj;
	struct net *net = work_net_of_device(hearing->ov, fdb->dev);
	struct kfdb want;
	bool is_wanted;

	if (net == NULL ||
	    (fdb->table == KFDB_SELF && memcmp(fdb->dev, net->vxlan, IFNAME_BYTES) != 0))
		return;
	is_wanted = desired_fdb(hearing->ov, net, fdb, &want);
	if (event->gone ? !is_wanted : is_wanted && kobj_eq(KOBJ_FDB, &want, fdb))
		return;
	if (mac_eq(&fdb->mac, &no_mac))
		net->entries_due = true;
	else
		rows_touch_mac(net, &fdb->mac);
	mark_drift(hearing);
}

static void hear_neigh(struct hearing *hearing, const struct kevent *event)
{
	const struct kneigh *neigh = event->obj;
	struct net *net = work_net_of_device(hearing->ov, neigh->dev);
	struct kneigh want;
	bool is_wanted;

	if (net == NULL)
		return;
	is_wanted = desired_neigh(hearing->ov, net, neigh, &want);
	if (event->gone ? !is_wanted : is_wanted && kobj_eq(KOBJ_NEIGH, &want, neigh))
		return;
	rows_touch_ip(net, &neigh->ip);
	mark_drift(hearing);
}

static void each_event(void *arg, const struct kevent *event)
{
	struct hearing *hearing = arg;
	struct overlay *ov = hearing->ov;

	switch (event->what) {
	case KEVENT_OVERRUN:
		ov->totals.overruns++;
		overlay_mark_all(ov, hearing->now);
		mark_drift(hearing);
		break;
	case KEVENT_RULES:
		ov->rules_due = true;
		mark_drift(hearing);
		break;
	case KEVENT_ROUTES:
		ov->mtu_due = true;
		mark_drift(hearing);
		break;
	case KEVENT_OBJECT:
		if (event->kind == KOBJ_FDB)
			hear_fdb(hearing, event);
		else if (event->kind == KOBJ_NEIGH)
			hear_neigh(hearing, event);
		else
			hear_host(hearing, event);
		break;
	}
}

void overlay_notify(struct overlay *ov, struct mono now)
{
	struct hearing hearing = {.ov = ov, .now = now};

	kstate_init(&hearing.want, &ov->heap);
	ov->config.kernel->events(ov->config.kernel_ctx, &hearing, each_event);
	kstate_close(&hearing.want);
	WEFT_ASSERT(!ov->drift || ov->wake_at.ns != MONO_NEVER.ns);
}
