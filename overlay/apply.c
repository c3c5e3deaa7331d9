/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Applying a plan. The kernel works through it in order; what it refuses is counted, told, and
 * tried again later with growing pauses, while everything else goes on.
 *
 * Failures are kept by the part of the work in which they happened. Only that part, done from its
 * beginning, forgets them and moves its next attempt: whoever looks at something else in between,
 * however often, neither hides a failure nor puts off its repair.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gossip/base/check.h"
#include "overlay/work.h"

#define BACKOFF_MS_MIN 200
#define BACKOFF_MS_MAX 30000

static int64_t backoff_ms(uint32_t attempts)
{
	int64_t ms = BACKOFF_MS_MIN;

	while (attempts-- > 1 && ms < BACKOFF_MS_MAX)
		ms *= 2;
	return ms < BACKOFF_MS_MAX ? ms : BACKOFF_MS_MAX;
}

void attempt_begin(struct attempt *attempt)
{
	attempt->failed = 0;
	attempt->error[0] = '\0';
	attempt->made = true;
}

void attempt_end(struct attempt *attempt, struct mono now)
{
	if (attempt->failed == 0) {
		attempt->count = 0;
		attempt->retry_at = MONO_NEVER;
	} else if (attempt->made || attempt->retry_at.ns == MONO_NEVER.ns ||
		   mono_is_due(attempt->retry_at, now)) { /* the kernel did not answer */
		attempt->retry_at = mono_add_ms(now, backoff_ms(++attempt->count));
	}
	attempt->made = false;
	WEFT_ASSERT((attempt->failed > 0) == (attempt->retry_at.ns != MONO_NEVER.ns));
	WEFT_ASSERT((attempt->failed > 0) == (attempt->error[0] != '\0'));
}

const char *work_error(const struct net *net)
{
	return net->devices.failed > 0 ? net->devices.error : net->entries.error;
}

static struct attempt *attempt_of(const struct work *work, struct net *net)
{
	if (net == NULL)
		return work->in_look ? &work->ov->look : &work->ov->host;
	return work->in_entries ? &net->entries : &net->devices;
}

struct net *work_net_of_device(const struct overlay *ov, const char *dev)
{
	struct net *net;

	for (size_t pos = 0; (net = rows_net_next(ov, &pos)) != NULL;) {
		const struct local *local;

		if (net->known && (memcmp(net->bridge, dev, IFNAME_BYTES) == 0 ||
				   memcmp(net->vxlan, dev, IFNAME_BYTES) == 0))
			return net;
		if (name_is_device(dev))
			continue;
		for (size_t at = 0; (local = map_next(&net->locals, &at)) != NULL;) {
			if (memcmp(local->endpoint.host_ifname, dev, IFNAME_BYTES) == 0)
				return net;
		}
	}
	return NULL;
}

struct net *work_net_of(const struct overlay *ov, const struct kop *op)
{
	struct id network;

	switch (op->kind) {
	case KOBJ_LINK:
		if (!name_alias_parse(((const struct klink *)op->obj)->alias, &network))
			return NULL;
		return rows_net(ov, &network);
	case KOBJ_SYSCTL:
	case KOBJ_NEXTHOP:
		return NULL;
	default: /* the others begin with their device's name */
		return work_net_of_device(ov, op->obj);
	}
}

void work_failed(struct work *work, struct net *net, const char *operation, int error,
		 const char *reason)
{
	struct attempt *attempt = attempt_of(work, net);
	struct overlay_failure failure = {.error = error, .attempts = attempt->count + 1};

	work->report.failed++;
	work->ov->totals.failures++;
	if (net != NULL)
		failure.network = net->id;
	(void)snprintf(failure.operation, sizeof(failure.operation), "%s", operation);
	(void)snprintf(failure.reason, sizeof(failure.reason), "%s",
		       reason[0] != '\0' ? reason : strerror(error));
	if (attempt->failed++ == 0) /* the first one is the cause of the others */
		(void)snprintf(attempt->error, sizeof(attempt->error), "%.95s: %.60s",
			       failure.operation, failure.reason);
	if (work->sink != NULL && work->sink->failed != NULL)
		work->sink->failed(work->sink->ctx, &failure);
}

