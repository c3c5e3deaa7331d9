/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A veth that is made ahead of its attach, over the kernel of the tests: it changes nothing of what
 * stands in the end. The real kernel's side is in test_linux_ahead.c.
 */
#include <errno.h>
#include <string.h>

#include "stage.h"
#include "test/base/cmocka_all.h"

/* Whether or not it is made ahead, and whatever is swept before the attach, the same stands. */
static void what_is_made_ahead_makes_no_difference(void **state)
{
	struct fake_stage *stage = *state;
	char before[16384], made[16384], after[16384];
	const struct id id = stage_id(2, 11);
	struct weft_err err = {0};

	(void)stage_settle(stage, 1000);
	stage_remember(stage, before, sizeof(before));
	assert_int_equal(stage_attach(stage, 11, "10.7.0.11/24", &err), 0);
	(void)stage_settle(stage, 1000);
	stage_remember(stage, after, sizeof(after));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(overlay_detach(stage->ov, &stage->network, &id, &err), 0);
		(void)stage_settle(stage, 1000);
		stage_remember(stage, made, sizeof(made));
		assert_string_equal(before, made);
		fake_kernel_faults(stage->kernel)->make_error = i == 2 ? ENOMEM : 0;
		stage_make(stage, 11);
		if (i == 1) {
			overlay_mark_all(stage->ov, stage->now);
			(void)stage_settle(stage, 1000);
			stage_remember(stage, made, sizeof(made));
			assert_string_equal(before, made);
		}
		assert_int_equal(stage_attach(stage, 11, "10.7.0.11/24", &err), 0);
		(void)stage_settle(stage, 1000);
		stage_remember(stage, made, sizeof(made));
		assert_string_equal(after, made);
	}
	assert_int_equal(stage->lost, 0);
}

static void what_is_made_for_nothing_is_taken_back(void **state)
{
	struct fake_stage *stage = *state;
	char before[16384], after[16384];

	(void)stage_settle(stage, 1000);
	stage_remember(stage, before, sizeof(before));
	for (int i = 0; i < 2; i++) {
		stage_make(stage, 11);
		fake_kernel_faults(stage->kernel)->fail_kind_error = i == 0 ? 0 : EBUSY;
		fake_kernel_faults(stage->kernel)->fail_kind = KOBJ_LINK;
		stage_unmake(stage, 11);
		fake_kernel_faults(stage->kernel)->fail_kind_error = 0;
		if (i == 1) /* what was refused is swept */
			(void)stage_settle(stage, 1000);
		stage_remember(stage, after, sizeof(after));
		assert_string_equal(before, after);
	}
}

static void what_is_made_goes_with_an_attach_that_comes_to_no_plug(void **state)
{
	struct fake_stage *stage = *state;
	char before[16384], after[16384];
	struct weft_err err = {0};

	(void)stage_settle(stage, 1000);
	stage_remember(stage, before, sizeof(before));
	stage_make(stage, 11);
	overlay_hold(stage->ov, true, stage->now); /* nothing is swept */
	overlay_network_end(stage->ov, &stage->network);
	assert_int_equal(stage_attach(stage, 11, "10.7.0.11/24", &err), WEFT_E_NOT_FOUND);
	stage_remember(stage, after, sizeof(after));
	assert_string_equal(before, after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    STAGED(what_is_made_ahead_makes_no_difference),
	    STAGED(what_is_made_for_nothing_is_taken_back),
	    STAGED(what_is_made_goes_with_an_attach_that_comes_to_no_plug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
