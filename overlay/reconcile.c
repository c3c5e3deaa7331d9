/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A reconcile from its beginning to its end, and when the next one is due.
 *
 * Marks say what is due: the host (devices, addresses, routes), the rules, the MTUs, and per
 * network all entries or some keys. A mark is set by a row, by a notification about something that
 * is not as wanted, by a failure whose pause is over, or by the slow timer; it is taken back by the
 * pass that looks. A pass that finds everything right sends nothing, so that no notification
 * follows and the overlay comes to rest.
 */
#include "gossip/base/check.h"
#include "overlay/work.h"

#define SWEEP_MS 60000

void overlay_mark_all(struct overlay *ov, struct mono now)
{
	struct net *net;

	for (size_t pos = 0; (net = rows_net_next(ov, &pos)) != NULL;)
		net->entries_due = true;
	ov->host_due = true;
	ov->mtu_due = true;
	ov->rules_due = true;
	ov->sweep_at = mono_add_ms(now, SWEEP_MS);
}

void overlay_hold(struct overlay *ov, bool held, struct mono now)
{
	if (ov->held == held)
		return;
	ov->held = held;
	ov->totals.unknown_boxes = 0; /* until they are looked at */
	ov->fed = true;               /* nor waits for what is heard */
	ov->is_judged = false;
	held_forget(ov);
	attempt_begin(&ov->look);
	ov->nexthops_checked = false;
	overlay_mark_all(ov, now);
}

static struct mono net_retry_at(const struct net *net)
{
	return mono_min(net->devices.retry_at, net->entries.retry_at);
}

static void mark_timers(struct overlay *ov, struct mono now)
{
	struct net *net;

	if (mono_is_due(ov->sweep_at, now))
		overlay_mark_all(ov, now);
	if (mono_is_due(mono_min(ov->host.retry_at, ov->look.retry_at), now)) {
		ov->host_due = true;
		ov->rules_due = true;
	}
	for (size_t pos = 0; (net = rows_net_next(ov, &pos)) != NULL;) {
		net->entries_due |= mono_is_due(net->entries.retry_at, now);
		ov->host_due |= mono_is_due(net_retry_at(net), now);
	}
}

/* Networks without devices have nothing to bring to what is wanted. */
static bool entries_are_due(const struct net *net)
{
	return net->is_standing && (net->entries_due || net->touched.count > 0);
}

static void end_nexthops(struct work *work)
{
	struct overlay *ov = work->ov;
	struct kstate want, have;
	struct plan plan;

	kstate_init(&want, &ov->heap);
	kstate_init(&have, &ov->heap);
	plan_init(&plan, &ov->heap);
	desired_host(ov, &want);
	work->report.dumps++;
	if (ov->config.kernel->dump_host(ov->config.kernel_ctx, &have) == 0) {
		kstate_sort(&want);
		kstate_sort(&have);
		plan_nexthops_end(&plan, &want, &have);
		if (plan.ops.count > 0 && work_apply(work, &plan) != 0)
			ov->host_due = true;
	}
	plan_close(&plan);
	kstate_close(&have);
	kstate_close(&want);
}

/* Failures set the pause before the next attempt. */
static void end_attempts(struct overlay *ov, struct mono now)
{
	struct net *net;

	attempt_end(&ov->host, now);
	attempt_end(&ov->look, now);
	ov->totals.failed = ov->host.failed + ov->look.failed;
	for (size_t pos = 0; (net = rows_net_next(ov, &pos)) != NULL;) {
		attempt_end(&net->devices, now);
		attempt_end(&net->entries, now);
		ov->totals.failed += net->devices.failed + net->entries.failed;
	}
}

static void tidy(struct overlay *ov)
{
	struct net *net;
	bool again = true;

	while (again) { /* freeing one moves the others in their map */
		again = false;
		for (size_t pos = 0; !again && (net = rows_net_next(ov, &pos)) != NULL;) {
			size_t before = ov->nets.count;

			rows_net_tidy(ov, net);
			again = ov->nets.count != before;
		}
	}
}

