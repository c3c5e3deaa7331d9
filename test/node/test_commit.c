/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of daemon/node/commit.c and of what route.c puts into a commit. */
#include <string.h>

#include "cluster.h"
#include "daemon/node/route.h"

/* ipamdb hears of a member and its row, of which gossip knows nothing. */
static void show_ghost(struct host *host)
{
	struct rec_member rec = {.name = "ghost", .wire_min = 1, .wire_max = 1};
	struct row_view row = {.kind = ROW_MEMBER, .epoch = 1, .sequence = 1};
	struct ipam_event member = {.kind = IPAM_EV_MEMBER, .present = true, .name = "ghost"};
	struct ipam_event shown = {.kind = IPAM_EV_ROW, .row = &row};
	uint8_t value[VALUE_BYTES_MAX];
	int len;

	memset(row.owner.b, 0x77, ID_BYTES);
	member.member = row.owner;
	assert_int_equal(hostport_parse("192.0.2.1", 7947, &rec.gossip), 0);
	len = rec_member_encode(&rec, value, sizeof(value));
	assert_true(len > 0);
	row.value = value;
	row.value_len = (size_t)len;
	route_ipam(host->node, &member);
	route_ipam(host->node, &shown);
}

static bool has_closed(const struct host *host)
{
	for (size_t i = 0; i < host->disk_count; i++) {
		const struct write *write = &host->disk[i].write;
		if (write->kind == WRITE_FACT && write->row.kind == FACT_CLOSURE &&
		    id_eq(&write->row.owner, &host->id))
			return true;
	}
	return false;
}

/* Of two rows to be kept in one commit one is not there: neither counts as kept, so nothing is
 * promised that stands on them. */
static void a_commit_that_lacks_something_to_be_kept_has_failed(void **state)
{
	struct cluster *cluster = cluster_new(3);
	struct id network = cluster_network(cluster, 2, "blue", "10.1.0.0/24");
	struct node_request remove = {.kind = NODE_REMOVE, .id = cluster->hosts[2].id};

	(void)state;
	assert_int_equal(cluster_attached(cluster, 2, &network, 12).err.code, 0);
	cluster_run(cluster, 1000);
	show_ghost(&cluster->hosts[0]);
	assert_int_equal(cluster_call(cluster, 0, &remove)->err.code, 0);
	cluster_run(cluster, 10000);
	assert_true(has_closed(&cluster->hosts[1]));
	assert_false(has_closed(&cluster->hosts[0]));
	cluster_free(cluster);
}

/* Somebody else's row of this kind. */
static bool is_on_disk(const struct host *host, const struct id *owner, uint16_t kind)
{
	for (size_t i = 0; i < host->disk_count; i++) {
		const struct write *write = &host->disk[i].write;
		if (write->kind == WRITE_SNAPSHOT && write->row.kind == kind &&
		    id_eq(&write->row.owner, owner))
			return true;
	}
	return false;
}

/* Who gave space away to several forgets the grants and keeps the rows of who took it up: here
 * while the commit of one record has come to nothing. */
static void a_row_is_kept_with_the_record_of_who_signed_it(void **state)
{
	struct cluster *cluster = cluster_new(4);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct host *giver = &cluster->hosts[0];
	const struct id *taker = &cluster->hosts[1].id;
	struct write gone = {.kind = WRITE_SNAPSHOT_DROP,
			     .row = {.kind = ROW_MEMBER, .owner = *taker}};

	(void)state;
	assert_true(is_on_disk(giver, taker, ROW_MEMBER));
	disk_put(giver, &gone);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(cluster_attached(cluster, i, &network, 12 + i).err.code, 0);
	cluster_run(cluster, 10000);
	assert_true(is_on_disk(giver, taker, ROW_RANGE));
	assert_true(is_on_disk(giver, taker, ROW_MEMBER));
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_commit_that_lacks_something_to_be_kept_has_failed),
	    cmocka_unit_test(a_row_is_kept_with_the_record_of_who_signed_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
