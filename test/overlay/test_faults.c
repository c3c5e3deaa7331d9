/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What goes wrong, over the fake kernel: every kind of operation refused, batches cut off, dumps
 * interrupted, notifications lost, objects removed by somebody; and the way back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "stage.h"
#include "test/base/cmocka_all.h"

static const char vxlan[IFNAME_BYTES] = "wfvx001000";

/* Each kind refused once: the rest goes on, it is told, counted and healed after the pause. */
static void a_refused_operation_is_retried_and_heals(void **state)
{
	static const enum kobj_kind kinds[] = {KOBJ_SYSCTL, KOBJ_LINK, KOBJ_ADDR,
					       KOBJ_ROUTE,  KOBJ_FDB,  KOBJ_NEIGH};
	char healthy[16384], healed[16384];
	(void)state;

	for (size_t i = 0; i <= sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct fake_stage stage;
		struct fake_faults *faults;

		stage_open(&stage, OVERLAY_LAYOUT_AUTO, OVERLAY_FDB_AUTO);
		faults = fake_kernel_faults(stage.kernel);
		stage_endpoint(&stage, 12, 2, "10.7.0.12/24", 1);
		if (i > 0) {
			faults->fail_kind = kinds[i - 1];
			faults->fail_kind_error = ENOBUFS;
			assert_int_equal(stage_reconcile(&stage), WEFT_E_KERNEL);
			assert_true(stage.failed > 0);
			assert_true(stage.last_failure.reason[0] != '\0');
			assert_true(overlay_deadline(stage.ov).ns > stage.now.ns);
			assert_true(overlay_deadline(stage.ov).ns <=
				    mono_add_ms(stage.now, 250).ns);
			faults->fail_kind = 0;
		}
		(void)stage_settle(&stage, 5000);
		assert_int_equal(stage.applied, 1);
		stage_remember(&stage, i == 0 ? healthy : healed, sizeof(healed));
		if (i > 0)
			assert_string_equal(healthy, healed);
		stage_close(&stage);
	}
}

/* Whichever operation fails, and with whatever error, the end is the same. */
static void any_single_failure_converges(void **state)
{
	static const int errors[] = {ENOBUFS, EEXIST, ENOENT, EINVAL, EPERM};
	char healthy[16384], healed[16384];
	uint64_t total = 0;
	(void)state;

	for (uint32_t n = 0; n == 0 || n < total + 1; n++) {
		struct fake_stage stage;

		stage_open(&stage, OVERLAY_SUPPRESS, OVERLAY_FDB_NEXTHOP);
		stage_endpoint(&stage, 12, 2, "10.7.0.12/24", 1);
		if (n > 0) {
			struct fake_faults *faults = fake_kernel_faults(stage.kernel);

			faults->fail_after = n - 1;
			faults->fail_error = errors[n % 5];
		}
		(void)stage_settle(&stage, 20000);
		stage_remember(&stage, n == 0 ? healthy : healed, sizeof(healed));
		if (n == 0)
			total = fake_kernel_counts(stage.kernel)->operations;
		else
			assert_string_equal(healthy, healed);
		stage_close(&stage);
	}
	assert_true(total > 10);
}

/* The batch is cut off anywhere and nobody knows what was done: read again. */
static void a_lost_batch_converges(void **state)
{
	char healthy[16384], healed[16384];
	uint64_t total = 0;
	(void)state;

	for (uint32_t n = 0; n == 0 || n < total + 1; n++) {
		struct fake_stage stage;

		stage_open(&stage, OVERLAY_PROXY, OVERLAY_FDB_DST);
		stage_endpoint(&stage, 12, 2, "10.7.0.12/24", 1);
		if (n > 0) {
			fake_kernel_faults(stage.kernel)->lose_after = n - 1;
			fake_kernel_faults(stage.kernel)->lose_error = ENOBUFS;
		}
		(void)stage_settle(&stage, 20000);
		assert_int_equal(stage.applied, 1);
		stage_remember(&stage, n == 0 ? healthy : healed, sizeof(healed));
		if (n == 0)
			total = fake_kernel_counts(stage.kernel)->operations;
		else
			assert_string_equal(healthy, healed);
		stage_close(&stage);
	}
}

static void an_interrupted_dump_is_tried_again(void **state)
{
	struct fake_stage *stage = *state;

	fake_kernel_faults(stage->kernel)->interrupted = 3;
	stage_endpoint(stage, 12, 2, "10.7.0.12/24", 1);
	(void)stage_settle(stage, 5000);
	assert_int_equal(stage->applied, 1);
}

static struct overlay_network_state state_of(const struct fake_stage *stage)
{
	struct overlay_network_state seen;

