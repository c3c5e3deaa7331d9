/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/donor.c and of what the recipient does with a grant (ipamdb/accept.c). */
#include <string.h>

#include "cluster.h"
#include "ipamdb/message.h"
#include "ipamdb/query.h"
#include "test/base/cmocka_all.h"

static struct cluster c;

static int teardown(void **state)
{
	(void)state;
	cluster_close(&c);
	return 0;
}

static void a_lost_answer_loses_nothing_because_the_row_says_it_too(void **state)
{
	struct id net;
	uint64_t tag;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	c.drop_answers = true;
	tag = cluster_lease(&c, 1, &net, NULL);
	cluster_run(&c, 50);
	assert_non_null(cluster_answer(&c, tag));
	assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
	assert_int_equal(cluster_held(&c, 0, &net) + cluster_held(&c, 1, &net), 256);
}

static void a_recipient_that_missed_everything_gets_the_same_grant_again(void **state)
{
	struct id net;
	uint64_t tag;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	tag = cluster_lease(&c, 1, &net, NULL);
	cluster_run(&c, 1); /* the request has arrived, its grant is on the way to disk */
	c.loss_percent = 100;
	cluster_run(&c, 250);
	assert_int_not_equal(cluster_answer(&c, tag)->err.code, 0);
	c.loss_percent = 0;
	cluster_leased(&c, 1, &net);
	cluster_run(&c, 100);
	assert_int_equal(cluster_held(&c, 1, &net), 64);
	assert_int_equal(cluster_held(&c, 0, &net), 192);
}

static void a_donor_that_crashes_before_the_commit_has_granted_nothing(void **state)
{
	struct id net;
	uint64_t tag;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	c.nodes[0].hold_commits = true;
	tag = cluster_lease(&c, 1, &net, NULL);
	cluster_run(&c, 50);
	assert_null(cluster_answer(&c, tag));
	cluster_crash(&c, 0);
	c.nodes[0].hold_commits = false;
	cluster_start(&c, 0, true);
	cluster_run(&c, 500);
	assert_int_equal(cluster_held(&c, 0, &net) + cluster_held(&c, 1, &net), 256);
	cluster_leased(&c, 0, &net);
}

static void a_donor_whose_grant_is_durable_never_leases_there_again(void **state)
{
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	c.drop_answers = true;
	cluster_lease(&c, 1, &net, NULL);
	cluster_run(&c, 1);
	c.cut[0][1] = c.cut[1][0] = true; /* the row goes nowhere either */
	cluster_run(&c, 10);
	assert_int_equal(cluster_held(&c, 0, &net), 192);
	cluster_crash(&c, 0);
	cluster_start(&c, 0, true);
	assert_int_equal(cluster_held(&c, 0, &net), 192);
	assert_int_equal(cluster_held(&c, 1, &net), 0);
	c.cut[0][1] = c.cut[1][0] = false;
	c.drop_answers = false;
	cluster_sync(&c);
	cluster_run(&c, 1000);
	assert_int_equal(cluster_held(&c, 1, &net), 64);
}

static void a_recipient_leases_nothing_before_its_own_row_is_durable(void **state)
{
	struct id net;
	uint64_t tag;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	c.nodes[1].hold_commits = true;
	tag = cluster_lease(&c, 1, &net, NULL);
	cluster_run(&c, 100);
	assert_null(cluster_answer(&c, tag));
	assert_int_equal(cluster_held(&c, 1, &net), 0);
	c.nodes[1].hold_commits = false;
	cluster_run(&c, 20);
	assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
}

static void what_is_leased_or_cools_is_not_granted(void **state)
{
	struct id net;
	struct lease lease;
	uint64_t tag;

	(void)state;
	cluster_init(&c, 2, 1);
	net = cluster_network(&c, 0, "blue", "10.1.0.0/30"); /* .2 is the only one */
	cluster_run(&c, 10);
	lease = cluster_leased(&c, 0, &net);
	tag = cluster_lease(&c, 1, &net, NULL);
	cluster_run(&c, 20);
	assert_int_equal(cluster_answer(&c, tag)->err.code, WEFT_E_POOL_FULL);
	cluster_release(&c, 0, &net, &lease);
	cluster_run(&c, 20);
	tag = cluster_lease(&c, 1, &net, "10.1.0.2");
	cluster_run(&c, 20);
	assert_int_equal(cluster_answer(&c, tag)->err.code, WEFT_E_ADDRESS_IN_USE);
	cluster_run(&c, 61000);
	lease = cluster_leased(&c, 1, &net);
	assert_int_equal(inet_v4(&lease.address), 0x0a010002);
}

static void the_peer_with_most_free_space_is_asked_first(void **state)
{
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 3, 1, 0, "10.1.0.0/24");
	cluster_leased(&c, 1, &net);
	cluster_attachment(&c, 0, &net, 3);
	cluster_attachment(&c, 1, &net, 6);
	cluster_run(&c, 10);
	cluster_leased(&c, 2, &net);
	cluster_run(&c, 10);
	assert_int_equal(cluster_held(&c, 0, &net), 192);
	assert_true(cluster_held(&c, 1, &net) < 64);
}

