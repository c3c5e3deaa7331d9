/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cluster.h"

#include <stdio.h>
#include <string.h>

#include "ipamdb/query.h"

struct id cluster_network(struct cluster *cluster, size_t host, const char *name,
			  const char *subnet)
{
	struct rec_network rec = {.pool_count = 1};
	struct node_request request = {.kind = NODE_NETWORK_CREATE, .network = &rec};
	const struct node_answer *answer;

	snprintf(rec.name, sizeof(rec.name), "%s", name);
	assert_int_equal(prefix_parse(subnet, &rec.pools[0].subnet), 0);
	answer = cluster_call(cluster, host, &request);
	assert_int_equal(answer->err.code, 0);
	cluster_run(cluster, 200);
	return answer->id;
}

uint64_t cluster_attach(struct cluster *cluster, size_t host, const struct id *network,
			uint64_t inode)
{
	struct local_endpoint endpoint = {
	    .ifname = "eth0", .netns = "/run/netns/box", .netns_inode = inode, .netns_dev = 4};
	struct node_request request = {
	    .kind = NODE_ATTACH, .id = *network, .endpoint = &endpoint, .ttl_ms = 5000};

	snprintf(endpoint.name, sizeof(endpoint.name), "box%llu", (unsigned long long)inode);
	return cluster_ask(cluster, host, &request);
}

struct node_answer cluster_attached(struct cluster *cluster, size_t host, const struct id *network,
				    uint64_t inode)
{
	uint64_t tag = cluster_attach(cluster, host, network, inode);

	for (int i = 0; i < 1000 && !cluster_answer(cluster, tag); i++)
		cluster_run(cluster, 5);
	assert_non_null(cluster_answer(cluster, tag));
	return *cluster_answer(cluster, tag);
}

int cluster_detach(struct cluster *cluster, size_t host, const struct id *endpoint)
{
	struct node_request request = {.kind = NODE_DETACH, .id = *endpoint};

	return cluster_call(cluster, host, &request)->err.code;
}

struct row_count {
	bool with_hosts;
	size_t count;
};

static bool row_counted(void *ctx, const struct row_view *row)
{
	struct row_count *count = ctx;
	struct rec_endpoint rec;

	assert_int_equal(rec_endpoint_decode(row->value, row->value_len, &rec), 0);
	count->count += count->with_hosts || !rec.is_host;
	return true;
}

size_t cluster_endpoints(struct cluster *cluster, size_t host, const struct id *network,
			 bool with_hosts)
{
	struct row_count count = {.with_hosts = with_hosts};

	gossip_rows(node_gossip(cluster->hosts[host].node), network, ROW_ENDPOINT, row_counted,
		    &count);
	return count.count;
}

size_t cluster_boxes(struct cluster *cluster, size_t host)
{
	struct local_endpoint endpoint;
	size_t count = 0;

	for (size_t at = 0; node_endpoint_next(cluster->hosts[host].node, &at, &endpoint);)
		count += !endpoint.is_host;
	return count;
}

size_t cluster_leases(struct cluster *cluster, size_t host, bool cooling)
{
	struct lease lease;
	size_t count = 0;

	for (size_t at = 0; ipamdb_lease_next(node_ipamdb(cluster->hosts[host].node), &at, &lease);)
		count += lease.cooling == cooling;
	return count;
}
