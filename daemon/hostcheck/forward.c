/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Do rules of others drop what is forwarded for boxes? The first packet of a box to the outside and
 * the answer are led through each chain that hangs on "forward"; where iptables is shown bridged
 * frames, those between boxes too, and through chains of family bridge the frames themselves.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/hostcheck/firewall.h"
#include "daemon/hostcheck/hostcheck.h"
#include "daemon/hostcheck/legacy.h"
#include "daemon/hostcheck/ruleset.h"

#define REMEDY_BYTES 1024
#define NO_BRIDGE "wfbr000000" /* as one would be called */

struct forward {
	json_t *checks;
	const struct host_facts *facts;
	struct firewall firewall;
	char out[IFNAMSIZ]; /* the device of the default route; empty: none */
	bool bridged;       /* iptables is shown the frames of bridges */
	size_t found, told;
};

/* ---- what to do about it ---- */

static const char *word(const json_t *base, const char *key)
{
	return json_string_value(json_object_get(base, key));
}

static void iptables_remedy(char remedy[REMEDY_BYTES], const char *program, const char *chain)
{
	snprintf(remedy, REMEDY_BYTES,
		 "%s -I %s -i wfbr+ -j ACCEPT; %s -I %s -o wfbr+ -m conntrack --ctstate "
		 "ESTABLISHED,RELATED,DNAT -j ACCEPT",
		 program, chain, program, chain);
}

/* Rules are put where they are reached before all others, but for Docker's and firewalld's, who
 * write theirs anew and have a place for those of others. */
static void remedy_for(char remedy[REMEDY_BYTES], const json_t *base, const struct fate *fate)
{
	const char *family = word(base, "family"), *table = word(base, "table"),
		   *chain = word(base, "name");

	if (strcmp(table, LEGACY_TABLE) == 0)
		iptables_remedy(remedy, "iptables-legacy", fate->docker ? "DOCKER-USER" : chain);
	else if (strcmp(table, "firewalld") == 0)
		snprintf(remedy, REMEDY_BYTES,
			 "firewall-cmd --permanent --zone=trusted --add-interface=wfbr+ && "
			 "firewall-cmd --reload");
	else if (strcmp(family, "ip") == 0 && strcmp(table, "filter") == 0 &&
		 strcmp(chain, "FORWARD") == 0)
		iptables_remedy(remedy, "iptables", fate->docker ? "DOCKER-USER" : chain);
	else if (strcmp(family, "bridge") == 0)
		snprintf(remedy, REMEDY_BYTES,
			 "nft insert rule bridge %s %s iifname '\"wfe*\"' accept; nft insert rule "
			 "bridge %s %s iifname '\"wfvx*\"' accept",
			 table, chain, table, chain);
	else
		snprintf(remedy, REMEDY_BYTES,
			 "nft insert rule %s %s %s iifname '\"wfbr*\"' accept; nft insert rule %s "
			 "%s %s oifname '\"wfbr*\"' ct state established,related accept",
			 family, table, chain, family, table, chain);
}

/* ---- packets ---- */

static void tell(struct forward *forward, const json_t *base, const struct packet *packet,
		 const struct fate *fate)
{
	bool inside = packet->bridged || strcmp(packet->in, packet->out) == 0;
	bool legacy = strcmp(word(base, "table"), LEGACY_TABLE) == 0;
	char remedy[REMEDY_BYTES], rule[192] = "by its policy";

	if (fate->chain[0] != '\0' && strcmp(fate->chain, word(base, "name")) == 0)
		snprintf(rule, sizeof(rule), "by a rule");
	else if (fate->chain[0] != '\0')
		snprintf(rule, sizeof(rule), "by a rule of chain %s", fate->chain);
	remedy_for(remedy, base, fate);
	forward->found++;
	host_add(forward->checks, "forward",
		 fate->unsure || forward->facts->networks == 0 ? "warn" : "fail", remedy,
		 "chain %s of table %s %s drops %s %s%s: %s%s", word(base, "name"),
		 legacy ? "ip" : word(base, "family"), word(base, "table"),
		 inside           ? "what boxes send each other"
		 : packet->answer ? "the answers to boxes"
				  : "what boxes send out",
		 rule,
		 fate->unsure ? ", unless a rule before it that cannot be judged takes it" : "",
		 inside ? "boxes do not reach each other" : "boxes reach nothing outside",
		 fate->docker ? "; Docker set it" : "");
}

/* True when the packet is dropped, which is told. */
static bool is_dropped(struct forward *forward, const json_t *base, const struct packet *packet)
{
	struct fate fate;

	firewall_judge(&forward->firewall, base, packet, &fate);
	if (fate.dropped)
		tell(forward, base, packet, &fate);
	return fate.dropped;
}

