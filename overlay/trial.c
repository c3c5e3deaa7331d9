/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "overlay/trial.h"

#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"
#include "overlay/desired.h"

/* Addresses for documentation (RFC 5737). */
#define OWN_VTEP "192.0.2.1"
#define OTHER_VTEP "192.0.2.9"
#define SUBNET "198.51.100.0/24"
#define GATEWAY "198.51.100.1"
#define LEASE "198.51.100.9/24"

static const struct id self = {{1}}, other = {{2}}, network = {{3}}, lease = {{4}};

static void fill(struct overlay *ov)
{
	const struct rec_attachment attachment = {.mtu_bytes = 0};
	struct rec_network rec = {
	    .vni = TRIAL_VNI, .port = 4789, .multicast = true, .pool_count = 1};
	struct local_endpoint own = {
	    .id = lease, .network = network, .is_host = true, .addr_count = 1};
	struct inet vtep;

	WEFT_ASSERT(prefix_parse(SUBNET, &rec.pools[0].subnet) == 0);
	WEFT_ASSERT(inet_parse(GATEWAY, &rec.pools[0].gateway) == 0);
	WEFT_ASSERT(prefix_parse(LEASE, &own.addrs[0]) == 0);
	WEFT_ASSERT(inet_parse(OTHER_VTEP, &vtep) == 0);
	overlay_network_put(ov, &network, &rec);
	overlay_member_put(ov, &other, &vtep);
	overlay_attachment_put(ov, &network, &self, &attachment);
	overlay_attachment_put(ov, &network, &other, &attachment);
	overlay_local_put(ov, &own);
	rows_number(ov);
	rows_net(ov, &network)->is_standing = true;
	WEFT_ASSERT(rows_net(ov, &network)->vni == TRIAL_VNI);
}

char *trial_rules(enum krules table)
{
	/* Nothing here asks a kernel. */
	static const struct kernel_ops none;
	struct overlay_config config = {.node = self, .pages = page_source_mmap(), .kernel = &none};
	struct weft_err err = {0};
	struct overlay *ov;
	size_t bytes;
	char *text, *copy;

	WEFT_ASSERT(inet_parse(OWN_VTEP, &config.vtep) == 0);
	ov = overlay_new(&config, &err);
	WEFT_ASSERT(ov != NULL);
	fill(ov);
	text = desired_rules(ov, table, &bytes);
	copy = strdup(text);
	WEFT_ASSERT(copy != NULL && copy[0] != '\0');
	heap_give(&ov->heap, text, bytes);
	overlay_free(ov);
	return copy;
}
