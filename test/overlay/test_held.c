/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * An overlay whose rows may be older than the kernel, and one that follows another that died.
 */
#include <stdio.h>
#include <string.h>

#include "stage.h"
#include "test/base/cmocka_all.h"

static void put_box_again(struct fake_stage *stage, uint8_t number, const char *addr)
{
	struct local_endpoint endpoint = {.addr_count = 1, .ifname = "eth0"};

	endpoint.id = stage_id(2, number);
	endpoint.network = stage->network;
	endpoint.mac = mac_of_endpoint(&endpoint.id);
	assert_int_equal(prefix_parse(addr, &endpoint.addrs[0]), 0);
	overlay_local_put(stage->ov, &endpoint);
}

/* Held, with rows of before box 14 came, which the kernel has. */
static void forget_a_box(struct fake_stage *stage)
{
	struct weft_err err = {0};

	stage_make_all(stage);
	assert_int_equal(stage_attach(stage, 14, "10.7.0.14/24", &err), 0);
	(void)stage_settle(stage, 1000);
	stage_restart(stage, OVERLAY_LAYOUT_AUTO, OVERLAY_FDB_AUTO);
	overlay_hold(stage->ov, true, stage->now);
	put_box_again(stage, 11, "10.7.0.11/24");
}

static void what_no_row_explains_is_left_alone_while_held(void **state)
{
	struct fake_stage *stage = *state;
	struct overlay_totals totals;
	struct weft_err err = {0};
	char before[16384], after[16384];

	stage_make_all(stage);
	assert_int_equal(stage_attach(stage, 14, "10.7.0.14/24", &err), 0);
	(void)stage_settle(stage, 1000);
	stage_remember(stage, before, sizeof(before));

	/* The rows of before: the second box is in the kernel alone, and something is missing. */
	stage_restart(stage, OVERLAY_LAYOUT_AUTO, OVERLAY_FDB_AUTO);
	overlay_hold(stage->ov, true, stage->now);
	put_box_again(stage, 11, "10.7.0.11/24");
	stage_endpoint(stage, 12, 2, "10.7.0.12/24", 1);
	stage_endpoint(stage, 13, 3, "10.7.0.13/24", 1);
	assert_true(
	    fake_kernel_remove(stage->kernel, KOBJ_NEIGH,
			       vec_at(&fake_kernel_state(stage->kernel)->of[KOBJ_NEIGH], 0)));
	(void)stage_settle(stage, 1000);
	overlay_mark_all(stage->ov, stage->now);
	(void)stage_settle(stage, 1000);
	stage_remember(stage, after, sizeof(after));
	assert_string_equal(before, after);
	overlay_totals_get(stage->ov, &totals);
	assert_int_equal(totals.unknown_boxes, 1);

	overlay_hold(stage->ov, false, stage->now);
	(void)stage_settle(stage, 1000);
	overlay_totals_get(stage->ov, &totals);
	assert_int_equal(totals.unknown_boxes, 0);
	assert_int_equal(stage_count(stage, KOBJ_LINK), 3);
	assert_int_equal(stage_count(stage, KOBJ_NEIGH), 2);
}

/* As by a death between its making and its plug. */
static void a_port_that_was_only_made_is_no_unknown_box(void **state)
{
	struct fake_stage *stage = *state;
	struct overlay_totals totals;

	stage_make_all(stage);
	stage_make(stage, 14);
	assert_true(stage->box.made != 0);
	stage_restart(stage, OVERLAY_LAYOUT_AUTO, OVERLAY_FDB_AUTO);
	overlay_hold(stage->ov, true, stage->now);
	put_box_again(stage, 11, "10.7.0.11/24");
	(void)stage_settle(stage, 1000);
	overlay_totals_get(stage->ov, &totals);
	assert_int_equal(totals.unknown_boxes, 0);
	assert_int_equal(stage_count(stage, KOBJ_LINK), 4);

	overlay_hold(stage->ov, false, stage->now);
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage_count(stage, KOBJ_LINK), 3);
}

static void the_end_of_a_hold_does_not_wait_for_what_is_heard(void **state)
{
	struct fake_stage *stage = *state;

	stage_make_all(stage);
	overlay_hold(stage->ov, true, stage->now);
	(void)stage_settle(stage, 1000);
	fake_kernel_rules_flush(stage->kernel, KRULES_HOST);
	overlay_notify(stage->ov, stage->now);
	assert_false(mono_is_due(overlay_deadline(stage->ov), stage->now));
	overlay_hold(stage->ov, false, stage->now);
	assert_true(mono_is_due(overlay_deadline(stage->ov), stage->now));
}

