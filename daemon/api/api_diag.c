/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* weft diag and weft path: a round of looks at the ways to others, told as JSON. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/api/api.h"
#include "daemon/diag/diag_self.h"
#include "daemon/api/json.h"
#include "daemon/underlay.h"

/* ---- what the checks of the host need to know; weft runs them itself ---- */

struct facts {
	json_t *ports, *prefixes;
	uint64_t neighbours;
};

/* Networks share a port as a rule. */
static void fact_port(struct facts *facts, uint16_t port)
{
	const json_t *known;
	size_t i;

	json_array_foreach(facts->ports, i, known)
	{
		if (json_integer_value(known) == port)
			return;
	}
	json_array_append_new(facts->ports, json_integer(port));
}

static bool fact_network(void *ctx, const struct id *id, const struct rec_network *rec)
{
	struct facts *facts = ctx;

	(void)id;
	fact_port(facts, rec->port);
	for (size_t i = 0; i < rec->pool_count; i++)
		json_array_append_new(facts->prefixes, json_prefix(&rec->pools[i].subnet));
	return true;
}

static json_t *json_options(const struct options *options)
{
	static const char *const guards[] = {"one", "all", "off"};
	static const char *const formats[] = {"text", "json", "journal"};

	return json_pack("{s:s,s:s,s:s,s:o,s:s,s:I,s:s,s:I,s:i,s:s,s:s,s:s}", "state_dir",
			 options->state_dir, "socket", options->socket, "group", options->group,
			 "bind", json_hostport(&options->bind), "name", options->name,
			 "sync_wait_ms", (json_int_t)options->sync_wait_ms, "restart_guard",
			 (unsigned)options->guard < 3 ? guards[options->guard] : "?", "cooldown_ms",
			 (json_int_t)options->cooldown_ms, "vxlan_port", (int)options->vxlan_port,
			 "helper", options->helper, "log_level", log_level_name(options->log_level),
			 "log_format",
			 (unsigned)options->log_format < 3 ? formats[options->log_format] : "?");
}

static json_t *json_facts(struct daemon *d)
{
	struct facts facts = {.ports = json_array(), .prefixes = json_array()};
	struct local_endpoint endpoint;
	struct member_info info;
	struct stat ns = {0};

	each_network(d, &facts, fact_network);
	if (json_array_size(facts.ports) == 0)
		json_array_append_new(facts.ports, json_integer(d->options->vxlan_port));
	for (size_t at = 0; gossip_member_next(node_gossip(d->node), &at, &info);)
		facts.neighbours++;
	/* A box at its gateway, and the gateway at the box. */
	for (size_t at = 0; node_endpoint_next(d->node, &at, &endpoint);)
		facts.neighbours += 2;
	(void)stat("/proc/self/ns/net", &ns);
	return json_pack("{s:s,s:o,s:o,s:o,s:I,s:i,s:I,s:i,s:o}", "state_dir",
			 d->options->state_dir, "vtep", json_inet(&d->advertise.ip), "vxlan_ports",
			 facts.ports, "subnets", facts.prefixes, "neighbours",
			 (json_int_t)facts.neighbours, "networks", (int)d->totals.networks,
			 "netns_inode", (json_int_t)ns.st_ino, "pid", (int)getpid(), "options",
			 json_options(d->options));
}

/* ---- diag ---- */

static void judge_peer(struct daemon *d, struct diag_round *round, const struct diag_peer *peer)
{
	char label[NAME_BYTES + 8], helper[NAME_BYTES + 8];
	struct judge_pair pair = {.label = label, .own = d->advertise, .version = WEFT_VERSION};
	struct member_info info;

	if (!gossip_member(node_gossip(d->node), &peer->id, &info))
		return;
	member_info_label(&info, label);
	pair.state = info.state;
	if (peer->relay != RELAY_NONE) {
		member_label(d, &peer->helper, helper);
		pair.helper = helper;
	}
	if (!round->checks)
		round->checks = json_array();
	judge_pair(round->checks, &pair, round, peer);
}

static void diag_answer(struct daemon *d, struct request *req, const struct diag_round *round)
{
	json_t *checks = json_array();

	diag_self(d, checks);
	if (round)
		judge_round(checks, round, diag_why(d->diag));
	request_answer(req, json_pack("{s:o,s:o}", "checks", checks, "host", json_facts(d)));
}

