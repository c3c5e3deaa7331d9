/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The host's own address in a network, by rows that may be older than those of others.
 */
#include <string.h>

#include "stage.h"
#include "test/base/cmocka_all.h"

/* Where the kernel says that an address of the host's is; NULL: not here. */
static const struct kaddr *on_the_bridge(const struct fake_stage *stage, const char *addr)
{
	const struct vec *addrs = &fake_kernel_state(stage->kernel)->of[KOBJ_ADDR];
	struct inet ip;

	assert_int_equal(inet_parse(addr, &ip), 0);
	for (size_t i = 0; i < addrs->count; i++) {
		const struct kaddr *there = vec_at(addrs, i);

		if (inet_eq(&there->addr.ip, &ip))
			return there;
	}
	return NULL;
}

/* The host's former address, 10.7.0.251, is host 2's box's: its boxes find it, and it alone. */
static void assert_elsewhere(const struct fake_stage *stage, bool elsewhere)
{
	static const struct inet no_source;
	const struct kstate *there = fake_kernel_state(stage->kernel);
	const struct kroute *route = vec_at(&there->of[KOBJ_ROUTE], 0);

	assert_int_equal(on_the_bridge(stage, "10.7.0.251") == NULL, elsewhere);
	assert_int_equal(inet_eq(&route->source, &no_source), elsewhere);
	assert_int_equal(there->of[KOBJ_NEIGH].count, elsewhere);
	assert_non_null(on_the_bridge(stage, "10.7.0.1"));
}

/* The machine was started anew, and so was the daemon, with what its disk knew once. */
static void an_address_of_the_host_that_another_has_is_not_taken_while_held(void **state)
{
	struct fake_stage *stage = *state;

	overlay_hold(stage->ov, true, stage->now);
	stage_endpoint(stage, 12, 2, "10.7.0.251/24", 1);
	(void)stage_settle(stage, 1000);
	assert_elsewhere(stage, true);
	assert_null(strstr(fake_kernel_rules(stage->kernel, KRULES_HOST), "10.7.0.251"));

	/* Who is not fenced knows what is its own, whatever others say. */
	overlay_hold(stage->ov, false, stage->now);
	(void)stage_settle(stage, 1000);
	assert_elsewhere(stage, false);
	assert_non_null(strstr(fake_kernel_rules(stage->kernel, KRULES_HOST), "10.7.0.251"));
}

static void one_that_stands_goes_when_it_is_heard_who_has_it(void **state)
{
	struct fake_stage *stage = *state;
	struct id endpoint = stage_id(2, 12), node = stage_id(1, 2);

	(void)stage_settle(stage, 1000);
	stage_restart(stage, OVERLAY_LAYOUT_AUTO, OVERLAY_FDB_AUTO);
	overlay_hold(stage->ov, true, stage->now);
	(void)stage_settle(stage, 1000);
	assert_elsewhere(stage, false);
	stage_endpoint(stage, 12, 2, "10.7.0.251/24", 1);
	(void)stage_settle(stage, 1000);
	assert_elsewhere(stage, true);

	/* Nobody has it any more. */
	overlay_endpoint_end(stage->ov, &stage->network, &endpoint, &node,
			     (struct overlay_version){1, 2});
	(void)stage_settle(stage, 1000);
	assert_elsewhere(stage, false);
}

static void of_a_host_that_is_gone_it_is_not(void **state)
{
	struct fake_stage *stage = *state;
	struct id node = stage_id(1, 2);

	overlay_hold(stage->ov, true, stage->now);
	stage_endpoint(stage, 12, 2, "10.7.0.251/24", 1);
	(void)stage_settle(stage, 1000);
	assert_elsewhere(stage, true);
	overlay_member_end(stage->ov, &node);
	(void)stage_settle(stage, 1000);
	assert_elsewhere(stage, false);
}

/* Of an address that no row gives to this host nobody knows whose it is. */
static void one_that_no_row_explains_stays_whoever_else_claims_it(void **state)
{
	struct fake_stage *stage = *state;

	(void)stage_settle(stage, 1000);
	stage_restart(stage, OVERLAY_LAYOUT_AUTO, OVERLAY_FDB_AUTO);
	overlay_hold(stage->ov, true, stage->now);
	stage_own_lease(stage, "10.7.0.252/24");
	stage_endpoint(stage, 12, 2, "10.7.0.251/24", 1);
	(void)stage_settle(stage, 1000);
	assert_non_null(on_the_bridge(stage, "10.7.0.251"));
	assert_non_null(on_the_bridge(stage, "10.7.0.252"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    STAGED(an_address_of_the_host_that_another_has_is_not_taken_while_held),
	    STAGED(one_that_stands_goes_when_it_is_heard_who_has_it),
	    STAGED(of_a_host_that_is_gone_it_is_not),
	    STAGED(one_that_no_row_explains_stays_whoever_else_claims_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
