/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The part of a reconcile that concerns the whole host: devices, addresses, routes, nexthops and
 * the firewall tables. Making a device moves things that only the next dump shows (a bridge's port
 * that lost its master, routes that went with a MAC), so the pass repeats while its plan says so.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gossip/base/check.h"
#include "overlay/work.h"

#define ROUNDS_MAX 4

/* What of the wanted state has to be asked for by name. */
static void read_named(struct work *work, const struct kstate *want, struct kstate *have)
{
	const struct overlay_config *config = &work->ov->config;

	for (size_t i = 0; i < want->of[KOBJ_SYSCTL].count; i++) {
		struct ksysctl sysctl = *(struct ksysctl *)vec_at(&want->of[KOBJ_SYSCTL], i);

		if (config->kernel->sysctl_get(config->kernel_ctx, sysctl.path, sysctl.value,
					       sizeof(sysctl.value)) == 0)
			vec_push(&have->of[KOBJ_SYSCTL], &sysctl);
	}
	for (size_t i = 0; i < want->of[KOBJ_BOX_MTU].count; i++) {
		struct kbox_mtu box = *(struct kbox_mtu *)vec_at(&want->of[KOBJ_BOX_MTU], i);

		if (config->kernel->box_mtu(config->kernel_ctx, box.port, &box.mtu) == 0)
			vec_push(&have->of[KOBJ_BOX_MTU], &box);
	}
}

static void tell_foreign(struct work *work, const struct plan *plan)
{
	for (size_t i = 0; i < plan->foreign.count; i++) {
		const struct klink *link = *(const struct klink **)vec_at(&plan->foreign, i);
		struct id network;
		char line[64];

		(void)snprintf(line, sizeof(line), "create %s", link->name);
		WEFT_ASSERT(name_alias_parse(link->alias, &network));
		work_failed(work, rows_net(work->ov, &network), line, EEXIST,
			    "a device of this name exists and is not weft's");
	}
}

static void tell_lost(struct work *work, const struct plan *plan)
{
	for (size_t i = 0; i < plan->lost.count; i++) {
		const struct klink *link = *(const struct klink **)vec_at(&plan->lost, i);
		struct net *net = work_net_of_device(work->ov, link->name);
		struct local *local;

		WEFT_ASSERT(net != NULL);
		for (size_t pos = 0; (local = map_next(&net->locals, &pos)) != NULL;) {
			if (memcmp(local->endpoint.host_ifname, link->name, IFNAME_BYTES) != 0 ||
			    local->lost_told || local->plugging)
				continue;
			local->lost_told = true;
			if (work->sink != NULL && work->sink->lost != NULL)
				work->sink->lost(work->sink->ctx, &net->id, &local->id);
		}
	}
}

/* Devices that are made or moved take their entries with them. */
static void mark_entries(struct work *work, const struct plan *plan)
{
	for (size_t i = 0; i < plan->ops.count; i++) {
		const struct kop *op = vec_at(&plan->ops, i);
		struct net *net;

		if (op->kind != KOBJ_LINK ||
		    (op->verb == KVERB_CHANGE &&
		     (op->fields & (KLINK_MAC | KLINK_UP | KLINK_MASTER)) == 0))
			continue;
		net = work_net_of(work->ov, op);
		if (net == NULL)
			continue;
		net->entries_due = true;
		net->is_made |= op->verb == KVERB_CREATE &&
				((const struct klink *)op->obj)->kind == KLINK_BRIDGE;
	}
}

static bool stands(const struct kstate *have, const char *name, const struct id *network)
{
	for (size_t i = 0; i < have->of[KOBJ_LINK].count; i++) {
		const struct klink *link = vec_at(&have->of[KOBJ_LINK], i);
		struct id holder;

		if (memcmp(link->name, name, IFNAME_BYTES) == 0)
			return name_alias_parse(link->alias, &holder) && id_eq(&holder, network);
	}
	return false;
}

static void note_standing(struct work *work, const struct kstate *have)
{
	struct overlay *ov = work->ov;
	struct net *net;

	ov->totals.networks = 0;
	for (size_t pos = 0; (net = rows_net_next(ov, &pos)) != NULL;) {
		bool stood = net->is_standing;

		net->is_standing = rows_net_is_wanted(ov, net) &&
				   stands(have, net->bridge, &net->id) &&
				   stands(have, net->vxlan, &net->id);
		net->entries_due |= net->is_standing && !stood;
		if (net->is_standing && !net->is_made)
			work_note_adopted(net);
		net->is_made |= net->is_standing;
		if (!net->is_standing) /* nor do its entries */
			attempt_begin(&net->entries);
		ov->totals.networks += net->is_standing;
	}
}

