/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Order is what a plan is about. Devices that must go, go first: a name or a VNI may be needed
 * again. MTUs shrink from the box outwards and grow towards it, so that at no moment somebody sends
 * what the next device drops. Routes follow addresses, since they name them as their source, and
 * leave before them. Forwarding entries come before the neighbours that make boxes use them, and
 * leave after them. New entries stand before old ones go.
 */
#include "overlay/plan.h"

#include <stdio.h>
#include <string.h>

#include "gossip/base/check.h"

void plan_init(struct plan *plan, struct heap *heap)
{
	memset(plan, 0, sizeof(*plan));
	vec_init(&plan->ops, heap, sizeof(struct kop));
	vec_init(&plan->lost, heap, sizeof(const struct klink *));
	vec_init(&plan->foreign, heap, sizeof(const struct klink *));
}

void plan_close(struct plan *plan)
{
	vec_close(&plan->ops);
	vec_close(&plan->lost);
	vec_close(&plan->foreign);
}

static void add(struct plan *plan, enum kverb verb, enum kobj_kind kind, const void *obj,
		uint32_t fields)
{
	const struct kop op = {
	    .verb = (uint8_t)verb, .kind = (uint8_t)kind, .fields = fields, .obj = obj};

	WEFT_ASSERT(obj != NULL);
	vec_push(&plan->ops, &op);
}

/* One step of a merge: want or have is NULL where the other side has no such key. */
typedef void pair_fn(struct plan *plan, enum kobj_kind kind, const void *want, const void *have);

static void merge(struct plan *plan, enum kobj_kind kind, const struct kstate *want,
		  const struct kstate *have, pair_fn *pair)
{
	const struct vec *w = &want->of[kind], *h = &have->of[kind];
	size_t i = 0, j = 0;

	while (i < w->count || j < h->count) {
		const void *a = i < w->count ? vec_at(w, i) : NULL;
		const void *b = j < h->count ? vec_at(h, j) : NULL;
		int order = a == NULL ? 1 : b == NULL ? -1 : kobj_key_cmp(kind, a, b);

		pair(plan, kind, order <= 0 ? a : NULL, order >= 0 ? b : NULL);
		/* a key wanted twice is wanted once; the same key read twice is one object */
		if (order <= 0) {
			do
				i++;
			while (i < w->count && kobj_key_cmp(kind, a, vec_at(w, i)) == 0);
		}
		if (order >= 0) {
			do
				j++;
			while (j < h->count && kobj_key_cmp(kind, b, vec_at(h, j)) == 0);
		}
	}
}

/* The port of an attach that a killed daemon did not finish: the port is marked, put into its
 * bridge and brought up in one go after its box was set up, so the box may lack anything. Others
 * may have brought it up before. */
static bool is_half_plugged(const struct klink *want, const struct klink *have)
{
	return want->kind == KLINK_VETH && strcmp(have->alias, WEFT_ALIAS_MARK) == 0 &&
	       have->master[0] == '\0';
}

/* A bridge or VXLAN device of another network, whose VNI changed hands: what is on it is not to be
 * in this one for a moment. */
static bool is_of_another(const struct klink *want, const struct klink *have)
{
	struct id wanted, holder;

	return want->kind != KLINK_VETH && name_alias_parse(want->alias, &wanted) &&
	       name_alias_parse(have->alias, &holder) && !id_eq(&wanted, &holder);
}

/* What only a new device can change. A port that is no veth is somebody else's. */
static bool must_be_made_anew(const struct klink *want, const struct klink *have)
{
	return (klink_diff(want, have) & KLINK_TUNNEL) != 0 || is_half_plugged(want, have) ||
	       is_of_another(want, have);
}

static void link_removals(struct plan *plan, enum kobj_kind kind, const void *want_obj,
			  const void *have_obj)
{
	const struct klink *want = want_obj, *have = have_obj;

	if (have == NULL || !name_alias_is_weft(have->alias))
		return;
	if (want != NULL && !must_be_made_anew(want, have))
		return;
	add(plan, KVERB_DELETE, kind, have, 0);
	plan->again |= want != NULL;
}

static void make_links(struct plan *plan, enum kobj_kind kind, const void *want_obj,
		       const void *have_obj)
{
	const struct klink *want = want_obj, *have = have_obj;

	if (want == NULL)
		return;
	if (have != NULL && !name_alias_is_weft(have->alias)) {
		vec_push(&plan->foreign, &want);
		return;
	}
	if (have != NULL && !must_be_made_anew(want, have))
		return;
	if (want->kind == KLINK_VETH) {
		vec_push(&plan->lost, &want);
		return;
	}
	add(plan, KVERB_CREATE, kind, want, KLINK_ALL);
	plan->again = true;
}

/* Which devices' changes a pass is about. */
struct pass {
	uint8_t kind;
	bool growing;
};

static void change_links(struct plan *plan, const struct kstate *want, const struct kstate *have,
			 struct pass pass)
{
	const struct vec *w = &want->of[KOBJ_LINK], *h = &have->of[KOBJ_LINK];
	size_t j = 0;

