/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "gossip/base/drop.h"

#include <ctype.h>
#include <string.h>

#include "cmocka_all.h"

static void every_reason_has_a_name_of_its_own_and_a_meaning(void **state)
{
	(void)state;
	for (int a = DROP_NONE + 1; a < DROP_END_; a++) {
		const char *name = drop_name((enum drop_reason)a);

		assert_true(strlen(drop_help((enum drop_reason)a)) > 3);
		for (const char *at = name; *at; at++)
			assert_true(islower((unsigned char)*at) || *at == '_');
		for (int b = DROP_NONE + 1; b < a; b++)
			assert_string_not_equal(name, drop_name((enum drop_reason)b));
	}
}

static void the_row_of_a_reason_is_its_own(void **state)
{
	(void)state;
	assert_string_equal(drop_name(DROP_SHORT), "short");
	assert_string_equal(drop_name(DROP_REPLAY), "replay");
	assert_string_equal(drop_help(DROP_REPLAY), "the counter was seen or is too old");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_reason_has_a_name_of_its_own_and_a_meaning),
	    cmocka_unit_test(the_row_of_a_reason_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
