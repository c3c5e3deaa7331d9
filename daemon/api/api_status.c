/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* This node at a glance, and what it warns of. */
#include <stdlib.h>
#include <string.h>

#include "daemon/api/json.h"
#include "daemon/api/api.h"
#include "daemon/underlay.h"
#include "ipamdb/query.h"

#define FAILED_NAMES_MAX 5 /* in the status; weft members lists all */
#define BLOCKERS_MAX 5

static void warn(json_t *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void warn(json_t *list, const char *fmt, ...)
{
	char text[WEFT_ERR_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_array_append_new(list, json_name(text));
}

static void warn_of_phase(struct daemon *d, json_t *list)
{
	struct gossip *g = node_gossip(d->node);
	enum node_phase phase = gossip_phase(g);
	struct weft_err fence = {0}, waits = {0};

	if (api_fence(d, &fence) != 0)
		warn(list, "%s", fence.message);
	if (phase == NODE_LEFT && gossip_fence(g) == FENCE_LEAVING)
		warn(list,
		     "this node left its cluster, and no member has confirmed that it has that "
		     "on its disk: weftd goes on telling them; after weft reset they take it "
		     "for failed until weft node rm");
	else if (phase == NODE_LEFT)
		warn(list, "this node left its cluster; weft reset wipes its state");
	if (phase == NODE_CLAIMING)
		warn(list, "waiting for a member to confirm that the stored state is current; see "
			   "that one runs and can be reached");
	if (gossip_is_isolated(g))
		warn(list,
		     "isolated: no other member was heard lately; weft diag says what is blocked");
	if (phase == NODE_ACTIVE && ipamdb_is_guarded(node_ipamdb(d->node)))
		warn(list, "restart guard: new leases wait for a sync with a member; weft ipam "
			   "confirm overrides");
	if (phase == NODE_ACTIVE && ipamdb_introduction(node_ipamdb(d->node), &waits) != 0)
		warn(list, "no addresses of others can be leased here yet: %s", waits.message);
}

/* It is the end of the VXLAN tunnels too. */
static void warn_of_address(struct daemon *d, json_t *list)
{
	char text[INET_TEXT_BYTES];

	if (gossip_phase(node_gossip(d->node)) != NODE_ACTIVE || underlay_has(&d->advertise.ip))
		return;
	inet_format(&d->advertise.ip, text);
	warn(list,
	     "others are told the address %s, which this host does not have: traffic of boxes does "
	     "not come; weft node advertise tells them another",
	     text);
}

static void warn_of_members(struct daemon *d, json_t *list)
{
	struct member_info info;
	char label[NAME_BYTES + 8];

	for (size_t at = 0; gossip_member_next(node_gossip(d->node), &at, &info);) {
		if (!info.name_shared)
			continue;
		member_info_label(&info, label);
		warn(list,
		     "member %s shares its name with another; give each one of its own (weftd "
		     "--name)",
		     label);
	}
}

static void warn_of_networks(struct daemon *d, json_t *list)
{
	struct ipam_net_info net;

	for (size_t at = 0; ipamdb_net_next(node_ipamdb(d->node), &at, &net);) {
		if (net.conflicts > 0)
			warn(list, "network %s: two hosts claim %llu address%s; see weft ipam ring",
			     net.name, (unsigned long long)net.conflicts,
			     net.conflicts == 1 ? "" : "es");
		if (net.frozen > 0)
			warn(list,
			     "network %s: %llu address%s of removed hosts wait%s to be reclaimed; "
			     "see weft ipam ring",
			     net.name, (unsigned long long)net.frozen, net.frozen == 1 ? "" : "es",
			     net.frozen == 1 ? "s" : "");
	}
}

/* Things that the status warns of, as an array of texts. */
static json_t *json_warnings(struct daemon *d)
{
	json_t *list = json_array();

	warn_of_phase(d, list);
	warn_of_address(d, list);
	warn_of_members(d, list);
	warn_of_networks(d, list);
	if (d->totals.failed > 0)
		warn(list,
		     "%u kernel operation%s retried; weft network inspect names them, the log says "
		     "why",
		     d->totals.failed, d->totals.failed == 1 ? " fails and is" : "s fail and are");
	if (d->store_ailment.err.code != 0)
		warn(list,
		     "nothing can be changed here: %.250s; free space, or mend the disk of the "
		     "state directory: weftd goes on by itself",
		     d->store_ailment.err.message);
	if (d->kernel_tried && !d->kernel)
		warn(list, "weftd has no right to change the kernel's networks: nothing can be "
			   "attached; run it as root, or with CAP_NET_ADMIN");
	return list;
}

static json_t *json_members_count(struct daemon *d)
{
	size_t counts[MEMBER_REMOVED + 1] = {0};
	json_t *names = json_array();
	struct member_info info;
	char label[NAME_BYTES + 8];

	for (size_t at = 0; gossip_member_next(node_gossip(d->node), &at, &info);) {
		enum member_state state = member_shown(d, &info);

		counts[state]++;
		if (state != MEMBER_FAILED || json_array_size(names) == FAILED_NAMES_MAX)
			continue;
		member_info_label(&info, label);
		json_array_append_new(names, json_name(label));
	}
	return json_pack("{s:i,s:i,s:i,s:i,s:i,s:o}", "alive", (int)counts[MEMBER_ALIVE], "suspect",
			 (int)counts[MEMBER_SUSPECT], "failed", (int)counts[MEMBER_FAILED], "left",
			 (int)counts[MEMBER_LEFT], "removed", (int)counts[MEMBER_REMOVED],
			 "failed_names", names);
}

static bool count_network(void *ctx, const struct id *id, const struct rec_network *rec)
{
	size_t *count = ctx;

	(void)id;
	(void)rec;
	(*count)++;
	return true;
}

static json_t *json_cluster(struct daemon *d)
{
	char name[NAME_BYTES];
	struct id id;

	if (gossip_cluster(node_gossip(d->node), &id, name) != 0)
		return json_null();
	return json_pack("{s:o,s:o}", "name", json_name(name), "id", json_id(&id));
}

static json_t *json_self(struct daemon *d)
{
	struct gossip *g = node_gossip(d->node);
	struct id self = gossip_self(g);
	struct member_info info;
	char label[NAME_BYTES + 8];

	if (gossip_member(g, &self, &info))
		member_info_label(&info, label);
	else
		snprintf(label, sizeof(label), "%s", d->options->name);
	return json_pack("{s:o,s:o,s:o,s:s,s:s?,s:o,s:b,s:b,s:o}", "name", json_name(label), "id",
			 json_id(&self), "addr", json_hostport(&d->advertise), "phase",
			 node_phase_name(gossip_phase(g)), "fence",
			 node_fence_name(gossip_fence(g)), "removed", json_removal(d), "admin",
			 gossip_is_admin(g), "isolated", gossip_is_isolated(g), "started",
			 json_wall(d->started));
}

static json_t *json_sync(struct daemon *d)
{
	char label[NAME_BYTES + 8];
	struct mono at;
	struct id with;

	if (!gossip_last_sync(node_gossip(d->node), &with, &at))
		return json_null();
	member_label(d, &with, label);
	return json_pack("{s:o,s:I}", "with", json_name(label), "age_ms",
			 (json_int_t)mono_diff_ms(daemon_now(), at));
}

/* Serving, and as current as this node can know. */
static bool is_in_sync(const struct daemon *d)
{
	return gossip_phase(node_gossip(d->node)) == NODE_ACTIVE && node_is_ready(d->node) &&
	       !gossip_is_isolated(node_gossip(d->node));
}

/* Addresses that two hosts claim. */
static uint64_t conflicts(struct daemon *d)
{
	struct ipam_net_info net;
	uint64_t sum = 0;

	for (size_t at = 0; ipamdb_net_next(node_ipamdb(d->node), &at, &net);)
		sum += net.conflicts;
	return sum;
}

/* Whom the addresses of removed hosts wait for. */
static json_t *json_blockers(struct daemon *d)
{
	struct ipam_block blocks[BLOCKERS_MAX];
	size_t count = ipamdb_blocks(node_ipamdb(d->node), NULL, blocks, BLOCKERS_MAX);
	json_t *list = json_array();
	char label[NAME_BYTES + 8];

	for (size_t i = 0; i < count && i < BLOCKERS_MAX; i++) {
		member_label(d, &blocks[i].member, label);
		json_array_append_new(list, json_name(label));
	}
	return list;
}

void api_status(struct daemon *d, struct request *req)
{
	size_t networks = 0;

	each_network(d, &networks, count_network);
	request_answer(req,
		       json_pack("{s:o,s:o,s:o,s:i,s:b,s:o,s:{s:i,s:i,s:I},s:f,s:I,s:o,s:o,s:s}",
				 "cluster", json_cluster(d), "node", json_self(d), "members",
				 json_members_count(d), "networks", (int)networks, "in_sync",
				 is_in_sync(d), "sync", json_sync(d), "reconcile", "pending",
				 (int)d->totals.pending, "failed", (int)d->totals.failed, "last_ms",
				 (json_int_t)d->totals.last_ms, "loop_lag_ms",
				 (double)lag_worst_ns(&d->lag) / NS_PER_MS, "conflicts",
				 (json_int_t)conflicts(d), "blockers", json_blockers(d), "warnings",
				 json_warnings(d), "version", WEFT_VERSION));
}

void api_version(struct daemon *d, struct request *req)
{
	request_answer(req, json_pack("{s:s,s:i,s:s,s:s}", "version", WEFT_VERSION, "wire", 1,
				      "api", "v1", "state_dir", d->options->state_dir));
}

void api_healthz(struct daemon *d, struct request *req)
{
	bool ok = d->store_ailment.err.code == 0;

	request_answer_text(req, ok ? 200 : 503, "text/plain; charset=utf-8",
			    strdup(ok ? "ok\n" : "the state cannot be written\n"));
}

void api_readyz(struct daemon *d, struct request *req)
{
	bool ok = is_in_sync(d) && d->totals.pending == 0;

	request_answer_text(req, ok ? 200 : 503, "text/plain; charset=utf-8",
			    strdup(ok ? "ready\n" : "not ready; see weft status\n"));
}