	for (size_t i = 0; i < w->count; i++) {
		const struct klink *link = vec_at(w, i), *now;
		uint32_t fields;

		while (j < h->count && kobj_key_cmp(KOBJ_LINK, vec_at(h, j), link) < 0)
			j++;
		if (j == h->count || kobj_key_cmp(KOBJ_LINK, vec_at(h, j), link) != 0)
			continue;
		now = vec_at(h, j);
		fields = klink_diff(link, now);
		if (link->kind != pass.kind || (link->mtu > now->mtu) != pass.growing ||
		    fields == 0 || must_be_made_anew(link, now) || !name_alias_is_weft(now->alias))
			continue;
		add(plan, KVERB_CHANGE, KOBJ_LINK, link, fields);
		/* a new MAC or a bridge that was down has lost its routes and neighbours */
		plan->again |= (fields & (KLINK_MAC | KLINK_UP | KLINK_MASTER)) != 0;
	}
}

static void shrink_boxes(struct plan *plan, enum kobj_kind kind, const void *want, const void *have)
{
	if (want != NULL && have != NULL &&
	    ((const struct kbox_mtu *)want)->mtu < ((const struct kbox_mtu *)have)->mtu)
		add(plan, KVERB_CHANGE, kind, want, 0);
}

static void grow_boxes(struct plan *plan, enum kobj_kind kind, const void *want, const void *have)
{
	if (want != NULL && have != NULL &&
	    ((const struct kbox_mtu *)want)->mtu > ((const struct kbox_mtu *)have)->mtu)
		add(plan, KVERB_CHANGE, kind, want, 0);
}

/* Creates what is missing or differs. */
static void additions(struct plan *plan, enum kobj_kind kind, const void *want, const void *have)
{
	if (want != NULL && (have == NULL || !kobj_eq(kind, want, have)))
		add(plan, KVERB_CREATE, kind, want, 0);
}

/* Deletes what nobody wants. */
static void removals(struct plan *plan, enum kobj_kind kind, const void *want, const void *have)
{
	if (want == NULL && have != NULL)
		add(plan, KVERB_DELETE, kind, have, 0);
}

/* A route is never replaced in place: that would take somebody else's of the same prefix. */
static void stale_routes(struct plan *plan, enum kobj_kind kind, const void *want, const void *have)
{
	if (have != NULL && (want == NULL || !kobj_eq(kind, want, have)))
		add(plan, KVERB_DELETE, kind, have, 0);
}

void plan_host(struct plan *plan, const struct kstate *want, const struct kstate *have)
{
	static const struct pass passes[] = {{KLINK_VETH, false},   {KLINK_VXLAN, false},
					     {KLINK_BRIDGE, false}, {KLINK_VXLAN, true},
					     {KLINK_BRIDGE, true},  {KLINK_VETH, true}};

	merge(plan, KOBJ_LINK, want, have, link_removals);
	merge(plan, KOBJ_BOX_MTU, want, have, shrink_boxes);
	merge(plan, KOBJ_LINK, want, have, make_links);
	for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]); i++)
		change_links(plan, want, have, passes[i]);
	merge(plan, KOBJ_BOX_MTU, want, have, grow_boxes);
	merge(plan, KOBJ_SYSCTL, want, have, additions);
	merge(plan, KOBJ_ADDR, want, have, additions);
	merge(plan, KOBJ_ROUTE, want, have, stale_routes);
	merge(plan, KOBJ_ROUTE, want, have, additions);
	merge(plan, KOBJ_ADDR, want, have, removals);
	merge(plan, KOBJ_NEXTHOP, want, have, additions);
}

/* An entry whose form changes (a destination for a nexthop, a learned one) cannot be replaced. */
static void fdb_clashes(struct plan *plan, enum kobj_kind kind, const void *want_obj,
			const void *have_obj)
{
	const struct kfdb *want = want_obj, *have = have_obj;

	if (want != NULL && have != NULL && (want->nhid == 0) != (have->nhid == 0))
		add(plan, KVERB_DELETE, kind, have, 0);
}

void plan_entries(struct plan *plan, const struct kstate *want, const struct kstate *have)
{
	merge(plan, KOBJ_FDB, want, have, fdb_clashes);
	merge(plan, KOBJ_FDB, want, have, additions);
	merge(plan, KOBJ_NEIGH, want, have, additions);
	merge(plan, KOBJ_NEIGH, want, have, removals);
	merge(plan, KOBJ_FDB, want, have, removals);
}

static void group_removals(struct plan *plan, enum kobj_kind kind, const void *want,
			   const void *have)
{
	if (have != NULL && ((const struct knexthop *)have)->member != 0)
		removals(plan, kind, want, have);
}

static void hop_removals(struct plan *plan, enum kobj_kind kind, const void *want, const void *have)
{
	if (have != NULL && ((const struct knexthop *)have)->member == 0)
		removals(plan, kind, want, have);
}

void plan_nexthops_end(struct plan *plan, const struct kstate *want, const struct kstate *have)
{
	merge(plan, KOBJ_NEXTHOP, want, have, group_removals);
	merge(plan, KOBJ_NEXTHOP, want, have, hop_removals);
}

const char *plan_format(const struct kop *op, char *out, size_t cap)
{
	static const char *const verbs[] = {"", "create ", "change ", "delete "};
	size_t len;

	WEFT_ASSERT(op->verb <= KVERB_DELETE);
	len = strlen(verbs[op->verb]);
	WEFT_ASSERT(cap > len);
	memcpy(out, verbs[op->verb], len + 1);
	(void)kobj_format((enum kobj_kind)op->kind, op->obj, out + len, cap - len);
	return out;
}
