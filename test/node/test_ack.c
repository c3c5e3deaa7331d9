/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/node/ack.h"

#include <stdlib.h>
#include <string.h>

#include "cluster.h"
#include "daemon/node/op.h"

static void news_is_told_apart_from_the_messages_of_ipamdb(void **state)
{
	(void)state;
	assert_true(ack_is_message((const uint8_t *)"\x01\x10", 2));
	assert_false(ack_is_message((const uint8_t *)"\x01\x01", 2));
	assert_false(ack_is_message((const uint8_t *)"\x02\x10", 2));
	assert_false(ack_is_message((const uint8_t *)"\x01", 1));
}

/* Two hosts in a network, and on the first an attach that waits for the second, which is deaf. */
static uint64_t attach_that_waits(struct cluster *cluster, struct id *network)
{
	uint64_t tag;

	*network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	assert_int_equal(cluster_attached(cluster, 1, network, 11).err.code, 0);
	assert_int_equal(cluster_attached(cluster, 0, network, 12).err.code, 0);
	cluster_run(cluster, 500);
	cluster->hosts[1].deaf = true;
	tag = cluster_attach(cluster, 0, network, 13);
	cluster_run(cluster, 20);
	assert_null(cluster_answer(cluster, tag));
	return tag;
}

static void hear(struct cluster *cluster, const uint8_t *bytes, size_t len)
{
	struct gossip_delivery delivery = {
	    .from = cluster->hosts[1].id, .message = 999, .bytes = bytes, .len = len};

	ack_received(cluster->hosts[0].node, &delivery);
	/* The handle is made up: nobody is to be answered. */
	cluster->hosts[0].node->agenda.count--;
}

static size_t waiting_for(struct cluster *cluster)
{
	const struct op *op;

	for (uint64_t after = 0; (op = op_next(cluster->hosts[0].node, after)) != NULL;) {
		after = op->id;
		if (op->kind == OP_ATTACH)
			return op->pending.count;
	}
	return 0;
}

static void damaged_or_unasked_news_changes_nothing(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network;
	uint64_t tag = attach_that_waits(cluster, &network);
	uint8_t bytes[2 + 1 + 1 + 18 + 2] = {1, 16, 0x91, 0x93, 0xc4, 16};

	(void)state;
	bytes[22] = 1;
	bytes[23] = 1;
	assert_int_equal(waiting_for(cluster), 1);
	hear(cluster, bytes, sizeof(bytes)); /* an endpoint that nobody attaches */
	for (size_t cut = 2; cut < sizeof(bytes); cut++)
		hear(cluster, bytes, cut);
	memset(bytes + 2, 0xff, sizeof(bytes) - 2);
	hear(cluster, bytes, sizeof(bytes));
	assert_int_equal(waiting_for(cluster), 1);
	cluster_run(cluster, 200);
	assert_int_equal(cluster_answer(cluster, tag)->err.code, 0);
	assert_int_equal(cluster_answer(cluster, tag)->pending_count, 1);
	cluster_free(cluster);
}

static void an_older_version_does_not_count(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network;
	struct local_endpoint endpoint;
	uint8_t bytes[2 + 1 + 1 + 18 + 2] = {1, 16, 0x91, 0x93, 0xc4, 16};
	size_t at = 0;

	(void)state;
	(void)attach_that_waits(cluster, &network);
	while (node_endpoint_next(cluster->hosts[0].node, &at, &endpoint) &&
	       (endpoint.is_host || endpoint.netns_inode != 13))
		;
	memcpy(bytes + 6, endpoint.id.b, ID_BYTES);
	bytes[22] = 0; /* an epoch before this one */
	bytes[23] = 127;
	hear(cluster, bytes, sizeof(bytes));
	assert_int_equal(waiting_for(cluster), 1);
	bytes[22] = 127; /* a version of the future names at least this one */
	hear(cluster, bytes, sizeof(bytes));
	assert_int_equal(waiting_for(cluster), 0);
	cluster_free(cluster);
}

static void news_of_a_whole_sync_costs_few_messages(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct node_applied applied[64];
	size_t before, sends = 0;

	(void)state;
	cluster_run(cluster, 100);
	before = cluster->event_count;
	for (int burst = 0; burst < 50; burst++) {
		struct node_event event = {
		    .kind = NODE_EV_APPLIED, .applied = applied, .applied_count = 64};

		for (size_t i = 0; i < 64; i++) {
			memset(&applied[i], 0, sizeof(applied[i]));
			applied[i].owner = cluster->hosts[0].id;
			applied[i].endpoint.b[0] = (uint8_t)i;
			applied[i].epoch = 1;
			applied[i].sequence = (uint64_t)(burst * 64) + i;
		}
		cluster_tell(cluster, 1, &event);
	}
	sends = cluster->event_count - before;
	assert_in_range(sends, 1, 3);
	cluster_free(cluster);
}

/* However many owners it told before, a host tells the next one. */
static void owners_who_were_told_are_forgotten(void **state)
{
	enum { BATCH = 1000 };
	struct node_applied *applied = calloc(BATCH, sizeof(*applied));
	struct cluster *cluster = cluster_new(2);
	struct id network;
	uint64_t tag;

	(void)state;
	assert_non_null(applied);
	for (uint32_t owner = 0; owner < 5 * BATCH; owner++) {
		struct node_event event = {
		    .kind = NODE_EV_APPLIED, .applied = applied, .applied_count = BATCH};

		memcpy(applied[owner % BATCH].owner.b, &owner, sizeof(owner));
		if (owner % BATCH != BATCH - 1)
			continue;
		cluster_tell(cluster, 1, &event);
		cluster_run(cluster, 20);
		assert_int_equal(cluster->hosts[1].node->acks.count, 0);
	}
	network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	assert_int_equal(cluster_attached(cluster, 1, &network, 11).err.code, 0);
	cluster_run(cluster, 500);
	tag = cluster_attach(cluster, 0, &network, 12);
	cluster_run(cluster, 300);
	assert_int_equal(cluster_answer(cluster, tag)->err.code, 0);
	assert_int_equal(cluster_answer(cluster, tag)->pending_count, 0);
	cluster_free(cluster);
	free(applied);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(news_is_told_apart_from_the_messages_of_ipamdb),
	    cmocka_unit_test(damaged_or_unasked_news_changes_nothing),
	    cmocka_unit_test(an_older_version_does_not_count),
	    cmocka_unit_test(news_of_a_whole_sync_costs_few_messages),
	    cmocka_unit_test(owners_who_were_told_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
