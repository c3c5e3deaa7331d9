/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "daemon/api.h"
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_method_has_a_handler_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