	assert_true(overlay_network_get(stage->ov, &stage->network, &seen));
	return seen;
}

/* Routes and rules change all the time on a host; the device is missing all the same. */
static void a_failure_is_told_and_tried_again_whatever_else_is_looked_at(void **state)
{
	struct fake_stage *stage = *state;
	struct klink foreign = {.name = "wfbr001000", .kind = KLINK_BRIDGE};
	uint32_t failed;
	struct mono due;

	fake_kernel_put(stage->kernel, KOBJ_LINK, &foreign);
	overlay_notify(stage->ov, stage->now);
	assert_int_equal(stage_reconcile(stage), WEFT_E_KERNEL);
	failed = state_of(stage).failed;
	assert_true(failed > 0);
	due = overlay_deadline(stage->ov);
	for (int i = 0; i < 2; i++) {
		if (i == 0)
			fake_kernel_underlay_set(stage->kernel, 1500);
		else
			fake_kernel_rules_flush(stage->kernel, KRULES_HOST);
		overlay_notify(stage->ov, stage->now);
		stage->now = overlay_deadline(stage->ov);
		assert_true(stage->now.ns < due.ns);
		assert_int_equal(stage_reconcile(stage), 0);
		assert_int_equal(state_of(stage).failed, failed);
		assert_non_null(strstr(state_of(stage).error, "not weft's"));
		assert_int_equal(overlay_deadline(stage->ov).ns, due.ns);
	}
	assert_true(fake_kernel_remove(stage->kernel, KOBJ_LINK, &foreign));
	(void)stage_settle(stage, 1000);
	assert_int_equal(state_of(stage).failed, 0);
	assert_string_equal(state_of(stage).error, "");
}

static uint64_t repairs_of(struct fake_stage *stage)
{
	struct overlay_totals totals;

	(void)stage_settle(stage, 1000);
	overlay_totals_get(stage->ov, &totals);
	return totals.repairs;
}

/* Others change routes and rules of their own all the time. */
static void a_repair_is_counted_where_something_was_undone(void **state)
{
	struct fake_stage *stage = *state;
	struct kneigh neigh;
	uint64_t before;

	stage_make_all(stage);
	before = repairs_of(stage);
	fake_kernel_underlay_set(stage->kernel, 1500);
	assert_int_equal(repairs_of(stage), before);
	neigh =
	    *(const struct kneigh *)vec_at(&fake_kernel_state(stage->kernel)->of[KOBJ_NEIGH], 0);
	assert_true(fake_kernel_remove(stage->kernel, KOBJ_NEIGH, &neigh));
	assert_int_equal(repairs_of(stage), before + 1);
	fake_kernel_rules_flush(stage->kernel, KRULES_HOST);
	assert_int_equal(repairs_of(stage), before + 2);
	assert_int_equal(repairs_of(stage), before + 2);
}

/* What could not be looked at is looked at after a pause, like what was refused. */
static void a_kernel_that_does_not_answer_is_asked_after_a_pause(void **state)
{
	struct fake_stage *stage = *state;
	struct klink foreign = {.name = "wfbr001000", .kind = KLINK_BRIDGE};
	struct mono before;

	fake_kernel_put(stage->kernel, KOBJ_LINK, &foreign);
	overlay_notify(stage->ov, stage->now);
	assert_int_equal(stage_reconcile(stage), WEFT_E_KERNEL);
	for (int i = 0; i < 3; i++) {
		before = stage->now = overlay_deadline(stage->ov);
		fake_kernel_faults(stage->kernel)->interrupted = 100;
		assert_int_equal(stage_reconcile(stage), WEFT_E_KERNEL);
		assert_true(overlay_deadline(stage->ov).ns > before.ns);
	}
	fake_kernel_faults(stage->kernel)->interrupted = 0;
	assert_true(fake_kernel_remove(stage->kernel, KOBJ_LINK, &foreign));
	(void)stage_settle(stage, 5000);
	assert_int_equal(state_of(stage).failed, 0);
}

/* Refuses the neighbour of an endpoint once. */
static void refuse_neighbour(struct fake_stage *stage)
{
	struct fake_faults *faults = fake_kernel_faults(stage->kernel);

	stage_make_all(stage);
	faults->fail_kind = KOBJ_NEIGH;
	faults->fail_kind_error = ENOBUFS;
	stage_endpoint(stage, 14, 2, "10.7.0.14/24", 1);
	assert_int_equal(stage_reconcile(stage), WEFT_E_KERNEL);
	assert_int_equal(state_of(stage).failed, 1);
	faults->fail_kind = 0;
}

