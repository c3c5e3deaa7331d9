/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Answers that were stored with an endpoint, and never given: the attach failed after its commit.
 */
#include "cluster.h"

/* The daemon starts anew, and a repeat of the attach that failed makes an endpoint. */
static void assert_made_anew(struct cluster *cluster, const struct node_request *request)
{
	struct node_request again = *request;

	cluster_stop(cluster, 0);
	cluster_start(cluster, 0);
	cluster_run(cluster, 1000);
	assert_int_equal(cluster_boxes(cluster, 0), 0);
	assert_int_equal(cluster_call(cluster, 0, &again)->err.code, 0);
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	cluster_free(cluster);
}

static struct node_request attach_request(const struct id *network,
					  const struct local_endpoint *endpoint)
{
	return (struct node_request){.kind = NODE_ATTACH,
				     .id = *network,
				     .endpoint = endpoint,
				     .request_id = "one",
				     .ttl_ms = 5000};
}

/* Hands an attach in that waits for the kernel, its answer committed: the endpoint's id. */
static struct id attach_until_plug(struct cluster *cluster, struct node_request *request,
				   uint64_t *tag)
{
	struct local_endpoint there;
	size_t at = 0;

	cluster->hosts[0].plugs_wait = true;
	*tag = cluster_ask(cluster, 0, request);
	cluster_run(cluster, 500);
	do
		assert_true(node_endpoint_next(cluster->hosts[0].node, &at, &there));
	while (there.is_host);
	cluster->hosts[0].plugs_wait = false;
	return there.id;
}

/* The kernel refuses the plug and the disk what takes it back, until the caller has heard. */
static void refuse(struct cluster *cluster, struct node_request *request)
{
	struct node_event refused = {.kind = NODE_EV_PLUGGED, .err = {.code = WEFT_E_KERNEL}};
	uint64_t tag;

	refused.id = attach_until_plug(cluster, request, &tag);
	cluster->hosts[0].commits_fail = true;
	cluster_tell(cluster, 0, &refused);
	cluster_run(cluster, 700);
	assert_int_equal(cluster_answer(cluster, tag)->err.code, WEFT_E_KERNEL);
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	cluster->hosts[0].commits_fail = false;
}

static void an_attach_that_a_detach_overtook_is_no_answer_after_a_restart(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct local_endpoint endpoint = {.ifname = "eth0", .netns_inode = 11};
	struct node_request request = attach_request(&network, &endpoint);
	struct node_request detached = {.kind = NODE_DETACH};
	struct node_event plugged = {.kind = NODE_EV_PLUGGED, .ok = true};
	uint64_t tag;

	(void)state;
	detached.id = plugged.id = attach_until_plug(cluster, &request, &tag);
	cluster_ask(cluster, 0, &detached);
	cluster_tell(cluster, 0, &plugged);
	cluster_run(cluster, 1000);
	assert_int_equal(cluster_answer(cluster, tag)->err.code, WEFT_E_CONFLICT);
	assert_made_anew(cluster, &request);
}

static void an_attach_that_the_disk_took_back_late_is_no_answer_after_a_restart(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct local_endpoint endpoint = {.ifname = "eth0", .netns_inode = 11};
	struct node_request request = attach_request(&network, &endpoint);

	(void)state;
	refuse(cluster, &request);
	cluster_run(cluster, 2000);
	assert_int_equal(cluster_boxes(cluster, 0), 0);
	assert_made_anew(cluster, &request);
}

static void what_is_taken_back_late_leaves_the_answer_of_the_next_try(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct local_endpoint endpoint = {.ifname = "eth0", .netns_inode = 11};
	struct node_request request = attach_request(&network, &endpoint);
	struct id next;
	uint64_t tag;

	(void)state;
	refuse(cluster, &request);
	endpoint.netns_inode = 12; /* its place is not free yet */
	tag = cluster_ask(cluster, 0, &request);
	cluster_run(cluster, 100);
	assert_int_equal(cluster_boxes(cluster, 0), 2);
	cluster_run(cluster, 2000);
	next = cluster_answer(cluster, tag)->id;
	assert_false(id_is_zero(&next));
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	cluster_stop(cluster, 0);
	cluster_start(cluster, 0);
	cluster_run(cluster, 1000);
	assert_true(id_eq(&cluster_call(cluster, 0, &request)->id, &next));
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_attach_that_a_detach_overtook_is_no_answer_after_a_restart),
	    cmocka_unit_test(an_attach_that_the_disk_took_back_late_is_no_answer_after_a_restart),
	    cmocka_unit_test(what_is_taken_back_late_leaves_the_answer_of_the_next_try),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
