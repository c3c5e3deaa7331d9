/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "overlay/overlay.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "gossip/base/check.h"
#include "overlay/work.h"

/* The first kernel whose VXLAN proxy knows nexthop groups; see desired.c. */
#define PROXY_NEXTHOP_MAJOR 6
#define PROXY_NEXTHOP_MINOR 17

static int check_layout(struct overlay_config *config, struct weft_err *err)
{
	struct utsname name;
	int major = 0, minor = 0;

	if (config->layout == OVERLAY_LAYOUT_AUTO)
		config->layout = OVERLAY_PROXY;
	if (config->fdb_form == OVERLAY_FDB_AUTO)
		config->fdb_form = OVERLAY_FDB_DST;
	if (config->layout != OVERLAY_PROXY || config->fdb_form != OVERLAY_FDB_NEXTHOP)
		return 0;
	if (uname(&name) == 0 && sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
	    (major > PROXY_NEXTHOP_MAJOR ||
	     (major == PROXY_NEXTHOP_MAJOR && minor >= PROXY_NEXTHOP_MINOR)))
		return 0;
	return weft_err_set(
	    err, WEFT_E_UNSUPPORTED,
	    "proxy with nexthop groups crashes kernels before %d.%d (this is %s); use "
	    "plain destinations or the suppress layout",
	    PROXY_NEXTHOP_MAJOR, PROXY_NEXTHOP_MINOR, name.release);
}

struct overlay *overlay_new(const struct overlay_config *config, struct weft_err *err)
{
	struct overlay_config checked = *config;
	struct overlay *ov;
	struct heap heap;

	WEFT_ASSERT(config->kernel != NULL && config->pages.take != NULL);
	if (check_layout(&checked, err) != 0)
		return NULL;
	heap_init(&heap, &config->pages);
	ov = heap_take(&heap, sizeof(*ov));
	ov->heap = heap;
	ov->config = checked;
	map_init(&ov->nets, &ov->heap, sizeof(struct id), 24, checked.seed);
	map_init(&ov->owner_of, &ov->heap, sizeof(struct id), 20, checked.seed);
	vec_init(&ov->owners, &ov->heap, sizeof(struct owner));
	ov->host.retry_at = ov->look.retry_at = MONO_NEVER;
	ov->wake_at = MONO_NEVER;
	ov->sweep_at = (struct mono){0}; /* the first reconcile looks at everything */
	return ov;
}

void overlay_free(struct overlay *ov)
{
	struct heap heap;

	if (ov == NULL)
		return;
	heap = ov->heap; /* the overlay lies in its own heap */
	heap_close(&heap);
}

size_t overlay_fds(const struct overlay *ov, int fds[2])
{
	return ov->config.kernel->fds(ov->config.kernel_ctx, fds);
}

static bool is_pending(const struct overlay *ov, const struct net *net)
{
	return rows_net_is_wanted(ov, net) &&
	       (ov->host_due || net->entries_due || net->touched.count > 0 ||
		net->devices.failed > 0 || net->entries.failed > 0);
}

static uint32_t host_count(const struct overlay *ov, const struct net *net)
{
	bool listed = map_find(&net->attached, &ov->config.node) != NULL;

	return (uint32_t)net->attached.count + (net->locals.count > 0 && !listed);
}

bool overlay_network_get(const struct overlay *ov, const struct id *network,
			 struct overlay_network_state *state)
{
	const struct net *net = rows_net(ov, network);

	memset(state, 0, sizeof(*state));
	if (net == NULL)
		return false;
	state->vni = net->vni;
	state->present = rows_net_is_wanted(ov, net);
	state->pending = is_pending(ov, net);
	state->failed = net->devices.failed + net->entries.failed;
	state->remotes = net->is_standing ? (uint32_t)(net->remotes.count - net->fresh_count) : 0;
	state->locals = (uint32_t)net->locals.count;
	state->hosts = host_count(ov, net);
	state->conflicts = net->conflicts;
	state->mtu_bytes = net->mtu;
	state->own_mtu_bytes = net->own_mtu;
	state->last_ms = net->last_ns / NS_PER_MS;
	memcpy(state->error, work_error(net), sizeof(state->error));
	return true;
}

void overlay_totals_get(const struct overlay *ov, struct overlay_totals *totals)
{
	const struct net *net;

	*totals = ov->totals;
	totals->pending = 0;
	totals->remotes = 0;
	totals->held_bytes = ov->heap.held_bytes;
	for (size_t pos = 0; (net = rows_net_next(ov, &pos)) != NULL;) {
		totals->pending += is_pending(ov, net);
		totals->remotes += net->remotes.count;
	}
}