static void a_refused_entry_is_not_forgotten_by_a_look_at_the_devices(void **state)
{
	struct fake_stage *stage = *state;

	refuse_neighbour(stage);
	stage_own_lease(stage, "10.7.0.250/24");
	assert_int_equal(stage_reconcile(stage), 0);
	assert_int_equal(state_of(stage).failed, 1);
	(void)stage_settle(stage, 250);
	assert_int_equal(state_of(stage).failed, 0);
	assert_int_equal(stage->applied, 3);
}

static void rows_that_come_without_end_put_off_no_retry(void **state)
{
	struct fake_stage *stage = *state;

	refuse_neighbour(stage);
	for (uint64_t i = 0; i < 25; i++) {
		stage->now = mono_add_ms(stage->now, 10);
		stage_endpoint(stage, 15, 3, i % 2 == 0 ? "10.7.0.15/24" : "10.7.0.16/24", i + 1);
		assert_int_equal(stage_reconcile(stage), 0);
	}
	assert_int_equal(state_of(stage).failed, 0);
}

static void back_off_grows_and_ends(void **state)
{
	struct fake_stage *stage = *state;
	struct fake_faults *faults = fake_kernel_faults(stage->kernel);
	struct overlay_network_state seen;
	int64_t last = 0;

	stage_make_all(stage);
	faults->fail_kind = KOBJ_NEIGH;
	faults->fail_kind_error = ENOBUFS;
	stage_endpoint(stage, 14, 2, "10.7.0.14/24", 1);
	for (int i = 0; i < 5; i++) {
		int64_t wait;

		assert_int_equal(stage_reconcile(stage), WEFT_E_KERNEL);
		wait = mono_diff_ms(overlay_deadline(stage->ov), stage->now);
		assert_true(wait > last);
		last = wait;
		stage->now = overlay_deadline(stage->ov);
	}
	assert_true(overlay_network_get(stage->ov, &stage->network, &seen));
	assert_int_equal(seen.failed, 1);
	assert_non_null(strstr(seen.error, "neighbour 10.7.0.14"));
	/* meanwhile others are not held up */
	faults->fail_kind = 0;
	stage_endpoint(stage, 15, 2, "10.7.0.15/24", 1);
	(void)stage_settle(stage, 60000);
	assert_int_equal(stage->applied, 4);
	assert_true(overlay_network_get(stage->ov, &stage->network, &seen));
	assert_int_equal(seen.failed, 0);
	assert_string_equal(seen.error, "");
}

/* Every object that weft made, removed by somebody: back within a second. */
static void whatever_is_removed_comes_back(void **state)
{
	static const enum kobj_kind kinds[] = {KOBJ_LINK, KOBJ_ADDR, KOBJ_ROUTE, KOBJ_FDB,
					       KOBJ_NEIGH};
	struct fake_stage *stage = *state;
	char before[16384], after[16384];

	stage_make_all(stage);
	stage_remember(stage, before, sizeof(before));
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		for (size_t i = 0; i < stage_count(stage, kinds[k]); i++) {
			char copy[256];
			const struct klink *link = (const void *)copy;

			memcpy(copy, vec_at(&fake_kernel_state(stage->kernel)->of[kinds[k]], i),
			       kobj_bytes(kinds[k]));
			if (kinds[k] == KOBJ_LINK && link->kind == KLINK_VETH)
				continue; /* a box cannot be made again: see lost */
			assert_true(fake_kernel_remove(stage->kernel, kinds[k], copy));
			(void)stage_settle(stage, 1000);
			stage_remember(stage, after, sizeof(after));
			assert_string_equal(before, after);
		}
	}
}

static void flushed_rules_come_back(void **state)
{
	struct fake_stage *stage = *state;

	stage_make_all(stage);
	fake_kernel_rules_flush(stage->kernel, KRULES_HOST);
	assert_true(stage_settle(stage, 1000) > 0);
	assert_non_null(strstr(fake_kernel_rules(stage->kernel, KRULES_HOST), "masquerade"));
}

static void rules_that_are_refused_are_tried_again(void **state)
{
	struct fake_stage *stage = *state;

	fake_kernel_faults(stage->kernel)->rules_error = EPERM;
	assert_int_equal(stage_reconcile(stage), WEFT_E_KERNEL);
	assert_string_equal(stage->last_failure.reason, "refused by request");
	fake_kernel_faults(stage->kernel)->rules_error = 0;
	(void)stage_settle(stage, 5000);
	assert_non_null(strstr(fake_kernel_rules(stage->kernel, KRULES_HOST), "masquerade"));
}

