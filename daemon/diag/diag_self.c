/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What this daemon knows of itself and its cluster, as checks. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "daemon/api/api.h"
#include "daemon/diag/diag_self.h"
#include "daemon/api/names.h"
#include "daemon/underlay.h"
#include "ipamdb/query.h"

#define NAMES_BYTES 256
#define BLOCKS_SHOWN 4
#define LAG_WARN_MS 500 /* about when others begin to doubt this host */
#define RCVBUF_WARN_BYTES (1 << 20)
#define FILES_WARN 256 /* left */

/* Adds a name to a list of them; three, then dots. */
static void name_add(char out[NAMES_BYTES], size_t nth, const char *name)
{
	size_t len = strlen(out);

	if (nth < 3)
		snprintf(out + len, NAMES_BYTES - len, "%s%.70s", nth > 0 ? ", " : "", name);
	else if (nth == 3)
		snprintf(out + len, NAMES_BYTES - len, ", ...");
}

/* What an error says as a check: its sentence ends with what to do. */
static void add_error(json_t *checks, const char *name, const char *verdict,
		      const struct weft_err *err)
{
	char why[WEFT_ERR_BYTES];
	char *todo;

	snprintf(why, sizeof(why), "%s", err->message);
	todo = strrchr(why, ';');
	if (todo)
		*todo = '\0';
	judge_add(checks, name, NULL, verdict, todo ? todo + 2 : "weft status", "%s", why);
}

static void self_standing(struct daemon *d, json_t *checks)
{
	struct gossip *g = node_gossip(d->node);
	enum node_phase phase = gossip_phase(g);
	struct weft_err err = {0};

	if (api_fence(d, &err) != 0) {
		add_error(checks, "fence", "fail", &err);
	} else if (phase == NODE_NO_CLUSTER || phase == NODE_LEFT) {
		judge_add(checks, "cluster", NULL, "ok", NULL,
			  "this host is in no cluster; weft init or weft join changes that");
	} else if (phase != NODE_ACTIVE) {
		judge_add(checks, "cluster", NULL, "warn",
			  "wait, or see that some member can be reached",
			  "weftd waits for a member before it serves");
	} else if (gossip_is_isolated(g)) {
		judge_add(checks, "cluster", NULL, "fail",
			  "see the checks of the members below, and this host's own network",
			  "no other member was heard lately");
	} else if (ipamdb_is_guarded(node_ipamdb(d->node))) {
		judge_add(checks, "cluster", NULL, "warn",
			  "wait for a member, or weft ipam confirm",
			  "restart guard: nothing new is leased before a member was met");
	} else if (ipamdb_introduction(node_ipamdb(d->node), &err) != 0) {
		add_error(checks, "cluster", "warn", &err);
	} else {
		judge_add(checks, "cluster", NULL, "ok", NULL, "weftd %s serves its cluster",
			  WEFT_VERSION);
	}
}

static void self_members(struct daemon *d, json_t *checks)
{
	char failed[NAMES_BYTES] = "", shared[NAMES_BYTES] = "", label[NAME_BYTES + 8];
	size_t fails = 0, shares = 0, alive = 0;
	struct member_info info;

	for (size_t at = 0; gossip_member_next(node_gossip(d->node), &at, &info);) {
		enum member_state state = member_shown(d, &info);

		member_info_label(&info, label);
		alive += state == MEMBER_ALIVE || state == MEMBER_SUSPECT;
		if (state == MEMBER_FAILED)
			name_add(failed, fails++, label);
		if (info.name_shared)
			name_add(shared, shares++, label);
	}
	if (fails > 0)
		judge_add(checks, "members", NULL, "warn",
			  "start weftd there; weft node rm NODE when a host is gone for good: its "
			  "addresses are taken back then",
			  "%zu of %zu failed: %s", fails, alive + fails, failed);
	if (shares > 0)
		judge_add(checks, "members", NULL, "warn",
			  "give each host a name of its own (weftd --name)",
			  "names that several have: %s", shared);
	if (fails == 0 && alive > 0)
		judge_add(checks, "members", NULL, "ok", NULL, "%zu alive", alive);
}

static void self_store(struct daemon *d, json_t *checks)
{
	struct store_stats stats;

	store_thread_stats(d->store, &stats);
	if (d->store_ailment.err.code != 0)
		judge_add(
		    checks, "store", NULL, "fail",
		    "free space, or mend the disk under the state directory; weftd goes on by "
		    "itself then",
		    "the state cannot be written: %.300s", d->store_ailment.err.message);
	else
		judge_add(checks, "store", NULL, "ok", NULL,
			  "%llu bytes on disk, longest commit %.1f ms",
			  (unsigned long long)stats.bytes, (double)stats.max_commit_us / 1e3);
}

static void self_kernel(struct daemon *d, json_t *checks)
{
	if (d->kernel_tried && !d->kernel)
		judge_add(checks, "kernel", NULL, "fail",
			  "run weftd as root, or with CAP_NET_ADMIN; its log says what was refused",
			  "weftd may not change this host's networks");
	else if (d->totals.failed > 0)
		judge_add(checks, "kernel", NULL, "fail",
			  "weft network inspect names them; the log says why",
			  "%u kernel operations fail and are retried", d->totals.failed);
	else
		judge_add(checks, "kernel", NULL, "ok", NULL,
			  "%u network%s here, %u repair%s so far, last reconcile %llu ms",
			  d->totals.networks, d->totals.networks == 1 ? "" : "s",
			  (unsigned)d->totals.repairs, d->totals.repairs == 1 ? "" : "s",
			  (unsigned long long)d->totals.last_ms);
}