static bool any_wanted(const struct overlay *ov)
{
	const struct net *net;

	for (size_t pos = 0; (net = rows_net_next(ov, &pos)) != NULL;) {
		if (rows_net_is_wanted(ov, net))
			return true;
	}
	return false;
}

/* Of some networks only this host's own endpoints are known so far: their rules stay as they are.
 */
static bool any_undecided(const struct overlay *ov)
{
	const struct net *net;

	for (size_t pos = 0; (net = rows_net_next(ov, &pos)) != NULL;) {
		if (rows_net_is_undecided(net))
			return true;
	}
	return false;
}

static void pass(struct work *work)
{
	struct overlay *ov = work->ov;
	bool host, rules, nexthops = ov->config.fdb_form == OVERLAY_FDB_NEXTHOP;
	struct net *net;

	if (ov->mtu_due)
		work_mtu(work);
	host = ov->host_due;
	if (host)
		attempt_begin(&ov->host);
	if (ov->held && (host || (ov->rules_due && ov->look.failed == 0)))
		held_look(work); /* a failed one waits for its time, whatever others do to rules */
	/* Before that was seen once, a network's names may mean the devices of another. The time of
	 * the look brings this back. */
	if (ov->held && !ov->is_judged)
		host = ov->host_due = ov->rules_due = false;
	else
		ov->looked = true;
	/* what keeps networks apart stands before their devices, and goes after them */
	rules = (host || ov->rules_due) && !any_undecided(ov);
	if (rules && any_wanted(ov))
		work_rules(work, KRULES_HOST);
	if (host)
		work_host(work);
	if (rules && !any_wanted(ov))
		work_rules(work, KRULES_HOST);
	if (rules)
		work_rules(work, KRULES_PORTS);
	ov->rules_due = false;
	for (size_t pos = 0; (net = rows_net_next(ov, &pos)) != NULL;) {
		if (entries_are_due(net))
			work_entries(work, net);
	}
	if (held_spares(ov))
		return; /* entries that stay may point at nexthops that no row explains */
	if (host && (nexthops || !ov->nexthops_checked))
		end_nexthops(work);
	ov->nexthops_checked |= host;
}

int overlay_reconcile(struct overlay *ov, struct mono now, const struct overlay_sink *sink,
		      struct overlay_report *report)
{
	const struct overlay_config *config = &ov->config;
	struct work work = {.ov = ov, .now = now, .sink = sink};
	struct mono start = config->kernel->clock(config->kernel_ctx);
	bool heard = ov->drift;

	rows_number(ov);
	mark_timers(ov, now);
	ov->drift = ov->fed = false;
	ov->wake_at = MONO_NEVER;
	pass(&work);
	/* Much of what is heard changed nothing of weft's: rules and routes of others. */
	ov->totals.repairs += heard && work.report.operations > 0;
	end_attempts(ov, now);
	tidy(ov);
	work.report.took_ns = mono_diff_ns(config->kernel->clock(config->kernel_ctx), start);
	ov->totals.reconciles++;
	ov->totals.dumps += work.report.dumps;
	ov->totals.last_ms = work.report.took_ns / NS_PER_MS;
	if (report != NULL)
		*report = work.report;
	WEFT_ASSERT(mono_diff_ns(ov->sweep_at, now) > 0);
	return work.report.failed > 0 ? WEFT_E_KERNEL : 0;
}

struct mono overlay_deadline(const struct overlay *ov)
{
	struct mono due = mono_min(ov->sweep_at, mono_min(ov->host.retry_at, ov->look.retry_at));
	bool pending = ov->host_due || ov->mtu_due || ov->rules_due;
	const struct net *net;

	for (size_t pos = 0; (net = rows_net_next(ov, &pos)) != NULL;) {
		due = mono_min(due, net_retry_at(net));
		pending |= entries_are_due(net);
	}
	if (pending)
		due = mono_min(due, ov->drift && !ov->fed ? ov->wake_at : (struct mono){0});
	return due;
}
