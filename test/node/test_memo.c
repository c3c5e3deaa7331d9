/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "cluster.h"
#include "daemon/node/memo.h"

static struct node_answer attach(struct cluster *cluster, const struct id *network, uint64_t inode,
				 const char *request_id)
{
	struct local_endpoint endpoint = {.ifname = "eth0", .netns_inode = inode};
	struct node_request request = {
	    .kind = NODE_ATTACH, .id = *network, .endpoint = &endpoint, .ttl_ms = 5000};

	snprintf(request.request_id, sizeof(request.request_id), "%s", request_id);
	return *cluster_call(cluster, 0, &request);
}

static void the_same_request_id_gets_the_same_answer(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer first = attach(cluster, &network, 11, "one");
	struct node_answer again = attach(cluster, &network, 11, "one");

	(void)state;
	assert_int_equal(first.err.code, 0);
	assert_int_equal(again.err.code, 0);
	assert_true(id_eq(&first.id, &again.id));
	assert_true(inet_eq(&first.addrs[0].ip, &again.addrs[0].ip));
	assert_true(mac_eq(&first.endpoint.mac, &again.endpoint.mac));
	assert_true(inet_eq(&first.gateway, &again.gateway));
	assert_string_equal(again.endpoint.ifname, "eth0");
	assert_int_equal(again.mtu_bytes, first.mtu_bytes);
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	assert_int_equal(attach(cluster, &network, 12, "two").err.code, 0);
	assert_int_equal(cluster_boxes(cluster, 0), 2);
	cluster_free(cluster);
}

static void a_repeat_while_the_first_is_under_way_gets_its_answer(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct local_endpoint endpoint = {.ifname = "eth0", .netns_inode = 11};
	struct node_request request = {.kind = NODE_ATTACH,
				       .id = network,
				       .endpoint = &endpoint,
				       .request_id = "one",
				       .ttl_ms = 5000};
	uint64_t first = cluster_ask(cluster, 0, &request);
	uint64_t again = cluster_ask(cluster, 0, &request);

	(void)state;
	assert_null(cluster_answer(cluster, again));
	cluster_run(cluster, 500);
	assert_int_equal(cluster_answer(cluster, first)->err.code, 0);
	assert_true(
	    id_eq(&cluster_answer(cluster, first)->id, &cluster_answer(cluster, again)->id));
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	cluster_free(cluster);
}

static void an_answer_outlives_a_restart(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer first = attach(cluster, &network, 11, "one");
	struct node_answer again;

	(void)state;
	cluster_stop(cluster, 0);
	cluster_start(cluster, 0);
	cluster_run(cluster, 1000);
	again = attach(cluster, &network, 11, "one");
	assert_int_equal(again.err.code, 0);
	assert_true(id_eq(&first.id, &again.id));
	assert_true(inet_eq(&first.addrs[0].ip, &again.addrs[0].ip));
	cluster_free(cluster);
}

static void what_failed_may_be_tried_again_under_its_id(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");

	(void)state;
	cluster->hosts[0].plugs_fail = true;
	assert_int_equal(attach(cluster, &network, 11, "one").err.code, WEFT_E_KERNEL);
	cluster_stop(cluster, 0);
	cluster_start(cluster, 0);
	cluster->hosts[0].plugs_fail = false;
	cluster_run(cluster, 1000);
	assert_int_equal(attach(cluster, &network, 11, "one").err.code, 0);
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	cluster_free(cluster);
}

static void an_answer_is_forgotten_with_an_endpoint_that_nobody_asked_to_end(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer first = attach(cluster, &network, 11, "one");
	struct node_event gone = {.kind = NODE_EV_GONE, .id = first.id};
	struct node_answer again;

	(void)state;
	/* As after a death between the commit and the plug: what is committed was never plugged. */
	for (int restart = 0; restart < 2; restart++) {
		cluster_stop(cluster, 0);
		cluster_start(cluster, 0);
		cluster_run(cluster, 1000);
		if (restart == 0)
			cluster_tell(cluster, 0, &gone);
		cluster_run(cluster, 1000);
	}
	assert_int_equal(cluster_boxes(cluster, 0), 0);
	again = attach(cluster, &network, 11, "one");
	assert_int_equal(again.err.code, 0);
	assert_false(id_eq(&first.id, &again.id));
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	cluster_free(cluster);
}

