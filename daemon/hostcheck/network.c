/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What stands in the host's network beside weft, and what the kernel can do. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/hostcheck/hostcheck.h"
#include "gossip/base/check.h"

#define NEIGHBOURS_PRESET 1024 /* the kernel's own gc_thresh3 */
#define TEXT_BYTES 1024

/* The limit holds for all namespaces together, and so do the counts of the whole table; but these
 * have entries in them that are exempt from the limit (permanent ones, as all of weft's), wherever
 * they stand, and what the kernel refused is counted since the boot. So only entries here that are
 * not exempt say that it is full; a table that seems full and did refuse some is worth a look. What
 * boxes could want if each spoke to all others says nothing. */
void neighbours_judge(json_t *checks, const struct look_neighbours *table, uint64_t want)
{
	uint64_t advised = 4 * (want > NEIGHBOURS_PRESET ? want : NEIGHBOURS_PRESET);
	uint32_t brink = table->hard - table->hard / 10;
	uint32_t used = table->entries > table->exempt ? table->entries - table->exempt : 0;
	char remedy[TEXT_BYTES];

	while (advised < 2 * (uint64_t)table->hard)
		advised *= 2;
	snprintf(remedy, sizeof(remedy),
		 "sysctl -w net.ipv4.neigh.default.gc_thresh3=%llu "
		 "net.ipv4.neigh.default.gc_thresh2=%llu net.ipv4.neigh.default.gc_thresh1=%llu",
		 (unsigned long long)advised, (unsigned long long)advised / 2,
		 (unsigned long long)advised / 8);
	if (table->here >= brink)
		host_add(checks, "neighbours", "fail", remedy,
			 "the neighbour table holds %u, and %u are in use: packets to further "
			 "addresses are lost",
			 table->hard, table->here > used ? table->here : used);
	else if (used >= brink && table->refused > 0)
		host_add(checks, "neighbours", "warn", remedy,
			 "the neighbour table holds %u, %u may be in use in all namespaces, and it "
			 "was full at some time since the boot",
			 table->hard, used);
	else if (table->hard < want)
		host_add(checks, "neighbours", "warn", remedy,
			 "the neighbour table holds %u, members and boxes here may want %llu",
			 table->hard, (unsigned long long)want);
	else if (table->hard < NEIGHBOURS_PRESET || table->soft > table->hard)
		host_add(checks, "neighbours", "warn", remedy,
			 "the neighbour table holds %u, less than the kernel's own default of %d",
			 table->hard, NEIGHBOURS_PRESET);
	else
		host_add(checks, "neighbours", "ok", NULL, "the table holds %u, %u are in use here",
			 table->hard, table->here);
}

void check_neighbours(json_t *checks, const struct host_facts *facts)
{
	struct look_neighbours table;

	if (look_neighbours(&table) == 0)
		neighbours_judge(checks, &table, facts->neighbours);
}

struct walk {
	json_t *checks;
	const struct host_facts *facts;
	size_t found;
	bool *has_device; /* for each port: some VXLAN device uses it */
};

/* ---- foreign VXLAN ---- */

static void vxlan_found(void *arg, const struct look_vxlan *vxlan)
{
	struct walk *walk = arg;

	for (size_t i = 0; i < walk->facts->port_count; i++) {
		if (walk->facts->ports[i] != vxlan->port)
			continue;
		walk->has_device[i] = true;
		if (vxlan->is_weft)
			return;
		walk->found++;
		host_add(walk->checks, "foreign-vxlan", vxlan->external ? "fail" : "warn",
			 "weft network create --port N for new networks, or weftd --vxlan-port",
			 "device %s, not weft's, uses VXLAN port %u too%s", vxlan->name,
			 vxlan->port,
			 vxlan->external ? " and takes it for itself" : " (its VNI has to differ)");
		return;
	}
}

static void port_held(struct walk *walk, unsigned port)
{
	for (size_t i = 0; i < walk->facts->port_count; i++) {
		if (walk->facts->ports[i] != port || walk->has_device[i])
			continue;
		walk->has_device[i] = true; /* once is enough */
		walk->found++;
		host_add(walk->checks, "foreign-vxlan", "fail",
			 "end that program (ss -ulpn names it), or weft network create --port N",
			 "a program has bound UDP port %u, which VXLAN needs", port);
	}
}

