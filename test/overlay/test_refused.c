/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What the kernel refused is remembered until it is done, whatever else ends or is looked at.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "stage.h"
#include "test/base/cmocka_all.h"

static uint32_t failed_of(const struct fake_stage *stage)
{
	struct overlay_network_state seen;

	assert_true(overlay_network_get(stage->ov, &stage->network, &seen));
	return seen.failed;
}

/* Nobody names the endpoint again: what is left of it is the overlay's to find. */
static void a_port_that_cannot_be_removed_goes_later(void **state)
{
	struct fake_stage *stage = *state;
	struct fake_faults *faults = fake_kernel_faults(stage->kernel);
	struct id endpoint = stage_id(2, 11);
	struct weft_err err = {0};

	stage_make_all(stage);
	faults->fail_kind = KOBJ_LINK;
	faults->fail_kind_error = ENOBUFS;
	assert_int_equal(overlay_detach(stage->ov, &stage->network, &endpoint, &err),
			 WEFT_E_KERNEL);
	assert_int_equal(stage_reconcile(stage), WEFT_E_KERNEL);
	assert_int_equal(failed_of(stage), 1);
	assert_int_equal(stage_count(stage, KOBJ_LINK), 3);
	stage_endpoint(stage, 15, 2, "10.7.0.11/24", 1); /* its address at another host */
	faults->fail_kind = 0;
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage_count(stage, KOBJ_LINK), 2);
	assert_int_equal(stage_count(stage, KOBJ_NEIGH), 3);
	assert_int_equal(failed_of(stage), 0);
	assert_int_equal(stage_attach(stage, 11, "10.7.0.17/24", &err), 0);
}

/* Nothing is known of the network any more but that it was not taken away. */
static void a_network_that_ended_is_remembered_until_its_devices_are_gone(void **state)
{
	struct fake_stage *stage = *state;
	struct fake_faults *faults = fake_kernel_faults(stage->kernel);
	struct overlay_totals totals;
	struct weft_err err = {0};
	struct id endpoint = stage_id(2, 11), own = stage_id(3, 1);

	stage_make_all(stage);
	assert_int_equal(overlay_detach(stage->ov, &stage->network, &endpoint, &err), 0);
	overlay_local_end(stage->ov, &stage->network, &own);
	for (uint8_t i = 1; i <= 3; i++) {
		struct id node = stage_id(1, i), remote = stage_id(2, (uint8_t)(10 + i));

		overlay_endpoint_end(stage->ov, &stage->network, &remote, &node,
				     (struct overlay_version){1, 9});
		overlay_attachment_end(stage->ov, &stage->network, &node);
	}
	overlay_network_end(stage->ov, &stage->network);
	faults->fail_kind = KOBJ_LINK;
	faults->fail_kind_error = ENOBUFS;
	assert_int_equal(stage_reconcile(stage), WEFT_E_KERNEL);
	faults->fail_kind = 0;
	fake_kernel_rules_flush(stage->kernel, KRULES_HOST);
	overlay_notify(stage->ov, stage->now);
	(void)stage_reconcile(stage);
	overlay_totals_get(stage->ov, &totals);
	assert_true(stage_count(stage, KOBJ_LINK) > 0);
	assert_true(totals.failed > 0);
	(void)stage_settle(stage, 1000);
	overlay_totals_get(stage->ov, &totals);
	assert_int_equal(stage_count(stage, KOBJ_LINK), 0);
	assert_int_equal(totals.failed, 0);
	assert_false(
	    overlay_network_get(stage->ov, &stage->network, &(struct overlay_network_state){0}));
}