static void what_could_not_be_looked_at_is_not_taken_for_known(void **state)
{
	struct fake_stage *stage = *state;
	struct overlay_totals totals;

	forget_a_box(stage);
	(void)stage_settle(stage, 1000);
	overlay_mark_all(stage->ov, stage->now);
	fake_kernel_faults(stage->kernel)->interrupted = 100;
	assert_int_equal(stage_reconcile(stage), WEFT_E_KERNEL);
	overlay_totals_get(stage->ov, &totals);
	assert_int_equal(totals.unknown_boxes, 1);
}

/* Of a hold that has just begun nothing is known. */
static void a_first_look_that_failed_is_a_failure_though_the_next_would_go_well(void **state)
{
	struct fake_stage *stage = *state;
	struct overlay_totals totals;

	forget_a_box(stage);
	fake_kernel_faults(stage->kernel)->interrupted = 1;
	assert_int_equal(stage_reconcile(stage), WEFT_E_KERNEL);
	overlay_totals_get(stage->ov, &totals);
	assert_int_equal(totals.failed, 1);
	assert_non_null(strstr(stage->last_failure.operation, "look for what no row explains"));

	(void)stage_settle(stage, 1000); /* it is tried again */
	overlay_totals_get(stage->ov, &totals);
	assert_int_equal(totals.failed, 0);
	assert_int_equal(totals.unknown_boxes, 1);
}

/* Somebody else changes the ruleset again and again, while nothing can be read. */
static void a_look_that_failed_is_one_failure_until_it_is_tried_again(void **state)
{
	struct fake_stage *stage = *state;
	struct overlay_totals totals;
	uint64_t failures;

	forget_a_box(stage);
	(void)stage_settle(stage, 1000);
	overlay_totals_get(stage->ov, &totals);
	failures = totals.failures;
	fake_kernel_faults(stage->kernel)->interrupted = 3;
	for (int i = 0; i < 3; i++) {
		fake_kernel_rules_flush(stage->kernel, KRULES_PORTS);
		overlay_notify(stage->ov, stage->now);
		(void)stage_reconcile(stage);
	}
	overlay_totals_get(stage->ov, &totals);
	assert_int_equal(totals.failed, 1);
	assert_int_equal(totals.failures - failures, 1);

	fake_kernel_faults(stage->kernel)->interrupted = 0;
	(void)stage_settle(stage, 1000); /* it is tried again */
	overlay_totals_get(stage->ov, &totals);
	assert_int_equal(totals.failed, 0);
	assert_int_equal(totals.unknown_boxes, 1);
}

static void a_look_that_failed_counts_no_more_when_the_hold_is_over(void **state)
{
	struct fake_stage *stage = *state;
	struct overlay_totals totals;

	stage_make_all(stage);
	overlay_hold(stage->ov, true, stage->now);
	fake_kernel_faults(stage->kernel)->interrupted = 1;
	assert_int_equal(stage_reconcile(stage), WEFT_E_KERNEL);
	overlay_hold(stage->ov, false, stage->now);
	assert_int_equal(stage_reconcile(stage), 0);
	overlay_totals_get(stage->ov, &totals);
	assert_int_equal(totals.failed, 0);
}

static void all_of_an_unknown_network_is_left_alone_while_held(void **state)
{
	struct fake_stage *stage = *state;
	char before[16384], after[16384];

	stage_make_all(stage);
	stage_remember(stage, before, sizeof(before));
	overlay_free(stage->ov);
	stage->ov = stage_bare(stage);
	overlay_hold(stage->ov, true, stage->now);
	(void)stage_settle(stage, 1000);
	stage_remember(stage, after, sizeof(after));
	assert_string_equal(before, after);
	overlay_hold(stage->ov, false, stage->now);
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage_count(stage, KOBJ_LINK), 0);
	assert_string_equal(fake_kernel_rules(stage->kernel, KRULES_HOST), "");
}

/* Held, with rows of another network that had the number of the one in the kernel; it has moved
 * since, which its rows do not say any more. */
static void know_another_network(struct fake_stage *stage, char before[16384])
{
	stage_make_all(stage);
	stage_remember(stage, before, 16384);
	overlay_free(stage->ov);
	stage->network = stage_id(4, 2);
	stage->ov = stage_bare(stage);
	overlay_hold(stage->ov, true, stage->now);
	stage_rows(stage);
	put_box_again(stage, 15, "10.7.0.15/24");
}