struct applying {
	struct work *work;
	const struct kop *ops;
};

/* Remembers which entry it was: its endpoint does not count as applied. */
static void remember_key(struct net *net, const struct kop *op)
{
	struct touch touch = {0};

	if (net == NULL || (op->kind != KOBJ_FDB && op->kind != KOBJ_NEIGH))
		return;
	touch.is_mac = op->kind == KOBJ_FDB;
	if (touch.is_mac)
		touch.mac = ((const struct kfdb *)op->obj)->mac;
	else
		touch.ip = ((const struct kneigh *)op->obj)->ip;
	if (net->failed_keys.count < TOUCHED_MAX)
		vec_push(&net->failed_keys, &touch);
	else
		net->failed_more = true;
}

static void note_failure(void *arg, size_t place, int error, const char *text)
{
	struct applying *applying = arg;
	const struct kop *op = &applying->ops[place];
	struct net *net = work_net_of(applying->work->ov, op);
	char line[96];

	remember_key(net, op);
	work_failed(applying->work, net, plan_format(op, line, sizeof(line)), error, text);
}

static const struct local_endpoint *endpoint_of(const struct overlay *ov,
						const struct kbox_mtu *box)
{
	struct net *net = work_net_of_device(ov, box->port);
	const struct local *local = net != NULL ? map_find(&net->locals, &box->endpoint) : NULL;

	return local == NULL ? NULL : &local->endpoint;
}

/* A box that cannot be opened any more is on its way out; its port tells when it is gone. */
static void apply_box(struct applying *applying, size_t place)
{
	const struct overlay_config *config = &applying->work->ov->config;
	const struct kbox_mtu *box = applying->ops[place].obj;
	const struct local_endpoint *endpoint = endpoint_of(applying->work->ov, box);
	struct overlay_box fds;
	int status;

	if (endpoint == NULL || config->box_open == NULL)
		return;
	status = config->box_open(config->box_ctx, endpoint, &fds);
	if (status != 0) {
		note_failure(applying, place, EIO, "its namespace cannot be opened");
		return;
	}
	status = config->kernel->box_mtu_set(config->kernel_ctx, &fds, endpoint->ifname, box->mtu);
	if (config->box_close != NULL)
		config->box_close(config->box_ctx, &fds);
	if (status != 0)
		note_failure(applying, place, -status, "");
}

static void tell_done(struct work *work, const struct plan *plan)
{
	static const struct id host;

	if (work->sink == NULL || work->sink->done == NULL)
		return;
	for (size_t i = 0; i < plan->ops.count; i++) {
		const struct kop *op = vec_at(&plan->ops, i);
		const struct net *net = work_net_of(work->ov, op);
		char line[256];

		work->sink->done(work->sink->ctx, net != NULL ? &net->id : &host,
				 plan_format(op, line, sizeof(line)));
	}
}

int work_apply(struct work *work, const struct plan *plan)
{
	const struct overlay_config *config = &work->ov->config;
	const struct kop *ops = plan->ops.items;
	size_t count = plan->ops.count, done = 0;
	int status = 0;

	while (done < count && status == 0) {
		struct applying applying = {work, ops + done};
		size_t run = 0;

		while (done + run < count && ops[done + run].kind != KOBJ_BOX_MTU)
			run++;
		if (run > 0)
			status = config->kernel->apply(config->kernel_ctx, ops + done, run,
						       note_failure, &applying);
		else
			apply_box(&applying, run++);
		done += run;
	}
	WEFT_ASSERT(done == count || status != 0);
	work->report.operations += (uint32_t)count;
	work->ov->totals.operations += count;
	tell_done(work, plan);
	return status;
}