static void diag_done(struct daemon *d, struct diag_round *round)
{
	struct request *req = http_request(d->http, round->client.tag);

	if (req)
		diag_answer(d, req, round);
}

void api_diag(struct daemon *d, struct request *req)
{
	const struct diag_client client = {request_tag(req), judge_peer, diag_done};
	struct weft_err err = {0};

	if (gossip_phase(node_gossip(d->node)) != NODE_ACTIVE)
		diag_answer(d, req, NULL);
	else if (diag_begin(d->diag, &client, NULL, &err) != 0)
		request_fail(req, &err);
}

/* ---- path ---- */

static json_t *json_known(bool known, json_int_t value)
{
	return known && value != 0 ? json_integer(value) : json_null();
}

/* What does not pass, a line for each port and direction. */
static json_t *json_blocked(const struct diag_peer *peer)
{
	json_t *list = json_array();

	for (size_t at = 0; at < 2 * peer->probe.port_count; at++) {
		bool out = at % 2 == 0;

		if (judge_is_blocked(peer, at / 2, out))
			json_array_append_new(
			    list, json_sprintf("%u/udp %s", peer->probe.ports[at / 2],
					       out ? "from here to there" : "from there to here"));
	}
	return list;
}

static json_t *json_way(struct daemon *d, const struct diag_round *round,
			const struct diag_peer *peer)
{
	uint16_t there = peer->counted ? judge_largest(&peer->probe, peer->there) : 0;
	uint16_t back =
	    peer->sent && peer->back_seen ? judge_largest(&peer->probe, peer->back) : there;
	/* Where nothing passes at all, the port is the matter. */
	uint16_t least = back == 0 || (there != 0 && there < back) ? there : back;
	struct inet source;
	bool routed = underlay_source(&peer->vtep, &source) == 0;

	return json_pack(
	    "{s:o,s:o,s:b,s:o,s:o,s:o,s:o,s:o,s:s,s:o,s:o}", "vtep", json_inet(&peer->vtep),
	    "source", routed ? json_inet(&source) : json_null(), "direct", peer->answered,
	    "answer_ms", peer->answered ? json_real((double)peer->rtt_ns / NS_PER_MS) : json_null(),
	    "blocked", peer->counted ? json_blocked(peer) : json_null(), "mtu_bytes",
	    json_known(peer->counted, least), "inner_mtu_bytes",
	    json_known(least > diag_overhead(d), least - diag_overhead(d)), "interface_mtu_bytes",
	    json_integer(round->mtu_bytes), "encryption", "none", "clock_ms",
	    peer->answered ? json_integer(peer->clock_ms) : json_null(), "version",
	    peer->answered ? json_name(peer->version) : json_null());
}

/* All is told at the end. */
static void path_judged(struct daemon *d, struct diag_round *round, const struct diag_peer *peer)
{
	(void)d, (void)round, (void)peer;
}

static void path_done(struct daemon *d, struct diag_round *round)
{
	struct request *req = http_request(d->http, round->client.tag);
	struct member_info info;
	json_t *json, *more;

	if (!req)
		return;
	if (round->count != 1 || !gossip_member(node_gossip(d->node), &round->peers[0].id, &info)) {
		api_fail(req, WEFT_E_NOT_FOUND, "that member is gone");
		return;
	}
	json = json_member(d, &info);
	more = json_way(d, round, &round->peers[0]);
	json_object_update(json, more);
	json_decref(more);
	json_set_heard(json, &info);
	json_object_set_new(json, "helper", json_null());
	if (round->peers[0].relay == RELAY_REACHED) {
		char label[NAME_BYTES + 8];

		member_label(d, &round->peers[0].helper, label);
		json_object_set_new(json, "helper", json_name(label));
	}
	request_answer(req, json);
}

void api_path(struct daemon *d, struct request *req)
{
	const struct diag_client client = {request_tag(req), path_judged, path_done};
	struct member_info info;
	struct weft_err err = {0};

	if (api_is_active(d, &err) != 0 ||
	    find_member(d, request_text(req, "node"), &info, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	if (info.is_self || info.state == MEMBER_LEFT || info.state == MEMBER_REMOVED) {
		api_fail(req, WEFT_E_INVALID,
			 "%s is %s: there is no way to look at; name another member", info.name,
			 info.is_self ? "this host" : "no member any more");
		return;
	}
	if (diag_begin(d->diag, &client, &info.id, &err) != 0)
		request_fail(req, &err);
}