/* The ways of a box behind this bridge; boxes may be NULL, where its subnet is not known. */
static bool ways_are_dropped(struct forward *forward, const json_t *base, const char *bridge,
			     const struct prefix *boxes)
{
	const struct packet ways[] = {
	    {.in = bridge, .out = forward->out, .from = boxes},
	    {.in = forward->out, .out = bridge, .to = boxes, .answer = true},
	    {.in = bridge, .out = bridge, .from = boxes, .to = boxes},
	    {.bridged = true, .in = "wfe", .out = "wfvx", .from = boxes, .to = boxes},
	    {.bridged = true, .in = "wfvx", .out = "wfe", .from = boxes, .to = boxes},
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if ((i != 2 || forward->bridged) && is_dropped(forward, base, &ways[i]))
			return true;
	}
	return false;
}

/* The subnet of an IPv4 address of an interface. */
static bool subnet_of(const struct ifaddrs *item, struct prefix *out)
{
	const struct sockaddr_in *addr = (const void *)item->ifa_addr,
				 *mask = (const void *)item->ifa_netmask;

	if (!addr || !mask || addr->sin_family != AF_INET)
		return false;
	out->ip = inet_from_v4(ntohl(addr->sin_addr.s_addr));
	out->bits = (uint8_t)(96 + __builtin_popcount(mask->sin_addr.s_addr));
	return true;
}

/* One finding a chain is enough. */
static void judge_chain(struct forward *forward, const json_t *base, const struct ifaddrs *list)
{
	const struct host_facts *facts = forward->facts;
	struct prefix subnet;
	bool stands = false, dropped = false;

	for (const struct ifaddrs *item = list; item && !dropped; item = item->ifa_next) {
		if (strncmp(item->ifa_name, "wfbr", 4) != 0 || !subnet_of(item, &subnet))
			continue;
		stands = true;
		dropped = ways_are_dropped(forward, base, item->ifa_name, &subnet);
	}
	if (stands)
		return;
	for (size_t i = 0; i < facts->subnet_count && !dropped; i++)
		dropped = ways_are_dropped(forward, base, NO_BRIDGE, &facts->subnets[i]);
	if (facts->subnet_count == 0)
		(void)ways_are_dropped(forward, base, NO_BRIDGE, NULL);
}

static void judge_listing(struct forward *forward, const json_t *listing)
{
	struct ifaddrs *list = NULL;
	const json_t *base;
	size_t i;

	if (getifaddrs(&list) != 0)
		list = NULL;
	firewall_init(&forward->firewall, listing);
	json_array_foreach(forward->firewall.bases, i, base)
	{
		judge_chain(forward, base, list);
	}
	firewall_close(&forward->firewall);
	if (list)
		freeifaddrs(list);
}

/* ---- where boxes go out ---- */

/* The device of the default route, or else of the first that is not weft's. */
static void find_out(char out[IFNAMSIZ])
{
	char line[256], name[IFNAMSIZ];
	unsigned to, flags, metric, mask, best = UINT32_MAX;
	FILE *file = fopen("/proc/self/net/route", "re");

	out[0] = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%15s %x %*x %x %*u %*u %u %x", name, &to, &flags, &metric,
			   &mask) != 5 ||
		    strncmp(name, "wfbr", 4) == 0)
			continue;
		if (mask == 0 && to == 0 && metric < best) {
			best = metric;
			snprintf(out, IFNAMSIZ, "%s", name);
		} else if (out[0] == '\0') {
			snprintf(out, IFNAMSIZ, "%s", name);
		}
	}
	if (file)
		fclose(file);
}

static bool bridges_call_iptables(void)
{
	FILE *file = fopen("/proc/sys/net/bridge/bridge-nf-call-iptables", "re");
	int value = 0;

	if (file && fscanf(file, "%d", &value) != 1)
		value = 0;
	if (file)
		fclose(file);
	return value != 0;
}

static void unread(struct forward *forward, const char *what, const char *remedy, const char *why)
{
	forward->told++;
	host_add(forward->checks, "forward", "warn", remedy, "%s cannot be read: %s", what, why);
}

void check_forward(json_t *checks, const struct host_facts *facts)
{
	struct forward forward = {
	    .checks = checks, .facts = facts, .bridged = bridges_call_iptables()};
	char why[LOOK_TEXT_BYTES];
	json_t *listing = ruleset_read(why);

	if (!listing)
		unread(&forward, "the firewall's rules",
		       errno == EPERM ? "run weft diag as root"
				      : "run weft diag again; if it stays so, see what this says: "
					"nft list ruleset",
		       why);
	find_out(forward.out);
	if (listing)
		judge_listing(&forward, listing);
	json_decref(listing);
	if (legacy_stands()) {
		errno = EPROTO;
		listing = legacy_read();
		if (listing)
			judge_listing(&forward, listing);
		else
			unread(&forward, "the rules of iptables-legacy",
			       "see whether the chain drops: iptables-legacy -S FORWARD",
			       strerror(errno));
		json_decref(listing);
	}
	if (forward.found == 0 && forward.told == 0)
		host_add(checks, "forward", "ok", NULL,
			 "no chain on the hook forward drops what boxes send out or its answers");
}