/* Programs that have bound one of the ports; where a device uses it, it is the device's socket. */
static void check_port_holders(struct walk *walk, const char *table)
{
	char line[256];
	unsigned port;
	unsigned long inode;
	FILE *file = fopen(table, "re");

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*s %*s %*s %*s %*s %*s %*s %lu", &port,
			   &inode) == 2 &&
		    inode != 0)
			port_held(walk, port);
	}
	if (file)
		fclose(file);
}

void check_vxlans(json_t *checks, const struct host_facts *facts)
{
	struct walk walk = {.checks = checks,
			    .facts = facts,
			    .has_device = calloc(facts->port_count + 1, sizeof(bool))};

	WEFT_ASSERT(walk.has_device != NULL);
	(void)look_vxlans(&walk, vxlan_found);
	check_port_holders(&walk, "/proc/self/net/udp");
	check_port_holders(&walk, "/proc/self/net/udp6");
	free(walk.has_device);
	if (walk.found == 0)
		host_add(checks, "foreign-vxlan", "ok", NULL,
			 "nobody else uses weft's VXLAN ports");
}

/* ---- routes ---- */

static void prefix_found(void *arg, const struct prefix *prefix, const char *what)
{
	struct walk *walk = arg;
	char theirs[PREFIX_TEXT_BYTES], ours[PREFIX_TEXT_BYTES];

	/* A default route takes what nobody else takes. */
	for (size_t i = 0; prefix->bits > 0 && i < walk->facts->subnet_count; i++) {
		if (!prefix_overlaps(prefix, &walk->facts->subnets[i]))
			continue;
		walk->found++;
		prefix_format(prefix, theirs);
		prefix_format(&walk->facts->subnets[i], ours);
		host_add(walk->checks, "overlap", "fail",
			 "move that one, or make the network anew with another --subnet",
			 "%s %s overlaps the network %s", what, theirs, ours);
		return;
	}
}

void check_routes(json_t *checks, const struct host_facts *facts)
{
	struct walk walk = {.checks = checks, .facts = facts};
	int status = look_prefixes(&walk, prefix_found);

	if (status != 0)
		host_add(checks, "overlap", "warn", "run weft diag as root",
			 "addresses and routes cannot be read: %s", strerror(-status));
	else if (walk.found == 0)
		host_add(checks, "overlap", "ok", NULL,
			 "no address or route of this host overlaps a network");
}

/* ---- features ---- */

struct features {
	json_t *checks;
	size_t tried, refused;
	char names[TEXT_BYTES];
};

static void feature_tried(void *arg, const char *feature, const char *why)
{
	struct features *features = arg;
	size_t len = strlen(features->names);

	features->tried++;
	if (!why) {
		snprintf(features->names + len, sizeof(features->names) - len, "%s%s",
			 len > 0 ? ", " : "", feature);
		return;
	}
	features->refused++;
	if (strcmp(feature, LOOK_MULTICAST) == 0) {
		host_add(features->checks, "kernel-feature", "warn",
			 "install a kernel that has it (from 5.16 on, CONFIG_NETFILTER_EGRESS), or "
			 "have no box here in such networks",
			 "the kernel refuses %s, which networks with --multicast need: %s", feature,
			 why);
		return;
	}
	host_add(features->checks, "kernel-feature", "fail",
		 "load its module (modprobe bridge vxlan veth nf_tables nft_masq nft_fib_inet), or "
		 "install the kernel that has it; in a container the host has to",
		 "the kernel refuses %s: %s", feature, why);
}

void check_features(json_t *checks)
{
	struct features features = {.checks = checks};

	if (unshare(CLONE_NEWNET) != 0) {
		host_add(checks, "kernel-feature", "warn", "run weft diag as root",
			 "not tried, as no namespace can be made: %s", strerror(errno));
		return;
	}
	look_features(&features, feature_tried);
	if (features.refused == 0)
		host_add(checks, "kernel-feature", "ok", NULL, "made and taken away again: %s",
			 features.names);
}
