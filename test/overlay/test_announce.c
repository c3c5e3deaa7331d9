/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Boxes of this host are told of an address at another MAC when it is a box of this host that gets
 * it. A box that is plugged in is found in its place by the next start, which tells nobody.
 */
#include <errno.h>

#include "stage.h"
#include "test/base/cmocka_all.h"

/* The address of a box that is gone. */
static const char *const addr = "10.7.0.11/24";

static int set_up(void **state)
{
	struct id endpoint = stage_id(2, 11);
	struct weft_err err = {0};
	struct fake_stage *stage;

	if (stage_set_up(state) != 0)
		return -1;
	stage = *state;
	stage_make_all(stage);
	assert_int_equal(overlay_detach(stage->ov, &stage->network, &endpoint, &err), 0);
	(void)stage_settle(stage, 1000);
	assert_int_equal(fake_kernel_counts(stage->kernel)->announcements, 0);
	return 0;
}

static void assert_told(const struct fake_stage *stage, uint64_t times)
{
	const struct fake_counts *counts = fake_kernel_counts(stage->kernel);

	assert_int_equal(counts->announcements, times);
	assert_int_equal(counts->flushes, times);
	assert_int_equal(counts->announced_late, 0);
}

static void boxes_are_told_before_the_port_stands(void **state)
{
	struct fake_stage *stage = *state;
	struct weft_err err = {0};

	assert_int_equal(stage_attach(stage, 17, addr, &err), 0);
	assert_told(stage, 1);
	assert_int_equal(stage_attach(stage, 18, "10.7.0.18/24", &err), 0);
	assert_told(stage, 1);
}

static void what_was_told_of_a_plug_that_failed_is_remembered(void **state)
{
	struct fake_stage *stage = *state;
	struct fake_faults *faults = fake_kernel_faults(stage->kernel);
	struct weft_err err = {0};

	faults->plug_error = ENOMEM;
	assert_int_equal(stage_attach(stage, 17, addr, &err), WEFT_E_KERNEL);
	assert_told(stage, 1);
	faults->plug_error = 0;

	/* The same once more is where the boxes believe it to be; another is not. */
	assert_int_equal(stage_attach(stage, 17, addr, &err), 0);
	assert_told(stage, 1);
	faults->plug_error = ENOMEM;
	assert_int_equal(stage_attach(stage, 18, "10.7.0.18/24", &err), WEFT_E_KERNEL);
	faults->plug_error = 0;
	assert_told(stage, 1);
}

static void an_address_of_a_plug_that_failed_is_told_of_where_it_goes(void **state)
{
	struct fake_stage *stage = *state;
	struct fake_faults *faults = fake_kernel_faults(stage->kernel);
	struct weft_err err = {0};

	faults->plug_error = ENOMEM;
	assert_int_equal(stage_attach(stage, 17, addr, &err), WEFT_E_KERNEL);
	faults->plug_error = 0;
	assert_told(stage, 1);
	stage_endpoint(stage, 15, 2, addr, 1);
	assert_int_equal(stage_reconcile(stage), 0);
	assert_told(stage, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(boxes_are_told_before_the_port_stands, set_up,
					    stage_tear_down),
	    cmocka_unit_test_setup_teardown(what_was_told_of_a_plug_that_failed_is_remembered,
					    set_up, stage_tear_down),
	    cmocka_unit_test_setup_teardown(
		an_address_of_a_plug_that_failed_is_told_of_where_it_goes, set_up, stage_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