static void after_a_restart_an_endpoint_is_answered_with_only_once_the_kernel_was_read(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer first = attach(cluster, &network, 11, "one");
	struct local_endpoint endpoint = {.ifname = "eth0", .netns_inode = 11};
	struct node_request request = {.kind = NODE_ATTACH,
				       .id = network,
				       .endpoint = &endpoint,
				       .request_id = "one",
				       .ttl_ms = 5000};
	struct node_event gone = {.kind = NODE_EV_GONE, .id = first.id};
	struct node_answer again;
	uint64_t early, late;

	(void)state;
	cluster_stop(cluster, 0);
	cluster_start(cluster, 0);
	early = cluster_ask(cluster, 0, &request);
	assert_int_equal(cluster_answer(cluster, early)->err.code, WEFT_E_BUSY);
	/* It was never plugged: that is told, and while it is taken away its place is not free. */
	cluster_tell(cluster, 0, &gone);
	late = cluster_ask(cluster, 0, &request);
	assert_int_equal(cluster_answer(cluster, late)->err.code, WEFT_E_BUSY);
	snprintf(request.request_id, sizeof(request.request_id), "two");
	late = cluster_ask(cluster, 0, &request);
	assert_int_equal(cluster_answer(cluster, late)->err.code, WEFT_E_BUSY);
	cluster_run(cluster, 1000);
	assert_int_equal(cluster_boxes(cluster, 0), 0);
	again = attach(cluster, &network, 11, "one");
	assert_int_equal(again.err.code, 0);
	assert_false(id_eq(&again.id, &first.id));
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	cluster_free(cluster);
}

static void a_token_is_made_once_for_a_request_id(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct node_request request = {
	    .kind = NODE_TOKEN_CREATE, .ttl_ms = 3600000, .request_id = "token"};
	const struct node_answer *first, *again;

	(void)state;
	request.addrs = &cluster->hosts[0].addr;
	request.addr_count = 1;
	first = cluster_call(cluster, 0, &request);
	again = cluster_call(cluster, 0, &request);
	assert_int_equal(again->err.code, 0);
	assert_string_equal(first->text, again->text);
	cluster_stop(cluster, 0);
	cluster_start(cluster, 0);
	cluster_run(cluster, 1000);
	again = cluster_call(cluster, 0, &request);
	assert_string_equal(first->text, again->text);
	cluster_free(cluster);
}

#define MEMOS_MAX 8192

/* Answers of earlier runs, as at a start. */
static void load(struct cluster *cluster, size_t from, size_t count)
{
	struct node_answer answer = {.tag = 1};
	struct node_asked asked = {"attach", {{0}}};
	uint8_t bytes[ANSWER_BYTES_MAX];
	struct write write = {.kind = WRITE_ANSWER, .bytes = bytes};

	write.len = (size_t)answer_encode(&answer, &asked, bytes, sizeof(bytes));
	for (size_t i = from; i < from + count; i++) {
		snprintf(write.answer.request, sizeof(write.answer.request), "load-%zu", i);
		assert_int_equal(memo_load(cluster->hosts[0].node, &write), 0);
	}
}

static void an_answer_that_took_long_is_forgotten_in_its_turn(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct local_endpoint endpoint = {.ifname = "eth0", .netns_inode = 11};
	struct node_request request = {.kind = NODE_ATTACH,
				       .id = network,
				       .endpoint = &endpoint,
				       .request_id = "slow",
				       .ttl_ms = 5000};
	uint64_t tag;

	(void)state;
	cluster->hosts[0].commit_ms_more = 1000;
	tag = cluster_ask(cluster, 0, &request);
	load(cluster, 0, MEMOS_MAX + 1);
	cluster_run(cluster, 3000);
	assert_int_equal(cluster_answer(cluster, tag)->err.code, 0);
	load(cluster, 2 * MEMOS_MAX, MEMOS_MAX);
	assert_int_equal(cluster->hosts[0].node->memos.count, MEMOS_MAX);
	cluster_free(cluster);
}