static void a_message_of_nonsense_is_refused(void **state)
{
	static const uint8_t junk[][4] = {
	    {0}, {1, 1}, {1, 9, 0x90, 0}, {2, 1, 0x93, 0}, {1, 2, 0x91, 0xc0}};
	struct id net;

	(void)state;
	cluster_init(&c, 2, 1);
	net = cluster_network(&c, 0, "blue", "10.1.0.0/24");
	for (size_t i = 0; i < 5; i++) {
		struct ipam_event event = {
		    .kind = IPAM_EV_MESSAGE,
		    .now = c.now,
		    .member = c.nodes[1].id,
		    .message = 77,
		    .bytes = junk[i],
		    .len = sizeof(junk[i]),
		};
		struct range_message reply;
		const struct ipam_update *update = ipamdb_step(c.nodes[0].db, &event);
		assert_int_equal(update->reply_count, 1);
		assert_int_equal(update->group_count, 0);
		assert_int_equal(
		    range_message_decode(update->replies[0].bytes, update->replies[0].len, &reply),
		    0);
		assert_int_equal(reply.refusal, REFUSAL_INVALID);
	}
	assert_int_equal(cluster_held(&c, 0, &net), 256);
}

static enum refusal refusal_of(size_t node, size_t asker, const struct id *net, const char *addr)
{
	struct range_message request = {
	    .kind = RANGE_MESSAGE_REQUEST, .network = *net, .v4 = true, .has_address = true};
	uint8_t bytes[64];
	struct ipam_event event = {
	    .kind = IPAM_EV_MESSAGE,
	    .now = c.now,
	    .wall = {c.now.ns / NS_PER_MS},
	    .member = c.nodes[asker].id,
	    .message = 78,
	    .bytes = bytes,
	};
	const struct ipam_update *update;
	struct range_message reply;
	int len;

	assert_int_equal(inet_parse(addr, &request.address), 0);
	len = range_message_encode(&request, bytes, sizeof(bytes));
	assert_true(len > 0);
	event.len = (size_t)len;
	update = ipamdb_step(c.nodes[node].db, &event);
	assert_int_equal(update->reply_count, 1);
	assert_int_equal(
	    range_message_decode(update->replies[0].bytes, update->replies[0].len, &reply), 0);
	assert_int_equal(reply.kind, RANGE_MESSAGE_REFUSE);
	return reply.refusal;
}

static void a_request_that_breaks_off_or_goes_on_too_long_is_refused(void **state)
{
	struct range_message request = {.kind = RANGE_MESSAGE_REQUEST, .v4 = true};
	uint8_t bytes[64] = {0};
	int len;

	(void)state;
	request.network = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	len = range_message_encode(&request, bytes, sizeof(bytes));
	assert_true(len > 0);
	for (size_t i = 0; i < 2; i++) {
		struct ipam_event event = {
		    .kind = IPAM_EV_MESSAGE,
		    .now = c.now,
		    .member = c.nodes[1].id,
		    .message = 79,
		    .bytes = bytes,
		    .len = i == 0 ? (size_t)len - 1 : (size_t)len + 1,
		};
		const struct ipam_update *update = ipamdb_step(c.nodes[0].db, &event);
		struct range_message reply;

		assert_int_equal(update->group_count, 0);
		assert_int_equal(update->reply_count, 1);
		assert_int_equal(
		    range_message_decode(update->replies[0].bytes, update->replies[0].len, &reply),
		    0);
		assert_int_equal(reply.refusal, REFUSAL_INVALID);
	}
}

static void a_refusal_tells_leased_from_cooling_also_where_the_range_rests(void **state)
{
	struct ipam_request rest = {.kind = IPAM_REST};
	struct lease lease;
	struct id net;

	(void)state;
	rest.network = net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	lease = cluster_leased(&c, 0, &net);
	assert_int_equal(inet_v4(&lease.address), 0x0a010002);
	cluster_request(&c, 0, &rest);
	cluster_run(&c, 50);
	assert_int_equal(refusal_of(0, 1, &net, "10.1.0.2"), REFUSAL_LEASED);
	assert_int_equal(refusal_of(0, 1, &net, "10.1.0.1"), REFUSAL_LEASED);
	assert_int_equal(refusal_of(0, 1, &net, "10.1.0.3"), REFUSAL_COOLING);
	assert_int_equal(refusal_of(0, 1, &net, "10.9.0.3"), REFUSAL_NOT_OWNER);
	assert_int_equal(refusal_of(1, 0, &net, "10.1.0.3"), REFUSAL_NOT_OWNER);
	cluster_release(&c, 0, &net, &lease);
	cluster_run(&c, 50);
	assert_int_equal(refusal_of(0, 1, &net, "10.1.0.2"), REFUSAL_COOLING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(a_lost_answer_loses_nothing_because_the_row_says_it_too,
				      teardown),
	    cmocka_unit_test_teardown(a_recipient_that_missed_everything_gets_the_same_grant_again,
				      teardown),
	    cmocka_unit_test_teardown(a_donor_that_crashes_before_the_commit_has_granted_nothing,
				      teardown),
	    cmocka_unit_test_teardown(a_donor_whose_grant_is_durable_never_leases_there_again,
				      teardown),
	    cmocka_unit_test_teardown(a_recipient_leases_nothing_before_its_own_row_is_durable,
				      teardown),
	    cmocka_unit_test_teardown(what_is_leased_or_cools_is_not_granted, teardown),
	    cmocka_unit_test_teardown(the_peer_with_most_free_space_is_asked_first, teardown),
	    cmocka_unit_test_teardown(a_message_of_nonsense_is_refused, teardown),
	    cmocka_unit_test_teardown(a_request_that_breaks_off_or_goes_on_too_long_is_refused,
				      teardown),
	    cmocka_unit_test_teardown(
		a_refusal_tells_leased_from_cooling_also_where_the_range_rests, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