static void what_was_refused_is_not_told_as_applied_when_the_rest_is_looked_at(void **state)
{
	struct fake_stage *stage = *state;
	struct kfdb fdb = {.dev = "wfvx001000", .table = KFDB_SELF};
	struct id endpoint = stage_id(2, 14);

	stage_make_all(stage);
	fake_kernel_faults(stage->kernel)->fail_kind = KOBJ_NEIGH;
	fake_kernel_faults(stage->kernel)->fail_kind_error = ENOBUFS;
	stage_endpoint(stage, 14, 2, "10.7.0.14/24", 1);
	assert_int_equal(stage_reconcile(stage), WEFT_E_KERNEL);
	assert_int_equal(stage->applied, 2);
	fdb.mac = mac_of_endpoint(&endpoint);
	assert_true(fake_kernel_remove(stage->kernel, KOBJ_FDB, &fdb));
	overlay_notify(stage->ov, stage->now);
	(void)stage_reconcile(stage); /* its MAC alone */
	assert_int_equal(stage->applied, 2);
	fake_kernel_faults(stage->kernel)->fail_kind = 0;
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage->applied, 3);
}

static void what_could_not_be_looked_at_is_not_told_as_applied(void **state)
{
	struct fake_stage *stage = *state;
	struct kfdb fdb = {.dev = "wfvx001000", .table = KFDB_SELF};
	struct id endpoint = stage_id(2, 14);

	stage_make_all(stage);
	fake_kernel_faults(stage->kernel)->fail_kind = KOBJ_NEIGH;
	fake_kernel_faults(stage->kernel)->fail_kind_error = ENOBUFS;
	stage_endpoint(stage, 14, 2, "10.7.0.14/24", 1);
	assert_int_equal(stage_reconcile(stage), WEFT_E_KERNEL);
	fake_kernel_faults(stage->kernel)->interrupted = 100;
	overlay_mark_all(stage->ov, stage->now);
	assert_int_equal(stage_reconcile(stage), WEFT_E_KERNEL);
	fdb.mac = mac_of_endpoint(&endpoint);
	assert_true(fake_kernel_remove(stage->kernel, KOBJ_FDB, &fdb));
	overlay_notify(stage->ov, stage->now);
	(void)stage_reconcile(stage); /* its MAC alone */
	assert_int_equal(stage->applied, 2);
	fake_kernel_faults(stage->kernel)->fail_kind = 0;
	fake_kernel_faults(stage->kernel)->interrupted = 0;
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage->applied, 3);
}

#define MANY 1100

static void of_more_than_can_be_remembered_nothing_refused_is_told_as_applied(void **state)
{
	struct fake_stage *stage = *state;
	struct id owner = stage_id(1, 2);

	stage_make_all(stage);
	fake_kernel_faults(stage->kernel)->fail_kind = KOBJ_NEIGH;
	fake_kernel_faults(stage->kernel)->fail_kind_error = ENOBUFS;
	for (uint32_t i = 0; i < MANY; i++) {
		struct rec_endpoint rec = {.addr_count = 1};
		struct id id = {{9, (uint8_t)(i >> 8), (uint8_t)i}};
		char text[24];

		snprintf(text, sizeof(text), "10.9.%u.%u/16", i >> 8, i & 255);
		assert_int_equal(prefix_parse(text, &rec.addrs[0]), 0);
		rec.mac = mac_of_endpoint(&id);
		overlay_endpoint_put(stage->ov, &stage->network, &id, &owner,
				     (struct overlay_version){1, 1}, &rec);
	}
	assert_int_equal(stage_reconcile(stage), WEFT_E_KERNEL);
	assert_int_equal(stage->applied, 2);
	fake_kernel_faults(stage->kernel)->fail_kind = 0;
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage->applied, 2 + MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    STAGED(a_port_that_cannot_be_removed_goes_later),
	    STAGED(a_network_that_ended_is_remembered_until_its_devices_are_gone),
	    STAGED(what_was_refused_is_not_told_as_applied_when_the_rest_is_looked_at),
	    STAGED(what_could_not_be_looked_at_is_not_told_as_applied),
	    STAGED(of_more_than_can_be_remembered_nothing_refused_is_told_as_applied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
