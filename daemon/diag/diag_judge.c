/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/diag/diag_judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/diag/check_row.h"

#define CLOCK_WARN_MS 2000
#define CLOCK_FAIL_MS 30000
#define REMEDY_BYTES 400

void judge_add(json_t *checks, const char *check, const char *peer, const char *verdict,
	       const char *remedy, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	check_row_add(checks, check, peer, verdict, remedy, fmt, args);
	va_end(args);
}

/* ---- gossip ---- */

/* This host got no answer; a third one may have. */
static void judge_silence(json_t *checks, const struct judge_pair *pair,
			  const struct diag_peer *peer)
{
	static const char *const before[] = {[RELAY_NONE] = ", nobody else could be asked",
					     [RELAY_UNHEARD] = "; nor did ",
					     [RELAY_SILENT] = ", neither here nor to "};
	static const char *const behind[] = {
	    [RELAY_NONE] = "", [RELAY_UNHEARD] = ", which was asked about it", [RELAY_SILENT] = ""};
	char at[HOSTPORT_TEXT_BYTES], own[INET_TEXT_BYTES], remedy[REMEDY_BYTES];

	hostport_format(&peer->addr, at);
	inet_format(&pair->own.ip, own);
	if (peer->relay != RELAY_REACHED && peer->heard && pair->state == MEMBER_ALIVE) {
		judge_add(checks, "gossip", pair->label, "warn",
			  "upgrade weftd there, if it is older than the one here",
			  "it is heard, but does not answer what diag asks");
	} else if (peer->relay != RELAY_REACHED) {
		snprintf(remedy, sizeof(remedy),
			 "see that the host runs, and weftd on it, and that UDP %u passes both "
			 "ways; weft node rm %s when it is gone for good",
			 peer->addr.port, pair->label);
		judge_add(checks, "gossip", pair->label, "fail", remedy, "%s does not answer%s%s%s",
			  at, before[peer->relay], peer->relay == RELAY_NONE ? "" : pair->helper,
			  behind[peer->relay]);
	} else if (peer->there_heard && peer->heard) {
		judge_add(checks, "gossip", pair->label, "warn",
			  "run weft diag again; if it stays so, look for loss between the hosts",
			  "%s hears this host and is heard, but its answer was lost", at);
	} else if (peer->there_heard) {
		snprintf(remedy, sizeof(remedy),
			 "let UDP from %.60s to port %u through this host's firewall and what lies "
			 "between",
			 at, pair->own.port);
		judge_add(
		    checks, "gossip", pair->label, "fail", remedy,
		    "blocked from there to here: %s hears this host and answers %s, but nothing "
		    "of it comes in",
		    at, pair->helper);
	} else {
		snprintf(
		    remedy, sizeof(remedy),
		    "let UDP from %s to port %u through the firewall of %s and what lies between",
		    own, peer->addr.port, pair->label);
		judge_add(
		    checks, "gossip", pair->label, "fail", remedy,
		    "blocked from here to there%s: %s answers %s, but does not hear this host",
		    peer->heard ? "" : ", and back", at, pair->helper);
	}
}

/* ---- clock and version ---- */

static bool judge_clock(json_t *checks, const struct judge_pair *pair, const struct diag_peer *peer)
{
	int64_t off_ms = llabs((long long)peer->clock_ms) - peer->spread_ms;

	if (off_ms < CLOCK_WARN_MS)
		return true;
	judge_add(checks, "clock", pair->label, off_ms < CLOCK_FAIL_MS ? "warn" : "fail",
		  "set the wrong one of the two clocks, by NTP (timedatectl set-ntp true): tokens "
		  "expire by the admitter's clock",
		  "its clock is %.1f s %s of the one here",
		  (double)llabs((long long)peer->clock_ms) / 1e3,
		  peer->clock_ms > 0 ? "ahead" : "behind");
	return false;
}

static bool judge_version(json_t *checks, const struct judge_pair *pair,
			  const struct diag_peer *peer)
{
	if (strcmp(peer->version, pair->version) == 0)
		return true;
	judge_add(checks, "version", pair->label, "warn",
		  "upgrade the older one; a cluster may run mixed while it is upgraded",
		  "weftd %s there, %s here", peer->version, pair->version);
	return false;
}

/* ---- probes ---- */

static uint16_t largest_at(const struct probe *probe, const uint32_t counts[DIAG_SIZES_MAX])
{
	for (size_t s = probe->size_count; s > 0; s--) {
		if (counts[s - 1] > 0)
			return probe->sizes[s - 1];
	}
	return 0;
}

uint16_t judge_largest(const struct probe *probe,
		       const uint32_t counts[DIAG_PORTS_MAX][DIAG_SIZES_MAX])
{
	uint16_t least = 0;

	for (size_t p = 0; p < probe->port_count; p++) {
		uint16_t size = largest_at(probe, counts[p]);

		if (size > 0 && (least == 0 || size < least))
			least = size;
	}
	return least;
}

/* One port in one direction; from and to are addresses as text. */
static bool judge_port(json_t *checks, const struct judge_pair *pair, uint16_t port, bool out,
		       const char *from, const char *to, int error)
{
	char remedy[REMEDY_BYTES];

	if (out && error != 0) {
		judge_add(checks, "vxlan-port", pair->label, "fail",
			  "look at the OUTPUT rules of this host's firewall and its route there",
			  "nothing can be sent to %s:%u/udp: %s", to, port, strerror(error));
		return false;
	}
	snprintf(remedy, sizeof(remedy),
		 "let UDP from %s to port %u through the firewall of %s and what lies between (%s)",
		 from, port, out ? pair->label : "this host",
		 "security groups, or a hypervisor that keeps the port for itself: then take "
		 "another with weft network create --port");
	judge_add(checks, "vxlan-port", pair->label, "fail", remedy,
		  "blocked from %s: nothing that %s sends to %s:%u/udp arrives",
		  out ? "here to there" : "there to here", from, to, port);
	return false;
}