static void an_answer_under_an_id_that_came_before_keeps_its_own_turn(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer first = attach(cluster, &network, 11, "one"), second, again;

	(void)state;
	memo_end(cluster->hosts[0].node, &first.id);
	second = attach(cluster, &network, 12, "one");
	assert_false(id_eq(&first.id, &second.id));
	load(cluster, 0, MEMOS_MAX - 1);
	again = attach(cluster, &network, 12, "one");
	assert_true(id_eq(&second.id, &again.id));
	cluster_free(cluster);
}

static void set_asked(struct node_request *request, const char *method, uint8_t args)
{
	snprintf(request->asked.method, sizeof(request->asked.method), "%s", method);
	request->asked.args.b[0] = args;
}

/* A request id is refused to whatever else is asked under it, and the text says whose it is. */
static void assert_refused(struct cluster *cluster, const struct node_request *request,
			   const char *words)
{
	struct node_request copy = *request;
	const struct node_answer *answer = cluster_call(cluster, 0, &copy);

	assert_int_equal(answer->err.code, WEFT_E_CONFLICT);
	if (strstr(answer->err.message, words) == NULL)
		fail_msg("\"%s\" has no \"%s\"", answer->err.message, words);
}

static void a_request_id_is_that_of_one_call(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct local_endpoint endpoint = {.ifname = "eth0", .netns_inode = 11};
	struct node_request attached = {.kind = NODE_ATTACH,
					.id = network,
					.endpoint = &endpoint,
					.request_id = "one",
					.ttl_ms = 5000};
	struct node_request detached = {.kind = NODE_DETACH, .request_id = "one"};
	uint64_t tag;

	(void)state;
	set_asked(&attached, "attach", 1);
	set_asked(&detached, "detach", 1);
	for (int round = 0; round < 3; round++) {
		tag = round == 0 ? cluster_ask(cluster, 0, &attached) : 0;
		assert_refused(cluster, &detached, "request id one was given to another call");
		assert_refused(cluster, &detached, "weft attach;");
		set_asked(&attached, "attach", 2);
		assert_refused(cluster, &attached, "weft attach with other arguments");
		set_asked(&attached, "attach", 1);
		if (round == 0)
			cluster_run(cluster, 500);
		if (tag != 0)
			assert_int_equal(cluster_answer(cluster, tag)->err.code, 0);
		detached.id = cluster_call(cluster, 0, &attached)->id;
		if (round > 0)
			continue;
		cluster_stop(cluster, 0);
		cluster_start(cluster, 0);
		cluster_run(cluster, 1000);
	}
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	snprintf(detached.request_id, sizeof(detached.request_id), "two");
	assert_int_equal(cluster_call(cluster, 0, &detached)->err.code, 0);
	assert_int_equal(cluster_boxes(cluster, 0), 0);
	cluster_free(cluster);
}

static void what_failed_leaves_its_id_to_any_call(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_request detached = {
	    .kind = NODE_DETACH, .id = {{9}}, .request_id = "one", .asked = {.method = "detach"}};

	(void)state;
	assert_int_equal(cluster_call(cluster, 0, &detached)->err.code, WEFT_E_NOT_FOUND);
	assert_false(node_remembers(cluster->hosts[0].node, "one"));
	assert_int_equal(attach(cluster, &network, 11, "one").err.code, 0);
	assert_true(node_remembers(cluster->hosts[0].node, "one"));
	cluster_free(cluster);
}

static void a_repeat_needs_nothing_but_its_id_and_what_it_asks(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_request removed = {.kind = NODE_NETWORK_RM, .id = network, .request_id = "one"};
	struct node_request repeat = {.kind = NODE_REPEAT, .request_id = "one"};

	(void)state;
	set_asked(&removed, "network rm", 1);
	set_asked(&repeat, "network rm", 1);
	assert_false(node_remembers(cluster->hosts[0].node, "one"));
	assert_int_equal(cluster_call(cluster, 0, &repeat)->err.code, WEFT_E_BUSY);
	assert_int_equal(cluster_call(cluster, 0, &removed)->err.code, 0);
	assert_true(node_remembers(cluster->hosts[0].node, "one"));
	assert_int_equal(cluster_call(cluster, 0, &repeat)->err.code, 0);
	assert_true(id_eq(&cluster_call(cluster, 0, &repeat)->id, &network));
	set_asked(&repeat, "leave", 1);
	assert_refused(cluster, &repeat, "weft network rm;");
	cluster_free(cluster);
}