static void an_entry_that_somebody_added_is_removed(void **state)
{
	struct fake_stage *stage = *state;
	struct kfdb fdb = {.mac = {{2, 9}}, .table = KFDB_SELF};
	char before[16384], after[16384];

	stage_make_all(stage);
	stage_remember(stage, before, sizeof(before));
	memcpy(fdb.dev, vxlan, IFNAME_BYTES);
	assert_int_equal(inet_parse("192.0.2.9", &fdb.dst), 0);
	fake_kernel_put(stage->kernel, KOBJ_FDB, &fdb);
	assert_int_equal(stage_settle(stage, 1000), 1);
	stage_remember(stage, after, sizeof(after));
	assert_string_equal(before, after);
}

static void notifications_that_were_lost_cost_one_look_at_everything(void **state)
{
	struct fake_stage *stage = *state;
	struct kneigh neigh = {.dev = "wfvx001000"};
	char before[16384], after[16384];

	stage_make_all(stage);
	stage_remember(stage, before, sizeof(before));
	fake_kernel_faults(stage->kernel)->deaf = true;
	assert_int_equal(inet_parse("10.7.0.12", &neigh.ip), 0);
	assert_true(fake_kernel_remove(stage->kernel, KOBJ_NEIGH, &neigh));
	assert_int_equal(stage_settle(stage, 1000), 0);
	fake_kernel_faults(stage->kernel)->overrun = true;
	assert_int_equal(stage_settle(stage, 1000), 1);
	stage_remember(stage, after, sizeof(after));
	assert_string_equal(before, after);
}

static void the_slow_timer_finds_what_nobody_told(void **state)
{
	struct fake_stage *stage = *state;
	struct kneigh neigh = {.dev = "wfvx001000"};
	char before[16384], after[16384];

	stage_make_all(stage);
	stage_remember(stage, before, sizeof(before));
	fake_kernel_faults(stage->kernel)->deaf = true;
	assert_int_equal(inet_parse("10.7.0.12", &neigh.ip), 0);
	assert_true(fake_kernel_remove(stage->kernel, KOBJ_NEIGH, &neigh));
	(void)stage_settle(stage, 61000);
	stage_remember(stage, after, sizeof(after));
	assert_string_equal(before, after);
}

static void a_port_that_vanished_is_told_as_lost_once(void **state)
{
	struct fake_stage *stage = *state;
	struct id endpoint = stage_id(2, 11);
	struct klink port = {.kind = KLINK_VETH};
	struct weft_err err;

	stage_make_all(stage);
	name_port(&endpoint, port.name);
	assert_true(fake_kernel_remove(stage->kernel, KOBJ_LINK, &port));
	(void)stage_settle(stage, 200000);
	assert_int_equal(stage->lost, 1);
	assert_int_equal(stage->failed, 0);
	assert_int_equal(overlay_detach(stage->ov, &stage->network, &endpoint, &err), 0);
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage->lost, 1);
}

static void an_attach_that_fails_leaves_nothing(void **state)
{
	struct fake_stage *stage = *state;
	char before[16384], after[16384];
	struct weft_err err = {0};

	(void)stage_settle(stage, 1000);
	stage_remember(stage, before, sizeof(before));
	fake_kernel_faults(stage->kernel)->plug_error = ENOMEM;
	assert_int_equal(stage_attach(stage, 11, "10.7.0.11/24", &err), WEFT_E_KERNEL);
	(void)stage_settle(stage, 1000);
	stage_remember(stage, after, sizeof(after));
	assert_string_equal(before, after);
	assert_int_equal(stage->lost, 0);
	fake_kernel_faults(stage->kernel)->plug_error = 0;
	assert_int_equal(stage_attach(stage, 11, "10.7.0.11/24", &err), 0);
	assert_int_equal(stage_attach(stage, 11, "10.7.0.11/24", &err), WEFT_E_EXISTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_refused_operation_is_retried_and_heals),
	    cmocka_unit_test(any_single_failure_converges),
	    cmocka_unit_test(a_lost_batch_converges),
	    STAGED(an_interrupted_dump_is_tried_again),
	    STAGED(a_repair_is_counted_where_something_was_undone),
	    STAGED(a_failure_is_told_and_tried_again_whatever_else_is_looked_at),
	    STAGED(a_kernel_that_does_not_answer_is_asked_after_a_pause),
	    STAGED(a_refused_entry_is_not_forgotten_by_a_look_at_the_devices),
	    STAGED(rows_that_come_without_end_put_off_no_retry),
	    STAGED(back_off_grows_and_ends),
	    STAGED(whatever_is_removed_comes_back),
	    STAGED(flushed_rules_come_back),
	    STAGED(rules_that_are_refused_are_tried_again),
	    STAGED(an_entry_that_somebody_added_is_removed),
	    STAGED(notifications_that_were_lost_cost_one_look_at_everything),
	    STAGED(the_slow_timer_finds_what_nobody_told),
	    STAGED(a_port_that_vanished_is_told_as_lost_once),
	    STAGED(an_attach_that_fails_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
