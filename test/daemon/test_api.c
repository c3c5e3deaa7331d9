/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "daemon/api/api.h"
#include "test/base/cmocka_all.h"

static void every_method_has_a_handler_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < API_METHOD_COUNT; i++) {
		assert_non_null(api_handler_of((enum api_id)i));
		for (int j = 0; j < i; j++)
			assert_ptr_not_equal(api_handler_of((enum api_id)i),
					     api_handler_of((enum api_id)j));
	}
}

static void every_fence_has_a_name_and_none_has_not(void **state)
{
	(void)state;
	assert_null(node_fence_name(FENCE_NONE));
	for (int fence = FENCE_NONE + 1; fence <= FENCE_VOID; fence++)
		assert_true(strlen(node_fence_name((enum node_fence)fence)) > 0);
	assert_string_equal(node_fence_name(FENCE_SET_BACK), "set_back");
	assert_string_equal(node_fence_name(FENCE_VOID), "void");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_method_has_a_handler_of_its_own),
	    cmocka_unit_test(every_fence_has_a_name_and_none_has_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