static void a_detach_that_finds_nothing_is_remembered_too(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_request detached = {.kind = NODE_DETACH, .request_id = "one"};

	(void)state;
	assert_true(id_is_zero(&cluster_call(cluster, 0, &detached)->id));
	detached.id = attach(cluster, &network, 11, "two").id;
	assert_true(id_is_zero(&cluster_call(cluster, 0, &detached)->id));
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	cluster_free(cluster);
}

static void what_was_taken_away_by_request_is_not_made_again_by_a_repeat(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer first = attach(cluster, &network, 11, "one"), again;
	struct node_request detached = {.kind = NODE_DETACH, .id = first.id};

	(void)state;
	assert_int_equal(cluster_call(cluster, 0, &detached)->err.code, 0);
	for (int restart = 0; restart < 2; restart++) {
		again = attach(cluster, &network, 11, "one");
		assert_int_equal(again.err.code, 0);
		assert_true(id_eq(&first.id, &again.id));
		assert_int_equal(cluster_boxes(cluster, 0), 0);
		cluster_stop(cluster, 0);
		cluster_start(cluster, 0);
		cluster_run(cluster, 1000);
	}
	cluster_free(cluster);
}

/* What it finds is of the moment: a repeat that said "nothing" would be believed. */
static void a_check_looks_anew_whatever_its_id(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct node_request check = {
	    .kind = NODE_CHECK, .request_id = "one", .asked = {.method = "ipam check"}};

	(void)state;
	assert_int_equal(cluster_call(cluster, 0, &check)->err.code, 0);
	assert_false(node_remembers(cluster->hosts[0].node, "one"));
	check.kind = NODE_RECOVER;
	assert_int_equal(cluster_call(cluster, 0, &check)->err.code, 0);
	assert_false(node_remembers(cluster->hosts[0].node, "one"));
	cluster_free(cluster);
}

static void what_another_version_stored_is_forgotten_at_the_start(void **state)
{
	static const uint8_t first[] = {
	    0x97, 0x01, 0xc4, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,   0xa0,
	    0x90, 0xc4, 16,   0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  0,  0,  0,  0,  0,  0x00, 0xc0};
	struct write write = {.kind = WRITE_ANSWER,
			      .answer = {.request = "one"},
			      .bytes = first,
			      .len = sizeof(first)};
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");

	(void)state;
	assert_int_equal(memo_load(cluster->hosts[0].node, &write), 0);
	assert_false(node_remembers(cluster->hosts[0].node, "one"));
	assert_int_equal(attach(cluster, &network, 11, "one").err.code, 0);
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	write.len = 1;
	assert_int_equal(memo_load(cluster->hosts[0].node, &write), WEFT_E_INVALID);
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_same_request_id_gets_the_same_answer),
	    cmocka_unit_test(a_repeat_while_the_first_is_under_way_gets_its_answer),
	    cmocka_unit_test(an_answer_outlives_a_restart),
	    cmocka_unit_test(what_failed_may_be_tried_again_under_its_id),
	    cmocka_unit_test(an_answer_is_forgotten_with_an_endpoint_that_nobody_asked_to_end),
	    cmocka_unit_test(
		after_a_restart_an_endpoint_is_answered_with_only_once_the_kernel_was_read),
	    cmocka_unit_test(a_token_is_made_once_for_a_request_id),
	    cmocka_unit_test(an_answer_that_took_long_is_forgotten_in_its_turn),
	    cmocka_unit_test(an_answer_under_an_id_that_came_before_keeps_its_own_turn),
	    cmocka_unit_test(a_request_id_is_that_of_one_call),
	    cmocka_unit_test(what_failed_leaves_its_id_to_any_call),
	    cmocka_unit_test(a_repeat_needs_nothing_but_its_id_and_what_it_asks),
	    cmocka_unit_test(a_detach_that_finds_nothing_is_remembered_too),
	    cmocka_unit_test(what_was_taken_away_by_request_is_not_made_again_by_a_repeat),
	    cmocka_unit_test(a_check_looks_anew_whatever_its_id),
	    cmocka_unit_test(what_another_version_stored_is_forgotten_at_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