/* Probes were sent back, and this host saw which came. */
static bool has_way_back(const struct diag_peer *peer)
{
	return peer->back_seen && peer->sent;
}

bool judge_is_blocked(const struct diag_peer *peer, size_t nth_port, bool out)
{
	if (out)
		return peer->counted && largest_at(&peer->probe, peer->there[nth_port]) == 0;
	return has_way_back(peer) && largest_at(&peer->probe, peer->back[nth_port]) == 0;
}

static bool judge_ports(json_t *checks, const struct judge_pair *pair, const struct diag_peer *peer)
{
	const struct probe *probe = &peer->probe;
	char here[INET_TEXT_BYTES], there[INET_TEXT_BYTES];
	bool good = true;

	inet_format(&probe->from, here);
	inet_format(&probe->to, there);
	for (size_t p = 0; p < probe->port_count; p++) {
		if (judge_is_blocked(peer, p, true))
			good = judge_port(checks, pair, probe->ports[p], true, here, there,
					  peer->error);
		if (judge_is_blocked(peer, p, false))
			good = judge_port(checks, pair, probe->ports[p], false, there, here, 0);
	}
	return good;
}

static bool judge_mtu(json_t *checks, const struct judge_pair *pair, const struct diag_round *round,
		      const struct diag_peer *peer)
{
	const struct probe *probe = &peer->probe;
	uint16_t full = probe->sizes[probe->size_count - 1];
	uint16_t need =
	    round->need_bytes != 0 && round->need_bytes < full ? round->need_bytes : full;
	uint16_t there = judge_largest(probe, peer->there);
	uint16_t back = has_way_back(peer) ? judge_largest(probe, peer->back) : there;
	uint16_t least = back != 0 && (back < there || there == 0) ? back : there;
	char remedy[REMEDY_BYTES];

	if (least == 0 || least >= need)
		return true;
	snprintf(
	    remedy, sizeof(remedy),
	    "raise the MTU of what lies between to %u, or lower that of both hosts' interfaces "
	    "(ip link set dev IF mtu %u); large packets of boxes vanish until then",
	    full, least);
	judge_add(checks, "mtu", pair->label, "fail", remedy,
		  "packets of %u bytes pass, of %u bytes not (%s); the interfaces say %u", least,
		  need,
		  there == back    ? "both ways"
		  : least == there ? "from here to there"
				   : "from there to here",
		  full);
	return false;
}

/* What could not be measured is said; nothing is wrong by that alone. */
static bool judge_unseen(json_t *checks, const struct judge_pair *pair,
			 const struct diag_peer *peer)
{
	if (peer->counted)
		return true;
	if (peer->told && peer->watches == DIAG_BLIND)
		judge_add(
		    checks, "vxlan-port", pair->label, "warn",
		    "run weftd there as root, or with CAP_NET_ADMIN; weft diag there says more",
		    "not measured: weftd there cannot see which probes come");
	else if (peer->told && peer->watches == DIAG_CROWDED)
		judge_add(checks, "vxlan-port", pair->label, "warn",
			  "run weft diag again in a moment",
			  "not measured: too many look at it at once");
	else
		judge_add(checks, "vxlan-port", pair->label, "warn",
			  "run weft diag again; if it stays so, look for loss between the hosts",
			  "not measured: it did not say which probes came");
	return false;
}

void judge_pair(json_t *checks, const struct judge_pair *pair, const struct diag_round *round,
		const struct diag_peer *peer)
{
	char ports[64] = "";
	bool good;

	if (!peer->answered) {
		judge_silence(checks, pair, peer);
		return;
	}
	good = judge_clock(checks, pair, peer);
	good = judge_version(checks, pair, peer) && good;
	good = judge_unseen(checks, pair, peer) && good;
	if (peer->counted) {
		good = judge_ports(checks, pair, peer) && good;
		good = judge_mtu(checks, pair, round, peer) && good;
	}
	if (!good)
		return;
	for (size_t p = 0; p < peer->probe.port_count; p++)
		snprintf(ports + strlen(ports), sizeof(ports) - strlen(ports), "%s%u",
			 p > 0 ? ", " : "", peer->probe.ports[p]);
	judge_add(checks, "peer", pair->label, "ok", NULL,
		  "gossip and VXLAN (%s/udp) pass %s with %u bytes; clock %+lld ms%s", ports,
		  has_way_back(peer) ? "both ways" : "from here to there",
		  judge_largest(&peer->probe, peer->there), (long long)peer->clock_ms,
		  peer->sent ? ""
			     : "; the way back was not measured, as its VXLAN address is not where "
			       "it answers");
}

void judge_round(json_t *checks, const struct diag_round *round, const char *why_blind)
{
	if (round->blind)
		judge_add(checks, "vxlan-port", NULL, "warn",
			  "run weftd as root, or with CAP_NET_ADMIN",
			  "which probes come to this host is not seen: %s", why_blind);
	if (round->unprobed > 0)
		judge_add(checks, "vxlan-port", NULL, "ok", NULL,
			  "ports of %zu networks were not probed: %d are at a time, those of "
			  "networks that this host is in before others",
			  round->unprobed, DIAG_PORTS_MAX);
	if (round->checks)
		json_array_extend(checks, round->checks);
	if (round->unasked > 0)
		judge_add(checks, "members", NULL, "ok", NULL,
			  "there was no time to look at %zu members: weft path NODE looks at one",
			  round->unasked);
}