/* Space of gone members that is not taken back yet, and who holds that up. */
static void self_blockers(struct daemon *d, json_t *checks)
{
	struct ipam_block blocks[BLOCKS_SHOWN];
	size_t count = ipamdb_blocks(node_ipamdb(d->node), NULL, blocks, BLOCKS_SHOWN);
	char names[NAMES_BYTES] = "", label[NAME_BYTES + 8];

	for (size_t i = 0; i < count && i < BLOCKS_SHOWN; i++) {
		member_label(d, &blocks[i].member, label);
		name_add(names, i, label);
	}
	if (count > 0)
		judge_add(checks, "addresses", NULL, "warn",
			  "weft ipam ring NETWORK says why; start those members, or remove them",
			  "addresses of removed hosts wait for: %s", names);
}

static void self_pools(struct daemon *d, json_t *checks)
{
	struct ipam_net_info net;

	for (size_t at = 0; ipamdb_net_next(node_ipamdb(d->node), &at, &net);) {
		if (net.conflicts > 0)
			judge_add(checks, "addresses", NULL, "fail",
				  "weft ipam ring names both hosts; run weft node recover on the "
				  "one whose disk is older",
				  "network %s: two hosts claim %llu addresses", net.name,
				  (unsigned long long)net.conflicts);
	}
}

static void self_lag(struct daemon *d, json_t *checks)
{
	double lag_ms = (double)lag_worst_ns(&d->lag) / NS_PER_MS;

	if (lag_ms > LAG_WARN_MS)
		judge_add(checks, "loop-lag", NULL, "warn",
			  "give this host more CPU, or see what else takes it",
			  "weftd's loop stood still for %.0f ms within the last minute", lag_ms);
}

static void self_limits(struct daemon *d, json_t *checks)
{
	struct rlimit files = {0};
	size_t open_files = 0;
	int buffer = 0;
	socklen_t len = sizeof(buffer);
	DIR *dir = opendir("/proc/self/fd");

	while (dir && readdir(dir))
		open_files++;
	if (dir)
		closedir(dir);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < open_files + FILES_WARN)
		judge_add(checks, "file-limit", NULL, "warn",
			  "raise it: LimitNOFILE=4096 in weftd's unit",
			  "weftd has %zu files open and may have %llu", open_files,
			  (unsigned long long)files.rlim_cur);
	if (getsockopt(d->udp.fd, SOL_SOCKET, SO_RCVBUF, &buffer, &len) == 0 &&
	    buffer < RCVBUF_WARN_BYTES)
		judge_add(checks, "rmem", NULL, "warn",
			  "sysctl -w net.core.rmem_max=4194304, then restart weftd",
			  "the gossip socket's receive buffer is %d bytes: bursts are lost",
			  buffer);
}

/* The address that others know is the end of the VXLAN tunnels too. */
static void self_address(struct daemon *d, json_t *checks)
{
	char text[INET_TEXT_BYTES];

	if (gossip_phase(node_gossip(d->node)) != NODE_ACTIVE || underlay_has(&d->advertise.ip))
		return;
	inet_format(&d->advertise.ip, text);
	judge_add(checks, "advertise", NULL, "fail",
		  "weft node advertise ADDR, with one that this host has (ip address shows them): "
		  "behind NAT there is gossip, but no traffic",
		  "this host is known as %s, which none of its interfaces has", text);
}

/* Packets to a peer that leave with another address than this host is known by. */
static void self_routes(struct daemon *d, json_t *checks)
{
	char names[NAMES_BYTES] = "", label[NAME_BYTES + 8];
	char own[INET_TEXT_BYTES], used[INET_TEXT_BYTES] = "";
	struct member_info info;
	struct inet source;
	size_t count = 0;

	for (size_t at = 0; gossip_member_next(node_gossip(d->node), &at, &info);) {
		if (info.is_self || info.state == MEMBER_LEFT || info.state == MEMBER_REMOVED)
			continue;
		member_info_label(&info, label);
		if (underlay_source(&info.vtep, &source) != 0) {
			judge_add(checks, "route", label, "fail",
				  "add a route to it (ip route), or see why it went away",
				  "there is no route to it");
		} else if (!inet_eq(&source, &d->advertise.ip)) {
			inet_format(&source, used);
			name_add(names, count++, label);
		}
	}
	if (count == 0)
		return;
	inet_format(&d->advertise.ip, own);
	judge_add(
	    checks, "route", NULL, "warn",
	    "route by the interface that has the advertised address, or change that with weft "
	    "node advertise",
	    "packets to %s leave with %s, but this host is known as %s", names, used, own);
}

void diag_self(struct daemon *d, json_t *checks)
{
	self_standing(d, checks);
	self_members(d, checks);
	self_store(d, checks);
	self_kernel(d, checks);
	self_pools(d, checks);
	self_blockers(d, checks);
	self_lag(d, checks);
	self_limits(d, checks);
	self_address(d, checks);
	self_routes(d, checks);
}