static void a_network_does_not_take_over_the_devices_of_an_unknown_one_while_held(void **state)
{
	struct fake_stage *stage = *state;
	struct id unknown = stage->network;
	char before[16384], after[16384], alias[WEFT_ALIAS_BYTES];
	const struct vec *links;

	know_another_network(stage, before);
	(void)stage_settle(stage, 1000);
	stage_remember(stage, after, sizeof(after));
	assert_string_equal(before, after);

	/* As a member told of it: the lower id keeps the number, and both stand. */
	overlay_network_put(stage->ov, &unknown, &stage->rec);
	overlay_hold(stage->ov, false, stage->now);
	(void)stage_settle(stage, 1000);
	links = &fake_kernel_state(stage->kernel)->of[KOBJ_LINK];
	name_alias(&stage->network, alias);
	for (size_t i = 0; i < links->count; i++) {
		const struct klink *link = vec_at(links, i);

		if (link->kind == KLINK_BRIDGE && strcmp(link->name, "wfbr001000") != 0)
			assert_string_equal(link->alias, alias);
	}
	assert_int_equal(stage->failed, 0);
}

/* One look fails, the first or a later one, and what reads the kernel after it does not. */
static void nor_does_it_when_a_look_fails(void **state)
{
	struct fake_stage *stage = *state;
	char before[16384], after[16384];

	know_another_network(stage, before);
	for (int i = 0; i < 2; i++) {
		fake_kernel_faults(stage->kernel)->interrupted = 1;
		overlay_mark_all(stage->ov, stage->now);
		assert_int_equal(stage_reconcile(stage), WEFT_E_KERNEL);
		stage_remember(stage, after, sizeof(after));
		assert_string_equal(before, after);
		(void)stage_settle(stage, 1000);
		assert_int_equal(fake_kernel_faults(stage->kernel)->interrupted, 0);
		stage_remember(stage, after, sizeof(after));
		assert_string_equal(before, after);
	}
}

static void a_device_that_was_made_half_is_mended_while_held(void **state)
{
	struct fake_stage *stage = *state;
	char alias[WEFT_ALIAS_BYTES];
	const struct vec *links;

	stage_make_all(stage);
	name_alias(&stage->network, alias);
	links = &fake_kernel_state(stage->kernel)->of[KOBJ_LINK];
	for (size_t i = 0; i < links->count; i++) {
		struct klink *link = vec_at(links, i);
		if (link->kind == KLINK_BRIDGE)
			link->alias[strlen("weft:")] = '\0';
	}
	overlay_free(stage->ov);
	stage->ov = stage_bare(stage);
	overlay_hold(stage->ov, true, stage->now);
	stage_rows(stage);
	(void)stage_settle(stage, 1000);
	for (size_t i = 0; i < links->count; i++)
		assert_string_equal(((const struct klink *)vec_at(links, i))->alias, alias);
}

/* Restarted with rows of before endpoint 13 and box 14 came, which the kernel has. */
static void go_back(struct fake_stage *stage)
{
	forget_a_box(stage);
	stage_endpoint(stage, 12, 2, "10.7.0.12/24", 1);
}

static void entries_that_no_row_explains_stay_and_those_that_rows_end_go(void **state)
{
	struct fake_stage *stage = *state;
	struct id endpoint = stage_id(2, 12), node = stage_id(1, 2);

	go_back(stage);
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage_count(stage, KOBJ_NEIGH), 2);
	overlay_endpoint_end(stage->ov, &stage->network, &endpoint, &node,
			     (struct overlay_version){1, 2});
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage_count(stage, KOBJ_NEIGH), 1);
	overlay_hold(stage->ov, false, stage->now);
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage_count(stage, KOBJ_NEIGH), 0);
}

static void the_standing_rules_stay_and_hear_a_new_host(void **state)
{
	struct fake_stage *stage = *state;
	char before[8192];
	const char *now;

	go_back(stage);
	snprintf(before, sizeof(before), "%s", fake_kernel_rules(stage->kernel, KRULES_HOST));
	stage_member(stage, 4, "192.0.2.4");
	(void)stage_settle(stage, 1000);
	now = fake_kernel_rules(stage->kernel, KRULES_HOST);
	assert_memory_equal(now, before, strlen(before));
	assert_non_null(strstr(now, "add element inet weft vteps_001000 { 192.0.2.4 }"));
	overlay_hold(stage->ov, false, stage->now);
	(void)stage_settle(stage, 1000);
	now = fake_kernel_rules(stage->kernel, KRULES_HOST);
	assert_null(strstr(now, "add element"));
	assert_non_null(strstr(now, "192.0.2.4"));
}

