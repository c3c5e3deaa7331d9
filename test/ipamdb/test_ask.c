/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/ask.c; how two nodes share a pool is in test_request.c. */
#include "cluster.h"

#include <string.h>

#include "test/base/cmocka_all.h"

static struct cluster c;
static struct id net;

static int teardown(void **state)
{
	(void)state;
	cluster_close(&c);
	return 0;
}

/* Node 2 was admitted by node 0 and has met node 1 alone, which holds all. */
static void begin_newcomer(void)
{
	struct ipam_event synced = {.kind = IPAM_EV_SYNCED};

	net = cluster_with_network(&c, 3, 1, 1, "10.1.0.0/24");
	cluster_crash(&c, 2);
	c.nodes[2].admitter = c.nodes[0].id;
	cluster_start(&c, 2, false);
	synced.member = c.nodes[1].id;
	cluster_step(&c, 2, &synced);
	cluster_run(&c, 100);
}

static void assert_says(uint64_t tag, int code, const char *text)
{
	const struct ipam_answer *answer = cluster_answer(&c, tag);

	assert_non_null(answer);
	assert_int_equal(answer->err.code, code);
	if (strstr(answer->err.message, text) == NULL)
		fail_msg("%s", answer->err.message);
}

static void a_newcomer_asks_nobody_before_its_admitter_knows_it(void **state)
{
	struct ipam_event synced = {.kind = IPAM_EV_SYNCED};
	uint64_t tag, named;

	(void)state;
	begin_newcomer();
	tag = cluster_lease(&c, 2, &net, NULL);
	named = cluster_lease(&c, 2, &net, "10.1.0.77");
	cluster_run(&c, 1000);
	assert_null(cluster_answer(&c, tag));
	assert_int_equal(cluster_held(&c, 1, &net), 256);
	synced.member = c.nodes[0].id;
	cluster_step(&c, 2, &synced);
	cluster_run(&c, 100);
	assert_says(tag, 0, "");
	assert_says(named, 0, "");
}

static void a_newcomer_that_waits_in_vain_says_for_whom(void **state)
{
	uint64_t tag;

	(void)state;
	begin_newcomer();
	tag = cluster_lease(&c, 2, &net, NULL);
	cluster_run(&c, 6000);
	assert_says(tag, WEFT_E_TIMEOUT, "waits for a first sync with host0, which admitted it");
	assert_int_equal(cluster_held(&c, 1, &net), 256);
}

static void a_newcomer_whose_admitter_is_out_of_reach_hears_so_at_once(void **state)
{
	uint64_t tag;

	(void)state;
	begin_newcomer();
	tag = cluster_lease(&c, 2, &net, NULL);
	cluster_run(&c, 100);
	assert_null(cluster_answer(&c, tag));
	cluster_crash(&c, 0);
	cluster_run(&c, 1);
	assert_says(tag, WEFT_E_NO_PEER, "host0, which admitted it and is unreachable");
	tag = cluster_lease(&c, 2, &net, NULL);
	assert_says(tag, WEFT_E_NO_PEER, "host0, which admitted it and is unreachable");
}

/* It needs nobody for that. */
static void a_newcomer_leases_of_what_is_its_own(void **state)
{
	struct id red;

	(void)state;
	begin_newcomer();
	red = cluster_network(&c, 2, "red", "10.2.0.0/24");
	cluster_run(&c, 10);
	cluster_leased(&c, 2, &red);
}

/* It has not heard what came after its disk's last word: nothing is taken up before that. */
static void who_met_nobody_since_its_start_says_so(void **state)
{
	uint64_t tag;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	c.guard = GUARD_OFF;
	cluster_crash(&c, 1);
	cluster_start(&c, 1, false);
	tag = cluster_lease(&c, 1, &net, NULL);
	cluster_run(&c, 6000);
	assert_says(tag, WEFT_E_TIMEOUT, "since its start");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(a_newcomer_asks_nobody_before_its_admitter_knows_it,
				      teardown),
	    cmocka_unit_test_teardown(a_newcomer_that_waits_in_vain_says_for_whom, teardown),
	    cmocka_unit_test_teardown(a_newcomer_whose_admitter_is_out_of_reach_hears_so_at_once,
				      teardown),
	    cmocka_unit_test_teardown(a_newcomer_leases_of_what_is_its_own, teardown),
	    cmocka_unit_test_teardown(who_met_nobody_since_its_start_says_so, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
