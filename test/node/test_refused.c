/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* A host whose admission does not count leases nothing of what the others take back. */
#include <stdio.h>

#include "cluster.h"
#include "ipamdb/query.h"

#define ADMITTER 1
#define REFUSED 3

static enum node_fence fence_of(struct cluster *c, size_t host)
{
	return gossip_fence(node_gossip(c->hosts[host].node));
}

static void call(struct cluster *c, size_t host, struct node_request request)
{
	assert_int_equal(cluster_call(c, host, &request)->err.code, 0);
}

static int attach(struct cluster *c, size_t host, const struct id *network)
{
	static uint64_t inode = 100;

	return cluster_attached(c, host, network, inode++).err.code;
}

/* Host 3 is admitted by host 1, which is removed before hosts 0 and 2 hear of host 3: the network
 * in which host 3 leases. */
static struct id admit_unheard(struct cluster *c)
{
	struct host *refused = &c->hosts[REFUSED];
	struct node_request token = {.kind = NODE_TOKEN_CREATE, .ttl_ms = 86400000};
	struct id network, admitter = gossip_self(node_gossip(c->hosts[ADMITTER].node));
	char text[TOKEN_TEXT_MAX + 1];

	call(c, 0, (struct node_request){.kind = NODE_ADMIN_ADD, .id = admitter});
	cluster_run(c, 1000);
	network = cluster_network(c, ADMITTER, "blue", "10.1.0.0/26");
	assert_int_equal(attach(c, 0, &network), 0);
	cluster_run(c, 3000);
	token.addrs = &c->hosts[ADMITTER].addr;
	token.addr_count = 1;
	snprintf(text, sizeof(text), "%s", cluster_call(c, ADMITTER, &token)->text);
	c->hosts[0].unreachable = c->hosts[2].unreachable = true;
	refused->addr = (struct hostport){inet_from_v4(0x0a000004u), GOSSIP_PORT};
	refused->boot.b[0] = REFUSED + 1;
	c->count = REFUSED + 1;
	cluster_start(c, REFUSED);
	call(c, REFUSED, (struct node_request){.kind = NODE_JOIN, .text = text});
	cluster_run(c, 5000);
	assert_int_equal(attach(c, REFUSED, &network), 0);
	cluster_stop(c, ADMITTER);
	refused->unreachable = true;
	c->hosts[0].unreachable = c->hosts[2].unreachable = false;
	cluster_run(c, 3000);
	call(c, 0, (struct node_request){.kind = NODE_REMOVE, .id = admitter});
	cluster_run(c, 60000);
	return network;
}

/* All that host 0 can have. */
static void lease_all(struct cluster *c, const struct id *network)
{
	size_t count = 0;

	while (attach(c, 0, network) == 0)
		count++;
	assert_in_range(count, 40, 64);
}

static void restart(struct cluster *c, size_t host)
{
	cluster_stop(c, host);
	cluster_start(c, host);
}

static void it_leases_nothing_after_a_start_in_a_cut_either(void **state)
{
	struct cluster *c = cluster_new(REFUSED);
	struct id network = admit_unheard(c);
	struct host *refused = &c->hosts[REFUSED];
	size_t leases = cluster_leases(c, REFUSED, false);

	(void)state;
	refused->unreachable = false;
	for (int i = 0; i < 400 && fence_of(c, REFUSED) != FENCE_VOID; i++)
		cluster_run(c, 100);
	assert_int_equal(fence_of(c, REFUSED), FENCE_VOID);
	assert_int_equal(attach(c, REFUSED, &network), WEFT_E_FENCED);
	refused->unreachable = true;
	cluster_run(c, 60000);
	lease_all(c, &network);
	restart(c, REFUSED); /* its marker is there */
	cluster_run(c, 15000);
	assert_int_equal(gossip_phase(node_gossip(refused->node)), NODE_ACTIVE);
	assert_int_equal(attach(c, REFUSED, &network), WEFT_E_FENCED);
	cluster_run(c, 60000);
	assert_int_equal(attach(c, REFUSED, &network), WEFT_E_FENCED);
	assert_int_equal(cluster_leases(c, REFUSED, false), leases);
	cluster_start(c, ADMITTER);
	cluster_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_leases_nothing_after_a_start_in_a_cut_either),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