static void rules_that_somebody_took_away_are_set_from_what_is_known(void **state)
{
	struct fake_stage *stage = *state;

	go_back(stage);
	(void)stage_settle(stage, 1000);
	fake_kernel_rules_flush(stage->kernel, KRULES_HOST);
	(void)stage_settle(stage, 3000);
	assert_non_null(strstr(fake_kernel_rules(stage->kernel, KRULES_HOST), "vteps_001000"));
}

static void rules_are_not_added_to_again_and_again(void **state)
{
	struct fake_stage *stage = *state;
	uint64_t adds;

	go_back(stage);
	(void)stage_settle(stage, 1000);
	adds = fake_kernel_counts(stage->kernel)->rule_adds;
	assert_true(adds > 0);
	for (int i = 0; i < 3; i++) {
		put_box_again(stage, 11, "10.7.0.11/24");
		(void)stage_settle(stage, 1000);
	}
	assert_int_equal(fake_kernel_counts(stage->kernel)->rule_adds, adds);
}

static void on_a_machine_that_was_started_anew_nothing_is_spared(void **state)
{
	struct fake_stage *stage = *state;

	overlay_hold(stage->ov, true, stage->now);
	stage_make_all(stage);
	overlay_network_end(stage->ov, &stage->network);
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage_count(stage, KOBJ_LINK), 0);
}

static void an_address_that_comes_after_a_restart_is_announced(void **state)
{
	struct fake_stage *stage = *state;
	struct id endpoint = stage_id(2, 13), node = stage_id(1, 3);
	uint64_t flushes;

	stage_make_all(stage);
	overlay_endpoint_end(stage->ov, &stage->network, &endpoint, &node,
			     (struct overlay_version){1, 2});
	(void)stage_settle(stage, 1000);
	assert_int_equal(fake_kernel_counts(stage->kernel)->announcements, 0);
	flushes = fake_kernel_counts(stage->kernel)->flushes;

	/* The box still has 13's MAC in its cache, and nobody knows that any more. */
	stage_restart(stage, OVERLAY_LAYOUT_AUTO, OVERLAY_FDB_AUTO);
	put_box_again(stage, 11, "10.7.0.11/24");
	stage_endpoint(stage, 12, 2, "10.7.0.12/24", 1);
	(void)stage_settle(stage, 1000);
	assert_int_equal(fake_kernel_counts(stage->kernel)->announcements, 0);
	stage_endpoint(stage, 15, 2, "10.7.0.13/24", 1);
	(void)stage_settle(stage, 1000);
	assert_int_equal(fake_kernel_counts(stage->kernel)->announcements, 1);
	assert_int_equal(fake_kernel_counts(stage->kernel)->flushes, flushes);
}

static void in_a_network_of_this_run_only_what_moved_is_announced(void **state)
{
	struct fake_stage *stage = *state;

	stage_make_all(stage);
	stage_endpoint(stage, 15, 2, "10.7.0.15/24", 1);
	(void)stage_settle(stage, 1000);
	assert_int_equal(fake_kernel_counts(stage->kernel)->announcements, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    STAGED(what_no_row_explains_is_left_alone_while_held),
	    STAGED(a_port_that_was_only_made_is_no_unknown_box),
	    STAGED(the_end_of_a_hold_does_not_wait_for_what_is_heard),
	    STAGED(what_could_not_be_looked_at_is_not_taken_for_known),
	    STAGED(a_first_look_that_failed_is_a_failure_though_the_next_would_go_well),
	    STAGED(a_look_that_failed_is_one_failure_until_it_is_tried_again),
	    STAGED(a_look_that_failed_counts_no_more_when_the_hold_is_over),
	    STAGED(all_of_an_unknown_network_is_left_alone_while_held),
	    STAGED(a_network_does_not_take_over_the_devices_of_an_unknown_one_while_held),
	    STAGED(nor_does_it_when_a_look_fails),
	    STAGED(a_device_that_was_made_half_is_mended_while_held),
	    STAGED(entries_that_no_row_explains_stay_and_those_that_rows_end_go),
	    STAGED(the_standing_rules_stay_and_hear_a_new_host),
	    STAGED(rules_that_somebody_took_away_are_set_from_what_is_known),
	    STAGED(rules_are_not_added_to_again_and_again),
	    STAGED(on_a_machine_that_was_started_anew_nothing_is_spared),
	    STAGED(an_address_that_comes_after_a_restart_is_announced),
	    STAGED(in_a_network_of_this_run_only_what_moved_is_announced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