static bool is_undecided(const struct overlay *ov, const struct klink *link)
{
	const struct net *net;
	struct id network;

	if (!name_alias_parse(link->alias, &network))
		return false;
	net = rows_net(ov, &network);
	return net != NULL && rows_net_is_undecided(net);
}

static void spare_on(struct kstate *have, enum kobj_kind kind, const char *dev)
{
	struct vec *vec = &have->of[kind];

	for (size_t i = vec->count; i-- > 0;) {
		if (memcmp(vec_at(vec, i), dev, IFNAME_BYTES) == 0)
			vec_remove(vec, i);
	}
}

/* Leaves out what is nobody's business here: addresses on a device that only has a name like
 * weft's, and all of a network that this host has endpoints in, but whose fact has not come yet,
 * until it is known or has ended. */
static void spare_others(const struct overlay *ov, struct kstate *have)
{
	struct vec *links = &have->of[KOBJ_LINK];

	for (size_t i = links->count; i-- > 0;) {
		const struct klink *link = vec_at(links, i);
		bool undecided = is_undecided(ov, link);

		if (!undecided && name_alias_is_weft(link->alias))
			continue;
		spare_on(have, KOBJ_ADDR, link->name);
		spare_on(have, KOBJ_ROUTE, link->name);
		if (undecided)
			vec_remove(links, i);
	}
}

static void begin_devices(struct overlay *ov)
{
	struct net *net;

	for (size_t pos = 0; (net = rows_net_next(ov, &pos)) != NULL;)
		attempt_begin(&net->devices);
}

/* One round: true when another is needed. */
static bool host_round(struct work *work, int *status)
{
	struct overlay *ov = work->ov;
	const struct overlay_config *config = &ov->config;
	struct kstate want, have;
	struct plan plan;
	bool again;

	kstate_init(&want, &ov->heap);
	kstate_init(&have, &ov->heap);
	plan_init(&plan, &ov->heap);
	desired_host(ov, &want);
	work->report.dumps++;
	*status = config->kernel->dump_host(config->kernel_ctx, &have);
	if (*status == 0) {
		begin_devices(ov);
		spare_others(ov, &have);
		read_named(work, &want, &have);
		kstate_sort(&want);
		kstate_sort(&have);
		if (held_spares(ov))
			held_spare(ov, &want, &have);
		note_standing(work, &have);
		plan_host(&plan, &want, &have);
		mark_entries(work, &plan);
		tell_foreign(work, &plan);
		tell_lost(work, &plan);
		*status = work_apply(work, &plan);
	}
	again = *status == 0 && plan.again;
	plan_close(&plan);
	kstate_close(&have);
	kstate_close(&want);
	return again;
}

void work_host(struct work *work)
{
	struct overlay *ov = work->ov;
	const struct attempt before = ov->host;
	int status = 0, rounds = 0;
	bool again = true;

	ov->host_due = false;
	while (again && rounds++ < ROUNDS_MAX) {
		/* what failed in a round before the last will be seen again in the last */
		ov->host = before;
		again = host_round(work, &status);
	}
	if (status != 0)
		work_failed(work, NULL, "read the host's devices", -status, "");
}

void rules_remember(struct overlay *ov, enum krules table, char *text, size_t bytes)
{
	if (ov->rules_text[table] != NULL)
		heap_give(&ov->heap, ov->rules_text[table], ov->rules_bytes[table]);
	ov->rules_text[table] = text;
	ov->rules_bytes[table] = bytes;
}

void work_rules(struct work *work, enum krules table)
{
	static const char *const names[KRULES_COUNT] = {"set table inet weft",
							"set table netdev weft"};
	struct overlay *ov = work->ov;
	const struct overlay_config *config = &ov->config;
	char *text, why[96] = "";
	size_t bytes;
	int status;

	if (held_rules(work, table))
		return;
	text = desired_rules(ov, table, &bytes);
	if (!ov->rules_due && ov->rules_text[table] != NULL &&
	    strcmp(ov->rules_text[table], text) == 0) {
		heap_give(&ov->heap, text, bytes);
		return;
	}
	status = config->kernel->rules_match(config->kernel_ctx, table, text);
	if (status == 0) {
		status =
		    config->kernel->rules_set(config->kernel_ctx, table, text, why, sizeof(why));
		work->report.operations++;
		ov->totals.operations++;
		if (work->sink != NULL && work->sink->done != NULL)
			work->sink->done(work->sink->ctx, &(const struct id){{0}}, names[table]);
	}
	rules_remember(ov, table, status < 0 ? NULL : text, bytes);
	if (status < 0) {
		work_failed(work, NULL, names[table], -status, why);
		heap_give(&ov->heap, text, bytes);
	}
}
